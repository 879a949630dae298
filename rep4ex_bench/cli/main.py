"""The command `rep4ex-bench`: its help, which is there at once, and its verbs, loaded when called.

Exit status: 0 no cell failed, 1 some failed, 2 the request or the output folder cannot be used.
Of `compare`: 0 nothing got worse, 1 something did, 2 as above, 3 nothing did as far as the seeds or
rounds can tell, but something that was asked is undecidable with so few. 130: stopped.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from rep4ex_bench.errors import Rep4ExBenchError

# What the help says of each: to ask the verbs themselves would import torch first.
HELP = {
    "attack": "Run the gallery of known cheats; each must be caught.",
    "compare": "Show what changed from run A to run B, of `run` or of `kernels`; 1 if anything got "
    "worse.",
    "controls": "Measure the controls and the hardness of every scenario of SUITE; 1 if one is "
    "unsolved.",
    "describe": "Describe a suite, scenario, method, metric and so on, and its parameters.",
    "doctor": "Say what this machine can do; 1 if something promised is missing or gives wrong "
    "numbers.",
    "export": "Write training data, queries and truth of SCENARIO as Parquet, for R, Julia and "
    "others.",
    "kernels": "Measure the kernels beside what a user would take instead; again: what is missing.",
    "leaderboard": "The leaderboard's site.",
    "list": "List what there is, what is installed, and which assumptions scenarios break.",
    "new": "Write a package with a working, tested component of that KIND called NAME.",
    "report": "Build the report of a run FOLDER anew and print its leaderboard.",
    "results": "Write a table or a figure of a run FOLDER for a paper; nothing is run.",
    "run": "Run SUITE (a name or a TOML file); again with the same --out computes what is missing.",
    "submit": "Make a bundle of RUN, a run folder, and put it on the board; nothing there is "
    "replaced.",
    "verify": "Run cells of BUNDLE (a folder or a tar file) again and say which do not hold.",
}
_LOADING = "loading torch and the rest"
# Of these a log shows at once that they have begun; what others print is their answer alone.
_LONG = frozenset({"attack", "controls", "kernels", "run", "verify"})


class _Verbs(click.Group):
    """The verbs by name, imported when one of them is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(HELP)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in HELP:
            return None
        # it takes seconds, in which nothing else would be seen
        waits = "rep4ex_bench.cli.verbs" not in sys.modules
        on_terminal = sys.stderr.isatty()
        if waits and (on_terminal or name in _LONG):
            click.echo(_LOADING, nl=not on_terminal, err=True)
        verbs: dict[str, click.Command] = import_module("rep4ex_bench.cli.verbs").VERBS
        if waits and on_terminal:
            click.echo(f"\r{' ' * len(_LOADING)}\r", nl=False, err=True)
        return verbs[name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(HELP.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rep4ex-bench")
def cli() -> None:
    """Benchmark of intervention extrapolation: E[Y | do(A = a*)] outside the support of A."""


def main() -> None:
    """Run the command; an error of ours is one message and exit status 2."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Rep4ExBenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "stopped; finished cells are kept, the same command goes on (--force starts over)",
            err=True,
        )
        sys.exit(130)
