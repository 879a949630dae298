"""Holding out rows of the training data, and the error of a fit on them.

The score that counts is outside the support of the actions, so the rows that are held out are the
outer shell of the training actions. With the smallest box about the actions, centre c and
half-widths s, a row's radius is

    r = max_j |a_j - c_j| / s_j,

0 at the centre and 1 on the boundary, as distances of queries are in this package's scenarios. The
rows with the largest r are held out: each of them lies outside the range of the kept rows in at
least one column, so that to predict its outcome is to extrapolate.

The criterion is the mean of (Y - f(A))^2 over the held-out rows. Since A is exogenous,
E[Y | A] = E[Y | do(A)], and its expectation is

    E (E[Y | do(A)] - f(A))^2 + E Var(Y | A),

whose second term is the same for every f: the noise of Y moves no candidate before another on
average. Where observed covariates drive A and Y, the fit is told them, and the same holds given
them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.errors import DataError
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.questions import ask
from rep4ex_bench.seeding import numpy_generator

SPLITS = ("shell", "random")
# Known of a unit before its action has had any effect; features and second views are not.
_TOLD = ("actions", "covariates", "environment", "time", "previous_features")
_DECIMALS = 6  # of radii: rounding of float32 actions must not part equal ones

BoolArray = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Validation:
    """Training data in two parts.

    Attributes:
        kept: what candidates are fitted to.
        queries: of the held-out rows (h,), without features.
        outcome: Y of the held-out rows, (h,), float64.
        split: "shell", or "random", also where there is no shell to hold out.
    """

    kept: TrainingData
    queries: QueryData
    outcome: FloatArray
    split: str

    def error(self, fitted: FittedMethod) -> float:
        """Return the mean square error on the held-out rows, in squared units of the outcome.

        Raises:
            DataError: an answer of another shape, or one that is not finite.
            Exception: whatever the method raises.
        """
        prediction = np.asarray(ask(fitted, "predict", self.queries))
        return float(((prediction - self.outcome) ** 2).mean())


def hold_out(train: TrainingData, split: str, share: float, seed: int) -> Validation:
    """Return training data in a part to fit to and a part to judge on.

    Args:
        train: all of it.
        split: "shell" or "random".
        share: of the rows to hold out.
        seed: of rows taken at random.

    Raises:
        DataError: too few rows to leave k + 2 of them.
    """
    shell = outer_shell(to_float64(train.actions), share) if split == "shell" else None
    held = _at_random(train, share, seed) if shell is None else shell
    out, inside = (torch.from_numpy(np.flatnonzero(mask)) for mask in (held, ~held))
    told = {name: tensor[out] for name, tensor in train.tensors().items() if name in _TOLD}
    return Validation(
        kept=replace(train, **_rows(train, inside)),
        queries=QueryData(**told),
        outcome=to_float64(train.outcome[out]),
        split="random" if shell is None else "shell",
    )


def outer_shell(actions: FloatArray, share: float) -> BoolArray | None:
    """Return which rows of actions (n, k) are the outer shell, or None where there is none.

    Rows of equal radius stay together, since one action in both parts asks for no extrapolation;
    the shell is the one whose share of the rows is nearest to `share`. It holds at most half of the
    rows, and leaves k + 2 of them that vary in every column that varies at all. A column with more
    than half of the rows at its ends, as one of two values has, counts for no radius; where all
    columns are so, there is no shell.
    """
    n, k = actions.shape
    low, high = actions.min(axis=0), actions.max(axis=0)
    varies = high > low
    half = np.where(varies, (high - low) / 2, 1.0)
    radii = (np.abs(actions - (low + high) / 2) / half).round(_DECIMALS)
    counted = (radii >= 1).mean(axis=0) <= 1 / 2
    radius: FloatArray = radii.max(axis=1, where=counted, initial=0.0)
    levels, counts = np.unique(-1.0 * radius, return_counts=True)  # outermost first
    held = counts.cumsum()
    for place in np.argsort(np.abs(held - share * n), kind="stable"):
        if held[place] > min(n / 2, n - k - 2):
            continue
        shell = -radius <= levels[place]
        if (np.ptp(actions[~shell], axis=0) > 0)[varies].all():
            return np.asarray(shell)
    return None


def _at_random(train: TrainingData, share: float, seed: int) -> BoolArray:
    count = max(1, round(share * train.n))
    if train.n - count < train.k + 2:
        raise DataError(
            f"holding out {count} of {train.n} rows leaves fewer than k + 2 = {train.k + 2}: add "
            "observations, or use the method without tuning"
        )
    held = np.zeros(train.n, dtype=bool)
    held[numpy_generator(seed, "held-out rows").permutation(train.n)[:count]] = True
    return held


def _rows(train: TrainingData, places: Tensor) -> dict[str, Any]:
    return {name: tensor[places] for name, tensor in train.tensors().items()}
