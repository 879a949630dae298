"""From a run folder to a bundle on the board.

    BOARD/submissions/NAME/<first 16 of the hash>/bundle/      what was submitted
    BOARD/submissions/NAME/<first 16 of the hash>/verified/    what hosts found, one folder a beacon

A new version of an entry lies beside the old ones; nothing is ever removed or overwritten.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from rep4ex_bench.errors import BundleError, UnknownNameError
from rep4ex_bench.leaderboard.bundle import (
    PREDICTIONS,
    RECORDS,
    SUITE,
    Bundle,
    read_bundle,
    write_bundle,
)
from rep4ex_bench.leaderboard.manifest import (
    FileEntry,
    Manifest,
    MethodEntry,
    ScenarioEntry,
    SourceEntry,
    SuiteEntry,
)
from rep4ex_bench.leaderboard.one_code import require_one_code
from rep4ex_bench.leaderboard.scoring import score_bundle
from rep4ex_bench.leaderboard.source import collect_source
from rep4ex_bench.method import Method
from rep4ex_bench.records import provenance
from rep4ex_bench.records.kinds import DIAGNOSTIC
from rep4ex_bench.records.predictions import read_predictions_table
from rep4ex_bench.records.records import LEFT_OUT, read_records_table, table_bytes
from rep4ex_bench.registry import METHODS, SCENARIOS
from rep4ex_bench.running.run_folder import SUITE_TEXT, RunFolder

_DEFAULT_TIMEOUT = 600.0


def submit(
    run: Path,
    name: str,
    board: Path,
    *,
    licence: str,
    description: str = "",
    method: str | None = None,
) -> tuple[Bundle, Path]:
    """Make the bundle of one method of a run and put it on the board.

    Args:
        run: a run folder.
        name: of the entry; small letters, digits, "-" and "_".
        board: folder of the leaderboard.
        licence: of the code, best as an SPDX identifier.
        description: what the method is, for its page.
        method: its label in the run; None where the run has one only.

    Returns:
        the bundle and its folder; the same content again is the same folder.

    Raises:
        OutputFolderError, RecordsError: no run, or one that cannot be read.
        BundleError: a method whose code cannot be packed, an oracle, or cells that are missing or
            were computed by other code than there is now.
        OutputWriteError: the board cannot be written.
    """
    folder = RunFolder(run)
    folder.suite_name_and_title()
    table = read_records_table(run / "records.parquet")
    label = _label([str(value) for value in pc.unique(table["method_label"])], method)
    table = table.filter(pc.equal(table["method_label"], label))
    # a bundle claims scores; what a method says of itself is asked again where it is verified
    table = table.filter(pc.invert(pc.starts_with(table["metric"], DIAGNOSTIC)))
    predictions = read_predictions_table(run / "predictions.parquet")
    own = pc.is_in(predictions["cell_key"], pc.unique(table["cell_key"]))
    records = table.to_pandas()
    _require_run(records)
    require_one_code(folder, records)
    cls = METHODS.get(str(records["method"].iloc[0]))
    source, contents = collect_source(cls)
    if source.kind == "files" and cls.role == "oracle":
        raise BundleError("a submission cannot be an oracle: it would be handed the truth")
    text = _suite_text(run)
    contents[SUITE] = text.encode()
    contents[RECORDS] = table_bytes(table)
    contents[PREDICTIONS] = table_bytes(predictions.filter(own))
    manifest = Manifest(
        name=name,
        description=description,
        licence=licence,
        protocol_version=int(records["protocol_version"].iloc[0]),
        suite=_suite_entry(records, text),
        method=_method_entry(records, cls, source),
        source=source,
        seeds=sorted({int(seed) for seed in records["seed"]}),
        environment=_environment(records),
        files=FileEntry.of(contents),
    )
    bundle = Bundle(manifest, manifest.digest(), contents)
    _, faults = score_bundle(bundle)
    if faults:
        raise BundleError(
            f"the run cannot be submitted: {faults[0].cell or 'bundle'}: {faults[0].what} "
            f"({len(faults)} fault{'s' if len(faults) > 1 else ''}); run the suite again"
        )
    target = entry_folder(board, bundle) / "bundle"
    if not target.exists():
        write_bundle(manifest, contents, target)
    return read_bundle(target), target


def entry_folder(board: Path, bundle: Bundle) -> Path:
    """Return the folder of this version of an entry."""
    return board / "submissions" / bundle.manifest.name / bundle.digest[:16]


def _label(labels: list[str], wanted: str | None) -> str:
    if wanted is None:
        if len(labels) != 1:
            raise BundleError(
                f"the run has {len(labels)} methods ({', '.join(labels)}): say which with --method"
            )
        return labels[0]
    if wanted not in labels:
        raise UnknownNameError("method of this run", wanted, labels)
    return wanted


def _require_run(records: pd.DataFrame) -> None:
    """Raise `BundleError` where cells were not run that could be, or where none was."""
    absent = records[records["status"] == "unavailable"]
    if len(absent):
        raise BundleError(
            f"a submission needs every cell, {absent['cell_key'].nunique()} were not run: "
            f"{absent['error'].iloc[0]}; then run the suite again"
        )
    if records["status"].isin(LEFT_OUT).all():
        raise BundleError(
            "a submission needs a cell that was run, the method applies nowhere: "
            f"{records['error'].iloc[0]}"
        )


def _suite_text(run: Path) -> str:
    try:
        return (run / SUITE_TEXT).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _suite_entry(records: pd.DataFrame, text: str) -> SuiteEntry:
    columns = ["scenario_label", "scenario", "scenario_parameters"]
    content: dict[str, Any] = tomllib.loads(text)
    metrics = [metric for metric in records["metric"].unique() if metric]
    return SuiteEntry(
        name=str(records["suite"].iloc[0]),
        title=str(content.get("title", "")),
        timeout_seconds=float(content.get("timeout_seconds", _DEFAULT_TIMEOUT)),
        metrics=[str(metric) for metric in content.get("metrics", metrics)],
        scenarios=[
            ScenarioEntry(
                label=str(label),
                name=str(name),
                version=SCENARIOS.get(str(name)).version,
                parameters=json.loads(str(parameters)),
            )
            for label, name, parameters in records[columns]
            .drop_duplicates()
            .itertuples(index=False)
        ],
    )


def _method_entry(records: pd.DataFrame, cls: type[Method], source: SourceEntry) -> MethodEntry:
    """Return the entry of a method; what planning must know where its code is in the bundle."""
    first = records.iloc[0]
    with_code = source.kind == "files"
    apart = records[records["status"] == "not_applicable"]
    reasons = dict(zip(apart["scenario_label"].map(str), apart["error"].map(str), strict=True))
    return MethodEntry(
        label=str(first["method_label"]),
        name=cls.name,
        version=cls.version,
        role=cls.role,
        module=cls.__module__,
        class_name=cls.__name__,
        parameters=json.loads(str(first["method_parameters"])),
        needs=sorted(cls.needs) if with_code else None,
        unsupported=reasons if with_code and reasons else None,
    )


def _environment(records: pd.DataFrame) -> dict[str, str]:
    columns = ("hardware", "versions", "git_commit", "device", "backend")
    ran = records[~records["status"].isin(LEFT_OUT)]
    made = {column: ", ".join(sorted(set(map(str, ran[column])))) for column in columns}
    return {**made, "submitted_with": provenance.versions()}
