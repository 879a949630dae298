"""What the commands that write tables judge codes and predictions by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from rep4ex_bench.accuracy import affine_r2, normalised_mse
from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Task
from rep4ex_bench.seeding import derive_seed, numpy_generator

_ROWS = 2_000

Encoder = Callable[[Tensor], FloatArray]


class Predicts(Protocol):
    """A control function or a fitted method."""

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""


def outside_queries(task: Task) -> Tensor:
    """Return the scored actions outside the support, (q, k)."""
    mask = task.queries.scored & (task.queries.distance > 1)
    return torch.from_numpy(task.queries.actions[mask]).float()


def error_outside(task: Task, stage: Predicts) -> float:
    """Return nmse_outside of a control function or a fitted method."""
    mask = task.queries.scored & (task.queries.distance > 1)
    return normalised_mse(stage.predict_do(outside_queries(task)), task.truth.values[mask])


def r2(task: Task, encode: Encoder, seed: int) -> float:
    """Return the affine R^2 on fresh rows with training actions."""
    fresh = task.require_oracle().draw(_ROWS, derive_seed(seed, "fresh"))
    code = encode(torch.from_numpy(fresh.features).to(torch.float32))
    return affine_r2(code, fresh.latents)


def r2_do(task: Task, encode: Encoder, seed: int) -> float:
    """Return the affine R^2 on fresh rows under do(a*), a* at three times the support."""
    far = task.queries.actions[task.queries.scored & (task.queries.distance == 3)]
    rows = numpy_generator(seed, "far").integers(len(far), size=_ROWS)
    fresh = task.require_oracle().draw_do(far[rows], derive_seed(seed, "far"))
    code = encode(torch.from_numpy(fresh.features).to(torch.float32))
    return affine_r2(code, fresh.latents)
