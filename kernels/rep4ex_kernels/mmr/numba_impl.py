"""Gaussian kernel product, compiled for the CPU."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rep4ex_kernels._numba_pairs import GAUSSIAN
from rep4ex_kernels._numba_run import Weighting, across, symmetric


def kernel_product(
    points: Tensor, values: Tensor, bandwidth: Tensor, precision: str = "precise"
) -> Tensor:
    """Return U (B, n, d) for centred points (B, n, k), values (B, n, d), bandwidth (B,).

    Direct differences leave nothing to trade: both precisions are the same.
    """
    product = torch.empty_like(values)
    for problem, h in enumerate(bandwidth.tolist()):
        weighting = Weighting.make(GAUSSIAN, [-math.log2(math.e) / (2 * h * h)])
        total, _ = symmetric(across(points[problem]), across(values[problem]), weighting)
        product[problem] = torch.from_numpy(total).T
    return product
