"""The host scores: claims against predictions, predictions against regenerated truth.

No number of a bundle is believed. Scenarios are sampled again from their seeds; queries, order and
truth must be those; errors are computed from the predictions; claimed values must agree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rep4ex_bench.errors import BundleError, DataError
from rep4ex_bench.evaluation import evaluate, from_predictions
from rep4ex_bench.leaderboard.bundle import Bundle
from rep4ex_bench.leaderboard.packaged import bundle_method
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.metric import Evaluation, MetricValue
from rep4ex_bench.records.records import LEFT_OUT
from rep4ex_bench.registry import METRICS, get_scenario
from rep4ex_bench.running.suite import Cell, Suite, canonical_parameters
from rep4ex_bench.scenario import Task

# Sums on another processor differ in the last digits; a claim may not differ in more.
RELATIVE = 1e-6
ABSOLUTE = 1e-9


@dataclass(frozen=True)
class Fault:
    """Something that is not as it must be; `cell` is "" where it is the whole bundle's."""

    cell: str
    what: str


@dataclass(frozen=True)
class ScoredCell:
    """What the host computed for one cell; no values where it failed or is left out."""

    cell: Cell
    values: list[MetricValue]


def bundle_suite(bundle: Bundle, seeds: Iterable[int] | None = None) -> Suite:
    """Return the suite of a bundle, on its own seeds or on others.

    Raises:
        BundleError: a scenario version that is not installed, or an unknown metric.
        UsageError: an unknown scenario or parameter.
    """
    manifest = bundle.manifest
    scenarios = {}
    for entry in manifest.suite.scenarios:
        scenario = get_scenario(entry.name, **entry.parameters)
        if scenario.version != entry.version:
            raise BundleError(
                f"the bundle was run on version {entry.version} of scenario {entry.name!r}, "
                f"installed is {scenario.version}: its cells are other cells"
            )
        if entry.label in scenarios:
            raise BundleError(f"two scenarios of the bundle are called {entry.label!r}")
        scenarios[entry.label] = scenario
    if unknown := set(manifest.suite.metrics) - set(METRICS.names()):
        raise BundleError(f"unknown metrics in the bundle: {', '.join(sorted(unknown))}")
    chosen = tuple(manifest.seeds if seeds is None else seeds)
    if len(set(chosen)) != len(chosen):
        raise BundleError("a seed is listed twice")
    return Suite(
        name=manifest.suite.name,
        title=manifest.suite.title,
        protocol_version=manifest.protocol_version,
        seeds=chosen,
        timeout_seconds=manifest.suite.timeout_seconds,
        metrics=tuple(manifest.suite.metrics),
        scenarios=scenarios,
        methods={manifest.method.label: bundle_method(bundle, scenarios)},
    )


def cell_name(cell: Cell) -> str:
    """Return how a cell is named to people."""
    return f"{cell.scenario_label} / {cell.method_label} / seed {cell.seed}"


def score_bundle(bundle: Bundle) -> tuple[list[ScoredCell], list[Fault]]:
    """Return the host's scores of every cell, and every fault of the bundle's claims.

    Raises:
        BundleError: a bundle whose suite or method is not the host's.
    """
    suite = bundle_suite(bundle)
    records, predictions = bundle.records(), bundle.predictions()
    cells = suite.cells()
    faults = _strangers(records, predictions, cells)
    by_cell = dict(list(records.groupby("cell_key", sort=False)))
    predicted = dict(list(predictions.groupby("cell_key", sort=False)))
    scored = []
    for cell in cells:
        rows = by_cell.get(cell.key)
        if rows is None:
            faults.append(Fault(cell_name(cell), "it is missing"))
            continue
        values, found = _score(cell, rows, predicted.get(cell.key))
        scored.append(ScoredCell(cell, values))
        faults += [Fault(cell_name(cell), what) for what in found]
    return scored, faults


def _strangers(records: pd.DataFrame, predictions: pd.DataFrame, cells: list[Cell]) -> list[Fault]:
    """Say what belongs to no cell of the bundle, or to two."""
    keys = {cell.key for cell in cells}
    faults = []
    for name, table in (("record", records), ("prediction", predictions)):
        strange = table.loc[~table["cell_key"].isin(keys)]
        if len(strange):
            protocols = ""
            if name == "record":
                protocols = f" (protocol versions {sorted(set(strange['protocol_version']))})"
            faults.append(
                Fault("", f"{len(strange)} {name}s of cells that the bundle has not{protocols}")
            )
    return faults


