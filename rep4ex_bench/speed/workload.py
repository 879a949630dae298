"""A workload: one op at one shape, dtype, direction and device."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

import torch
from scipy.special import gammaincinv

from rep4ex_bench.errors import ParameterError, UnknownNameError
from rep4ex_bench.speed.ops import OPS, Op

FORWARD = "forward"
BACKWARD = "forward+backward"
DIRECTIONS = (FORWARD, BACKWARD)
DTYPES = {"float32": torch.float32, "float64": torch.float64}
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Workload:
    """What a contender is asked to compute.

    Attributes:
        op: a name of `OPS`.
        n: rows of each sample.
        k: columns of the actions (of x in HSIC); 0 where the op has no actions.
        d: columns of the representation or of each sample.
        batch: problems in one call.
        dtype: "float32" or "float64".
        direction: "forward" or "forward+backward".
        device: "cpu" or "cuda".
        bandwidths: of the kernel (one of x and one of y for HSIC); empty where the op has none.
    """

    op: str
    n: int
    k: int
    d: int
    batch: int = 1
    dtype: str = "float32"
    direction: str = BACKWARD
    device: str = "cpu"
    bandwidths: tuple[float, ...] = ()

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
        """The op's description."""
        return OPS[self.op]

    @property
    def needs_gradient(self) -> bool:
        """Whether the gradient is asked for."""
        return self.direction == BACKWARD

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of every tensor."""
        return DTYPES[self.dtype]

    @property
    def pairs(self) -> int:
        """Kernel evaluations of the formula as written; 0 for `residualize`, which has none.

        n^2 for the penalties, n^2 + n^2 + n^2 for the three means of two samples, times the number
        of bandwidths, n^2 for each of the two kernels of HSIC; times the batch.
        """
        of_a_problem = {
            "residualize": 0,
            "mmr_penalty": self.n**2,
            "invariance_penalty": self.n**2,
            "mmd2": 3 * self.n**2 * len(self.bandwidths),
            "energy_distance": 3 * self.n**2,
            "hsic": 2 * self.n**2,
        }
        return self.batch * of_a_problem[self.op]

    @property
    def label(self) -> str:
        """One line that no other workload has."""
        width = f"k={self.k} d={self.d}" if self.spec.has_actions else f"d={self.d}"
        # bandwidths that follow from the shape alone need not be said
        named = self.bandwidths != default_bandwidths(self.op, self.k, self.d)
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


def median_distance(columns: int) -> float:
    """Median distance of two points of the standard normal distribution, two digits.

    The squared distance is 2 chi^2 with as many degrees of freedom as columns.
    """
    return round(float((4 * gammaincinv(columns / 2, 0.5)) ** 0.5), 2)


def default_bandwidths(op: str, k: int, d: int) -> tuple[float, ...]:
    """Bandwidths that a user of the median rule would have, from the shape alone."""
    if op in ("mmr_penalty", "invariance_penalty"):
        return (median_distance(k),)
    if op == "hsic":
        return (median_distance(k), median_distance(d))
    return (median_distance(d),) if op == "mmd2" else ()


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
    h = default_bandwidths(op, k, d) if bandwidths is None else bandwidths
    return Workload(op, n, k, d, batch, dtype, direction, device, h)
