"""What several metrics look at: queries outside the support, fresh units and their code."""

from __future__ import annotations

import numpy as np
import torch

from rep4ex_bench.accuracy import affine_r2
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.metric import Evaluation, NoAnswerError
from rep4ex_bench.oracle import LatentSample, Oracle
from rep4ex_bench.scenario import Queries

FRESH_ROWS = 2_000  # that a representation is judged on


def outside(queries: Queries) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return the mask of the scored queries outside the training support."""
    return queries.scored & (queries.distance > 1)


def oracle_of(evaluation: Evaluation) -> Oracle:
    """Return the oracle; raise `NoAnswerError` where nobody knows the latents."""
    if evaluation.task.oracle is None:
        raise NoAnswerError("no true latents are known")
    return evaluation.task.oracle


def identification(fitted: FittedMethod, sample: LatentSample) -> float:
    """Return R^2 of the latents of fresh units on their code; `NoAnswerError` without a code."""
    code = fitted.represent(torch.from_numpy(sample.features))
    if code is None:
        raise NoAnswerError("the method has no code")
    return affine_r2(np.asarray(code, dtype=np.float64), sample.latents)
