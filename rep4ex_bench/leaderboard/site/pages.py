"""One function a kind of page; each returns HTML that loads nothing from elsewhere."""

from __future__ import annotations

import math
from typing import Any

from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.boards.ranking import gaps, leaderboard, places
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.boards.report.embedding import embedded_json
from rep4ex_bench.boards.report.page import page_context, template
from rep4ex_bench.boards.report.ranking_section import error_interval, reaches
from rep4ex_bench.boards.report.strips import HEIGHT, WIDTH
from rep4ex_bench.boards.report.tables import boards
from rep4ex_bench.leaderboard.site.entries import Entry
from rep4ex_bench.leaderboard.site.links import (
    Link,
    diagnostics_link,
    entry_link,
    figures_link,
    method_link,
    scenario_link,
)
from rep4ex_bench.leaderboard.site.names import by_label
from rep4ex_bench.leaderboard.site.results import all_metrics, results_data
from rep4ex_bench.leaderboard.site.rounds import Round

# Rows of a table that are static HTML at most: larger tables are drawn a page at a time.
_TABLES = ("jquery.slim.min.js", "dataTables.min.js")


def index_page(entries: list[Entry], found: list[Round], speed: list[Link]) -> str:
    """Return the first page: rankings, every result as one table to sort and filter, entries."""
    results = results_data([(one, by_label(entries, one.suite)) for one in found])
    return _render(
        "site_index.html.j2",
        "Leaderboard",
        "",
        scripts=("tables.js", "site.js"),
        libraries=_TABLES,
        data=results,
        rounds=[
            {
                "round": one,
                "figures": figures_link(one),
                "diagnostics": diagnostics_link(one) if one.diagnostics else None,
                "scenarios": _scenario_links(one),
            }
            for one in found
        ],
        entries=[(entry, entry_link(entry), method_link(entry.name)) for entry in entries],
        speed=speed,
        places=places,
        results=len(results["rows"]),
        metrics=all_metrics(found),
    )


def scenario_page(round_: Round, scenario: str, entries: dict[str, Entry]) -> str:
    """Return the page of one scenario: its board, its parameters, intervals and breakdown.

    Args:
        round_: the round.
        scenario: label of the scenario.
        entries: of the round's suite, by their labels.
    """
    own = round_.records[round_.records["scenario_label"] == scenario]
    looks = appearances(round_.records)
    board = leaderboard(own)
    first = own.iloc[0]
    return _render(
        "site_scenario.html.j2",
        scenario,
        "../",
        round=round_,
        boards=boards(board, own, looks),
        reaches=reaches(board),
        gaps=gaps(own),
        facts={
            "Scenario": first["scenario"],
            "Parameters": first["scenario_parameters"],
            "Data": first["data_label"],
            "Truth": ", ".join(sorted({t for t in own["truth_source"] if t})),
        },
        links=[(label, entry_link(entries[label])) for label in looks],
        strip_width=WIDTH,
        strip_height=HEIGHT,
    )


def diagnostics_page(round_: Round) -> str:
    """Return the page of what the methods of a round say of their own fits; it ranks nobody."""
    return _render("site_diagnostics.html.j2", round_.title, "../", tables=round_.diagnostics)


def method_page(name: str, entries: list[Entry], found: list[Round]) -> str:
    """Return the page of one submission: what it is, its versions, its results everywhere."""
    labels = {entry.label for entry in entries}
    results = [
        (one, scenario_link(one, str(row["scenario_label"])), row)
        for one in found
        for row in one.board.to_dict("records")
        if row["method_label"] in labels
    ]
    return _render(
        "site_method.html.j2",
        name,
        "../",
        entries=[(entry, entry_link(entry)) for entry in entries],
        results=results,
        metrics=all_metrics([one for one, _, _ in results]),
        sort=_sort,
        nothing=math.nan,
    )


def submission_page(entry: Entry) -> str:
    """Return the page of one version: provenance, verification, every cell that was checked."""
    return _render(
        "site_submission.html.j2",
        entry.label,
        "../",
        entry=entry,
        method=method_link(entry.name),
    )


def _scenario_links(round_: Round) -> list[Link]:
    labels = round_.records["scenario_label"].drop_duplicates()
    return [scenario_link(round_, str(label)) for label in labels]


def _sort(value: float) -> float:
    """Return what a number is sorted by: what does not exist or is infinite comes last."""
    return value if math.isfinite(value) else 1e300


def _render(
    name: str,
    title: str,
    root: str,
    scripts: tuple[str, ...] = ("tables.js",),
    libraries: tuple[str, ...] = (),
    data: dict[str, Any] | None = None,
    **content: Any,
) -> str:
    context = page_context(scripts, libraries) | {
        "title": title,
        "root": root,
        "data": embedded_json(data or {}),
        "shown": shown,
        "error_interval": error_interval,
        **content,
    }
    return template(name).render(context)
