"""Diagnostics as tables: medians over seeds. They rank nobody.

A diagnostic that is not installed here has its name as heading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.records.kinds import diagnostics_of
from rep4ex_bench.registry import DIAGNOSTICS

_MOST_PLACES = 12  # of an axis, that one table shows
_LARGEST_COUNT = 1_000_000


@dataclass(frozen=True)
class DiagnosticValue:
    """A median over seeds: as text, what it is sorted by ("" sorts last), and its range."""

    text: str = "\N{EN DASH}"
    sort: str = ""
    detail: str = ""


@dataclass(frozen=True)
class DiagnosticTable:
    """Methods by diagnostics, or by the positions on the axis of one diagnostic.

    Attributes:
        scenario: its label.
        caption: what the columns are.
        headings: one or more lines each.
        meanings: of the columns, "" where the caption says it.
        rows: method label with its values, one a column; methods without any are left out, and
            so are failures along an axis, which have no position on it.
    """

    scenario: str
    caption: str
    headings: list[tuple[str, ...]]
    meanings: list[str]
    rows: list[tuple[str, list[DiagnosticValue]]]

    @property
    def columns(self) -> list[tuple[tuple[str, ...], str]]:
        """Headings with their meanings."""
        return list(zip(self.headings, self.meanings, strict=True))


def diagnostic_tables(records: pd.DataFrame) -> list[DiagnosticTable]:
    """Return the tables of every scenario: of all scalar diagnostics, then one for each axis."""
    found = []
    for scenario, rows in diagnostics_of(records).groupby("scenario_label", sort=False):
        names = [str(name) for name in rows["metric"].unique()]
        known = {name: DIAGNOSTICS.known(name) for name in sorted(names)}
        axes = [name for name, one in known.items() if _has_axis(one, rows, name)]
        scalars = {name: one for name, one in known.items() if name not in axes}
        if scalars:
            found.append(_scalar_table(str(scenario), rows, scalars))
        found += [_axis_table(str(scenario), rows, name, known[name]) for name in axes]
    return [table for table in found if table.rows]


def _has_axis(known: type[Diagnostic] | None, rows: pd.DataFrame, name: str) -> bool:
    if known is not None:
        return bool(known.axis)
    return bool(rows.loc[rows["metric"] == name, "at"].notna().any())


def _scalar_table(
    scenario: str, rows: pd.DataFrame, scalars: dict[str, type[Diagnostic] | None]
) -> DiagnosticTable:
    return DiagnosticTable(
        scenario,
        "Medians over seeds",
        [_lines(name, one) for name, one in scalars.items()],
        [_meaning(name, one) for name, one in scalars.items()],
        _rows(rows[rows["metric"].isin(list(scalars))], "metric", list(scalars)),
    )


def _axis_table(
    scenario: str, rows: pd.DataFrame, name: str, known: type[Diagnostic] | None
) -> DiagnosticTable:
    own = rows[(rows["metric"] == name) & rows["at"].notna()]  # a failure has no position
    places = sorted(float(at) for at in own["at"].unique())
    kept = places[:: max(1, math.ceil(len(places) / _MOST_PLACES))]
    axis = known.axis if known is not None else "its axis"
    meaning = _meaning(name, known)
    left_out = "" if len(kept) == len(places) else f"; {len(kept)} of {len(places)} are shown"
    return DiagnosticTable(
        scenario,
        f"{meaning[:1].upper()}{meaning[1:]}. Columns: {axis}{left_out}. Medians over seeds",
        [(f"{at:g}",) for at in kept],
        ["" for _ in kept],
        _rows(own, "at", kept),
    )


def _rows(
    rows: pd.DataFrame, column: str, keys: list[str] | list[float]
) -> list[tuple[str, list[DiagnosticValue]]]:
    found = []
    for method, own in rows.groupby("method_label", sort=False):
        by_key = dict(list(own.groupby(column)))
        values = [_value(by_key[key]) if key in by_key else DiagnosticValue() for key in keys]
        found.append((str(method), values))
    return found


def _value(rows: pd.DataFrame) -> DiagnosticValue:
    """Return the median of the seeds that have a value, and how many failed."""
    good = rows.loc[rows["status"] == "ok", "value"].dropna()
    failed = int((rows["status"] != "ok").sum())
    told = [f"{failed} failed"] if failed else []
    if good.empty:
        return DiagnosticValue(detail="".join(told))
    if good.nunique() > 1:
        told.insert(0, f"{_shown(float(good.min()))} to {_shown(float(good.max()))}")
    median = float(good.median())
    return DiagnosticValue(_shown(median), repr(median), "; ".join(told))


def _shown(value: float) -> str:
    """Return a number of which whole ones are counts, and infinity is no failure."""
    if math.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    if value.is_integer() and abs(value) < _LARGEST_COUNT:
        return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")
    return shown(value)


def _lines(name: str, known: type[Diagnostic] | None) -> tuple[str, ...]:
    return tuple(known.heading.splitlines()) or (name,) if known is not None else (name,)


def _meaning(name: str, known: type[Diagnostic] | None) -> str:
    if known is None:
        return f"{name}: a diagnostic that is not installed here"
    return (known.title or name) + (f", in {known.unit}" if known.unit else "")
