"""`rep4ex-bench doctor`: what this machine can do, and what of the promised is missing."""
