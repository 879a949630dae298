"""Which cells of a plan are computed, and which finished ones are taken as they are.

    no records yet                               computed
    failed, and what could change that is other  computed again (`conditions.py`)
    its code is other than it was                the run stops and says what changed (`sources.py`)
    anything else                                reused

Of a cell that was finished before its code was kept nothing is known; it is reused, and a note says
so. What a method left that is not installed any more stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rep4ex_bench.errors import StaleCellsError
from rep4ex_bench.running.origin import Origin
from rep4ex_bench.running.reuse.conditions import Conditions
from rep4ex_bench.running.reuse.sources import Sources, differences
from rep4ex_bench.running.run_folder import RunFolder
from rep4ex_bench.running.suite import Cell

_MOST_LINES = 12


@dataclass
class Choice:
    """What of a plan is computed.

    Attributes:
        computed: cells to compute, for the first time or again.
        left_out: cells that are left out of the run and were not finished before.
        reused: number of finished cells that are taken as they are.
        unknown: number of those of which nobody knows what computed them.
    """

    computed: list[Cell] = field(default_factory=list)
    left_out: list[Cell] = field(default_factory=list)
    reused: int = 0
    unknown: int = 0


class Chooser:
    """Chooses for one run.

    Args:
        folder: of the run.
        sources: the code as it is now.
        conditions: limits and environment, likewise.
    """

    def __init__(self, folder: RunFolder, sources: Sources, conditions: Conditions) -> None:
        self._folder, self._sources, self._conditions = folder, sources, conditions
        self._found: dict[tuple[str, str], list[str]] = {}

    def choose(
        self, cells: Sequence[Cell], force: bool = False, retry_failed: bool = False
    ) -> Choice:
        """Return what is computed of these cells.

        Args:
            cells: all that are asked for.
            force: compute all of them, finished or not.
            retry_failed: compute again all of them that failed.

        Raises:
            StaleCellsError: finished cells are not what the code of now would compute.
        """
        found = Choice()
        stale: list[tuple[Cell, Origin]] = []
        for cell in cells:
            if not self._folder.is_finished(cell):
                (found.computed if cell.left_out is None else found.left_out).append(cell)
            elif cell.left_out is not None:
                found.reused += 1
            elif force:
                found.computed.append(cell)
            elif (origin := self._folder.origin(cell)) is None:
                if retry_failed and self._folder.has_failed(cell):
                    found.computed.append(cell)
                else:
                    found.reused += 1
                    found.unknown += 1
            elif origin.status != "ok" and (retry_failed or self._may_succeed(cell, origin)):
                found.computed.append(cell)
            elif self._changes(cell, origin):
                stale.append((cell, origin))
            else:
                found.reused += 1
        if stale:
            raise StaleCellsError(self._stale_text(stale))
        return found

    def stale_places(self, cells: Iterable[Cell]) -> list[str]:
        """Return scenario and method of the finished cells whose code is other now."""
        found = set()
        for cell in cells:
            if cell.left_out is None and self._folder.is_finished(cell):
                origin = self._folder.origin(cell)
                if origin is not None and self._changes(cell, origin):
                    found.add(f"{cell.scenario_label} / {cell.method_label}")
        return sorted(found)

    def _may_succeed(self, cell: Cell, origin: Origin) -> bool:
        return bool(self._changes(cell, origin)) or self._conditions.could_change(
            cell, origin.status, origin.conditions
        )

    def _changes(self, cell: Cell, origin: Origin) -> list[str]:
        """Return in words how the code of a cell is other than it was."""
        if origin.unsettled:
            return ["files were written while the cells were computed"]
        now = self._sources.of(cell)
        if origin.source == now:
            return []
        if (origin.source, now) not in self._found:
            then = self._folder.source(origin.source)
            self._found[origin.source, now] = (
                ["the folder does not say any more by what they were computed"]
                if then is None
                else differences(then, self._sources.documents[now])
            )
        return self._found[origin.source, now]

    def _stale_text(self, stale: Sequence[tuple[Cell, Origin]]) -> str:
        reasons = sorted({reason for one in stale for reason in self._changes(*one)})
        lines = [f"  {reason}" for reason in reasons[:_MOST_LINES]]
        if len(reasons) > _MOST_LINES:
            lines.append(f"  and {len(reasons) - _MOST_LINES} more")
        return "\n".join(
            [
                f"{len(stale)} finished cells in {self._folder.path} were computed by other code "
                "than there is now:",
                *lines,
                "Nothing was computed. --force (in Python: force=True) computes all cells that "
                "are asked for again; --method and --scenario narrow that. Or choose another --out",
            ]
        )


def notes(folder: RunFolder, choice: Choice, others: Sequence[str]) -> tuple[str, ...]:
    """Return what a user should know of the cells that are reused, each in one line.

    Args:
        folder: of the run.
        choice: for the cells that are asked for.
        others: `stale_places` of all further cells that the report shows.
    """
    found = []
    if choice.unknown:
        found.append(
            f"{choice.unknown} finished cells in {folder.path} do not say by which code they were "
            "computed (an earlier version wrote them); they are reused, --force computes them again"
        )
    if others:
        more = f" and {len(others) - _MOST_LINES} more" if len(others) > _MOST_LINES else ""
        found.append(
            "the report also shows finished cells that were not asked for now, and whose code has "
            f"changed since: {', '.join(others[:_MOST_LINES])}{more}"
        )
    return tuple(found)
