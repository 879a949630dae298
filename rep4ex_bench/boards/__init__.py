"""What records come to: ranks, reports, the speed board. Functions of records alone."""
