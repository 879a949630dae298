"""The verbs of `rep4ex-bench`: one function each, no logic; `main.py` loads them when called."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from rep4ex_bench.boards.speed.page import write_speed_board
from rep4ex_bench.cli.availability import availabilities, availability_json, availability_text
from rep4ex_bench.cli.comparison import print_comparison
from rep4ex_bench.cli.controls import controls_command
from rep4ex_bench.cli.describe import breaks, describe_component, list_components
from rep4ex_bench.cli.diagnostics_table import print_diagnostics
from rep4ex_bench.cli.export import export_command
from rep4ex_bench.cli.kernels_json import kernels_json
from rep4ex_bench.cli.leaderboard import (
    attack_command,
    submit_command,
    verify_command,
)
from rep4ex_bench.cli.new import new_command
from rep4ex_bench.cli.own_data import DataOptions, chosen_suite, print_checks
from rep4ex_bench.cli.results import results_command
from rep4ex_bench.cli.site import leaderboard_group
from rep4ex_bench.cli.speed_board import print_speed_board
from rep4ex_bench.cli.terminal import make_console, plan_text, print_leaderboard, run_json
from rep4ex_bench.comparison.compare import LEAST, compare_runs
from rep4ex_bench.doctor.examine import examine, print_findings, problems
from rep4ex_bench.running.executors.choice import EXECUTORS
from rep4ex_bench.running.failed_cells import failures_text
from rep4ex_bench.running.progress import ProgressWatcher
from rep4ex_bench.running.run_folder import default_folder
from rep4ex_bench.running.runner import rebuild_report, run_suite
from rep4ex_bench.running.suite import suite_titles
from rep4ex_bench.running.until_decided import MOST_SEEDS, decision_text, run_until_decided
from rep4ex_bench.speed.estimates import TARGETS
from rep4ex_bench.speed.ops import OPS, reasons
from rep4ex_bench.speed.run import run_kernels


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def list_command(as_json: bool) -> None:
    """List what there is, what is installed, and which assumptions scenarios break."""
    found, here = list_components(), availabilities()
    if as_json:
        more = {
            "titles": suite_titles(),
            "availability": availability_json(here),
            "assumptions": breaks(),
        }
        click.echo(json.dumps(found | more, indent=2))
        return
    for kind, names in found.items():
        click.echo(f"{kind}: {', '.join(names)}")
    for name, title in suite_titles().items():
        click.echo(f"suite {name}: {title}")
    for name, text in breaks().items():
        click.echo(f"scenario {name}: {text}")
    click.echo(availability_text(here))


@click.command()
@click.argument("name")
def describe(name: str) -> None:
    """Describe a suite, scenario, method, metric and so on, and its parameters."""
    click.echo(describe_component(name))


@click.command()
@click.argument("suite", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Output folder [default: runs/SUITE].")
@click.option("--method", "methods", multiple=True, help="Only this method; may be repeated.")
@click.option("--scenario", "scenarios", multiple=True, help="Only this scenario; may be repeated.")
@click.option("--seeds", type=int, help="Number of seeds [default: the suite's].")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option("--workers", type=int, help="Worker processes [default: one per core].")
@click.option(
    "--executor",
    type=click.Choice(EXECUTORS),
    default="local",
    show_default=True,
    help="Where cells run; ray and slurm are optional extras.",
)
@click.option("--timeout", type=float, help="Seconds per cell [default: the suite's].")
@click.option(
    "--memory",
    type=float,
    help="GiB per cell [default: the suite's, or the machine's over its workers].",
)
@click.option(
    "--until-decided",
    nargs=2,
    metavar="A B",
    help="Add seeds until these two methods are separated, or --seeds [default: 100] are done.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Own data: Parquet, CSV or NPZ.")
@click.option("--actions", multiple=True, metavar="COL", help="Columns or patterns ('a_*', 'a,b').")
@click.option("--features", multiple=True, metavar="COL", help="Likewise.")
@click.option("--outcome", metavar="COL", help="One column.")
@click.option("--covariates", multiple=True, metavar="COL", help="As --actions; may be left out.")
@click.option("--environment", metavar="COL", help="Number of the environment; likewise.")
@click.option("--time", "time_column", metavar="COL", help="Time of the row; likewise.")
@click.option("--hold-out", metavar="EXPR", help="Actions to test on, e.g. 'abs(a1) > 1.5'.")
@click.option("--training-share", type=float, help="Of the other rows, per seed [default: 0.5].")
@click.option("--latent-dim", type=int, help="Number of latents, where it is known.")
@click.option("--force", is_flag=True, help="Compute finished cells again, too.")
@click.option("--retry-failed", is_flag=True, help="Compute again what failed, in any case.")
@click.option(
    "--dry-run", is_flag=True, help="Print the cells, and what own data bear out; write nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable summary at the end.")
def run(
    suite: str | None,
    out: Path | None,
    methods: tuple[str, ...],
    scenarios: tuple[str, ...],
    seeds: int | None,
    device: str,
    workers: int | None,
    executor: str,
    timeout: float | None,
    memory: float | None,
    until_decided: tuple[str, str] | None,
    data: Path | None,
    actions: tuple[str, ...],
    features: tuple[str, ...],
    outcome: str | None,
    covariates: tuple[str, ...],
    environment: str | None,
    time_column: str | None,
    hold_out: str | None,
    training_share: float | None,
    latent_dim: int | None,
    force: bool,
    retry_failed: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run SUITE (a name or a TOML file); again with the same --out computes what is missing.

    Finished cells whose code has changed since are not reused: it is said what changed, and --force
    computes them again. What failed is run again where its limit, the packages or its code are
    other now.

    Instead of a suite, --data with --actions, --features, --outcome and --hold-out runs the
    methods on your own table: the held-out actions give the truth, since actions are exogenous.
    """
    own = DataOptions(
        data,
        actions,
        features,
        outcome,
        hold_out,
        training_share,
        latent_dim,
        covariates,
        environment,
        time_column,
    )
    loaded = chosen_suite(suite, own, methods)
    print_checks(loaded, Console(stderr=True))
    if dry_run:
        click.echo(plan_text(loaded.narrowed(scenarios, methods, seeds, timeout)))
        return
    decision = None
    with ProgressWatcher(Console(stderr=True)) as watcher:
        common: dict[str, Any] = {
            "scenarios": scenarios,
            "timeout_seconds": timeout,
            "memory_gigabytes": memory,
            "device": device,
            "executor": executor,
            "workers": workers,
            "watcher": watcher,
            "force": force,
            "retry_failed": retry_failed,
        }
        if until_decided:
            folder = out or default_folder(loaded.name, *until_decided)
            most = MOST_SEEDS if seeds is None else seeds
            result, decision = run_until_decided(
                loaded, folder, *until_decided, most_seeds=most, **common
            )
        else:
            folder = out or default_folder(loaded.name)
            result = run_suite(loaded, folder, methods=methods, seeds=seeds, **common)
    for note in result.notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        click.echo(run_json(result, decision))
        sys.exit(1 if result.failed else 0)
    print_leaderboard(result.records, make_console())
    if result.failures:
        click.echo(failures_text(result.failures))
    if until_decided and decision is not None:
        click.echo(decision_text(decision, *until_decided))
    else:
        click.echo(f"report: {result.folder / 'report.html'}")
    sys.exit(1 if result.failed else 0)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--diagnostics", is_flag=True, help="Print what the fitted methods say, too.")
