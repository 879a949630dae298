"""The floor of a workload: what this machine's measured rates allow for the formula's counts.

    CPU    max(exponentials / exp2 rate + roots / rsqrt rate + operations / product rate,
               bytes / copy rate)
    CUDA   max of the four, for a GPU has units of its own for each

On a CPU the arithmetic units do all of the arithmetic, so its parts add up. The counts of an op are
`Op.counts` and `Op.columns`, for n rows of each sample; a symmetric kernel has n (n + 1) / 2 pairs.
Bytes are those of the inputs read once and of the outputs written once, at the rate of a cache if
they would fit the last-level one and at the rate of memory otherwise. A contender can only be below
the floor by evaluating something else than the pairs of the formula, which a factorisation does.
"""

from __future__ import annotations

from rep4ex_bench.speed.ops import Counts
from rep4ex_bench.speed.rates import Rates
from rep4ex_bench.speed.workload import Workload

_LAST_LEVEL = 1 << 25  # bytes


def floor_seconds(workload: Workload, rates: Rates) -> float:
    """Seconds below which no evaluation of the formula on this machine can be."""
    count = counts(workload)
    copy = rates.cached_copy_bytes_per_second
    if count.bytes > _LAST_LEVEL:
        copy = rates.copy_bytes_per_second
    arithmetic = (
        count.exponentials / rates.exp2_per_second,
        count.roots / rates.rsqrt_per_second,
        count.operations / rates.matmul_flops_per_second,
    )
    together = max(arithmetic) if workload.device == "cuda" else sum(arithmetic)
    return max(together, count.bytes / copy)


def counts(workload: Workload) -> Counts:
    """Return the counts of the op's object over the whole batch, and the bytes."""
    one, b = workload.spec.counts(workload), workload.batch
    size = workload.spec.columns(workload) * workload.n * workload.torch_dtype.itemsize
    return Counts(b * one.exponentials, b * one.roots, b * one.operations, b * size)
