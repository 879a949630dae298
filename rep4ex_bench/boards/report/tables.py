"""What the templates put into tables: leaderboard, failures, provenance."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rep4ex_bench.boards.columns import MetricColumn, further_metrics
from rep4ex_bench.boards.numbers import shown, spread
from rep4ex_bench.boards.report.appearance import Appearance
from rep4ex_bench.boards.report.strips import Axis, Strip, nmse_by_seed, strip
from rep4ex_bench.records import kinds
from rep4ex_bench.records.records import LEFT_OUT, NO_FAILURE

_LONGEST_MESSAGE = 1_000
_MOST_FAILURES = 200
_MOST_SEEDS = 100
_MOST_HASHES = 500


@dataclass(frozen=True)
class Cell:
    """A table cell: the text, and the number it is sorted by ("" sorts last)."""

    text: str
    sort: str


@dataclass(frozen=True)
class Row:
    """One method in one scenario; `rank` is "" for oracles, controls, and where nobody is ranked.

    `left_out` says why the fields are empty, where they are; such a row has no rank.
    """

    rank: str
    looks: Appearance
    values: dict[str, Cell]
    spread: str
    strip: Strip
    cells_ok: int
    cells: int
    left_out: str


@dataclass(frozen=True)
class Board:
    """The leaderboard of one scenario; rows are grouped by role, methods first.

    Methods as given and tuned ones have ranks of their own.

    `metrics` are the columns beside those that every board has. `controls` is the state of its
    controls; where it is "unsolved" no row has a rank. `breaks` says which assumptions the scenario
    breaks, `one_table` whether its seeds split one table.
    """

    scenario: str
    data_label: str
    truth_source: str
    axis: Axis
    metrics: list[MetricColumn]
    groups: list[tuple[str, list[Row]]]
    controls: str
    breaks: str
    one_table: bool


@dataclass(frozen=True)
class Failure:
    """Records that failed alike: same scenario, method, metric, status and message."""

    scenario: str
    method: str
    metric: str
    seeds: str
    status: str
    error: str


@dataclass(frozen=True)
class Summary:
    """What the head of the page says about the run; `made` names hardware and versions.

    `cells` are those that were run, `left_out` how many more were not.
    """

    suite: str
    finished: str
    cells: int
    cells_ok: int
    left_out: int
    scenarios: int
    methods: int
    seeds: int
    semi_synthetic: list[str]
    made: str


def summary(records: pd.DataFrame) -> Summary:
    """Return the counts and dates of the head of the page."""
    bad = records.loc[kinds.failures(records), "cell_key"].nunique()
    left_out = records.loc[records["status"].isin(LEFT_OUT), "cell_key"].nunique()
    cells = records["cell_key"].nunique() - left_out
    days = sorted({str(moment)[:10] for moment in records["finished_at"] if moment})
    labels = records.drop_duplicates("scenario_label")
    semi = labels[labels["data_label"].str.startswith("semi-synthetic")]["scenario_label"]
    return Summary(
        suite=_listed(records["suite"].unique()),
        finished=" to ".join(dict.fromkeys([days[0], days[-1]])) if days else "",
        cells=cells,
        cells_ok=cells - bad,
        left_out=left_out,
        scenarios=records["scenario_label"].nunique(),
        methods=records["method_label"].nunique(),
        seeds=records["seed"].nunique(),
        semi_synthetic=[str(label) for label in semi],
        made=_made(records),
    )


def _made(records: pd.DataFrame) -> str:
    found = provenance(records)
    texts = []
    for values in (found["Hardware"], found["Versions"]):
        if values:
            others = f" (and {len(values) - 1} more, see the foot)" if len(values) > 1 else ""
            texts.append(values[0] + others)
    return ". ".join(texts)


def boards(board: pd.DataFrame, records: pd.DataFrame, looks: dict[str, Appearance]) -> list[Board]:
    """Return one board per scenario of `ranking.leaderboard` of the records."""
    if board.empty:
        return []
    by_seed, metrics = nmse_by_seed(records), further_metrics(records)
    return [
        _board(str(scenario), table, by_seed, looks, _truth_source(records, str(scenario)), metrics)
        for scenario, table in board.groupby("scenario_label", sort=False)
    ]


def _board(
    scenario: str,
    table: pd.DataFrame,
    by_seed: dict[tuple[str, str], dict[int, float]],
    looks: dict[str, Appearance],
    truth_source: str,
    metrics: list[MetricColumn],
) -> Board:
    columns = ("nmse_outside", *(column.key for column in metrics), "fit_seconds")
    entries = [(str(entry["method_label"]), entry) for entry in table.to_dict("records")]
    axis = Axis([v for label, _ in entries for v in by_seed.get((scenario, label), {}).values()])
    controls = str(table["controls"].iloc[0])
    groups: dict[str, list[Row]] = {}
    for label, entry in entries:
        rows = groups.setdefault(str(entry["role"]), [])
        rank = "" if pd.isna(entry["rank"]) else str(entry["rank"])
        own = by_seed.get((scenario, label), {})
        rows.append(_row(rank, looks[label], entry, own, axis, columns))
    return Board(
        scenario=scenario,
        data_label=str(table["data_label"].iloc[0]),
        truth_source=truth_source,
        axis=axis,
        metrics=metrics,
        groups=list(groups.items()),
        controls=controls,
        breaks=str(table["breaks"].iloc[0]),
        one_table=bool(table["one_table"].iloc[0]),
    )


def _row(
    rank: str,
    looks: Appearance,
    entry: dict[Any, Any],
    by_seed: dict[int, float],
    axis: Axis,
    columns: tuple[str, ...],
) -> Row:
    numbers = {column: float(entry[column]) for column in columns}
    low, high = float(entry["nmse_outside_min"]), float(entry["nmse_outside_max"])
    return Row(
        rank=rank,
        looks=looks,
        values={
            column: Cell(shown(value), "" if math.isnan(value) else repr(value))
            for column, value in numbers.items()
        },
        spread=spread(low, high) if len(by_seed) > 1 else "",
        strip=strip(by_seed, numbers["nmse_outside"], axis),
        cells_ok=int(entry["cells_ok"]),
        cells=int(entry["cells"]),
        left_out=str(entry["left_out"]),
    )


def _truth_source(records: pd.DataFrame, scenario: str) -> str:
    sources = records.loc[records["scenario_label"] == scenario, "truth_source"]
    return _listed(source for source in sources.unique() if source)


def failures(records: pd.DataFrame) -> tuple[list[Failure], int]:
    """Return what failed, alike records as one, and how many of those were left out at the end.

    Diagnostics are among them, though they make no cell a failed one.
    """
    bad = records[~records["status"].isin(NO_FAILURE)]
    alike = ["scenario_label", "method_label", "metric", "status", "error"]
    found = [
        Failure(
            scenario=str(key[0]),
            method=str(key[1]),
            metric=str(key[2]),
            seeds=_seeds(sorted(group["seed"].unique())),
            status=str(key[3]).replace("_", " "),
            error=_shortened(str(key[4])),
        )
        for key, group in bad.groupby(alike, sort=False)
    ]
    return found[:_MOST_FAILURES], max(0, len(found) - _MOST_FAILURES)


def _seeds(seeds: list[int]) -> str:
    more = len(seeds) - _MOST_SEEDS
    return _listed(seeds[:_MOST_SEEDS]) + (f" and {more} more" if more > 0 else "")


def _shortened(message: str) -> str:
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return message[:_LONGEST_MESSAGE] + " … (the whole message is in the records)"


def provenance(records: pd.DataFrame) -> dict[str, list[str]]:
    """Return every distinct value of what a record says about where it was made."""
    columns = {
        "Commit": "git_commit",
        "Versions": "versions",
        "Hardware": "hardware",
        "Device": "device",
        "Kernel backend": "backend",
        "Threads per worker": "threads",
        "Protocol version": "protocol_version",
    }
    found = {}
    for title, column in columns.items():
        values = [str(value) for value in records[column].unique() if str(value)]
        found[title] = [_versions(v) for v in values] if column == "versions" else values
    return found


def _versions(text: str) -> str:
    try:
        return ", ".join(f"{name} {version}" for name, version in json.loads(text).items())
    except (ValueError, AttributeError):  # a record of a third party; show what it says
        return text


def parameters(records: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return (label, registered name, parameters) of every scenario, then of every method."""
    found = []
    for kind in ("scenario", "method"):
        columns = [f"{kind}_label", kind, f"{kind}_parameters"]
        rows = records[columns].drop_duplicates().itertuples(index=False)
        found += [(str(label), str(name), str(text)) for label, name, text in rows]
    return found


def data_hashes(records: pd.DataFrame) -> tuple[list[tuple[str, int, str]], int]:
    """Return (scenario, seed, SHA-256 of the training data), each once; how many were left out."""
    known = records[records["data_hash"] != ""]
    rows = known[["scenario_label", "seed", "data_hash"]].drop_duplicates()
    listed = rows.head(_MOST_HASHES).itertuples(index=False)
    return [(str(a), int(b), str(c)) for a, b, c in listed], max(0, len(rows) - _MOST_HASHES)


def _listed(values: Any) -> str:
    return ", ".join(str(value) for value in values)
