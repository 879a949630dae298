"""`affine_r2_do`: the same under interventions outside the training support."""

from __future__ import annotations

from typing import ClassVar, Literal

from rep4ex_bench.metric import Evaluation, Metric
from rep4ex_bench.metrics._shared import FRESH_ROWS, identification, oracle_of, outside
from rep4ex_bench.seeding import derive_seed, numpy_generator


class AffineR2Do(Metric):
    """R^2 of the latents on the code under do(a*), a* drawn among the queries outside."""

    name: ClassVar[str] = "affine_r2_do"
    title: ClassVar[str] = "affine identification of the latents under do(a*) outside the support"
    heading: ClassVar[str] = "affine\nR² do"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    best: ClassVar[float] = 1.0

    def compute(self, evaluation: Evaluation) -> float:
        """Return R^2 on 2,000 fresh units."""
        oracle = oracle_of(evaluation)
        queries = evaluation.task.queries
        actions = queries.actions[outside(queries)]
        rng = numpy_generator(evaluation.seed, "fresh outside")
        rows = rng.integers(len(actions), size=FRESH_ROWS)
        seed = derive_seed(evaluation.seed, "fresh outside noise")
        return identification(evaluation.fitted, oracle.draw_do(actions[rows], seed))
