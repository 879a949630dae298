"""Stacked training: many autoencoders of one shape as one model of batched products.

    loss_r = reconstruction_r + lambda_r penalty_r       for each replica r

One replica is a stack of one: there is no other way to train. A replica's initial weights, held-out
rows, batch order and noise come from its own seed, and no operation mixes replicas; so on one CPU
thread its weights are the same bits whatever it is stacked with
(`tests/methods/training/test_stack.py`), and elsewhere the same up to rounding. One that diverges
leaves the stack alone.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from rep4ex_bench.methods.training.autoencoders import AUTOENCODERS
from rep4ex_bench.methods.training.early_stopping import EarlyStopping
from rep4ex_bench.methods.training.optimise import DivergenceError
from rep4ex_bench.methods.training.replica import Plan, Replica
from rep4ex_bench.methods.training.replica_weights import ReplicaWeights
from rep4ex_bench.methods.training.rows import Rows
from rep4ex_bench.methods.training.side import Side
from rep4ex_bench.methods.training.step_inputs import StepInput, draw_ahead
from rep4ex_bench.methods.training.tables import Batch, Tables, share_data_sets
from rep4ex_bench.methods.training.trained import TrainedAutoencoder
from rep4ex_bench.methods.training.transfer import to_device
from rep4ex_bench.representation import Progress
from rep4ex_bench.seeding import torch_generator

LEARNING_RATE = 2e-3
# More replicas at once gain nothing on a CPU and cost memory.
MOST_REPLICAS = 32
# Steps between two looks at the held-out rows.
CHECK = 100
# Matrices up to this width have the same bits wherever they lie (`_penalties`).
_SAFE_WIDTH = 4

Outcome = TrainedAutoencoder | DivergenceError


def learning_rate(share: float) -> float:
    """Return the learning rate after a share of all steps: a cosine."""
    return LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * share))


def train_stack(
    replicas: Sequence[Replica],
    plan: Plan,
    device: torch.device,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Train autoencoders together.

    Args:
        replicas: of any shapes; those of one shape are stacked, at most 32 at once.
        plan: what they have in common.
        device: where to train.
        progress: is told (steps done, steps in all) every 100 steps.

    Returns:
        one for each replica, in their order: the autoencoder, or why there is none.

    Raises:
        DataError: features that the autoencoder cannot take.
    """
    shapes: dict[tuple[int, ...], list[int]] = {}
    for place, replica in enumerate(replicas):
        shapes.setdefault(replica.shape, []).append(place)
    stacks = [
        places[first : first + MOST_REPLICAS]
        for places in shapes.values()
        for first in range(0, len(places), MOST_REPLICAS)
    ]
    found: dict[int, Outcome] = {}
    for number, places in enumerate(stacks):

        def tell(done: int, before: int = number * plan.steps) -> None:
            if progress is not None:
                progress(before + done, len(stacks) * plan.steps)

        # penalised replicas first, so that the penalty sees a contiguous part
        ordered = sorted(places, key=lambda place: replicas[place].weight == 0)
        stack = StackInTraining([replicas[place] for place in ordered], plan, device)
        found |= dict(zip(ordered, stack.train(tell), strict=True))
    return [found[place] for place in range(len(replicas))]


