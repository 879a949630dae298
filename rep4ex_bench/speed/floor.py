"""The floor of a workload: what this machine's measured rates allow for the formula's counts.

    CPU    max(exponentials / exp2 rate + roots / rsqrt rate + operations / product rate,
               bytes / copy rate)
    CUDA   max of the four, for a GPU has units of its own for each

On a CPU the arithmetic units do all of the arithmetic, so its parts add up. Counts of one problem
of n rows (of each sample), with p = n (n + 1) / 2 pairs where the kernel is symmetric and each pair
serves both sides:

    mmr_penalty      p exponentials; 2 k operations for each of the p distances, and K r:
                     2 d n^2 for a gradient, half of it where only the value is asked for
    mmd2             2 p + n^2 pairs, each one exponential where the bandwidths are a chain of
                     doublings and one a bandwidth otherwise, 2 d for the distance, and for the
                     gradient 2 d an entry of the two n x n matrices and 4 d of the one between
    energy_distance  the same with one reciprocal root a pair
    hsic             2 p exponentials, 2 (k + d) p for the distances, and 2 (k + d) n^2 for the
                     gradient
    residualize      n (k + 1)^2 for the symmetric normal matrix, 4 n (k + 1) d for a projection;
                     the gradient is one more projection
    invariance_penalty  no more than what every algorithm must do: read the representation, write
                     its gradient. How many further operations it takes depends on the rank that the
                     actions give the kernel.

Bytes are those of the inputs read once and of the outputs written once, at the rate of a cache if
they would fit the last-level one and at the rate of memory otherwise. A contender can only be below
the floor by evaluating something else than the pairs of the formula, which a factorisation does.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from rep4ex_bench.speed.rates import Rates
from rep4ex_bench.speed.workload import Workload

_LAST_LEVEL = 1 << 25  # bytes


@dataclass(frozen=True)
class Counts:
    """What a formula takes, over the whole batch."""

    exponentials: float = 0.0
    roots: float = 0.0
    operations: float = 0.0
    bytes: float = 0.0


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
    """Return the counts of the module's docstring."""
    one = _of_one(workload)
    tensors = _columns(workload) * workload.n * workload.torch_dtype.itemsize
    b = workload.batch
    return Counts(b * one.exponentials, b * one.roots, b * one.operations, b * tensors)


def _of_one(workload: Workload) -> Counts:
    n, k, d = workload.n, workload.k, workload.d
    pairs = n * (n + 1) / 2
    gradient = workload.needs_gradient
    if workload.op == "residualize":
        projection = 4 * n * (k + 1) * d
        return Counts(operations=n * (k + 1) ** 2 + (2 if gradient else 1) * projection)
    if workload.op == "mmr_penalty":
        product = 2 * d * n**2 if gradient else 2 * d * pairs
        return Counts(exponentials=pairs, operations=2 * k * pairs + product)
    if workload.op == "hsic":
        slopes = 2 * (k + d) * n**2 if gradient else 0
        return Counts(exponentials=2 * pairs, operations=2 * (k + d) * pairs + slopes)
    if workload.op == "invariance_penalty":
        return Counts()
    evaluated = 2 * pairs + n**2
    operations = 2 * d * evaluated + (8 * d * n**2 if gradient else 0)
    if workload.op == "energy_distance":
        return Counts(roots=evaluated, operations=operations)
    each = 1 if _is_chain(workload.bandwidths) else len(workload.bandwidths)
    return Counts(exponentials=each * evaluated, operations=operations)


def _is_chain(bandwidths: tuple[float, ...]) -> bool:
    """Whether every bandwidth is twice another, so that squaring replaces the exponential."""
    ordered = sorted(bandwidths)
    return all(b == 2 * a for a, b in itertools.pairwise(ordered))


def _columns(workload: Workload) -> int:
    """Columns of n rows that are read or written at least once."""
    k, d, gradient = workload.k, workload.d, workload.needs_gradient
    if workload.op == "residualize":  # representation, actions, residual; cotangent and gradient
        return 2 * d + k + (2 * d if gradient else 0)
    if workload.op == "invariance_penalty":
        return d + (d if gradient else 0)
    inputs = 2 * d if workload.op in ("mmd2", "energy_distance") else k + d
    differentiated = d if workload.op == "mmr_penalty" else inputs
    return inputs + (differentiated if gradient else 0)
