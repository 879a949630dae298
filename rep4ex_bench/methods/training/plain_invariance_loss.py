"""Linear invariance as the paper has it: the plain V-statistic of the maximum moment restriction.

    r = phi - W a - c on the batch,   loss = 1 / b^2 sum_{i, j} k(a_i, a_j) <r_i, r_j>

k is the Gaussian kernel at the median bandwidth, k(a, a) = 1. Source: Rep4Ex (arXiv 2310.04295),
Section 4. The loss falls with the scale of the code, and the pairs i = j reward a small residual,
so a weight means something else for every problem; `invariance_loss.py` has neither fault.
"""

from __future__ import annotations

from torch import Tensor, bmm

from rep4ex_bench.methods.training.invariance_loss import (
    InvarianceLoss,
    features_and_basis,
    residual_of,
)


class PlainInvarianceLoss(InvarianceLoss):
    """The statistic for mini-batches; its source are the training actions (n, k).

    The table's features have [1, A] taken out of them, which changes nothing here: the residual has
    no part in [1, A] of its own batch.
    """

    def __call__(self, code: Tensor, rows: Tensor) -> Tensor:
        """Return the losses (B,) of code (B, d, b)."""
        features, basis = features_and_basis(rows)
        joint = bmm(residual_of(code, basis), features)
        loss: Tensor = joint.square().sum(dim=(1, 2)) / code.shape[2] ** 2
        return loss
