"""The tables of results as tidy data frames, made of what the boards compute from records."""

from __future__ import annotations

import math

import pandas as pd

from rep4ex_bench.boards.columns import RANKED, further_metrics
from rep4ex_bench.boards.declared import declarations
from rep4ex_bench.boards.distances import error_curves
from rep4ex_bench.boards.groups import groups_of
from rep4ex_bench.boards.ranking import Ranking
from rep4ex_bench.boards.ranking.board import counts_failures
from rep4ex_bench.boards.ranking.overall import Overall
from rep4ex_bench.boards.ranking.scores import Scores, scores
from rep4ex_bench.boards.ranking.summary import Order
from rep4ex_bench.errors import UsageError
from rep4ex_bench.grids import TUNED
from rep4ex_bench.records import kinds
from rep4ex_bench.records.records import NO_FAILURE
from rep4ex_bench.results.columns import COLUMNS

BY_DISTANCE = "nmse_by_distance"
_CELL = ["scenario_label", "method_label", "seed"]
_COSTS = ["fit_seconds", "predict_seconds", "process_seconds", "peak_memory_bytes"]


def ordered(board: pd.DataFrame) -> pd.DataFrame:
    """Return `ranking.leaderboard` with coverage beside rank, and every other metric after nMSE."""
    first, last = _around_metrics()
    metrics = [name for name in board.columns if name not in {*first, *last}]
    return board[[*first, *metrics, *last]].reset_index(drop=True)


def _around_metrics() -> tuple[list[str], list[str]]:
    names = list(COLUMNS["leaderboard"])
    place = names.index("nmse_outside_max") + 1
    return names[:place], names[place:]


def places(ranking: Ranking) -> pd.DataFrame:
    """Return the order over all scenarios, methods without a place last, tuned ones after all."""
    tables = [
        _places(order.overall, role)
        for order, role in _orders(ranking)
        if order.overall is not None
    ]
    return pd.concat(tables, ignore_index=True) if tables else empty("ranking")


def pairs(ranking: Ranking) -> pd.DataFrame:
    """Return the pairs of methods as given, then those of tuned ones."""
    tables = [order.pairs.assign(role=role) for order, role in _orders(ranking) if len(order.pairs)]
    if not tables:
        return empty("pairs")
    return pd.concat(tables, ignore_index=True)[list(COLUMNS["pairs"])]


def _orders(ranking: Ranking) -> list[tuple[Order, str]]:
    return [(ranking, "method"), (ranking.tuned, TUNED)]


def _places(found: Overall, role: str) -> pd.DataFrame:
    whole = pd.concat([found.table, found.unplaced], ignore_index=True)
    whole = whole.astype({"best_place": "Int64", "worst_place": "Int64", "mean_rank": float})
    whole["groups"] = whole["groups"].fillna("")
    return whole.assign(scenarios=found.scenarios, role=role)[list(COLUMNS["ranking"])]


def empty(table: str) -> pd.DataFrame:
    """Return a table without rows."""
    return pd.DataFrame(columns=list(COLUMNS[table]))


def scalar_metrics(records: pd.DataFrame) -> list[str]:
    """Return the names of the scalar metrics that records have, the one that ranks first."""
    names = [column.metric for column in further_metrics(records)]
    # where every cell failed before any metric, that is still what the cells lack
    nothing = not (records["metric"] != "").any()
    return [RANKED, *names] if nothing or (records["metric"] == RANKED).any() else names


def curve_metrics(records: pd.DataFrame) -> list[str]:
    """Return the names of the metrics that have an axis."""
    scalars = {RANKED, *(column.metric for column in further_metrics(records))}
    placed = kinds.without_diagnostics(records[records["at"].notna()])
    return [str(name) for name in placed["metric"].unique() if name not in scalars]


def check_metric(metric: str, known: list[str], kind: str) -> None:
    """Raise `UsageError` unless the records have a metric."""
    if metric not in known:
        raise UsageError(
            f"these records have no {kind} {metric!r}: they have {', '.join(known) or 'none'}"
        )


def cell_scores(records: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the value of a scalar metric for every cell that there should be."""
    check_metric(metric, scalar_metrics(records), "scalar metric")
    cells = pd.concat([_grid(found) for found in scores(records)], ignore_index=True)
    own = records[records["metric"].isin(["", metric])].drop_duplicates(_CELL, keep="last")
    cells = cells.merge(own[[*_CELL, "value", "status"]], how="left", on=_CELL)
    cells["status"] = cells["status"].fillna("missing")
    if metric == RANKED:
        cells["value"] = cells["outside"]
    elif counts_failures(metric):
        without = cells["value"].isna() & cells["outside"].notna()
        cells["value"] = cells["value"].mask(without, math.inf)
    costs = records[[*_CELL, *_COSTS]].drop_duplicates(_CELL, keep="last")
    cells = cells.merge(costs, how="left", on=_CELL).assign(metric=metric)
    memory = cells["peak_memory_bytes"]
    cells["peak_memory_bytes"] = memory.where(memory >= 0)
    return cells[list(COLUMNS["scores"])]


def _grid(found: Scores) -> pd.DataFrame:
    """Return a row for each method and seed of one scenario, `outside` being its ranked error."""
    return pd.DataFrame(
        [
            (found.scenario, str(method), found.roles[str(method)], int(seed), float(value))
            for method, column in found.values.items()
            for seed, value in zip(column.index, column, strict=True)
        ],
        columns=["scenario_label", "method_label", "role", "seed", "outside"],
    )


def cell_curves(records: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the values of a metric along its axis for every cell that has some."""
    check_metric(metric, curve_metrics(records), "metric with an axis")
    tables = []
    roles = groups_of(records)
    for label, rows in records.groupby("scenario_label", sort=False):
        if metric == BY_DISTANCE:
            found = error_curves(rows)
        else:
            found = rows[(rows["metric"] == metric) & (rows["status"] == "ok")]
        tables.append(found.assign(scenario_label=str(label)))
    whole = pd.concat(tables, ignore_index=True)
    whole = whole.assign(role=whole["method_label"].map(roles), metric=metric)
    return whole[list(COLUMNS["curves"])]


def scenario_states(records: pd.DataFrame, ranking: Ranking) -> pd.DataFrame:
    """Return what is known of every scenario beside its results."""
    declared = declarations(records)
    first = records.drop_duplicates("scenario_label").set_index("scenario_label")
    rows = [
        {
            "scenario_label": one.scenario,
            "data_label": first.loc[one.scenario, "data_label"],
            "truth_source": first.loc[one.scenario, "truth_source"],
            "breaks": declared[one.scenario].breaks,
            "controls": one.state,
            "bound": one.bound,
            "control_seeds": one.seeds,
            "control_reached": one.reached,
            "control_worst": one.worst,
        }
        for one in ranking.controls
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS["scenarios"]))


def diagnostic_values(records: pd.DataFrame) -> pd.DataFrame:
    """Return the value of every diagnostic of every cell."""
    found = kinds.diagnostics_of(records).rename(columns={"metric": "diagnostic"})
    return found[list(COLUMNS["diagnostics"])].reset_index(drop=True)


def failed_records(records: pd.DataFrame) -> pd.DataFrame:
    """Return what failed: cells, metrics and diagnostics."""
    bad = records[~records["status"].isin(NO_FAILURE)]
    return bad[list(COLUMNS["failures"])].reset_index(drop=True)
