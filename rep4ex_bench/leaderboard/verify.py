"""Running cells of a bundle again, in confined processes, on its own seeds and on ranking seeds.

identical           same training data, predictions and values, bit for bit
within tolerance    predictions differ by at most 1e-3 standard deviations of the truth (RMS):
                    sums in another order on another processor
broken              anything else: other predictions, a failure where values were claimed,
                    claims that the predictions do not give
recorded            a ranking cell that ran for the first time; its result is what is ranked
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats

from rep4ex_bench.errors import BundleError
from rep4ex_bench.evaluation import from_predictions
from rep4ex_bench.files import write_bytes
from rep4ex_bench.leaderboard.bundle import Bundle
from rep4ex_bench.leaderboard.reveal import ranking_seeds
from rep4ex_bench.leaderboard.scoring import bundle_suite, cell_name, score_bundle
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.records import provenance
from rep4ex_bench.records.kinds import is_failure, without_diagnostics
from rep4ex_bench.records.predictions import PREDICTION_SCHEMA, read_predictions
from rep4ex_bench.records.records import (
    LEFT_OUT,
    RECORD_SCHEMA,
    Record,
    read_records,
    records_table,
    write_table,
)
from rep4ex_bench.running.cell import CellResult, left_out_cell
from rep4ex_bench.running.executors.local import LocalExecutor
from rep4ex_bench.running.suite import Cell

State = Literal["identical", "within tolerance", "broken", "recorded"]
TOLERANCE = 1e-3
OPTIMISM_LEVEL = 0.01


@dataclass(frozen=True)
class Checked:
    """What became of one cell; `on` says which seeds it belongs to."""

    cell: str
    on: Literal["claimed seeds", "ranking seeds"]
    state: State
    why: str = ""


@dataclass
class Verification:
    """What a host found.

    Attributes:
        digest: of the bundle.
        beacon: the public value, "" where none was given.
        round_digests: of the other bundles that share the ranking seeds.
        seeds: the ranking seeds that follow from it.
        cells: every cell that was checked.
        claimed: number of cells of the bundle.
        warnings: what is no fault by itself.
        records, predictions: of the ranking cells, as the host computed them.
    """

    digest: str
    beacon: str
    round_digests: tuple[str, ...]
    seeds: tuple[int, ...]
    claimed: int
    cells: list[Checked] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    records: pa.Table = field(default_factory=RECORD_SCHEMA.empty_table)
    predictions: pa.Table = field(default_factory=PREDICTION_SCHEMA.empty_table)

    @property
    def broken(self) -> list[Checked]:
        """The cells that are broken."""
        return [cell for cell in self.cells if cell.state == "broken"]

    def as_json(self) -> dict[str, object]:
        """Return plain data, without tables."""
        return {
            "digest": self.digest,
            "beacon": self.beacon,
            "round": sorted(self.round_digests),
            "ranking_seeds": list(self.seeds),
            "claimed_cells": self.claimed,
            "cells": [asdict(cell) for cell in self.cells],
            "warnings": self.warnings,
            "verified_with": json.loads(provenance.versions()),
            "hardware": provenance.processor(),
            "git_commit": provenance.git_commit(),
        }


def verify(
    bundle: Bundle,
    *,
    beacon: str = "",
    round_digests: Sequence[str] = (),
    sample: int | None = None,
    seeds: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    recorded: Path | None = None,
) -> Verification:
    """Check every claim of a bundle and run cells again.

    Args:
        bundle: the bundle.
        beacon: public value that did not exist when the bundle was published; "" for none.
        round_digests: hashes of the other bundles that share its ranking seeds.
        sample: how many claimed cells to run again, drawn now from the system's entropy; None
            runs all. Ranking cells are always run all: they are what is ranked.
        seeds: number of ranking seeds; None takes as many as the bundle has.
        device: "auto", "cpu" or "cuda".
        workers: worker processes; None means one per core.
        recorded: folder of an earlier verification with this beacon, to be compared with.

    Raises:
        BundleError: a bundle that cannot be run here at all, a package of its method missing for
            instance.
        UsageError: a beacon too short.
    """
    revealed: tuple[int, ...] = ()
    if beacon:
        revealed = ranking_seeds(
            [bundle.digest, *round_digests],
            beacon,
            bundle.manifest.protocol_version,
            seeds or len(bundle.manifest.seeds),
        )
    scored, faults = score_bundle(bundle)
    found = Verification(bundle.digest, beacon.strip(), tuple(round_digests), revealed, len(scored))
    for fault in faults:
        found.cells.append(Checked(fault.cell or "bundle", "claimed seeds", "broken", fault.what))
    at_fault = {fault.cell for fault in faults}
    sound = [one.cell for one in scored if cell_name(one.cell) not in at_fault]
    if sample is not None:
        sound = secrets.SystemRandom().sample(sound, min(sample, len(sound)))
    ranking = bundle_suite(bundle, revealed).cells() if revealed else []
    _require_packages([*sound, *ranking])
    results = _run([*sound, *ranking], device, workers)
    claims = _Claims(bundle.records(), bundle.predictions())
    for cell in sound:
        state, why = _compare(cell, claims, results[cell.key])
        found.cells.append(Checked(cell_name(cell), "claimed seeds", state, why))
    if ranking:
        _rank(found, ranking, results, recorded)
        found.warnings += _optimism(bundle.records(), found.records.to_pandas())
    return found


def record(found: Verification, folder: Path) -> None:
    """Keep a verification with a beacon in the entry; an earlier one is never overwritten.

    Raises:
        BundleError: there is one already.
        OutputWriteError: it cannot be written.
    """
    if (folder / "verification.json").exists():
        raise BundleError(f"{folder} holds a verification with this beacon already")
    write_table(found.predictions, folder / "predictions.parquet")
    write_table(found.records, folder / "records.parquet")
    text = json.dumps(found.as_json(), indent=2, sort_keys=True)
    write_bytes(text.encode(), folder / "verification.json")


def record_folder(entry: Path, beacon: str) -> Path:
    """Return where the verification of an entry with a beacon is kept."""
    return entry / "verified" / sha256(beacon.strip().encode()).hexdigest()[:16]


class _Claims:
    """Records and predictions by cell."""

    def __init__(self, records: pd.DataFrame, predictions: pd.DataFrame) -> None:
        scores = without_diagnostics(records)
        self.records = dict(list(scores.groupby("cell_key", sort=False)))
        self.predictions = dict(list(predictions.groupby("cell_key", sort=False)))


def _run(cells: list[Cell], device: str, workers: int | None) -> dict[str, CellResult]:
    """Run cells in an order nobody can foresee; nothing is written while methods run."""
    results = {cell.key: left_out_cell(cell) for cell in cells if cell.left_out is not None}
    shuffled = [cell for cell in cells if cell.left_out is None]
    if not shuffled:
        return results
    secrets.SystemRandom().shuffle(shuffled)
    executor = LocalExecutor(resolve_device(device).type, workers, confined=True)
    executor.run(shuffled, lambda cell: None, lambda cell, r: results.update({cell.key: r}))
    return results


def _require_packages(cells: list[Cell]) -> None:
    for cell in cells:
        if cell.left_out is not None and cell.left_out.status == "unavailable":
            raise BundleError(f"the bundle cannot be run here: {cell.left_out.reason}")


def _rank(
    found: Verification,
    cells: list[Cell],
    results: dict[str, CellResult],
    recorded: Path | None,
) -> None:
    ordered = [results[cell.key] for cell in cells]
    found.records = records_table(record for result in ordered for record in result.records)
    tables = [result.predictions for result in ordered if result.predictions is not None]
    found.predictions = pa.concat_tables([PREDICTION_SCHEMA.empty_table(), *tables])
    earlier = None
    if recorded is not None and (recorded / "verification.json").exists():
        earlier = _Claims(
            read_records(recorded / "records.parquet"),
            read_predictions(recorded / "predictions.parquet"),
        )
    for cell in cells:
        result = results[cell.key]
        if earlier is not None:
            state, why = _compare(cell, earlier, result)
            found.cells.append(Checked(cell_name(cell), "ranking seeds", state, why))
            continue
        bad = [one for one in result.records if _is_bad(one)]
        why = f"{bad[0].status}: {bad[0].error:.200}" if bad else ""
        found.cells.append(Checked(cell_name(cell), "ranking seeds", "recorded", why))


def _is_bad(record: Record) -> bool:
    """Say whether a record has no value of a metric; a cell that is left out has none either."""
    return is_failure(record.metric, record.status) or record.status in LEFT_OUT


def _compare(cell: Cell, claims: _Claims, result: CellResult) -> tuple[State, str]:
    """Compare what was claimed of a cell with what came out now."""
    rows = claims.records.get(cell.key)
    if rows is None:
        return "broken", "there is no record of it"
    again = without_diagnostics(records_table(result.records).to_pandas())
    claimed_failed, failed = list(rows["metric"]) == [""], list(again["metric"]) == [""]
    if cell.left_out is not None and list(rows["status"]) == list(again["status"]):
        return "identical", f"the method does not apply: {cell.left_out.reason}"
    if claimed_failed and failed and cell.left_out is None:
        return "identical", "it fails again"
    if claimed_failed or failed or result.predictions is None or cell.key not in claims.predictions:
        now = f"{again['status'].iloc[0]}: {again['error'].iloc[0]}" if failed else "gives values"
        return "broken", f"claimed {rows['status'].iloc[0]}, now it {now:.300}"
    old = claims.predictions[cell.key]["prediction"].to_numpy(dtype=float)
    new = result.predictions.to_pandas()
    difference = new["prediction"].to_numpy(dtype=float) - old
    same_data = set(rows["data_hash"]) == set(again["data_hash"])
    state: State = "identical" if same_data and (difference == 0).all() else "within tolerance"
    scale = float(np.std(new["truth"]))
    distance = math.sqrt(float(np.mean(difference**2))) / scale
    if not distance <= TOLERANCE:
        return "broken", (
            f"its predictions differ by {distance:.3g} standard deviations of the truth (RMS), "
            f"{TOLERANCE:g} is allowed"
        )
    return _with_other_metrics(state, rows, again)


def _with_other_metrics(state: State, rows: pd.DataFrame, again: pd.DataFrame) -> tuple[State, str]:
    """Compare the values that need the fitted method, which predictions say nothing about."""
    columns = ["metric", "status", "value"]
    known = from_predictions(again["metric"].unique())
    claimed = rows.loc[~rows["metric"].isin(known), columns].set_index("metric")
    for metric, status, value in again.loc[~again["metric"].isin(known), columns].itertuples(
        index=False
    ):
        old_status, old = claimed.loc[metric, "status"], float(claimed.loc[metric, "value"])
        if status != old_status or (
            status == "ok" and not math.isclose(value, old, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        ):
            return (
                "broken",
                f"it claims {metric} = {old:.6g} ({old_status}), now it is {value:.6g} ({status})",
            )
        if status == "ok" and value != old:
            state = "within tolerance"
    return state, ""


def _optimism(claimed: pd.DataFrame, ranked: pd.DataFrame) -> list[str]:
    """Say where the claimed seeds are suspiciously better than those that nobody could know."""
    found = []
    for scenario in ranked["scenario_label"].unique():
        old, new = (
            table.loc[
                (table["scenario_label"] == scenario)
                & (table["metric"] == "nmse_outside")
                & (table["status"] == "ok"),
                "value",
            ]
            for table in (claimed, ranked)
        )
        if len(old) and len(new):
            p = float(stats.mannwhitneyu(old, new, alternative="less").pvalue)
            if p < OPTIMISM_LEVEL:
                found.append(
                    f"{scenario}: errors on the claimed seeds (median {old.median():.3g}) are "
                    f"smaller than on the ranking seeds (median {new.median():.3g}), p = {p:.2g}: "
                    "the method may know its public seeds"
                )
    return found
