"""`support_coverage`: how far queries are covered by the code of the training data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.metric import Evaluation, NoAnswerError
from rep4ex_bench.questions import ask


class SupportCoverage(Diagnostic):
    """Mean share of the code under do(a*) that lies where the training code was, by distance.

    1 says that the second stage interpolates there, 0 that it extrapolates. It is the method's own
    word (`FittedMethod.support_coverage`).
    """

    name: ClassVar[str] = "support_coverage"
    title: ClassVar[str] = "share of the code under do(a*) that lies where the training code was"
    heading: ClassVar[str] = "support\ncoverage"
    axis: ClassVar[str] = "distance from the centre of the support, in units of its extent"

    def compute(self, evaluation: Evaluation) -> Mapping[float, float]:
        """Return the mean share at each distance of scored queries."""
        queries = evaluation.task.queries
        distance = queries.distance[queries.scored]
        actions = torch.from_numpy(queries.actions[queries.scored]).to(torch.float32)
        covered = ask(evaluation.fitted, "support_coverage", actions)
        if covered is None:
            raise NoAnswerError("the method does not say how far queries are covered")
        return {float(at): float(covered[distance == at].mean()) for at in np.unique(distance)}
