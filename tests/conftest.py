"""Fixtures shared by all tests."""

import os

# before torch is imported: one thread, as in the worker processes
os.environ.setdefault("OMP_NUM_THREADS", "1")
