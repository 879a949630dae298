"""The verb `controls`: measure how hard the scenarios of a suite are, and whether they are solved.

Exit status: 0 positive controls reach their bounds, 1 one does not, 2 the request cannot be used.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.cli.terminal import make_console
from rep4ex_bench.files import write_bytes
from rep4ex_bench.hardness import Judgement, judge
from rep4ex_bench.installed import missing_package
from rep4ex_bench.running.suite import load_suite

_EXPLAINED = (
    "R², Z on X\nlinear",
    "R², Z on X\nquadratic",
    "R², Z on\nlinear CCA",
    "R²\nZ on A",
    "R²\nU on V",
)


@click.command(name="controls")
@click.argument("suite")
@click.option("--scenario", "scenarios", multiple=True, help="Only this scenario; may be repeated.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write all numbers as JSON.")
def controls_command(suite: str, scenarios: tuple[str, ...], seeds: int, out: Path | None) -> None:
    """Measure the controls and the hardness of every scenario of SUITE; 1 if one is unsolved."""
    chosen = load_suite(suite).narrowed(scenarios, (), seeds, None)
    console, found = make_console(), {}
    for label, scenario in chosen.scenarios.items():
        if missing := missing_package(type(scenario)):
            console.print(Text(f"{label}: unavailable, {missing}"))
            continue
        if "oracle" not in scenario.checked_offers():
            console.print(Text(f"{label}: no oracle, so nothing can be measured"))
            continue
        found[label] = judge(scenario, chosen.seeds)
        _print(label, found[label], console)
    if out is not None:
        content = {label: _as_json(judgement) for label, judgement in found.items()}
        write_bytes(json.dumps(content, indent=2).encode(), out)
    sys.exit(1 if any(one.solved is False for one in found.values()) else 0)


def _print(label: str, found: Judgement, console: Console) -> None:
    title = Text(label, style="bold")
    title.append(f"\n{found.text}", style="bold red" if found.solved is False else "not bold")
    console.print(title, soft_wrap=True)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    names = list(found.seeds[0].negative)
    for heading in ("seed", "best\npositive", *names, *_EXPLAINED):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found.seeds:
        numbers = [one.best_positive, *(one.negative[name] for name in names)]
        numbers += [one.linear_r2, one.quadratic_r2, one.cca_r2, one.actions_r2, one.confounding]
        table.add_row(str(one.seed), *map(shown, numbers))
    console.print(table)


def _as_json(found: Judgement) -> dict[str, Any]:
    return {
        "bound": found.bound,
        "solved": found.solved,
        "easy": found.easy,
        "text": found.text,
        "seeds": [_plain(asdict(one)) for one in found.seeds],
    }


def _plain(value: Any) -> Any:
    """Return numbers by name with null for what is not finite."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
