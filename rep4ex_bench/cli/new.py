"""`rep4ex-bench new KIND NAME`: a package to start from."""

from __future__ import annotations

from pathlib import Path

import click

from rep4ex_bench.new.kinds import KINDS
from rep4ex_bench.new.package import new_package


@click.command(name="new")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
@click.option("--into", type=click.Path(path_type=Path), default=Path(), help="Parent folder.")
def new_command(kind: str, name: str, into: Path) -> None:
    """Write a package with a working, tested component of that KIND called NAME."""
    click.echo(f"package: {new_package(kind, name, into)}")
