"""Fitting and judging candidates on training data in two parts (`_validation.py`)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rep4ex_bench.data import TrainingData
from rep4ex_bench.errors import describe_error, is_out_of_memory
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.methods._validation import Validation
from rep4ex_bench.seeding import derive_seed


@dataclass(frozen=True)
class Configuration:
    """A method with its parameters; `text` names those that a grid sets."""

    text: str
    method: Method


@dataclass(frozen=True)
class Fit:
    """One fit to be done."""

    method: Method
    train: TrainingData
    seed: int


@dataclass
class Trial:
    """One choice: training data in two parts, candidates, and what became of each.

    Attributes:
        validation: the data.
        candidates: in the order in which ties are resolved.
        seed: of the whole fit.
        results: of each candidate its error on the held-out rows, or why it failed.
    """

    validation: Validation
    candidates: list[Configuration]
    seed: int
    results: list[float | Exception] = field(default_factory=list)

    @property
    def best(self) -> tuple[float, int] | None:
        """Smallest error and the place of the first candidate that has it; None: all failed."""
        scored = [
            (one, place) for place, one in enumerate(self.results) if not isinstance(one, Exception)
        ]
        return min(scored, default=None)

    def said(self) -> dict[str, float | str]:
        """Return what the choice has to say of itself, for diagnostics."""
        chosen, error = "", math.nan
        if (best := self.best) is not None:
            chosen, error = self.candidates[best[1]].text, best[0]
        said: dict[str, float | str] = {
            "tuning_chosen": chosen,
            "tuning_error": error,
            "tuning_candidates": len(self.candidates),
            "tuning_failed": sum(isinstance(one, Exception) for one in self.results),
            "tuning_split": self.validation.split,
            "tuning_held_out_rows": len(self.validation.outcome),
        }
        for place, (one, result) in enumerate(zip(self.candidates, self.results, strict=True)):
            shown = f"failed: {describe_error(result)}" if isinstance(result, Exception) else result
            said[f"tuning_error {place + 1}: {one.text}"] = shown
        return said

    def failure(self, method: str) -> str:
        """Return why nothing could be chosen, each reason once."""
        reasons: dict[str, str] = {}
        for one, result in zip(self.candidates, self.results, strict=True):
            if isinstance(result, Exception):
                reasons.setdefault(describe_error(result), one.text)
        quoted = "; ".join(f"{text}: {reason}" for reason, text in reasons.items())
        return (
            f"at least one of {len(self.candidates)} configurations of {method!r} must fit "
            f"{self.validation.kept.n} rows and predict, got failures only ({quoted}): run the "
            "method without tuning, or change its grid"
        )


def judge(trials: Sequence[Trial], device: str) -> None:
    """Fill in the results of all candidates of all trials."""
    fits = [
        Fit(one.method, trial.validation.kept, derive_seed(trial.seed, "candidates"))
        for trial in trials
        for one in trial.candidates
    ]
    fitted = iter(fit_alike_together(fits, device))
    for trial in trials:
        trial.results = [_judged(trial.validation, next(fitted)) for _ in trial.candidates]


def fit_alike_together(fits: Sequence[Fit], device: str) -> list[FittedMethod | Exception]:
    """Return the result of each fit; those of one configuration are done together."""
    alike: dict[str, list[int]] = {}
    for place, fit in enumerate(fits):
        key = json.dumps(fit.method.plain_parameters(), sort_keys=True)
        alike.setdefault(key, []).append(place)
    found: dict[int, FittedMethod | Exception] = {}
    for places in alike.values():
        results = _fit([fits[place] for place in places], device)
        found.update(zip(places, results, strict=True))
    return [found[place] for place in range(len(fits))]


def _fit(fits: Sequence[Fit], device: str) -> list[FittedMethod | Exception]:
    """Do fits of one configuration; what is raised for one alone is the result of that one."""
    first = fits[0]
    if len(fits) > 1:
        trains, seeds = [fit.train for fit in fits], [fit.seed for fit in fits]
        return first.method.fit_many(trains, seeds, device)
    try:
        return [first.method.fit(first.train, first.seed, device)]
    except Exception as error:
        return [error]


def _judged(validation: Validation, fitted: FittedMethod | Exception) -> float | Exception:
    """Return the error on the held-out rows, or the failure.

    Raises:
        Exception: memory ran out, which says something of the machine and not of the candidate.
    """
    if not isinstance(fitted, Exception):
        try:
            return validation.error(fitted)
        except Exception as error:
            fitted = error
    if is_out_of_memory(fitted):
        raise fitted
    return fitted
