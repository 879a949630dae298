"""`rep4ex-bench compare`: two runs in, judged changes out."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rep4ex_bench.boards.speed.workloads import contender_rows
from rep4ex_bench.comparison.accuracy import accuracy_changes
from rep4ex_bench.comparison.change import REGRESSION, UNDECIDABLE, Change, judged
from rep4ex_bench.comparison.speed import check_same_machine, machine_ratios, speed_changes
from rep4ex_bench.errors import UsageError
from rep4ex_bench.records.records import read_records
from rep4ex_bench.speed.rows import SUITE as KERNELS

LEAST = 1.05


@dataclass(frozen=True)
class Comparison:
    """Judged changes, the gravest first, and what is to be known of the two runs."""

    changes: list[Change]
    notes: list[str]

    @property
    def regressions(self) -> list[Change]:
        """The changes that are regressions."""
        return [change for change in self.changes if change.verdict == REGRESSION]

    @property
    def undecidable(self) -> list[Change]:
        """The changes that so few seeds or rounds can say nothing about."""
        return [change for change in self.changes if change.verdict == UNDECIDABLE]

    @property
    def exit_status(self) -> int:
        """1 if anything got worse, else 3 if something is undecidable, else 0."""
        return 1 if self.regressions else 3 if self.undecidable else 0

    def as_json(self) -> dict[str, Any]:
        """Return plain data; what is not finite becomes null."""
        rows = [_plain(change) for change in self.changes]
        for row in rows:
            for name, value in row.items():
                if isinstance(value, float) and not math.isfinite(value):
                    row[name] = None
        return {
            "regressions": len(self.regressions),
            "undecidable": len(self.undecidable),
            "changes": rows,
            "notes": self.notes,
        }


def _plain(change: Change) -> dict[str, Any]:
    fields = (field.name for field in dataclasses.fields(change) if field.name != "sample")
    sample = change.sample
    return {name: getattr(change, name) for name in fields} | {
        "values": 0 if sample is None else sample.size,
        "unit": "" if sample is None else sample.unit,
    }


def compare_runs(
    first: Path,
    second: Path,
    names: tuple[str, ...] = (),
    least: float = LEAST,
    across_machines: bool = False,
) -> Comparison:
    """Compare run B (second) with run A (first); folders of `run` or of `kernels`, or their files.

    Args:
        first: of run A.
        second: of run B.
        names: only these contenders or methods; none means all.
        least: smallest ratio that counts as a change, above 1.
        across_machines: compare seconds of runs of different machines all the same.

    Raises:
        UsageError: a run of kernels and a run of a suite, two suites, two machines, names that are
            in neither run, or `least` below 1.
        RecordsError: no readable records.
    """
    if not (math.isfinite(least) and least >= 1):
        raise UsageError(f"--at-least must be a ratio of at least 1, got {least}")
    before, after = (_read(path) for path in (first, second))
    suites = [sorted(set(run["suite"])) for run in (before, after)]
    if suites[0] != suites[1]:
        raise UsageError(
            f"run A is of suite {', '.join(suites[0])} and run B of {', '.join(suites[1])}: "
            "only runs of one suite have something to compare"
        )
    before, after = (_narrowed(run, names, (before, after)) for run in (before, after))
    # cells that are left out of a run name no machine
    same = set(before["hardware"]) - {""} == set(after["hardware"]) - {""}
    if suites[0] == [KERNELS]:
        if not across_machines:
            check_same_machine(before, after)
        changes = speed_changes(before, after, least)
        notes = [
            f"The reference kernel on {device} took {ratio:.3g} times as long in run B: that part "
            "of a change is the machine's."
            for device, ratio in machine_ratios(before, after).items()
        ]
    else:
        with_costs = same or across_machines
        changes = accuracy_changes(before, after, least, with_costs)
        notes = [] if with_costs else ["Other hardware: seconds are not compared."]
    return Comparison(judged(changes), notes)


def _read(path: Path) -> pd.DataFrame:
    return read_records(path / "records.parquet" if path.is_dir() else path)


def _narrowed(
    run: pd.DataFrame, names: tuple[str, ...], runs: tuple[pd.DataFrame, pd.DataFrame]
) -> pd.DataFrame:
    known = {str(label) for each in runs for label in _labels(each)}
    for name in names:
        if name not in known:
            raise UsageError(f"{name!r} is in neither run; they hold {', '.join(sorted(known))}")
    if not names:
        return run
    return run[run["method_label"].isin(names) | _aside(run)]


def _labels(run: pd.DataFrame) -> list[str]:
    """Return the labels of what is compared in a run."""
    kernels = set(run["suite"]) == {KERNELS}
    rows = contender_rows(run) if kernels else run
    return [str(label) for label in rows["method_label"].unique()]


def _aside(run: pd.DataFrame) -> pd.Series:
    """Rows of kernel runs that are no contender's: floors, the reference kernel, rates."""
    return (run["suite"] == KERNELS) & (run["role"] != "method")
