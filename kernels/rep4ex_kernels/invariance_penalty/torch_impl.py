"""|F' phi|^2 / n^2 with plain torch operations, which differentiate it any number of times."""

from __future__ import annotations

import torch
from torch import Tensor

# Up to this many columns a transposed copy by a product with the identity costs less than a product
# with a transposed operand: the matrix library is slow at n x d with a small d.
_NARROW = 16


def squared_moments(phi: Tensor, rows: Tensor) -> Tensor:
    """Return |rows phi|^2 (...) of phi (..., n, d); rows = F' / n (rank, n) with F' 1 = 0."""
    # F' 1 = 0, so the shift is a constant and only keeps a large mean from costing digits.
    shift = phi.detach().mean(-2, keepdim=True)
    moments = _across(phi, shift) @ rows.mT
    return (moments * moments).sum((-1, -2))


def _across(phi: Tensor, shift: Tensor) -> Tensor:
    """Return phi - shift as (..., d, n)."""
    d = phi.shape[-1]
    if phi.dim() == 2 and d <= _NARROW:
        identity = torch.eye(d, dtype=phi.dtype, device=phi.device)
        return torch.addmm(shift.mT, identity, phi.mT, beta=-1)
    centred = (phi - shift).mT
    return centred.contiguous() if d <= _NARROW else centred
