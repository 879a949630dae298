"""Contract: a `Diagnostic` is worth knowing about a fitted method and is no score: it ranks nobody.

Diagnostics live in `diagnostics/`, one a file; a third party's live in its own package (entry-point
group ``rep4ex_bench.diagnostics``). All that are installed are computed for every cell, after its
metrics; they change neither a cell's key nor any of its numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from rep4ex_bench.metric import Evaluation
from rep4ex_bench.parameters import Parameterised


class Diagnostic(Parameterised, ABC):
    """A number, or one at each position of an axis.

    Class attributes:
        name: registered name; records have it behind "diagnostic:" (`records/kinds.py`).
        title: a few words.
        heading: at most ten characters a line, for a column of a table.
        unit: of the value, "" for a share, a ratio or a count.
        axis: what the values lie along, "" for a scalar.
    """

    title: ClassVar[str] = ""
    heading: ClassVar[str] = ""
    unit: ClassVar[str] = ""
    axis: ClassVar[str] = ""

    @abstractmethod
    def compute(self, evaluation: Evaluation) -> float | Mapping[float, float]:
        """Return the value, or the values by their position on the axis.

        Raises:
            NoAnswerError: the method has nothing to say about it: there is no record then.
            Exception: anything else is recorded as a failure of this diagnostic, and of nothing
                else.
        """
