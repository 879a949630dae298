"""From a suite to records: cells, where they run, and what keeps them apart."""