class StackInTraining:
    """Replicas of one shape while they train; `_live` are the places of those that still do."""

    def __init__(self, replicas: list[Replica], plan: Plan, device: torch.device) -> None:
        self._plan, self._device = plan, device
        n, m = replicas[0].features.shape
        one = replicas[0]
        self._autoencoder = AUTOENCODERS[plan.autoencoder](
            m, plan.latent_dim, plan.hidden, one.k, one.environments
        )
        self._widest = max(plan.latent_dim, replicas[0].source.shape[1] + 1)
        self._data_sets = share_data_sets(replicas, plan.latent_dim, self._autoencoder.conditional)
        self._tables = Tables(replicas, self._data_sets, plan.penalty, device)
        first = [
            self._autoencoder.draw(
                data_set.directions(replica.start),
                torch_generator(replica.seed, "initial weights"),
            )
            for replica, data_set in zip(replicas, self._data_sets, strict=True)
        ]
        self._weights = ReplicaWeights(first, device)
        self._rows = [Rows(n, replica.seed) for replica in replicas]
        self._noise_width = plan.latent_dim if self._autoencoder.noisy else None
        self._held_out = self._draw_held_out()
        self._ahead: deque[StepInput] = deque()
        self._best = [EarlyStopping(judged=len(rows.held_out) > 0) for rows in self._rows]
        self._live = list(range(len(replicas)))
        self._steps = 0
        self._lambdas = to_device(torch.tensor([r.weight for r in replicas]), device)

    def train(self, progress: Callable[[int], None]) -> list[Outcome]:
        """Train to the end and return what became of each replica."""
        steps = self._plan.steps
        while self._live and self._steps < steps:
            losses = self.step()
            if self._steps % CHECK == 0 or self._steps == steps:
                self.look(losses)
                progress(self._steps)
        progress(steps)
        return [self._outcome(place) for place in range(len(self._rows))]

    def step(self) -> Tensor:
        """Do one optimisation step; return the losses (B,) of the live replicas before it."""
        given = self._next()
        losses = self._losses(self._tables.batch(given.places), given.noise)
        self._weights.step(losses, given.learning_rate)
        self._steps += 1
        return losses.detach()

    def draw(self) -> Batch:
        """Return the next batch of every live replica."""
        return self._tables.batch(self._next().places)

    def _next(self) -> StepInput:
        """Return what the host gives to the next step, drawn ahead until the next look."""
        if not self._ahead:
            last = min(self._steps - self._steps % CHECK + CHECK, self._plan.steps)
            steps = range(self._steps, max(last, self._steps + 1))
            rates = [learning_rate(step / self._plan.steps) for step in steps]
            rows = [self._rows[place] for place in self._live]
            self._ahead.extend(
                draw_ahead(rows, self._tables, rates, self._noise_width, self._device)
            )
        return self._ahead.popleft()

    def _draw_held_out(self) -> tuple[Tensor, Tensor | None, Side | None]:
        """Return the held-out features (B, m, h), noise (B, d, h) where it is needed, and side."""
        rows = torch.stack([rows.held_out for rows in self._rows])
        places = to_device(self._tables.places(rows), self._device)
        features, side = self._tables.features(places), self._tables.side(places)
        if self._noise_width is None:
            return features, None, side
        drawn = [rows.noise(self._noise_width, len(rows.held_out)) for rows in self._rows]
        return features, to_device(torch.stack(drawn), self._device), side

    def _losses(self, batch: Batch, noise: Tensor | None) -> Tensor:
        """Return the losses (B,) of the live replicas, penalty included."""
        losses, code = self._autoencoder.objective(
            self._weights.named, batch.features, noise, batch.side
        )
        penalised = len(batch.table)
        if not penalised:
            return losses
        penalties = self._lambdas[:penalised] * self._penalties(code[:penalised], batch.table)
        if penalised == len(losses):
            return losses + penalties
        return torch.cat([losses[:penalised] + penalties, losses[penalised:]])

    def _penalties(self, code: Tensor, table: Tensor) -> Tensor:
        """Return the penalties (B,), on a CPU each by itself where stacking could change its bits.

        A product of matrices rounds by where its result lies in memory, which for the small square
        ones of a penalty is another place in a stack, unless they are at most 4 wide.
        """
        together = self._device.type != "cpu" or self._widest <= _SAFE_WIDTH
        if together or len(code) == 1:
            return self._plan.penalty(code, table)
        parts = zip(code.split(1), table.split(1), strict=True)
        return torch.cat([self._plan.penalty(*part) for part in parts])

    def look(self, losses: Tensor) -> None:
        """Judge the live replicas, and let go of those that stopped improving or diverged.

        Held-out rows judge the loss without the penalty: on so few rows the penalty is noise times
        lambda.

        Args:
            losses: of the last batch, (B,), penalty included.
        """
        judged = losses
        features, noise, side = self._held_out
        if features.shape[2]:
            with torch.no_grad():
                judged, _ = self._autoencoder.objective(self._weights.named, features, noise, side)
        judged = torch.where(losses.isfinite(), judged, torch.nan)
        kept = [
            row
            for row, (place, loss) in enumerate(zip(self._live, judged.tolist(), strict=True))
            if self._best[place].look(loss, self._steps, partial(self._weights.copy, row))
        ]
        if len(kept) < len(self._live):
            self._live = [self._live[row] for row in kept]
            self._lambdas = self._lambdas[kept]
            self._tables.keep(kept)
            self._weights.keep(kept)
            self._held_out = (
                features[kept],
                None if noise is None else noise[kept],
                None if side is None else side.keep(kept),
            )
            self._ahead = deque(given.keep(kept) for given in self._ahead)

    def _outcome(self, place: int) -> Outcome:
        best = self._best[place]
        if best.diverged_at is not None:
            return DivergenceError(
                f"the training loss is not finite at step {best.diverged_at} of "
                f"{self._plan.steps}: lower penalty_weight, or look for outliers in the features"
            )
        side = self._data_sets[place].side
        return TrainedAutoencoder(
            self._autoencoder,
            best.weights,
            self._data_sets[place].standardise,
            self._rows[place].held_out,
            best.steps,
            None if side is None else side.standardise,
        )
