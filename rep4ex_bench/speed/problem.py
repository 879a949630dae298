"""A problem for an op: its sizes, dtype, direction, device and bandwidths, nothing checked.

What ops are defined on. `workload.Workload` is a problem that was checked and has a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.special import gammaincinv
from torch import Tensor

FORWARD = "forward"
BACKWARD = "forward+backward"
DIRECTIONS = (FORWARD, BACKWARD)
DTYPES = {"float32": torch.float32, "float64": torch.float64}
DEVICES = ("cpu", "cuda")

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class Problem:
    """What is to be computed.

    Attributes:
        op: name of the op.
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

    @property
    def needs_gradient(self) -> bool:
        """Whether the gradient is asked for."""
        return self.direction == BACKWARD

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of every tensor."""
        return DTYPES[self.dtype]


@dataclass(frozen=True)
class Size:
    """A problem of a named set of shapes, as an op's file lists it: no op, no device.

    Attributes:
        n, k, d, batch, dtype, direction: as in `Problem`.
        bandwidths: None for the op's default.
    """

    n: int
    k: int = 0
    d: int = 8
    batch: int = 1
    dtype: str = "float32"
    direction: str = BACKWARD
    bandwidths: tuple[float, ...] | None = None


def median_distance(columns: int) -> float:
    """Median distance of two points of the standard normal distribution, two digits.

    The squared distance is 2 chi^2 with as many degrees of freedom as columns.
    """
    return round(float((4 * gammaincinv(columns / 2, 0.5)) ** 0.5), 2)
