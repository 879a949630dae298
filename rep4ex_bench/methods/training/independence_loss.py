"""Linear invariance and independence: the residual has mean 0 given the actions, and no more.

    w = whitened residual of phi on [1, A],  g(w) = [cos(T w), sin(T w)] centred,  T ~ N(0, I / d)
    loss = MMR + c HSIC,   HSIC = 1 / (b (b - 1)) sum_{i != j} <h_i, h_j> <g_i, g_j>

MMR is `invariance_loss.py`; h are its action features beside the whitened actions themselves. In
the model V is independent of A, not only of mean 0, and a code that bends Z also deforms the noise
with the actions, which MMR alone cannot see. HSIC with random Fourier features costs a product of
b x 64 matrices. Under independence it is a little below 0, since the residual is orthogonal to the
actions in every batch; whitening keeps that offset from depending on the code. It asks for more
than the paper's condition: where the scale of V depends on A, it is wrong.
Source: Gretton et al. 2005 (HSIC); Rahimi and Recht 2007 (random features).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from rep4ex_bench.methods.training.invariance_loss import (
    InvarianceLoss,
    dependence_over_pairs,
    residualised_batch,
)
from rep4ex_bench.methods.training.penalty import Penalty
from rep4ex_bench.methods.training.plain_invariance_loss import PlainInvarianceLoss
from rep4ex_bench.seeding import torch_generator

_FREQUENCIES = 32


class IndependenceLoss(InvarianceLoss):
    """The statistic for mini-batches; its source are the training actions (n, k).

    Args:
        mmr: weight of the mean given the actions.
        hsic: weight of independence, the kernel scaled to mean square 1/8 like one of 8 features.
    """

    def __init__(self, mmr: float = 1.0, hsic: float = 4.0) -> None:
        self.mmr = mmr
        self.hsic = hsic

    def __call__(self, code: Tensor, rows: Tensor) -> Tensor:
        """Return the losses (B,) of code (B, d, b)."""
        batch = residualised_batch(code, rows)
        frequencies = _frequencies(code.shape[1], code.dtype, code.device)
        waves = torch.matmul(frequencies, batch.white)
        features = torch.cat([waves.cos(), waves.sin()], dim=1)
        features = features - features.mean(dim=2, keepdim=True)
        actions = batch.basis[:, 1:].mT / max(1, batch.basis.shape[1] - 1) ** 0.5
        kernel = torch.cat([batch.features, actions], dim=2)
        scale = self.hsic * 8 / (2 * _FREQUENCIES)
        loss: Tensor = scale * dependence_over_pairs(features, kernel)
        if self.mmr:
            mean = dependence_over_pairs(batch.white, batch.features)
            loss = loss + (mean if self.mmr == 1 else self.mmr * mean)
        return loss


@functools.lru_cache(maxsize=64)
def _frequencies(d: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the frequencies (32, d): the same ones for every batch and replica."""
    drawn = torch.randn(_FREQUENCIES, d, generator=torch_generator(0, "frequencies", d))
    frequencies: Tensor = (drawn / d**0.5).to(device, dtype)
    return frequencies


PENALTIES: dict[str, Callable[[], Penalty]] = {
    "mmr": InvarianceLoss,
    "hsic": partial(IndependenceLoss, mmr=0.0),
    "both": IndependenceLoss,
    "plain_mmr": PlainInvarianceLoss,
}
