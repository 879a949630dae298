"""The verb `export`: the data of a scenario as Parquet files, for programs in other languages."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from rep4ex_bench.errors import UsageError
from rep4ex_bench.exported import export_task
from rep4ex_bench.registry import get_scenario


@click.command(name="export")
@click.argument("scenario")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="As in a suite, e.g. n=500 or outcome=bump; may be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder [default: SCENARIO-SEED].")
def export_command(scenario: str, seed: int, parameters: tuple[str, ...], out: Path | None) -> None:
    """Write training data, queries and truth of SCENARIO as Parquet, for R, Julia and others."""
    given = dict(_parameter(text) for text in parameters)
    folder = out or Path(f"{scenario}-{seed}")
    task = export_task(get_scenario(scenario, **given), seed, folder)
    click.echo(f"written: {folder}, {task.train.n} units and {len(task.queries.actions)} queries")


def _parameter(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise UsageError(f"--parameter must be NAME=VALUE, as n=500, got {text!r}")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value  # a text: its quotes would need quotes of the shell
