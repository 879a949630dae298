"""Errors of kernel runs."""

from __future__ import annotations

from rep4ex_bench.errors import Rep4ExBenchError


class KernelRunError(Rep4ExBenchError, RuntimeError):
    """The measuring itself failed; finished workloads are kept."""
