"""What several diagnostics are: a number that the method itself reports of its fit."""

from __future__ import annotations

import math

from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.errors import DataError
from rep4ex_bench.metric import Evaluation, NoAnswerError
from rep4ex_bench.questions import plain_diagnostics


class Reported(Diagnostic):
    """The number of `FittedMethod.diagnostics` that has the diagnostic's name."""

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number.

        Raises:
            NoAnswerError: the method does not report it, or as NaN.
            DataError: what it reports is no number.
        """
        value = plain_diagnostics(evaluation.fitted).get(self.name)
        if value is None:
            raise NoAnswerError(f"the method does not report its {self.name}")
        if isinstance(value, str):
            raise DataError(
                f"{self.name} of a method's diagnostics must be a number, got {value!r:.80}"
            )
        if math.isnan(value):
            raise NoAnswerError(f"the method could not tell its {self.name}")
        return value
