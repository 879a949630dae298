"""`energy_score`: how good draws of Y under do(A = a*) are outside the training support.

    ES = E|S - Y| - E|S - S'| / 2        S, S' draws of the method, Y of nature, all at one a*

Proper: in expectation it is least where S is distributed as Y, and there it is half the mean
distance of two draws, not 0. Source: Gneiting and Raftery 2007 (JASA 102), equation 21.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from rep4ex_bench.data import FloatArray
from rep4ex_bench.metric import Evaluation, Metric, NoAnswerError
from rep4ex_bench.metrics._shared import oracle_of, outside
from rep4ex_bench.questions import ask
from rep4ex_bench.seeding import derive_seed

DRAWS = 100  # of the method and of nature, at each query
QUERIES = 32  # at most, spread evenly over those outside


class EnergyScore(Metric):
    """Mean energy score at queries outside, over the spread of the truth there."""

    name: ClassVar[str] = "energy_score"
    title: ClassVar[str] = "energy score of draws of Y under do(a*) outside the support"
    heading: ClassVar[str] = "energy\nscore"
    unit: ClassVar[str] = "standard deviations of the truth"

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean score."""
        oracle, queries = oracle_of(evaluation), evaluation.task.queries
        places = np.flatnonzero(outside(queries))
        places = places[np.linspace(0, len(places) - 1, min(QUERIES, len(places))).astype(int)]
        actions = queries.actions[places]
        seed = derive_seed(evaluation.seed, "energy score")
        rows = torch.from_numpy(actions).to(torch.float32)
        drawn = ask(evaluation.fitted, "sample_outcome_do", rows, n=DRAWS, seed=seed)
        if drawn is None:
            raise NoAnswerError("the method draws no outcomes")
        repeated = np.repeat(actions, DRAWS, axis=0)
        natural = oracle.draw_outcome_do(repeated, derive_seed(seed, "nature"))
        scores = energy_scores(drawn, natural.reshape(len(actions), DRAWS))
        return float(scores.mean() / evaluation.task.truth.values[outside(queries)].std())


def energy_scores(drawn: FloatArray, natural: FloatArray) -> FloatArray:
    """Return the score (q,) of draws (q, n) against outcomes (q, m)."""
    to_nature = np.abs(drawn[:, :, None] - natural[:, None, :]).mean(axis=(1, 2))
    n = drawn.shape[1]
    among = np.abs(drawn[:, :, None] - drawn[:, None, :]).sum(axis=(1, 2)) / (n * (n - 1))
    return np.asarray(to_nature - among / 2)
