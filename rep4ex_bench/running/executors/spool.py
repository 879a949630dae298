"""A folder that the runner and jobs on other machines share: pickled cells in, results out.

Only the runner's own jobs write here; both are the same user's.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from submitit.helpers import DelayedSubmission

from rep4ex_bench.files import write_bytes
from rep4ex_bench.running.cell import CellResult
from rep4ex_bench.running.executors.remote_cells import Host, Parcel, results_of


class Spool:
    """Parcels and results by their number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def put(self, place: int, parcel: Parcel) -> None:
        """Write a parcel (pickled cells); raises `OutputWriteError`."""
        write_bytes(parcel.content, self._folder / f"{place}.cells")

    def parcel(self, place: int) -> bytes:
        """Return the content of a parcel."""
        return (self._folder / f"{place}.cells").read_bytes()

    def is_finished(self, place: int) -> bool:
        """Say whether the results of a parcel are there."""
        return (self._folder / f"{place}.results").exists()

    def keep(self, place: int, content: bytes) -> None:
        """Keep the results of a parcel; raises `OutputWriteError`."""
        write_bytes(content, self._folder / f"{place}.results")

    def finished(self) -> list[int]:
        """Return the numbers of the parcels that have results."""
        return sorted(int(file.stem) for file in self._folder.glob("*.results"))

    def results(self, place: int, count: int) -> Sequence[CellResult]:
        """Return the results of a parcel of so many cells, and forget them."""
        file = self._folder / f"{place}.results"
        results = results_of(file.read_bytes(), count)
        file.unlink()
        return results


class Package:
    """What one job does: parcel after parcel; what is finished already is not done again.

    Args:
        spool: where the parcels are.
        places: their numbers.
        device: of every cell.
    """

    def __init__(self, spool: Spool, places: Sequence[int], device: str) -> None:
        self._spool, self._places, self._device = spool, places, device
        self._done: list[int] = []

    def __call__(self) -> None:
        """Run the parcels that are not finished."""
        host = Host(self._device)
        try:
            for place in self._places:
                if place in self._done or self._spool.is_finished(place):
                    continue
                self._spool.keep(place, host.run(self._spool.parcel(place)))
                self._done.append(place)
        finally:
            host.close()

    def checkpoint(self) -> DelayedSubmission:
        """Return what goes on after a preemption (called by submitit)."""
        return DelayedSubmission(self)
