"""What several metrics look at: queries outside the support, fresh units and their code."""

from __future__ import annotations

import numpy as np
import torch

from rep4ex_bench.accuracy import affine_r2
from rep4ex_bench.data import FloatArray
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.metric import Evaluation, NoAnswerError
from rep4ex_bench.oracle import LatentSample, Oracle
from rep4ex_bench.questions import ask
from rep4ex_bench.scenario import Queries

FRESH_ROWS = 2_000  # that a representation is judged on


def outside(queries: Queries) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return the mask of the scored queries outside the training support."""
    return queries.scored & (queries.distance > 1)


def intervals_outside(evaluation: Evaluation, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the method's intervals (q, 2) at the queries outside, and the truth (q,) there.

    Raises:
        NoAnswerError: the method gives none.
        DataError: what it gives are no intervals (`questions.ask`).
    """
    queries = evaluation.task.queries
    mask = outside(queries)
    actions = torch.from_numpy(queries.actions[mask]).to(torch.float32)
    intervals = ask(evaluation.fitted, "predict_interval", actions, level=level)
    if intervals is None:
        raise NoAnswerError("the method gives no intervals")
    return intervals, evaluation.task.truth.values[mask]


def oracle_of(evaluation: Evaluation) -> Oracle:
    """Return the oracle; raise `NoAnswerError` where nobody knows the latents."""
    if evaluation.task.oracle is None:
        raise NoAnswerError("no true latents are known")
    return evaluation.task.oracle


def identification(fitted: FittedMethod, sample: LatentSample) -> float:
    """Return R^2 of the latents of fresh units on their code; `NoAnswerError` without a code."""
    features, actions = torch.from_numpy(sample.features), torch.from_numpy(sample.actions)
    code = ask(fitted, "represent", features, actions)
    if code is None:
        raise NoAnswerError("the method has no code")
    return affine_r2(code, sample.latents)
