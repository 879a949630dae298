"""How work is shown while it goes on: a rich progress bar, or plain lines where none can be drawn.

`ProgressWatcher` shows the cells of a run, `StepBar` the training steps of one fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rep4ex_bench.running.suite import Cell
from rep4ex_bench.running.time_left import TimeLeft


def progress_console() -> Console:
    """Return a console for progress: a notebook's if it can draw bars, else standard error."""
    console = Console(stderr=True)
    if console.is_jupyter and find_spec("ipywidgets") is None:
        return Console(stderr=True, force_jupyter=False)
    return console


class _Counts:
    """Cells done, running and failed, and the time left."""

    def __init__(self) -> None:
        self.total = self.reused = self.done = self.running = self.failed = 0
        self.apart = ""
        self._time = TimeLeft([])

    def planned(self, cells: Sequence[Cell], reused: int) -> None:
        self.total, self.reused, self.done = len(cells) + reused, reused, reused
        self._time = TimeLeft(cells)

    def left_out(self, not_applicable: int, unavailable: int) -> None:
        counts = {"not applicable": not_applicable, "unavailable": unavailable}
        self.apart = ", ".join(f"{count} {what}" for what, count in counts.items() if count)

    def started(self, cell: Cell) -> None:
        self.running += 1
        self._time.started(cell)

    def finished(self, cell: Cell, status: Literal["ok", "failed"]) -> None:
        self.running -= 1
        self.done += 1
        self.failed += status == "failed"
        self._time.finished(cell)

    def time_left(self) -> str:
        seconds = self._time.seconds()
        if seconds is None or self.done == self.total:
            return ""
        minutes, rest = divmod(round(seconds), 60)
        return f"about {minutes}:{rest:02d} left"

    def text(self) -> str:
        parts = [f"{self.done}/{self.total} cells", f"{self.running} running"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.reused} reused"] if self.reused else []
        parts += [self.apart] if self.apart else []
        left = self.time_left()
        return ", ".join([*parts, left] if left else parts)


class ProgressWatcher:
    """Context manager that is a `Watcher`: a bar on a terminal or in a notebook, else lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts = _Counts()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressWatcher:
        if self._console.is_terminal or self._console.is_jupyter:
            self._bar = Progress(
                BarColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def planned(self, cells: Sequence[Cell], reused: int) -> None:
        """Show the size of the plan."""
        self._counts.planned(cells, reused)
        total = self._counts.total
        if self._bar is not None:
            self._task = self._bar.add_task(self._counts.text(), total=total, completed=reused)
        else:
            self._line(f"{total} cells, {reused} of them finished before")

    def left_out(self, not_applicable: int, unavailable: int) -> None:
        """Show how many cells are left out of the plan."""
        self._counts.left_out(not_applicable, unavailable)
        self._update()
        if self._bar is None:
            self._line(f"left out beside these: {self._counts.apart}")

    def started(self, cell: Cell) -> None:
        """Count a cell that started."""
        self._counts.started(cell)
        self._update()

    def finished(self, cell: Cell, status: Literal["ok", "failed"]) -> None:
        """Count a cell that ended."""
        self._counts.finished(cell, status)
        self._update()
        if self._bar is None:
            name = f"{cell.scenario_label} / {cell.method_label} / seed {cell.seed}"
            self._line(f"{status:6} {name} ({self._counts.text()})")

    def _update(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task, completed=self._counts.done, description=self._counts.text()
            )

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class StepBar:
    """Context manager to pass as `progress` to the fit of a method that trains autoencoders.

        with StepBar() as bar:
            fitted = get_method("rep4ex").fit(train, progress=bar)

    Args:
        console: where it is shown; None means standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps"),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> StepBar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that so many of all steps are done."""
        if self._task is None:
            self._task = self._bar.add_task("training", total=total)
        self._bar.update(self._task, completed=done)
