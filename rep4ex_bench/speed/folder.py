"""The output folder of a kernel run.

    run.json                               whose folder this is
    calibration-<device>-<dtype>.parquet   rates of the machine
    workloads/<hash>.parquet               all records of one workload, written when it is finished
    estimates-<target>.parquet             what the cost model expects of a GPU
    records.parquet                        all of them together, written after every workload
    compiled/, contenders.log              what contenders compiled and printed

A workload is finished when its file is there, and never written again unless contenders are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa

from rep4ex_bench.errors import OutputFolderError
from rep4ex_bench.records.records import (
    RECORD_SCHEMA,
    Record,
    read_records,
    read_records_table,
    records_table,
    write_table,
)
from rep4ex_bench.running.run_folder import RunFolder
from rep4ex_bench.speed.rows import SUITE
from rep4ex_bench.speed.workload import Workload


class SpeedFolder:
    """An output folder; finished workloads in it are not measured again."""

    def __init__(self, path: Path, hardware: str) -> None:
        """Open it for measurements of that hardware.

        Raises:
            OutputFolderError: another run's folder, or measurements of another machine.
            OutputWriteError: it cannot be written.
        """
        self.path = path
        RunFolder.open(path, SUITE, "Speed of the kernels")
        for file in path.glob("calibration-*.parquet"):
            machine = read_records(file)["hardware"].iloc[0]
            if machine != hardware:
                raise OutputFolderError(
                    f"{path} holds measurements of {machine}, this machine is {hardware}: "
                    "choose another --out"
                )

    @property
    def records_file(self) -> Path:
        """Where all records are."""
        return self.path / "records.parquet"

    def read_calibration(self, device: str, dtype: str) -> pd.DataFrame | None:
        """Return the rates of a device, if they were measured."""
        file = self._calibration(device, dtype)
        return read_records(file) if file.exists() else None

    def write_calibration(self, device: str, dtype: str, records: Iterable[Record]) -> None:
        """Keep the rates of a device; raises `OutputWriteError`."""
        write_table(records_table(records), self._calibration(device, dtype))

    def write_estimates(self, target: str, records: Iterable[Record]) -> None:
        """Keep the estimates for a GPU and collect all; raises `OutputWriteError`."""
        write_table(records_table(records), self.path / f"estimates-{target}.parquet")
        self.collect()

    def read(self, workload: Workload) -> pd.DataFrame | None:
        """Return the records of a workload, if it is finished."""
        file = self._file(workload)
        return read_records(file) if file.exists() else None

    def write(self, workload: Workload, records: Iterable[Record]) -> None:
        """Keep the records of a workload and collect all; raises `OutputWriteError`."""
        write_table(records_table(records), self._file(workload))
        self.collect()

    def collect(self) -> None:
        """Write records.parquet; raises `OutputWriteError`."""
        files = [
            *sorted(self.path.glob("calibration-*.parquet")),
            *sorted(self.path.glob("estimates-*.parquet")),
            *sorted(self.path.glob("workloads/*.parquet"), key=lambda file: file.stat().st_mtime),
        ]
        tables = [RECORD_SCHEMA.empty_table(), *map(read_records_table, files)]
        write_table(pa.concat_tables(tables), self.records_file)

    def drift_count(self) -> int:
        """How often the drift reference was timed so far."""
        if not self.records_file.exists():
            return 0
        records = read_records(self.records_file)
        positions = records.loc[records["method"] == "drift_reference", "at"]
        return 0 if positions.empty else int(positions.max()) + 1

    def _calibration(self, device: str, dtype: str) -> Path:
        return self.path / f"calibration-{device}-{dtype}.parquet"

    def _file(self, workload: Workload) -> Path:
        return workload_file(self.path, workload)


def workload_file(folder: Path, workload: Workload) -> Path:
    """Return the file that is there when a workload is finished."""
    name = hashlib.sha256(workload.label.encode()).hexdigest()[:16]
    return folder / "workloads" / f"{name}.parquet"
