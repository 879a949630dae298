"""The verb `leaderboard`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from rep4ex_bench.leaderboard.site.build import build_site


@click.group(name="leaderboard")
def leaderboard_group() -> None:
    """The leaderboard's site."""


@leaderboard_group.command(name="build")
@click.option(
    "--from", "board", type=click.Path(path_type=Path), default="leaderboard", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), default="site", show_default=True)
def build_command(board: Path, out: Path) -> None:
    """Make a static site from the submissions and speed runs of a leaderboard."""
    site = build_site(board, out)
    states = Counter(entry.state for entry in site.entries)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    click.echo(f"submissions: {told or 'none'}")
    for entry in site.entries:
        if entry.why:
            click.echo(f"{entry.label}: {entry.state}: {entry.why}")
    click.echo(f"site: {site.index} ({site.pages} pages)")
