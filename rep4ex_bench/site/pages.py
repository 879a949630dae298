"""One function a kind of page; each returns HTML that loads nothing from elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from rep4ex_bench.ranking import places
from rep4ex_bench.report.appearance import appearances
from rep4ex_bench.report.embedding import embedded_json
from rep4ex_bench.report.numbers import shown, spread
from rep4ex_bench.report.page import page_context, template
from rep4ex_bench.report.ranking_section import reaches
from rep4ex_bench.report.strips import HEIGHT, WIDTH
from rep4ex_bench.report.tables import boards
from rep4ex_bench.site.entries import Entry
from rep4ex_bench.site.names import by_label, slug
from rep4ex_bench.site.rounds import Round

# Rows of a table that are static HTML at most: larger tables are drawn a page at a time.
_TABLES = ("jquery.slim.min.js", "dataTables.min.js")


@dataclass(frozen=True)
class Link:
    """A page: its address from the site's root, and what it is called."""

    href: str
    text: str
    note: str = ""


def entry_link(entry: Entry) -> Link:
    """Return the link to the page of one version of a submission."""
    return Link(f"submission/{slug(f'{entry.name} {entry.digest[:16]}')}.html", entry.label)


def method_link(name: str) -> Link:
    """Return the link to the page of a submission over all its versions."""
    return Link(f"method/{slug(name)}.html", name)


def scenario_link(round_: Round, scenario: str) -> Link:
    """Return the link to the page of a scenario of a round."""
    return Link(f"scenario/{slug(f'{round_.key} {scenario}')}.html", scenario)


def figures_link(round_: Round) -> Link:
    """Return the link to the report of a round, with all figures."""
    return Link(f"round/{slug(round_.key)}.html", round_.title)


def index_page(entries: list[Entry], found: list[Round], speed: list[Link]) -> str:
    """Return the first page: rankings, every result as one table to sort and filter, entries."""
    rows = [row for one in found for row in _result_rows(one, by_label(entries, one.suite))]
    return _render(
        "site_index.html.j2",
        "Leaderboard",
        "",
        scripts=("tables.js", "site.js"),
        libraries=_TABLES,
        data={"rows": rows},
        rounds=[
            {"round": one, "figures": figures_link(one), "scenarios": _scenario_links(one)}
            for one in found
        ],
        entries=[(entry, entry_link(entry), method_link(entry.name)) for entry in entries],
        speed=speed,
        places=places,
        results=len(rows),
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
    first = own.iloc[0]
    return _render(
        "site_scenario.html.j2",
        scenario,
        "../",
        round=round_,
        boards=boards(own, looks),
        reaches=reaches(own),
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
        sort=_sort,
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


def _result_rows(round_: Round, entries: dict[str, Entry]) -> list[list[Any]]:
    """Return cells as [HTML, sort key] in the order of the columns; text is escaped here."""
    rows = []
    for row in round_.board.to_dict("records"):
        label, scenario = str(row["method_label"]), str(row["scenario_label"])
        where = entry_link(entries[label])
        interval = spread(row["nmse_outside_low"], row["nmse_outside_high"])
        good = f"{row['cells_ok']}/{row['cells']}"
        rows.append(
            [
                [str(escape(round_.suite)), round_.suite],
                [_anchor(scenario_link(round_, scenario)), scenario],
                [_anchor(where), label],
                [_badge(str(row["role"])), str(row["role"])],
                [f"<b>{shown(row['nmse_outside'])}</b>", _sort(row["nmse_outside"])],
                [str(escape(interval)), _sort(row["nmse_outside_low"])],
                [shown(row["nmse_inside"]), _sort(row["nmse_inside"])],
                [shown(row["affine_r2"]), _sort(row["affine_r2"])],
                [shown(row["cost_seconds"]), _sort(row["cost_seconds"])],
                [good, row["cells_ok"] / row["cells"]],
            ]
        )
    return rows


def _badge(role: str) -> str:
    return role if role == "method" else f'<span class="badge {role}">{role}</span>'


def _anchor(link: Link) -> str:
    return str(Markup('<a href="{}">{}</a>').format(link.href, link.text))


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
        "spread": spread,
        **content,
    }
    return template(name).render(context)
