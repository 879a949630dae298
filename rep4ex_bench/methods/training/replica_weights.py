"""The weights of all replicas of a stack in one block, with Adam on it.

A replica's weights, gradient and moments are one row of a (B, P) matrix each. Rows are padded, so
that vectorised loops over the matrix have no remainder whose rounding would depend on B, and so are
the parts of a row, so that each starts on a cache line.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from rep4ex_bench.methods.training.rows import ALIGNMENT

_ROW_PADDING = 64


class ReplicaWeights:
    """Named weights (B, ...) as views of one block, and their optimiser.

    Args:
        replicas: initial weights of each replica, with the same names and shapes.
        device: where they live.
    """

    def __init__(self, replicas: Sequence[dict[str, Tensor]], device: torch.device) -> None:
        self._shapes = {name: tuple(value.shape) for name, value in replicas[0].items()}
        size = sum(_padded(prod(shape), ALIGNMENT) for shape in self._shapes.values())
        block = torch.zeros(len(replicas), _padded(size, _ROW_PADDING))
        for name, view in self._views(block).items():
            view.copy_(torch.stack([replica[name] for replica in replicas]))
        self._use(block.to(device))

    def _use(self, block: Tensor, state: dict[str, Tensor] | None = None) -> None:
        self._block = block
        self._block.grad = torch.zeros_like(block)
        self._optimiser = torch.optim.Adam([self._block], fused=True)
        if state is not None:
            self._optimiser.state[self._block] = state
        self.named = {
            name: leaf.requires_grad_() for name, leaf in self._views(self._block).items()
        }
        self._gradients = self._views(self._block.grad)

    def _views(self, block: Tensor) -> dict[str, Tensor]:
        """Return the named parts (B, ...) of a block."""
        views: dict[str, Tensor] = {}
        start = 0
        for name, shape in self._shapes.items():
            size = prod(shape)
            views[name] = block[:, start : start + size].unflatten(1, shape)
            start += _padded(size, ALIGNMENT)
        return views

    def step(self, losses: Tensor, learning_rate: float | Tensor) -> None:
        """Move every replica down the gradient of its own loss (B,)."""
        # weights that the losses do not use stay where they are
        leaves = list(self.named.values())
        own = torch.ones_like(losses)
        gradients = torch.autograd.grad(losses, leaves, own, allow_unused=True)
        pairs = zip(self._gradients.values(), gradients, strict=True)
        used = {view: gradient for view, gradient in pairs if gradient is not None}
        torch._foreach_copy_(list(used), list(used.values()))  # one kernel for all
        self._optimiser.param_groups[0]["lr"] = learning_rate
        self._optimiser.step()

    def keep(self, rows: list[int]) -> None:
        """Go on with these replicas only."""
        state = self._optimiser.state[self._block]
        kept = {name: value[rows] if value.dim() else value for name, value in state.items()}
        self._use(self._block[rows], kept)

    def copy(self, row: int) -> dict[str, Tensor]:
        """Return a copy of one replica's weights, as a stack of one."""
        return {name: leaf.detach()[row : row + 1].clone() for name, leaf in self.named.items()}


def _padded(size: int, unit: int) -> int:
    return -(-size // unit) * unit
