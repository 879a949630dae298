"""A site from `leaderboard/`: everything is made anew, nothing is edited by hand."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from rep4ex_bench.boards.report.render import render_report
from rep4ex_bench.boards.speed.page import render_speed_board
from rep4ex_bench.errors import OutputFolderError, UsageError
from rep4ex_bench.files import write_bytes
from rep4ex_bench.leaderboard.site.entries import Entry, read_entries
from rep4ex_bench.leaderboard.site.links import (
    Link,
    diagnostics_link,
    entry_link,
    figures_link,
    method_link,
    scenario_link,
)
from rep4ex_bench.leaderboard.site.names import by_label, labelled, slug
from rep4ex_bench.leaderboard.site.pages import (
    diagnostics_page,
    index_page,
    method_page,
    scenario_page,
    submission_page,
)
from rep4ex_bench.leaderboard.site.rounds import rounds
from rep4ex_bench.records.records import read_records
from rep4ex_bench.speed.ops import reasons

_MARKER = ".rep4ex-site"


@dataclass(frozen=True)
class Site:
    """What was built."""

    index: Path
    pages: int
    entries: list[Entry]


def build_site(board: Path, out: Path) -> Site:
    """Build the site of a leaderboard.

    Args:
        board: folder with `submissions/` and `speed/`.
        out: folder of the site; one that holds a site is emptied first.

    Raises:
        UsageError: the board's folder is not there.
        OutputFolderError: the folder holds something else than a site.
        RecordsError: speed records that cannot be read.
        OutputWriteError: it cannot be written.
    """
    if not board.is_dir():
        raise UsageError(f"{board} is no folder: give the one that holds submissions/ and speed/")
    pages = _pages(board)
    _empty(out)
    for name, page in pages.items():
        write_bytes(page.encode(errors="replace"), out / name)
    return Site(out / "index.html", len(pages), labelled(read_entries(board)))


def _pages(board: Path) -> dict[str, str]:
    entries = labelled(read_entries(board))
    found = rounds(entries)
    pages = {}
    speed = []
    for folder in sorted(path for path in (board / "speed").glob("*") if path.is_dir()):
        link = Link(f"speed/{slug(folder.name)}.html", folder.name)
        records = read_records(folder / "records.parquet")
        pages[link.href] = render_speed_board(records, folder.name, reasons=reasons())
        speed.append(link)
    pages["index.html"] = index_page(entries, found, speed)
    for one in found:
        title = f"{one.title} ({one.seeds} ranking seeds)"
        pages[figures_link(one).href] = render_report(one.records, one.predictions, title)
        if one.diagnostics:
            pages[diagnostics_link(one).href] = diagnostics_page(one)
        for scenario in one.records["scenario_label"].unique():
            page = scenario_page(one, str(scenario), by_label(entries, one.suite))
            pages[scenario_link(one, str(scenario)).href] = page
    for entry in entries:
        pages[entry_link(entry).href] = submission_page(entry)
    for name in {entry.name for entry in entries}:
        own = [entry for entry in entries if entry.name == name]
        pages[method_link(name).href] = method_page(name, own, found)
    return pages


def _empty(out: Path) -> None:
    """Make an empty folder for a site; only one that says it is a site loses what it holds."""
    marker = out / _MARKER
    if out.exists() and not out.is_dir():
        raise OutputFolderError(f"--out must be a folder, but {out} is a file")
    if out.exists() and any(out.iterdir()) and not marker.exists():
        raise OutputFolderError(
            f"{out} is not empty and holds no site: choose a new or an empty folder"
        )
    if out.exists():
        shutil.rmtree(out)
    write_bytes(b"made by rep4ex-bench leaderboard build\n", marker)
