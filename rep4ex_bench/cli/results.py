"""The verb `results`: tables and figures of a run for papers, made of its records alone."""

from __future__ import annotations

from pathlib import Path

import click

from rep4ex_bench import figures
from rep4ex_bench.errors import UsageError
from rep4ex_bench.files import write_bytes
from rep4ex_bench.results.export import FORMATS
from rep4ex_bench.results.results import OF_METRIC, TABLES, Results
from rep4ex_bench.running.finished import load_run

_FIGURES = figures.FIGURES | figures.DIAL_FIGURES
_OF_SUFFIX = {suffix: form for form, suffix in FORMATS.items()} | {
    f".{form}": form for form in figures.FORMATS
}


@click.command(name="results")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--table", type=click.Choice(list(TABLES)), help="Which table [leaderboard].")
@click.option("--figure", type=click.Choice(list(_FIGURES)), help="A figure instead.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS, *figures.FORMATS]),
    help="[default: what --out ends with, else csv; of a figure, svg]",
)
@click.option("--metric", help=f"Of the tables {' and '.join(OF_METRIC)} [default: the error].")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    help="Only this one in a figure (of violations: this dial); may be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path), help="File; a table is printed without.")
def results_command(
    folder: Path,
    table: str | None,
    figure: str | None,
    form: str | None,
    metric: str | None,
    scenarios: tuple[str, ...],
    out: Path | None,
) -> None:
    """Write a table or a figure of a run FOLDER for a paper; nothing is run."""
    chosen = form or _OF_SUFFIX.get(out.suffix if out else "")
    if figure is None:
        if scenarios:
            raise UsageError("--scenario narrows figures: filter a table by its scenario_label")
        text = _table(load_run(folder), table or "leaderboard", chosen or "csv", metric)
        if out is None:
            click.echo(text, nl=False)
            return
        content = text.encode(errors="replace")
    else:
        if table is not None or metric is not None:
            raise UsageError("--figure takes neither --table nor --metric: leave them out")
        if out is None:
            raise UsageError("a figure needs a file: add --out, for example --out figure.svg")
        content = _figure(load_run(folder), figure, chosen or "svg", scenarios)
    write_bytes(content, out)
    click.echo(f"written: {out}")


def _table(results: Results, name: str, form: str, metric: str | None) -> str:
    if form not in FORMATS:
        raise UsageError(f"a table cannot be {form}: choose {', '.join(FORMATS)}, or add --figure")
    return results.to_text(name, form, metric)


def _figure(results: Results, name: str, form: str, scenarios: tuple[str, ...]) -> bytes:
    if form not in figures.FORMATS:
        raise UsageError(f"a figure cannot be {form}: choose {', '.join(figures.FORMATS)}")
    return figures.figure_bytes(_FIGURES[name](results, scenarios), form)
