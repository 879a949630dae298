"""Losses of intervention extrapolation as differentiable, batched kernels."""

from rep4ex_kernels._rank_flags import rank_warnings
from rep4ex_kernels.bandwidth.op import median_bandwidth
from rep4ex_kernels.energy.op import energy_distance
from rep4ex_kernels.errors import (
    BackendError,
    KernelInputError,
    RankDeficientWarning,
    SecondDerivativeError,
)
from rep4ex_kernels.graphs import graphed
from rep4ex_kernels.hsic.op import hsic
from rep4ex_kernels.invariance_penalty.penalty import InvariancePenalty
from rep4ex_kernels.mmd.op import mmd2
from rep4ex_kernels.mmr.op import mmr_penalty
from rep4ex_kernels.modules import (
    EnergyDistanceLoss,
    HSICLoss,
    InvarianceLoss,
    MMDLoss,
    MMRLoss,
)
from rep4ex_kernels.residualize.op import residualize

__all__ = [
    "BackendError",
    "EnergyDistanceLoss",
    "HSICLoss",
    "InvarianceLoss",
    "InvariancePenalty",
    "KernelInputError",
    "MMDLoss",
    "MMRLoss",
    "RankDeficientWarning",
    "SecondDerivativeError",
    "energy_distance",
    "graphed",
    "hsic",
    "median_bandwidth",
    "mmd2",
    "mmr_penalty",
    "rank_warnings",
    "residualize",
]
