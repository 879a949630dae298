"""The projected kernel matrix made once, as a user with constant actions would do it.

penalty = <phi, G phi> / n^2,   G = P K P,   gradient 2 G phi / n^2
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rep4ex_bench.speed.contender import Contender, Step
from rep4ex_bench.speed.naive import gaussian, least_squares
from rep4ex_bench.speed.workload import Workload


class CachedGram(Contender):
    """Keeps the n x n matrix G; a step is one product with it."""

    name = "cached_gram"
    ops = ("invariance_penalty",)
    batched = False

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Make G."""
        (actions,) = constants
        residual = least_squares(workload.device)
        half = residual(gaussian(actions, actions, workload.bandwidths[0]), actions)
        G = residual(half.T.contiguous(), actions) / len(actions) ** 2

        def step(representation: Tensor) -> Sequence[Tensor]:
            product = G @ representation
            value = torch.vdot(representation.flatten(), product.flatten())
            return (value, 2 * product) if workload.needs_gradient else (value,)

        return step