def report(folder: Path, diagnostics: bool) -> None:
    """Build the report of a run FOLDER anew and print its leaderboard."""
    records, path = rebuild_report(folder)
    print_leaderboard(records, make_console())
    if diagnostics:
        print_diagnostics(records, make_console())
    click.echo(f"report: {path}")


@click.command()
@click.option("--op", "ops", multiple=True, type=click.Choice(list(OPS)), help="Only this op.")
@click.option("--contender", "contenders", multiple=True, help="Only this contender.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option("--quick", "shapes", flag_value="quick", help="One small shape an op; a minute.")
@click.option("--scaling", "shapes", flag_value="scaling", help="Growing n, to 1,000,000.")
@click.option("--estimates", type=click.Choice(TARGETS), help="Add a GPU's predicted times.")
@click.option("--threads", type=int, default=1, show_default=True, help="Of every contender.")
@click.option("--out", type=click.Path(path_type=Path), help="Output folder [runs/kernels-...].")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable summary at the end.")
def kernels(
    ops: tuple[str, ...],
    contenders: tuple[str, ...],
    device: str,
    shapes: str | None,
    estimates: str | None,
    threads: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure the kernels beside what a user would take instead; again: what is missing."""
    chosen = shapes or "reference"
    run = run_kernels(
        out or Path("runs") / f"kernels-{chosen}",
        shapes=chosen,
        ops=ops,
        contenders=contenders,
        device=device,
        threads=threads,
        estimates=estimates,
    )
    page = run.folder / "speed.html"
    write_speed_board(page, run.records, reasons=reasons())
    if as_json:
        click.echo(kernels_json(run))
    else:
        print_speed_board(run.records, make_console())
        click.echo(f"board: {page}")
    sys.exit(1 if run.failed else 0)


@click.command()
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@click.option("--only", "names", multiple=True, help="Only this contender or method.")
@click.option(
    "--at-least", "least", type=float, default=LEAST, show_default=True, help="Ratio that counts."
)
@click.option("--across-machines", is_flag=True, help="Compare seconds of different machines.")
@click.option("--all", "with_all", is_flag=True, help="List what did not change, too.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def compare(
    first: Path,
    second: Path,
    names: tuple[str, ...],
    least: float,
    across_machines: bool,
    with_all: bool,
    as_json: bool,
) -> None:
    """Show what changed from run A to run B, of `run` or of `kernels`; 1 if anything got worse.

    Exit status: 0 nothing got worse, 1 something did, 2 the runs cannot be compared, 3 nothing did
    as far as can be told, but so few seeds or rounds cannot decide everything that was asked.
    """
    found = compare_runs(first, second, names, least, across_machines)
    if as_json:
        click.echo(json.dumps(found.as_json()))
    else:
        print_comparison(found, make_console(), with_all)
    sys.exit(found.exit_status)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default="runs", help="Where runs go.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def doctor(out: Path, as_json: bool) -> None:
    """Say what this machine can do; 1 if something promised is missing or gives wrong numbers."""
    found = examine(out)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        print_findings(found, make_console())
    sys.exit(1 if problems(found) else 0)


VERBS: dict[str, click.Command] = {
    str(command.name): command
    for command in (
        list_command,
        describe,
        run,
        report,
        kernels,
        compare,
        doctor,
        attack_command,
        controls_command,
        export_command,
        results_command,
        leaderboard_group,
        new_command,
        submit_command,
        verify_command,
    )
}
