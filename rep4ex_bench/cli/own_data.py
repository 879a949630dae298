"""`rep4ex-bench run --data FILE`: the suite of one scenario, the user's table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rep4ex_bench.errors import PluginError, UsageError
from rep4ex_bench.grids import TUNED
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.suite import Suite, load_suite, parse_suite
from rep4ex_bench.scenarios._own_data.table import file_hash

_SEEDS = 5


@dataclass(frozen=True)
class DataOptions:
    """What the command line says of a user's data."""

    file: Path | None
    actions: tuple[str, ...]
    features: tuple[str, ...]
    outcome: str | None
    hold_out: str | None
    training_share: float | None
    latent_dim: int | None
    covariates: tuple[str, ...] = ()
    environment: str | None = None
    time: str | None = None


def suite_of_data(options: DataOptions, methods: tuple[str, ...] = ()) -> Suite:
    """Return the suite: the table, these methods or every one that is no oracle, 5 seeds.

    A method that cannot be imported is left out unless it is asked for.

    Raises:
        UsageError: an option that is missing.
        DataError: the file cannot be read.
    """
    needed = {
        "--actions": options.actions,
        "--features": options.features,
        "--outcome": options.outcome,
        "--hold-out": options.hold_out,
    }
    missing = [name for name, value in needed.items() if not value]
    if options.file is None or missing:
        raise UsageError(
            "a run on own data needs --data FILE --actions COLUMNS --features COLUMNS --outcome "
            f"COLUMN --hold-out EXPRESSION, missing: {', '.join(missing) or '--data'}"
        )
    path = options.file.resolve()
    parameters: dict[str, str | float | int] = {
        "file": str(path),
        "sha256": file_hash(path),
        "actions": ", ".join(options.actions),
        "features": ", ".join(options.features),
        "outcome": options.outcome or "",
        "hold_out": options.hold_out or "",
    }
    if options.training_share is not None:
        parameters["training_share"] = options.training_share
    if options.latent_dim is not None:
        parameters["latent_dim"] = options.latent_dim
    further = {
        "covariates": ", ".join(options.covariates),
        "environment": options.environment or "",
        "time": options.time or "",
    }
    parameters |= {name: columns for name, columns in further.items() if columns}
    chosen = methods or [name for name in METHODS.names() if _competes(name)]
    lines = [
        'name = "own-data"',
        f"title = {_toml(f'{path.name}, held out: {options.hold_out}')}",
        f"seeds = {_SEEDS}",
        "[[scenarios]]",
        'name = "own_data"',
        "[scenarios.parameters]",
        *(f"{name} = {_toml(value)}" for name, value in parameters.items()),
    ]
    for name in dict.fromkeys(chosen):
        lines += ["[[methods]]", f"name = {_toml(name)}"]
    return parse_suite("\n".join(lines) + "\n", "the suite of the data")


def _competes(name: str) -> bool:
    """Say whether a method is no oracle and can be had; one that cannot is one warning.

    `tuned` is another method once more: who wants it says of which.
    """
    try:
        return name != TUNED and METHODS.get(name).role != "oracle"
    except PluginError as error:
        click.echo(f"warning: {error}; the run goes without it", err=True)
        return False


def chosen_suite(name: str | None, options: DataOptions, methods: tuple[str, ...]) -> Suite:
    """Return the suite of that name or TOML file, or the one of the user's data.

    Raises:
        UsageError: neither or both are named; and as `load_suite` and `suite_of_data`.
    """
    given = [value for value in vars(options).values() if value not in (None, ())]
    if name is not None and given:
        raise UsageError(f"name a suite or --data with its columns, not both, got suite {name!r}")
    if name is not None:
        return load_suite(name)
    if not given:
        raise UsageError(
            "name a suite (`rep4ex-bench list` shows them), a TOML file, or --data FILE"
        )
    return suite_of_data(options, methods)


def print_checks(suite: Suite, console: Console) -> None:
    """Print, for each table of the user's in a suite, what of the assumptions could be checked.

    Raises:
        DataError: a table that cannot be used, as `OwnData.observations`.
    """
    for label, scenario in suite.scenarios.items():
        checks = scenario.data_checks()
        if not checks:
            continue
        table = Table("assumption", "verdict", "finding", title=f"{escape(label)}: the data")
        for check in checks:
            table.add_row(check.assumption, check.verdict, escape(check.finding))
        console.print(table)


def _toml(value: str | float | int) -> str:
    """Return a TOML value: JSON's texts and numbers are TOML's, but for DEL, which it escapes not.

    JSON writes what lies beyond U+FFFF as two surrogates, which TOML refuses: those stay as is.
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
