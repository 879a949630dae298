"""`affine_r2`: how much of the latents an affine map of the code tells, under training actions."""

from __future__ import annotations

from typing import ClassVar, Literal

from rep4ex_bench.metric import Evaluation, Metric
from rep4ex_bench.metrics._shared import FRESH_ROWS, identification, oracle_of
from rep4ex_bench.seeding import derive_seed


class AffineR2(Metric):
    """R^2 of the latents on the code, on fresh data with training actions."""

    name: ClassVar[str] = "affine_r2"
    title: ClassVar[str] = "affine identification of the latents"
    heading: ClassVar[str] = "affine\nR²"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    best: ClassVar[float] = 1.0

    def compute(self, evaluation: Evaluation) -> float:
        """Return R^2 on 2,000 fresh units."""
        oracle = oracle_of(evaluation)
        sample = oracle.draw(FRESH_ROWS, derive_seed(evaluation.seed, "fresh"))
        return identification(evaluation.fitted, sample)
