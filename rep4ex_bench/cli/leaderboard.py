"""The verbs `submit`, `verify`, `attack` and `new`: one function each, no logic.

Exit status: 0 nothing broken, 1 a broken cell or an attack that was not caught, 2 the request or
the bundle cannot be used.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from rep4ex_bench.leaderboard.attacks.gallery import run_gallery
from rep4ex_bench.leaderboard.bundle import read_bundle, write_tar
from rep4ex_bench.leaderboard.submit import submit
from rep4ex_bench.leaderboard.verify import Verification, record, record_folder, verify

_BOARD = Path("leaderboard")


@click.command(name="submit")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the entry.")
@click.option("--licence", required=True, help="Licence of the code, best an SPDX identifier.")
@click.option("--method", help="Label of the method, where the run has several.")
@click.option("--description", default="", help="What the method is.")
@click.option("--board", type=click.Path(path_type=Path), default=_BOARD, show_default=True)
@click.option("--tar", type=click.Path(path_type=Path), help="Write the bundle as a tar file too.")
def submit_command(
    run: Path,
    name: str,
    licence: str,
    method: str | None,
    description: str,
    board: Path,
    tar: Path | None,
) -> None:
    """Make a bundle of RUN, a run folder, and put it on the board; nothing there is replaced."""
    bundle, folder = submit(
        run, name, board, licence=licence, description=description, method=method
    )
    if tar is not None:
        write_tar(bundle, tar)
    click.echo(f"bundle: {folder}")
    click.echo(f"hash: {bundle.digest}")


@click.command(name="verify")
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--beacon", default="", help="Public value from after the submission; - reads it.")
@click.option("--round", "round_", multiple=True, help="Hash of another bundle of the same round.")
@click.option("--sample", type=click.IntRange(min=1), help="Run so many claimed cells again.")
@click.option("--all", "everything", is_flag=True, help="Run all of them again [default].")
@click.option("--seeds", type=click.IntRange(1, 1000), help="Ranking seeds [default: as claimed].")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: one per core].")
@click.option("--record/--no-record", "keep", default=True, help="Keep what a beacon led to.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def verify_command(
    bundle: Path,
    beacon: str,
    round_: tuple[str, ...],
    sample: int | None,
    everything: bool,
    seeds: int | None,
    device: str,
    workers: int | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Run cells of BUNDLE (a folder or a tar file) again and say which do not hold."""
    if sample is not None and everything:
        raise click.UsageError("--sample and --all exclude each other")
    if beacon == "-":
        beacon = sys.stdin.read()
    read = read_bundle(bundle)
    folder = record_folder(_entry_of(bundle), beacon) if beacon else None
    found = verify(
        read,
        beacon=beacon,
        round_digests=round_,
        sample=sample,
        seeds=seeds,
        device=device,
        workers=workers,
        recorded=folder,
    )
    first = folder is not None and not (folder / "verification.json").exists()
    if folder is not None and first and keep and not found.broken:
        record(found, folder)
    kept = folder if folder is not None and (folder / "verification.json").exists() else None
    if as_json:
        where = {"kept": None if kept is None else str(kept)}
        click.echo(json.dumps(found.as_json() | where, indent=2))
    else:
        click.echo(_text(found))
        if folder is not None:
            click.echo(f"kept: {kept}" if kept else _why_not_kept(found))
    sys.exit(1 if found.broken else 0)


def _entry_of(bundle: Path) -> Path:
    """Return the folder of a submission: on a board the bundle's own, of a file one beside it."""
    if bundle.name == "bundle":
        return bundle.parent
    name = bundle.name if bundle.is_dir() else bundle.name.partition(".")[0]
    return bundle.parent / f"{name}-verification"


def _why_not_kept(found: Verification) -> str:
    return f"not kept: {'cells are broken' if found.broken else '--no-record was given'}"


@click.command(name="attack")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def attack_command(as_json: bool) -> None:
    """Run the gallery of known cheats; each must be caught."""
    attempts = run_gallery()
    if as_json:
        click.echo(json.dumps([attempt.as_json() for attempt in attempts], indent=2))
    else:
        for attempt in attempts:
            click.echo(attempt.text())
        caught = sum(attempt.outcome.caught for attempt in attempts)
        click.echo(f"{caught} of {len(attempts)} attacks were caught")
    sys.exit(0 if all(attempt.outcome.caught for attempt in attempts) else 1)


def _text(found: Verification) -> str:
    lines = [
        f"{one.state:17} {one.cell} ({one.on})" + (f": {one.why}" if one.why else "")
        for one in found.cells
    ]
    lines += [f"warning: {warning}" for warning in found.warnings]
    counts: dict[str, int] = {}
    for one in found.cells:
        counts[one.state] = counts.get(one.state, 0) + 1
    total = ", ".join(f"{number} {state}" for state, number in counts.items())
    return "\n".join([*lines, f"bundle {found.digest[:16]}: {total or 'no cells'}"])
