"""Submissions as they lie in `leaderboard/`, and what became of their verification.

verified        the first verification with a beacon holds: it is of this bundle, its seeds follow
                from the beacon, and its errors follow from its predictions
void            there is one, but it does not
not verified    there is none yet: listed, not ranked
refused         the bundle itself cannot be read
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from rep4ex_bench.accuracy import normalised_mse
from rep4ex_bench.boards.ranking.scores import METRIC
from rep4ex_bench.errors import BundleError, Rep4ExBenchError
from rep4ex_bench.expectations import problem_text
from rep4ex_bench.leaderboard.bundle import read_bundle
from rep4ex_bench.leaderboard.manifest import Manifest
from rep4ex_bench.leaderboard.reveal import ranking_seeds
from rep4ex_bench.leaderboard.scoring import RELATIVE
from rep4ex_bench.records.predictions import read_predictions
from rep4ex_bench.records.records import read_records

State = Literal["verified", "void", "not verified", "refused"]


class _Cell(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    cell: str
    on: str
    state: str
    why: str


class VerificationFile(BaseModel):
    """`verification.json` as `rep4ex-bench verify` writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    digest: str
    beacon: str
    round: list[str]
    ranking_seeds: list[int]
    claimed_cells: int
    cells: list[_Cell]
    warnings: list[str]
    verified_with: dict[str, str]
    hardware: str
    git_commit: str


@dataclass(frozen=True)
class Verified:
    """One verification that holds: what was found, and the records of the ranking cells."""

    file: VerificationFile
    records: pd.DataFrame
    predictions: pd.DataFrame


@dataclass(frozen=True)
class Entry:
    """One version of a submission.

    Attributes:
        name: of the submission.
        digest: of its bundle, its folder's name where the bundle is refused.
        state: see the top of this file.
        why: what is wrong, where something is.
        manifest: None where the bundle is refused.
        verified: what it is ranked by, where it is verified.
        later: how many more verifications there are; the first one counts, so that nobody can look
            for a beacon that suits him.
    """

    name: str
    digest: str
    state: State
    why: str = ""
    manifest: Manifest | None = None
    verified: Verified | None = None
    later: int = 0
    label: str = field(default="", compare=False)


def read_entries(board: Path) -> list[Entry]:
    """Return every version of every submission below `board`/submissions, by name and hash."""
    folders = sorted(path for path in (board / "submissions").glob("*/*") if path.is_dir())
    return [_read_entry(folder) for folder in folders]


def _read_entry(folder: Path) -> Entry:
    name = folder.parent.name
    try:
        bundle = read_bundle(folder / "bundle")
        if bundle.manifest.name != name or not bundle.digest.startswith(folder.name):
            raise BundleError(
                f"it lies under {name}/{folder.name}, but it is {bundle.manifest.name}/"
                f"{bundle.digest[:16]}"
            )
    except Rep4ExBenchError as error:
        return Entry(name, folder.name, "refused", str(error))
    found = sorted(folder.glob("verified/*/verification.json"))
    if not found:
        return Entry(name, bundle.digest, "not verified", manifest=bundle.manifest)
    try:
        held = [_read_verification(file.parent, bundle.digest, bundle.manifest) for file in found]
    except (Rep4ExBenchError, OSError, ValueError) as error:
        return Entry(name, bundle.digest, "void", str(error), bundle.manifest)
    first = min(held, key=lambda one: _finished_at(one.records))
    return Entry(name, bundle.digest, "verified", "", bundle.manifest, first, later=len(held) - 1)


def _finished_at(records: pd.DataFrame) -> str:
    """Return when the first cell ended; cells that are left out of the run have no time."""
    return min((str(moment) for moment in records["finished_at"] if moment), default="")


def _read_verification(folder: Path, digest: str, manifest: Manifest) -> Verified:
    """Return a verification; raises `BundleError` where it does not hold."""
    try:
        content: Any = json.loads((folder / "verification.json").read_text(encoding="utf-8"))
        file = VerificationFile.model_validate(content)
    except ValidationError as error:
        raise BundleError(
            "verification.json does not follow its schema: "
            + "; ".join(problem_text(problem) for problem in error.errors()[:10])
        ) from error
    if file.digest != digest:
        raise BundleError(f"the verification is of bundle {file.digest[:16]}, not of this one")
    if broken := [cell.cell for cell in file.cells if cell.state == "broken"]:
        raise BundleError(f"broken: {', '.join(broken[:3])}")
    expected = ranking_seeds(
        [digest, *file.round], file.beacon, manifest.protocol_version, len(file.ranking_seeds)
    )
    if list(expected) != file.ranking_seeds:
        raise BundleError("its ranking seeds do not follow from bundle, round and beacon")
    records = read_records(folder / "records.parquet")
    predictions = read_predictions(folder / "predictions.parquet")
    if set(records["seed"]) != set(file.ranking_seeds):
        raise BundleError("its records are not on its ranking seeds")
    _check_errors(records, predictions)
    return Verified(file, records, predictions)


def _check_errors(records: pd.DataFrame, predictions: pd.DataFrame) -> None:
    """Raise `BundleError` unless every nmse_outside follows from the predictions beside it."""
    scored = predictions[predictions["path_position"].isna() & (predictions["distance"] > 1)]
    by_cell = dict(list(scored.groupby("cell_key", sort=False)))
    rows = records[(records["metric"] == METRIC) & (records["status"] == "ok")]
    for key, value in zip(rows["cell_key"], rows["value"], strict=True):
        own = by_cell.get(key)
        if own is None:
            raise BundleError(f"cell {key[:12]} has an error, but no predictions")
        error = normalised_mse(own["prediction"].to_numpy(float), own["truth"].to_numpy(float))
        if not np.isclose(error, value, rtol=RELATIVE):
            raise BundleError(f"the error of cell {key[:12]} does not follow from its predictions")
