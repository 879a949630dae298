"""Addresses of pages from the site's root, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass

from rep4ex_bench.leaderboard.site.entries import Entry
from rep4ex_bench.leaderboard.site.names import slug
from rep4ex_bench.leaderboard.site.rounds import Round


@dataclass(frozen=True)
class Link:
    """A page."""

    href: str
    text: str


def entry_link(entry: Entry) -> Link:
    """Return the link to the page of one version of a submission."""
    return Link(f"submission/{slug(f'{entry.name} {entry.digest[:16]}')}.html", entry.label)


def method_link(name: str) -> Link:
    """Return the link to the page of a submission over all its versions."""
    return Link(f"method/{slug(name)}.html", name)


def scenario_link(round_: Round, scenario: str) -> Link:
    """Return the link to the page of a scenario of a round; its text says if it is unsolved."""
    mark = " (unsolved)" if scenario in round_.ranking.unsolved else ""
    return Link(f"scenario/{slug(f'{round_.key} {scenario}')}.html", scenario + mark)


def diagnostics_link(round_: Round) -> Link:
    """Return the link to the page of the diagnostics of a round."""
    return Link(f"diagnostics/{slug(round_.key)}.html", "Diagnostics")


def figures_link(round_: Round) -> Link:
    """Return the link to the report of a round, with all figures."""
    return Link(f"round/{slug(round_.key)}.html", round_.title)
