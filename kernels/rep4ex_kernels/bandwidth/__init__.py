"""The median heuristic for kernel bandwidths."""
