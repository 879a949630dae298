"""Results of a run that is there already, without running anything."""

from __future__ import annotations

from pathlib import Path

from rep4ex_bench.errors import OutputFolderError
from rep4ex_bench.records.records import read_records
from rep4ex_bench.results import Results
from rep4ex_bench.running.run_folder import RunFolder


def load_run(folder: str | Path) -> Results:
    """Return the results of a run folder; nothing in it is changed.

    Raises:
        OutputFolderError: no run folder, or a run that did not come to its end.
        RecordsError: its records cannot be read.
    """
    path = Path(folder)
    RunFolder(path).suite_name_and_title()
    file = path / "records.parquet"
    if not file.exists():
        raise OutputFolderError(
            f"{path} has no {file.name}, which a run writes at its end: run the suite again with "
            "the same folder, finished cells are kept"
        )
    return Results(read_records(file))
