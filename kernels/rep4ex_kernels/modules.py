"""The losses as `torch.nn.Module`, for training loops of one's own.

Each holds its options and calls the function of the same meaning; shapes, units and errors are
described there.

A bandwidth "median" is that of the data at hand: of every call's own rows, or, after `fit`, of the
training set, once and for all calls. In a training loop `fit` is what you want: with mini-batches
the loss is then the same function at every step, and the median costs more than the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from rep4ex_kernels.bandwidth.op import median_bandwidth
from rep4ex_kernels.energy.op import energy_distance
from rep4ex_kernels.hsic.op import hsic
from rep4ex_kernels.invariance_penalty.penalty import InvariancePenalty
from rep4ex_kernels.mmd.op import mmd2
from rep4ex_kernels.mmr.op import mmr_penalty

T = TypeVar("T")


class MMRLoss(nn.Module):
    """`mmr_penalty` of a batch of representations and actions."""

    def __init__(
        self, bandwidth: float | str | Tensor = "median", statistic: str = "v", **options: str
    ) -> None:
        """Keep the options; `precision` and `backend` are passed on."""
        super().__init__()
        self.bandwidth, self.statistic, self.options = bandwidth, statistic, options
        self.fitted = _Fitted()

    def fit(self, actions: Tensor) -> Self:
        """Take the median of these actions (..., n, k) from now on, and return the loss.

        A bandwidth given as a number or a tensor stays. Fitted anew, it forgets the last median.
        """
        self.fitted.keep(self.bandwidth, actions)
        return self

    def forward(self, representation: Tensor, actions: Tensor) -> Tensor:
        """Return the mean over leading dimensions for (..., n, d) and (..., n, k)."""
        bandwidth = self.fitted.instead_of(self.bandwidth, actions)
        return mmr_penalty(
            representation, actions, bandwidth, self.statistic, **self.options
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
        self.fitted = _Fitted()

    def fit(self, x: Tensor, y: Tensor) -> Self:
        """Take the median of these samples together, (..., n, d) and (..., m, d), from now on.

        Returns the loss. Bandwidths given as numbers or a tensor stay. Fitted anew, it forgets the
        last median.
        """
        leading = torch.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        pooled = torch.cat([t.expand(*leading, *t.shape[-2:]) for t in (x, y)], dim=-2)
        self.fitted.keep(self.bandwidths, pooled)
        return self

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean over leading dimensions for (..., n, d) and (..., m, d)."""
        bandwidths = self.fitted.instead_of(self.bandwidths, x)
        if bandwidths is not self.bandwidths and isinstance(bandwidths, Tensor):
            bandwidths = bandwidths[..., None]  # one of one bandwidth
        return mmd2(x, y, self.kernel, bandwidths, self.statistic, **self.options).mean()


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
        self.fitted_x, self.fitted_y = _Fitted(), _Fitted()

    def fit(self, x: Tensor, y: Tensor) -> Self:
        """Take the medians of these x (..., n, p) and y (..., n, q) from now on.

        Returns the loss. Bandwidths given as numbers or tensors stay. Fitted anew, it forgets the
        last medians.
        """
        self.fitted_x.keep(self.bandwidth_x, x)
        self.fitted_y.keep(self.bandwidth_y, y)
        return self

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean over leading dimensions for (..., n, p) and (..., n, q)."""
        bandwidth_x = self.fitted_x.instead_of(self.bandwidth_x, x)
        bandwidth_y = self.fitted_y.instead_of(self.bandwidth_y, y)
        return hsic(x, y, bandwidth_x, bandwidth_y, self.statistic, **self.options).mean()


class _Fitted:
    """The median of a training set, kept in place of a bandwidth "median"."""

    def __init__(self) -> None:
        self.median: Tensor | None = None

    def keep(self, given: object, points: Tensor) -> None:
        """Keep the median of points (..., n, k) if the bandwidth given is "median"."""
        if isinstance(given, str) and given == "median":
            self.median = median_bandwidth(points).to(torch.float64)

    def instead_of(self, given: T, points: Tensor) -> T | Tensor:
        """Return the median kept, on the device of the points, or else the bandwidth given."""
        if self.median is None:
            return given
        if self.median.device != points.device:  # once, if the loss is used elsewhere
            self.median = self.median.to(points.device)
        return self.median
