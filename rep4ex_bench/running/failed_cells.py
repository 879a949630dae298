"""Cells that failed: why, where in the code, and where the whole story is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rep4ex_bench.records.kinds import failures
from rep4ex_bench.running.isolation.output import harmless
from rep4ex_bench.running.run_folder import RunFolder

_MOST_LINES, _MOST_CHARACTERS = 5, 200


@dataclass(frozen=True)
class FailedCell:
    """One cell that failed, or that has a metric that did.

    Attributes:
        scenario: its label.
        method: likewise.
        seed: of the cell.
        status: of the first record that failed, as are the next two.
        metric: "" where the cell came to none.
        error: the reason.
        traceback: where it was raised, "" where nothing was.
        log: file with the reason, the traceback and the last of what was printed; None where the
            cell was run by an earlier version.
    """

    scenario: str
    method: str
    seed: int
    status: str
    metric: str
    error: str
    traceback: str
    log: Path | None

    @property
    def text(self) -> str:
        """What failed, why and where more is, in one line."""
        why = " ".join(self.error.split())[:_MOST_CHARACTERS]
        place = "" if self.log is None else f"; log: {self.log}"
        of = f"{self.metric}: " if self.metric else ""
        name = f"{self.scenario} / {self.method} / seed {self.seed}"
        return harmless(f"{name} {self.status}: {of}{why}{place}")


def failed_cells(
    folder: RunFolder, records: pd.DataFrame, keys: Collection[str]
) -> tuple[FailedCell, ...]:
    """Return those of the cells with these keys that failed, in the order of the records."""
    bad = records[failures(records) & records["cell_key"].isin(keys)]
    found = []
    for row in bad.drop_duplicates("cell_key").itertuples(index=False):
        key, origin = str(row.cell_key), folder.origin_of(str(row.cell_key))
        log = folder.log_of(key)
        found.append(
            FailedCell(
                scenario=str(row.scenario_label),
                method=str(row.method_label),
                seed=int(str(row.seed)),
                status=str(row.status),
                metric=str(row.metric),
                error=str(row.error),
                traceback="" if origin is None else origin.trace,
                log=log if log.exists() else None,
            )
        )
    return tuple(found)


def failures_text(failed: Sequence[FailedCell]) -> str:
    """Return a line for each of the first few cells, and how many there are more."""
    lines = [f"failed: {one.text}" for one in failed[:_MOST_LINES]]
    if len(failed) > _MOST_LINES:
        lines.append(f"and {len(failed) - _MOST_LINES} more, each with its log.txt")
    return "\n".join(lines)
