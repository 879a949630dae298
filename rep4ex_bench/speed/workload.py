"""A workload: one op at one shape, dtype, direction and device."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from rep4ex_bench.errors import ParameterError, UnknownNameError
from rep4ex_bench.speed.ops import OPS, Op
from rep4ex_bench.speed.problem import (
    BACKWARD,
    DEVICES,
    DIRECTIONS,
    DTYPES,
    FORWARD,
    Problem,
    Size,
)

__all__ = ["BACKWARD", "DEVICES", "DIRECTIONS", "DTYPES", "FORWARD", "Workload", "make_workload"]


@dataclass(frozen=True)
class Workload(Problem):
    """What a contender is asked to compute: a problem of an op of `OPS` that was checked.

    Raises:
        UnknownNameError: no such op.
        ParameterError: a size, name or bandwidth outside its domain.
    """

    def __post_init__(self) -> None:
        if self.op not in OPS:
            raise UnknownNameError("op", self.op, OPS)
        for name, known in (("dtype", DTYPES), ("direction", DIRECTIONS), ("device", DEVICES)):
            if getattr(self, name) not in known:
                raise ParameterError("workload", name, f"one of {', '.join(known)}", self[name])
        least = {"n": self.k + 2, "k": int(self.spec.has_actions), "d": 1, "batch": 1}
        for name, minimum in least.items():
            if self[name] < minimum:
                raise ParameterError("workload", name, f"at least {minimum}", self[name])
        count = self.spec.bandwidths
        right = bool(self.bandwidths) if count is None else len(self.bandwidths) == count
        if not right or any(h <= 0 for h in self.bandwidths):
            expected = "one or more" if count is None else str(count)
            raise ParameterError(
                "workload", "bandwidths", f"{expected} numbers above 0", self.bandwidths
            )

    def __getitem__(self, name: str) -> int:
        value: int = getattr(self, name)
        return value

    @property
    def spec(self) -> Op:
        """All that is known of the op."""
        return OPS[self.op]

    @property
    def pairs(self) -> int:
        """Kernel evaluations of the formula as written, over the batch; 0 where it has none."""
        return self.batch * self.spec.pairs(self)

    @property
    def label(self) -> str:
        """One line that no other workload has."""
        width = f"k={self.k} d={self.d}" if self.spec.has_actions else f"d={self.d}"
        # bandwidths that follow from the shape alone need not be said
        named = self.bandwidths != self.spec.default_bandwidths(self.k, self.d)
        h = f" h={','.join(f'{h:g}' for h in self.bandwidths)}" if named else ""
        return (
            f"{self.op} n={self.n} {width} batch={self.batch}{h} {self.dtype} {self.direction} "
            f"{self.device}"
        )

    @property
    def parameters(self) -> str:
        """Everything that defines it, and the number of pairs, as canonical JSON."""
        content = asdict(self) | {"bandwidths": list(self.bandwidths), "pairs": self.pairs}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    def on(self, device: str) -> Workload:
        """The same on another device."""
        return replace(self, device=device)


def make_workload(
    op: str,
    n: int,
    k: int = 0,
    d: int = 8,
    batch: int = 1,
    *,
    dtype: str = "float32",
    direction: str = BACKWARD,
    device: str = "cpu",
    bandwidths: tuple[float, ...] | None = None,
) -> Workload:
    """Return a workload; bandwidths default to the median distance of the data.

    Raises:
        UsageError: an unknown name or a size outside its domain.
    """
    if op not in OPS:
        raise UnknownNameError("op", op, OPS)
    h = OPS[op].default_bandwidths(k, d) if bandwidths is None else bandwidths
    return Workload(op, n, k, d, batch, dtype, direction, device, h)


def of_size(op: Op, size: Size) -> Workload:
    """Return the workload of an op at one of its sizes, on the CPU; raises as `make_workload`."""
    return make_workload(op.name, **vars(size))
