"""The output folder of a run: one suite, one file pair per finished cell, and what is made of them.

    run.json                          whose folder this is
    run.lock                          held by the runner that is writing
    suite.toml                        the suite as it was last run
    sources/<hash>.json               hashes of the code that computed cells, see `reuse/sources.py`
    cells/<first two>/<key>/predictions.parquet, origin.json, records.parquet
                           /log.txt of a cell that failed: why, and what its processes printed
    records.parquet, predictions.parquet, report.html      collected from the finished cells
    data-checks.json                  what a user's own data bear out, where a scenario has them

A cell is finished when its records.parquet exists; it is written last. Where a cell is computed
again, it is removed first. A cell that is left out of a run has no folder, only its record in the
collected ones: it is planned anew each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from rep4ex_bench.boards.report.checks_section import ScenarioCheck
from rep4ex_bench.errors import OutputFolderError
from rep4ex_bench.files import is_unfinished, remove_unfinished, write_bytes, written_atomically
from rep4ex_bench.records.kinds import failures
from rep4ex_bench.records.predictions import (
    PREDICTION_SCHEMA,
    read_path_predictions,
    read_predictions_table,
)
from rep4ex_bench.records.records import (
    READABLE_SCHEMAS,
    RECORD_SCHEMA,
    SCHEMA_VERSION,
    read_records,
    read_records_table,
    records_table,
    write_table,
)
from rep4ex_bench.running.cell import CellResult, left_out_cell
from rep4ex_bench.running.cell_log import failure_of, log_text
from rep4ex_bench.running.origin import Origin
from rep4ex_bench.running.suite import Cell

_MARKER = "run.json"
_CHECKS = "data-checks.json"
SUITE_TEXT = "suite.toml"
# of a cell, in the order in which they are removed where it is computed again
_LOG = "log.txt"
_FILES_OF_A_CELL = ("records.parquet", "origin.json", "predictions.parquet", _LOG)


def default_folder(suite: str, *labels: str) -> Path:
    """Return where a run goes that names no folder: below "runs", whatever the labels hold."""
    return Path("runs") / "-".join(re.sub(r"[^\w. -]+", "_", part) for part in (suite, *labels))


class RunFolder:
    """An output folder that belongs to one suite."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: Path, suite_name: str, title: str) -> RunFolder:
        """Return the folder of a suite, made if it is not there.

        Raises:
            OutputFolderError: a file, another suite's folder, a folder that holds something else,
                or one written by another version.
            OutputWriteError: it cannot be written.
        """
        marker = path / _MARKER
        if path.exists() and not path.is_dir():
            raise OutputFolderError(f"--out must be a folder, but {path} is a file")
        if not marker.exists():
            if path.exists() and not all(is_unfinished(file) for file in path.iterdir()):
                raise OutputFolderError(
                    f"{path} is not empty and holds no run: choose a new or an empty folder"
                )
            identity = {"suite": suite_name, "title": title, "record_schema": SCHEMA_VERSION}
            write_bytes(json.dumps(identity).encode(), marker)
        owner, _ = cls(path).suite_name_and_title()
        if owner != suite_name:
            raise OutputFolderError(
                f"{path} belongs to suite {owner!r}, not {suite_name!r}: choose another --out"
            )
        return cls(path)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runners out while the context lasts, however it or this process ends.

        Raises:
            OutputFolderError: another runner has the folder.
        """
        lock = FileLock(self.path / "run.lock", blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise OutputFolderError(
                f"another run is writing to {self.path}: wait for its end, or choose another --out"
            ) from error
        try:
            remove_unfinished(self.path)
            yield
        finally:
            lock.release()

    def suite_name_and_title(self) -> tuple[str, str]:
        """Return name and title of the suite that the folder belongs to.

        Raises:
            OutputFolderError: no run is here, or one of another record schema.
        """
        marker = self.path / _MARKER
        try:
            found = json.loads(marker.read_text())
            owner, title = str(found["suite"]), str(found["title"])
            schema = found["record_schema"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputFolderError(
                f"{self.path} is no run folder: {marker} cannot be read ({error!r})"
            ) from error
        if schema not in READABLE_SCHEMAS:
            raise OutputFolderError(
                f"{self.path} holds records of schema {schema}, this version reads "
                f"{', '.join(map(str, READABLE_SCHEMAS))}: choose another folder"
            )
        return owner, title

    def keep_suite(self, text: str) -> None:
        """Keep the text of the suite; raises `OutputWriteError`."""
        write_bytes(text.encode(), self.path / SUITE_TEXT)

    def keep_checks(self, checks: Iterable[ScenarioCheck]) -> None:
        """Keep what was found about the data of scenarios, beside what is kept of others.

        Raises:
            OutputWriteError: the disk is full.
        """
        found = list(checks)
        if not found:
            return
        own = {check.scenario for check in found}
        found += [check for check in self.read_checks() if check.scenario not in own]
        text = json.dumps([asdict(check) for check in found], indent=2)
        write_bytes(text.encode(errors="replace"), self.path / _CHECKS)

    def read_checks(self) -> list[ScenarioCheck]:
        """Return what is kept about the data of scenarios; nothing where none was checked.

        Raises:
            OutputFolderError: the file was written by something else.
        """
        file = self.path / _CHECKS
        if not file.exists():
            return []
        try:
            return [ScenarioCheck(**check) for check in json.loads(file.read_bytes())]
        except (OSError, ValueError, TypeError) as error:
            raise OutputFolderError(
                f"{file} must hold the checks of a run, but cannot be read ({error!r}): delete it; "
                "the next run of the data writes it anew"
            ) from error

    def read_collected(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the records, and the predictions along paths; raises `RecordsError`."""
        return (
            read_records(self.path / "records.parquet"),
            read_path_predictions(self.path / "predictions.parquet"),
        )

    def is_finished(self, cell: Cell) -> bool:
        """Say whether the cell has its records; where the method does not apply, they do not count.

        Records of a method that is not installed any more do.
        """
        if cell.left_out is not None and cell.left_out.status == "not_applicable":
            return False
        # as text: a Path costs more than looking
        return os.path.exists(f"{self.path}/cells/{cell.key[:2]}/{cell.key}/records.parquet")

    def write(self, cell: Cell, result: CellResult, origin: Origin | None = None) -> None:
        """Keep the result of a cell and where it comes from, instead of those that it had.

        Raises:
            OutputWriteError: the disk is full or the folder is gone.
        """
        folder = self._folder(cell)
        remove_unfinished(folder)
        for name in _FILES_OF_A_CELL:
            (folder / name).unlink(missing_ok=True)
        if result.predictions is not None:
            write_table(result.predictions, folder / "predictions.parquet")
        if failure_of(result) is not None:
            write_bytes(log_text(result).encode(), folder / _LOG)
        if origin is not None:
            write_bytes(origin.as_bytes(), folder / "origin.json")
        write_table(records_table(result.records), folder / "records.parquet")

    def origin(self, cell: Cell) -> Origin | None:
        """Return where the records of a finished cell come from, None where nobody kept it."""
        return self.origin_of(cell.key)

    def origin_of(self, key: str) -> Origin | None:
        """Return the same of the cell with that key."""
        try:
            with open(f"{self.path}/cells/{key[:2]}/{key}/origin.json", "rb") as stream:
                return Origin.of_bytes(stream.read())
        except OSError:
            return None

    def log_of(self, key: str) -> Path:
        """Return where the log of the cell with that key lies, if it failed."""
        return self.path / "cells" / key[:2] / key / _LOG

    def has_failed(self, cell: Cell) -> bool:
        """Say whether a finished cell failed or has a metric that did; raises `RecordsError`."""
        return bool(failures(read_records(self._folder(cell) / "records.parquet")).any())

    def keep_source(self, digest: str, document: Mapping[str, Any]) -> None:
        """Keep hashes of code under a name that is theirs alone; raises `OutputWriteError`."""
        file = self.path / "sources" / f"{digest}.json"
        if not file.exists():
            write_bytes(json.dumps(document, indent=1, sort_keys=True).encode(), file)

    def source(self, digest: str) -> dict[str, Any] | None:
        """Return what was kept under a name, None where nothing is there to be read."""
        try:
            found = json.loads((self.path / "sources" / f"{digest}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def collect(self, cells: Iterable[Cell]) -> None:
        """Write records.parquet and predictions.parquet from the finished cells, in that order.

        Cells that are left out of the run have their one record there; others that are not
        finished have none.

        Labels are not part of a cell's key; records get the labels that the cells have now.

        Raises:
            OutputWriteError: the disk is full; the old files stay.
        """
        with (
            _Growing(self.path / "records.parquet", RECORD_SCHEMA) as records,
            _Growing(self.path / "predictions.parquet", PREDICTION_SCHEMA) as predictions,
        ):
            for cell in cells:
                if not self.is_finished(cell):
                    if cell.left_out is not None:
                        records.add(records_table(left_out_cell(cell).records))
                    continue
                table = read_records_table(self._folder(cell) / "records.parquet")
                records.add(_with_labels(table, cell))
                if (file := self._folder(cell) / "predictions.parquet").exists():
                    predictions.add(read_predictions_table(file))

    def _folder(self, cell: Cell) -> Path:
        return self.path / "cells" / cell.key[:2] / cell.key


class _Growing:
    """A Parquet file made of many small tables, of which only some are in memory at once."""

    _ROWS = 50_000

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema

    def __enter__(self) -> _Growing:
        self._file = contextlib.ExitStack()
        stream = self._file.enter_context(written_atomically(self._path))
        self._writer = self._file.enter_context(pq.ParquetWriter(stream, self._schema))
        self._tables: list[pa.Table] = []
        self._rows = 0
        return self

    def add(self, table: pa.Table) -> None:
        """Append a table of the schema."""
        self._tables.append(table)
        self._rows += len(table)
        if self._rows >= self._ROWS:
            self._write()

    def _write(self) -> None:
        if self._tables:
            self._writer.write_table(pa.concat_tables(self._tables))
        self._tables, self._rows = [], 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._write()
        self._file.__exit__(kind, error, trace)


def _with_labels(table: pa.Table, cell: Cell) -> pa.Table:
    labels = {
        "suite": cell.suite,
        "scenario_label": cell.scenario_label,
        "method_label": cell.method_label,
    }
    for name, label in labels.items():
        index = table.schema.get_field_index(name)
        column = pa.array([label] * len(table), pa.string())
        table = table.set_column(index, RECORD_SCHEMA.field(name), column)
    return table
