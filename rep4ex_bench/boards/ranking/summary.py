"""The whole ranking of a set of records, and what it can and cannot decide, in words."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from rep4ex_bench.boards.declared import declarations
from rep4ex_bench.boards.ranking.controls import Controlled, controlled
from rep4ex_bench.boards.ranking.coverage import Gap, gaps
from rep4ex_bench.boards.ranking.overall import Overall, overall
from rep4ex_bench.boards.ranking.pairs import ALPHA, compare_pairs, seeds_needed, smallest_p
from rep4ex_bench.boards.ranking.scores import scores
from rep4ex_bench.grids import TUNED

_MOST_LABELS = 20


@dataclass(frozen=True)
class Order:
    """One group of methods: `pairs` as of `compare_pairs`; `overall` None with fewer than two."""

    overall: Overall | None
    pairs: pd.DataFrame

    def notes(self) -> list[str]:
        """Return what the present scenarios and seeds can decide in the group."""
        found = [] if self.overall is None else [_overall_note(self.overall)]
        for scenario, rows in self.pairs.groupby("scenario_label", sort=False):
            found.append(f"{scenario}: {_pairs_note(rows)}")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return plain data; what is not finite becomes null."""
        whole = None
        if self.overall is not None:
            whole = {
                "scenarios": self.overall.scenarios,
                "critical_difference": _finite(self.overall.critical_difference),
                "friedman_p": _finite(self.overall.friedman_p),
                "separable": self.overall.separable,
                "methods": json.loads(self.overall.table.to_json(orient="records")),
                "without_place": json.loads(self.overall.unplaced.to_json(orient="records")),
            }
        return {"overall": whole, "pairs": json.loads(self.pairs.to_json(orient="records"))}


@dataclass(frozen=True)
class Ranking(Order):
    """The order of the methods as given, and apart from it, in `tuned`, that of the tuned ones.

    Both are over the scenarios that rank methods: `controls` says of every one whether it does, and
    why not. Steps of a dial are not among the scenarios of `overall` (`violations.py`). `left_out`
    has the methods of any role that do not apply somewhere or are not installed.
    """

    left_out: list[Gap]
    controls: list[Controlled]
    tuned: Order

    @property
    def unsolved(self) -> list[str]:
        """The labels of the scenarios that rank nobody."""
        return [one.scenario for one in self.controls if not one.ranks]

    def notes(self) -> list[str]:
        """Return what the present scenarios and seeds can decide, a sentence or two each."""
        found = super().notes()
        found += [f"tuned methods, {note}" for note in self.tuned.notes()]
        unsolved = [one for one in self.controls if not one.ranks]
        found += [f"{one.scenario}: {one.text}; it ranks nobody" for one in unsolved]
        if without := [one.scenario for one in self.controls if one.state == "controls not run"]:
            found.append(
                f"controls not run, so nothing shows that errors can be small: {_listed(without)}"
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """Return plain data; what is not finite becomes null."""
        return super().as_json() | {
            "tuned": self.tuned.as_json(),
            "notes": self.notes(),
            "left_out": [asdict(gap) for gap in self.left_out],
            "controls": [one.as_json() for one in self.controls],
        }


def rank(records: pd.DataFrame) -> Ranking:
    """Return the ranking of methods in some records, which may be none; tuned ones stand apart."""
    if records.empty:
        nothing = compare_pairs([])
        return Ranking(None, nothing, [], [], Order(None, nothing))
    found = scores(records)
    controls = controlled(records, found)
    ranking = [one for one in found if controls[one.scenario].ranks]
    declared = declarations(records)
    together = [one for one in ranking if declared[one.scenario].dial is None]
    return Ranking(
        overall(together),
        compare_pairs(ranking),
        gaps(records),
        list(controls.values()),
        Order(overall(together, TUNED), compare_pairs(ranking, TUNED)),
    )


def places(best: int, worst: int) -> str:
    """Return "2" or, where places cannot be told apart, "1-3"."""
    return str(best) if best == worst else f"{best}\N{EN DASH}{worst}"


def _overall_note(found: Overall) -> str:
    methods = len(found.table)
    many = f"{found.scenarios} scenario{'s' if found.scenarios > 1 else ''}"
    if not methods:
        return f"fewer than two methods apply in all of {many}: there is no order over all of them"
    text = (
        f"mean ranks over {many} must differ by {found.critical_difference:.2f} to be told apart "
        f"(Nemenyi, {ALPHA:.0%})"
    )
    if found.critical_difference > methods - 1:
        text += f", more than {methods} methods can differ by: nothing is decided overall"
    elif not found.separable:
        p = found.friedman_p
        text += "; Friedman's test does not tell the methods apart"
        text += "" if math.isnan(p) else f" (p = {p:.2g})"
    return text


def _pairs_note(rows: pd.DataFrame) -> str:
    pairs, seeds = len(rows), int(rows["seeds"].max())
    if rows["one_table"].any():
        return _one_table_note(rows, pairs, seeds)
    many = f"{seeds} seed{'s' if seeds > 1 else ''}"
    if smallest_p(seeds) * pairs > ALPHA:
        return (
            f"{many} cannot decide any of {pairs} pair{'s' if pairs > 1 else ''} of methods "
            f"(Wilcoxon, Holm, {ALPHA:.0%}); {seeds_needed(pairs)} could"
        )
    decided = int(rows["decided"].sum())
    text = f"{many} decide {decided} of {pairs} pairs of methods (Wilcoxon, Holm, {ALPHA:.0%})"
    ratio = float(rows["smallest_ratio"].median())
    if math.isfinite(ratio):
        text += f"; with their scatter, errors must differ by a factor of about {ratio:.2g}"
    return text


def _one_table_note(rows: pd.DataFrame, pairs: int, seeds: int) -> str:
    ratio = float(rows["smallest_ratio"].median())
    if math.isinf(ratio):
        return (
            f"the seeds split one table, and {seeds} of them, on these shares of its rows, cannot "
            f"decide any of {pairs} pair{'s' if pairs > 1 else ''} of methods: it takes at least 2 "
            "seeds that each train on a part of the rows"
        )
    return (
        f"{seeds} splits of one table decide {int(rows['decided'].sum())} of {pairs} pairs of "
        f"methods (t-test corrected for shared rows, Holm, {ALPHA:.0%}); errors must differ by a "
        f"factor of about {ratio:.2g}: more rows lower that, more seeds hardly do"
    )


def _listed(labels: list[str]) -> str:
    """Return some of many labels."""
    more = len(labels) - _MOST_LABELS
    return ", ".join(labels[:_MOST_LABELS]) + (f" and {more} more" if more > 0 else "")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
