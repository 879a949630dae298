"""From records and predictions to the page: what goes where, and what a browser may run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rep4ex_bench.boards.diagnostics import diagnostic_tables
from rep4ex_bench.boards.distances import MOST_DISTANCES
from rep4ex_bench.boards.ranking import gaps, leaderboard, places, rank
from rep4ex_bench.boards.ranking.violations import violations
from rep4ex_bench.boards.report import tables
from rep4ex_bench.boards.report.appearance import Appearance, appearances
from rep4ex_bench.boards.report.checks_section import ScenarioCheck, by_scenario
from rep4ex_bench.boards.report.claims import claims
from rep4ex_bench.boards.report.cost_section import cost_boards, level_titles
from rep4ex_bench.boards.report.embedding import embedded_json
from rep4ex_bench.boards.report.figures import Figures
from rep4ex_bench.boards.report.page import FIGURE_LIBRARIES, figure_scripts, page_context, template
from rep4ex_bench.boards.report.ranking_section import reaches
from rep4ex_bench.boards.report.strips import HEIGHT, WIDTH
from rep4ex_bench.boards.violations import breakdown_table
from rep4ex_bench.files import write_bytes

SIZE_LIMIT = 1_500_000
# sizes of the figures, tried in this order until the page is small enough
_SIZES = (40_000, 10_000, 2_000, 0)


def render_report(
    records: pd.DataFrame,
    predictions: pd.DataFrame,
    title: str,
    description: str = "",
    checks: Sequence[ScenarioCheck] = (),
) -> str:
    """Return the report as one HTML file that loads nothing and works without a network.

    Args:
        records: as `records.read_records` returns them; may be empty.
        predictions: as `predictions.read_path_predictions` returns them; joined by cell_key.
        title: of the suite.
        description: one or two sentences under the title.
        checks: what the data of its scenarios bear out, where they are a user's.

    To stay under `SIZE_LIMIT` bytes, seeds are left out of the figures that show single cells, and
    the page says so. Only leaderboards of many hundreds of rows are larger by themselves.
    """
    looks = appearances(records)
    context = _context(records, looks, title, description)
    context["checks"] = by_scenario(checks)
    figures = Figures(records, predictions, looks)
    page = ""
    for size in _SIZES:
        drawn = figures.of_size(size)
        context["sweeps"] = [sweep["label"] for sweep in drawn["sweeps"]]
        data = embedded_json(drawn)
        page = template("report.html.j2").render(context, data=data)
        if len(page.encode(errors="replace")) < SIZE_LIMIT:
            break
    return page


def write_report(
    path: Path,
    records: pd.DataFrame,
    predictions: pd.DataFrame,
    title: str,
    description: str = "",
    checks: Sequence[ScenarioCheck] = (),
) -> None:
    """Write the report atomically; arguments as of `render_report`.

    Raises:
        OutputWriteError: the disk is full or the folder cannot be written.
    """
    page = render_report(records, predictions, title, description, checks)
    # a label may hold half a surrogate pair, which UTF-8 cannot; it is shown as "?"
    write_bytes(page.encode(errors="replace"), path)


def _context(
    records: pd.DataFrame, looks: dict[str, Appearance], title: str, description: str
) -> dict[str, Any]:
    board = leaderboard(records) if len(records) else pd.DataFrame()
    found, left_out = tables.failures(records)
    hashes, hashes_left_out = tables.data_hashes(records)
    ranking = rank(records)
    return page_context(figure_scripts("figures.js"), FIGURE_LIBRARIES) | {
        "title": title,
        "description": description,
        "summary": tables.summary(records),
        "claims": [one.marked(ranking.unsolved) for one in claims(records)],
        "looks": list(looks.values()),
        "boards": tables.boards(board, records, looks),
        "ranking": ranking,
        "gaps": gaps(records),
        "breakdowns": breakdown_table(violations(records)),
        "places": places,
        "reaches": reaches(board),
        "costs": cost_boards(records, looks),
        "cost_levels": level_titles(),
        "diagnostics": diagnostic_tables(records),
        "failures": found,
        "failures_left_out": left_out,
        "provenance": tables.provenance(records),
        "parameters": tables.parameters(records),
        "data_hashes": hashes,
        "data_hashes_left_out": hashes_left_out,
        "most_distances": MOST_DISTANCES,
        "strip_width": WIDTH,
        "strip_height": HEIGHT,
    }
