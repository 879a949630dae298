"""What each op may cost for value and gradient: Triton launches and torch operations.

A launch takes the host about as long as a torch operation, and both are what a small problem takes
on a GPU. Nothing may wait for the device. A batch may cost no more than a single problem.
"""

from __future__ import annotations

from dataclasses import dataclass

from rep4ex_kernels.offline.host_cost.tally import HostCost


@dataclass(frozen=True)
class Limit:
    """Most launches and torch operations of a call."""

    launches: int
    operations: int


_SUMS_OVER_PAIRS = Limit(launches=6, operations=12)
# Every bandwidth that is given as a number is an operation.
_TWO_SAMPLES = Limit(launches=4, operations=9)
_HSIC = Limit(launches=8, operations=12)
_LEAST_SQUARES = Limit(launches=5, operations=10)

LIMITS: dict[str, Limit] = {
    "mmr v": _SUMS_OVER_PAIRS,
    # The projected diagonal takes a kernel more each way.
    "mmr u": Limit(launches=8, operations=12),
    "mmd 1 bandwidth": _TWO_SAMPLES,
    "mmd 5 bandwidths": _TWO_SAMPLES,
    "mmd laplace": _TWO_SAMPLES,
    "mmd imq": _TWO_SAMPLES,
    "energy": _TWO_SAMPLES,
    "hsic": _HSIC,
    "hsic unbiased": _HSIC,
    "residualize": _LEAST_SQUARES,
    "invariance factorised": _LEAST_SQUARES,
    "invariance dense": _LEAST_SQUARES,
    "invariance mini-batch u": _LEAST_SQUARES,
}


def violations(cost: HostCost, limit: Limit, single: HostCost | None = None) -> list[str]:
    """Say what a call costs too much of; nothing where it keeps its limits.

    Args:
        cost: of the call.
        limit: of its op.
        single: cost of the same call on one problem, where this one is a batch.
    """
    found = [
        f"{name}: expected {most} at most, counted {counted}"
        for name, most, counted in (
            ("launches", limit.launches, cost.launches),
            ("operations", limit.operations, cost.operations),
            ("waits", 0, cost.waits),
        )
        if counted > most
    ]
    for name in ("launches", "operations", "waits") if single is not None else ():
        alone, together = getattr(single, name), getattr(cost, name)
        if together > alone:
            found.append(
                f"{name} of a batch: expected {alone} as of one problem, counted {together}"
            )
    return found
