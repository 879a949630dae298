"""What an attack is, and the honest bundle that attacks on bundles start from."""

from __future__ import annotations

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from rep4ex_bench.errors import BundleError
from rep4ex_bench.leaderboard.bundle import PREDICTIONS, RECORDS, Bundle, read_bundle, write_bundle
from rep4ex_bench.leaderboard.manifest import FileEntry, Manifest
from rep4ex_bench.leaderboard.scoring import score_bundle
from rep4ex_bench.leaderboard.submit import submit
from rep4ex_bench.method import Method
from rep4ex_bench.records.records import table_bytes
from rep4ex_bench.running.cell import CellResult, run_cell
from rep4ex_bench.running.run_folder import RunFolder
from rep4ex_bench.running.suite import Cell, Suite, parse_suite

SUITE = """\
name = "attacked"
seeds = 3
[[scenarios]]
name = "linear_action"
parameters = { n = 60, outcome = "bump" }
[[methods]]
name = "ols_on_actions"
"""


@dataclass(frozen=True)
class Outcome:
    """Whether an attack was caught, and by what it was seen."""

    caught: bool
    how: str


class Attack(ABC):
    """A known cheat.

    Class attributes:
        name: of the attack.
        aim: what the cheat hopes for, in a sentence.
        defence: which part of the package must catch it.
    """

    name: ClassVar[str]
    aim: ClassVar[str]
    defence: ClassVar[str]


class BundleAttack(Attack):
    """A bundle that must be refused by the reader or found at fault by the scorer."""

    @abstractmethod
    def attempt(self, workshop: Workshop) -> Outcome:
        """Make the bundle, give it to the reader and the scorer, and return what they said."""


class MethodAttack(Attack):
    """A method that must not gain anything in the processes that cells run in."""

    @abstractmethod
    def methods(self, workshop: Workshop) -> list[Method]:
        """Return the methods to run, one cell each, on the same ranking seed."""

    @abstractmethod
    def outcome(self, results: list[CellResult], workshop: Workshop) -> Outcome:
        """Say from the records of those cells whether the cheat gained something."""

    def undefended(self, workshop: Workshop) -> list[CellResult] | None:
        """Run the cheat where the defence is absent: its gain there shows that it is one.

        None where the defence cannot be taken away.
        """
        return [run_cell(cell, "cpu") for cell in workshop.cells(self.methods(workshop), 0)]


class Workshop:
    """A folder to work in, and an honest bundle that scores without fault."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def suite(self) -> Suite:
        """A tiny suite."""
        return parse_suite(SUITE, "attacked.toml")

    @cached_property
    def run(self) -> Path:
        """A run folder of it, on public seeds."""
        folder = RunFolder.open(self.folder / "run", self.suite.name, self.suite.title)
        folder.keep_suite(self.suite.text)
        cells = self.suite.cells()
        for cell in cells:
            folder.write(cell, run_cell(cell, "cpu"))
        folder.collect(cells)
        return folder.path

    @cached_property
    def honest(self) -> Bundle:
        """The bundle of that run."""
        bundle, _ = submit(self.run, "honest", self.folder / "board", licence="MIT")
        return bundle

    def cells(self, methods: list[Method], seed: int) -> list[Cell]:
        """Return one cell a method on a seed."""
        labels = {f"{method.name} {i}": method for i, method in enumerate(methods)}
        suite = self.suite
        return Suite(
            suite.name,
            suite.title,
            suite.protocol_version,
            (seed,),
            60.0,
            ("nmse_outside",),
            suite.scenarios,
            labels,
        ).cells()

    def tampered(
        self,
        records: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None,
        predictions: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None,
        **changes: Any,
    ) -> Bundle:
        """Return the honest bundle with rows and manifest changed, and every hash made to fit."""
        contents = dict(self.honest.contents)
        for name, change in ((RECORDS, records), (PREDICTIONS, predictions)):
            if change is not None:
                table = pq.read_table(io.BytesIO(contents[name]))
                rows = change(table.to_pylist())
                contents[name] = table_bytes(pa.Table.from_pylist(rows, schema=table.schema))
        return rehashed(self.honest.manifest, contents, **changes)


def rehashed(manifest: Manifest, contents: Mapping[str, bytes], **changes: Any) -> Bundle:
    """Return a bundle whose manifest lists just these contents."""
    new = manifest.model_copy(update={"files": FileEntry.of(contents), **changes})
    return Bundle(new, new.digest(), dict(contents))


def judged(bundle: Bundle, folder: Path) -> Outcome:
    """Return what reader and scorer say of a bundle that was written to a folder."""
    try:
        write_bundle(bundle.manifest, bundle.contents, folder)
        _, faults = score_bundle(read_bundle(folder))
    except BundleError as error:
        return Outcome(True, f"refused: {error}")
    if faults:
        return Outcome(True, f"{faults[0].cell or 'bundle'}: {faults[0].what}")
    return Outcome(False, "neither the reader nor the scorer saw anything")


def nmse_outside(result: CellResult) -> float:
    """Return the recorded nmse_outside of a cell, infinite where it failed."""
    values = [r.value for r in result.records if r.metric == "nmse_outside" and r.status == "ok"]
    return values[0] if values else math.inf
