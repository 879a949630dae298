"""What a fitted method may be asked: one table for metrics, conformance test and other processes.

Each question is a method of `FittedMethod` that takes a tensor of rows, perhaps another one beside
it and plain numbers, and answers with an array of as many rows, or None where it has no answer.
Beside them it may say something of its fit (`FittedMethod.diagnostics`), which `plain_diagnostics`
reads.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError, legible
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.query_data import QueryData


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        name: of the method of `FittedMethod`.
        of: what the rows of the tensor are: "actions", "features" or "code"; or "queries", which
            are a `QueryData` instead.
        beside: what the rows of a second tensor are, "" where there is none.
        numbers: names of the numbers that come with it.
        shape: of the answer beyond its rows: a size, the name of a number, or None for any size.
        needed: whether every method must have an answer.
        ordered: whether the answer is pairs (lower, upper).
        share: whether the answer lies in [0, 1].
    """

    name: str
    of: str
    numbers: tuple[str, ...] = ()
    beside: str = ""
    shape: tuple[int | str | None, ...] = ()
    needed: bool = False
    ordered: bool = False
    share: bool = False

    def expected(self, rows: int, numbers: dict[str, Any]) -> tuple[int | None, ...]:
        """Return the shape of the answer; None stands for any size."""
        sizes = (numbers[size] if isinstance(size, str) else size for size in self.shape)
        return (rows, *sizes)


QUESTIONS = {
    one.name: one
    for one in (
        Question("predict", "queries", needed=True),
        Question("predict_do", "actions", needed=True),
        Question("predict_interval", "actions", ("level",), shape=(2,), ordered=True),
        Question("sample_outcome_do", "actions", ("n", "seed"), shape=("n",)),
        Question("sample_features_do", "actions", ("n", "seed"), shape=("n", None)),
        Question("represent", "features", beside="actions", shape=(None,)),
        Question("decode", "code", shape=(None,)),
        Question("support_coverage", "actions", share=True),
    )
}
# Of what a method says of its fit: so many names, of so many characters.
_MOST_NAMES, _LONGEST_NAME = 100, 100


def ask(
    fitted: FittedMethod,
    name: str,
    rows: Tensor | QueryData,
    beside: Tensor | None = None,
    **numbers: Any,
) -> FloatArray | None:
    """Return the answer to a question of `QUESTIONS` in float64, None where there is none.

    Args:
        fitted: who is asked.
        name: of the question.
        rows: what it is about.
        beside: the second tensor, of as many rows, where the question has one.
        numbers: by their names.

    Raises:
        DataError: an answer of another shape, one that is not finite, a lower end above its upper
            one, or a share outside [0, 1].
        Exception: whatever the method raises.
    """
    question = QUESTIONS[name]
    further = () if beside is None else (beside,)
    answer = getattr(fitted, name)(rows, *further, **numbers)
    if answer is None and not question.needed:
        return None
    found = np.asarray(answer, dtype=np.float64)
    expected = question.expected(len(rows), numbers)
    if len(found.shape) != len(expected) or any(
        wanted not in (None, size) for wanted, size in zip(expected, found.shape, strict=True)
    ):
        shown = ", ".join("any" if size is None else str(size) for size in expected)
        raise DataError(f"{name} must return shape ({shown}), got {found.shape}")
    if not np.isfinite(found).all():
        raise DataError(f"{name} must return finite values, got some that are not")
    wrong = int((found[:, 0] > found[:, 1]).sum()) if question.ordered else 0
    if wrong:
        raise DataError(f"{name} must return (lower, upper), got {wrong} with lower above upper")
    if question.share and ((found < 0) | (found > 1)).any():
        raise DataError(
            f"{name} must return shares between 0 and 1, got {found.min():g} to {found.max():g}"
        )
    return found


def plain_diagnostics(fitted: FittedMethod) -> dict[str, float | str]:
    """Return what a fitted method says of its fit, as `plain` does.

    Raises:
        DataError: it is no mapping.
        Exception: whatever the method raises.
    """
    return plain(fitted.diagnostics)


def plain(given: Any) -> dict[str, float | str]:
    """Return numbers and texts by name; of anything else the text that says what it is.

    Raises:
        DataError: no mapping was given.
    """
    if not isinstance(given, Mapping):
        raise DataError(
            f"diagnostics must be a mapping of names to numbers or texts, got "
            f"{type(given).__name__}"
        )
    items = itertools.islice(given.items(), _MOST_NAMES)
    return {legible(str(name))[:_LONGEST_NAME]: _plain(value) for name, value in items}


def _plain(value: Any) -> float | str:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, Real):
        try:
            return float(value)
        except OverflowError:
            return "a number that is too large"
    return f"no number but {type(value).__name__}"
