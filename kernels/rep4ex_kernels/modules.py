"""The losses as `torch.nn.Module`, for training loops of one's own.

Each holds its options and calls the function of the same meaning; shapes, units and errors are
described there.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from rep4ex_kernels.energy.op import energy_distance
from rep4ex_kernels.hsic.op import hsic
from rep4ex_kernels.invariance_penalty.penalty import InvariancePenalty
from rep4ex_kernels.mmd.op import mmd2
from rep4ex_kernels.mmr.op import mmr_penalty


class MMRLoss(nn.Module):
    """`mmr_penalty` of a batch of representations and actions."""

    def __init__(
        self, bandwidth: float | str | Tensor = "median", statistic: str = "v", **options: str
    ) -> None:
        """Keep the options; `precision` and `backend` are passed on."""
        super().__init__()
        self.bandwidth, self.statistic, self.options = bandwidth, statistic, options

    def forward(self, representation: Tensor, actions: Tensor) -> Tensor:
        """Return the mean over leading dimensions for (..., n, d) and (..., n, k)."""
        return mmr_penalty(
            representation, actions, self.bandwidth, self.statistic, **self.options
        ).mean()


class InvarianceLoss(nn.Module):
    """`InvariancePenalty` of fixed training actions, for the whole data or mini-batches."""

    def __init__(
        self,
        actions: Tensor,
        bandwidth: float | str | Tensor = "median",
        statistic: str = "u",
        tolerance: float = 1e-5,
    ) -> None:
        """Factorise for actions (n, k)."""
        super().__init__()
        self.fitted = InvariancePenalty.fit(actions, bandwidth, tolerance)
        self.statistic = statistic

    def forward(self, representation: Tensor, index: Tensor | None = None) -> Tensor:
        """Return the mean over leading dimensions for (..., n, d), or (..., b, d) at index."""
        return self.fitted(representation, index, self.statistic).mean()


class MMDLoss(nn.Module):
    """`mmd2` of two samples."""

    def __init__(
        self,
        kernel: str = "gaussian",
        bandwidths: float | str | Sequence[float] | Tensor = "median",
        statistic: str = "v",
        **options: str,
    ) -> None:
        """Keep the options; `precision` and `backend` are passed on."""
        super().__init__()
        self.kernel, self.bandwidths, self.statistic = kernel, bandwidths, statistic
        self.options = options

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean over leading dimensions for (..., n, d) and (..., m, d)."""
        return mmd2(x, y, self.kernel, self.bandwidths, self.statistic, **self.options).mean()


class EnergyDistanceLoss(nn.Module):
    """`energy_distance` of two samples."""

    def __init__(self, statistic: str = "v", **options: str) -> None:
        """Keep the options; `precision` and `backend` are passed on."""
        super().__init__()
        self.statistic, self.options = statistic, options

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean over leading dimensions for (..., n, d) and (..., m, d)."""
        return energy_distance(x, y, self.statistic, **self.options).mean()


class HSICLoss(nn.Module):
    """`hsic` of paired samples."""

    def __init__(
        self,
        bandwidth_x: float | str | Tensor = "median",
        bandwidth_y: float | str | Tensor = "median",
        statistic: str = "biased",
        **options: str,
    ) -> None:
        """Keep the options; `precision` and `backend` are passed on."""
        super().__init__()
        self.bandwidth_x, self.bandwidth_y = bandwidth_x, bandwidth_y
        self.statistic, self.options = statistic, options

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean over leading dimensions for (..., n, p) and (..., n, q)."""
        return hsic(x, y, self.bandwidth_x, self.bandwidth_y, self.statistic, **self.options).mean()