def _score(
    cell: Cell, rows: pd.DataFrame, predicted: pd.DataFrame | None
) -> tuple[list[MetricValue], list[str]]:
    faults = _wrong_labels(cell, rows)
    places = Counter(zip(rows["metric"], map(repr, rows["at"]), strict=True))
    if repeated := [metric for (metric, _), count in places.items() if count > 1]:
        return [], [*faults, f"its record of {repeated[0]!r} is there more than once"]
    claimed = str(rows["status"].iloc[0])
    if claimed in LEFT_OUT or (cell.left_out and cell.left_out.status == "not_applicable"):
        if predicted is not None:
            faults.append("it was not run and yet has predictions")
        return [], faults + _wrong_plan(cell, rows)
    if list(rows["metric"]) == [""]:
        if rows["status"].iloc[0] in ("ok", "skipped"):
            faults.append("it has a record without metric that is not of a failure")
        if predicted is not None:
            faults.append("it failed and yet has predictions")
        return [], faults
    if lacking := set(cell.metrics) - set(rows["metric"]):
        faults.append(f"it has no record of {', '.join(sorted(lacking))}")
    if unknown := set(rows["metric"]) - set(cell.metrics):
        faults.append(f"it has records of {', '.join(sorted(unknown))}, which was not asked for")
    if predicted is None:
        return [], [*faults, "it has no predictions"]
    task = cell.scenario.sample(cell.seed)
    wrong = _wrong_predictions(task, rows, predicted)
    if wrong:
        return [], [*faults, wrong]
    prediction = predicted["prediction"].to_numpy(dtype=float)
    values = recompute(cell, task, prediction)
    return values, faults + _wrong_claims(rows, values)


def _wrong_plan(cell: Cell, rows: pd.DataFrame) -> list[str]:
    """Compare the claim that a cell was not run, or that it was, with what planning says of it."""
    claimed, reason = str(rows["status"].iloc[0]), str(rows["error"].iloc[0])
    if claimed == "unavailable":
        return [f"it was not run ({reason}): install what is missing and run the suite again"]
    planned = cell.left_out
    if planned is None or planned.status != "not_applicable":
        return [f"it claims that the method does not apply ({reason:.200}), but it does"]
    if claimed != "not_applicable":
        return [f"it claims {claimed}, but the method does not apply: {planned.reason:.200}"]
    return [] if list(rows["metric"]) == [""] else ["it does not apply and yet has metrics"]


def recompute(cell: Cell, task: Task, prediction: np.ndarray) -> list[MetricValue]:
    """Return the metrics of a cell that predictions and truth alone determine."""
    asked = from_predictions(cell.metrics)
    return evaluate(Evaluation(task, _NoMethod(), prediction, 0), asked)


class _NoMethod(FittedMethod):
    """Stands where metrics of predictions look for nothing."""

    def predict_do(self, actions: object) -> np.ndarray:
        raise DataError("predictions are given, not asked for")


def _wrong_labels(cell: Cell, rows: pd.DataFrame) -> list[str]:
    """Compare what every record of the cell repeats with what it must be."""
    expected = {
        "suite": cell.suite,
        "scenario": cell.scenario.name,
        "scenario_label": cell.scenario_label,
        "scenario_parameters": canonical_parameters(cell.scenario),
        "data_label": cell.scenario.data_label,
        "method": cell.method.name,
        "method_label": cell.method_label,
        "method_parameters": canonical_parameters(cell.method),
        "role": cell.method.role,
        "seed": cell.seed,
        "protocol_version": cell.protocol_version,
    }
    return [
        f"its records say {column} {rows.loc[rows[column] != value, column].iloc[0]!r:.80}, "
        f"it is {value!r:.80}"
        for column, value in expected.items()
        if (rows[column] != value).any()
    ]


def _wrong_predictions(task: Task, rows: pd.DataFrame, predicted: pd.DataFrame) -> str:
    """Say how predictions are not those of this task's queries in their order, "" if they are."""
    q = len(task.queries.actions)
    if len(predicted) != q or list(predicted["query"]) != list(range(q)):
        return f"its predictions are not for queries 0 to {q - 1}, each once and in order"
    actions = np.array(predicted["actions"].tolist(), dtype=float)
    if actions.shape != task.queries.actions.shape or not np.allclose(
        actions, task.queries.actions, rtol=RELATIVE, atol=ABSOLUTE
    ):
        return "its predictions are for other actions than the queries of its seed"
    truth = predicted["truth"].to_numpy(dtype=float)
    if not np.allclose(truth, task.truth.values, rtol=RELATIVE, atol=ABSOLUTE):
        return "it states another truth than its seed gives"
    if not np.isfinite(predicted["prediction"]).all():
        claimed = rows.loc[rows["metric"].isin(from_predictions(rows["metric"].unique())), "status"]
        if (claimed == "ok").any():
            return "it claims errors although some of its predictions are not finite"
    return ""


def _wrong_claims(rows: pd.DataFrame, values: list[MetricValue]) -> list[str]:
    """Compare claimed with recomputed values; those that need the method are left to a re-run."""
    claimed = {
        (str(metric), repr(float(at))): (str(status), float(value))
        for metric, at, status, value in zip(
            rows["metric"], rows["at"], rows["status"], rows["value"], strict=True
        )
    }
    faults = []
    for value in values:
        status, number = claimed.pop((value.metric, repr(value.at)), ("missing", math.nan))
        name = value.metric + ("" if math.isnan(value.at) else f" at {value.at:g}")
        if status != value.status:
            faults.append(f"it claims {name} as {status}, its predictions give {value.status}")
        elif value.status == "ok" and not math.isclose(
            number, value.value, rel_tol=RELATIVE, abs_tol=ABSOLUTE
        ):
            faults.append(
                f"it claims {name} = {number:.6g}, its predictions give {value.value:.6g}"
            )
    left = from_predictions(metric for metric, _ in claimed)
    faults += [f"it claims a {metric} that its queries do not have" for metric in left]
    return faults
