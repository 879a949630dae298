"""What the runner survives: faults injected, runners killed, and what a cell costs beside its work.

    python tools/pages/reliability.py [--times 3] [--kills 200] [--stops 20]
                                                [--out docs/reliability.md]

A cell is lost if the run has no record of it; a number is wrong if it is not, bit by bit, that of a
run that nothing disturbed. Faults that need a file system of their own need root and are left out
without it.
"""

from __future__ import annotations

import argparse
import random
import signal
import tempfile
from pathlib import Path

from _faults import INJECTIONS
from _killing import Killing, killed_runs, stopped_runs
from _overhead import overhead_section
from _surviving import Survived, survive


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=3, help="how often each fault is injected")
    parser.add_argument("--kills", type=int, default=200, help="runs that are ended by SIGKILL")
    parser.add_argument("--stops", type=int, default=20, help="runs that are ended by Ctrl-C")
    parser.add_argument("--out", type=Path, help="write the page here instead of printing it")
    arguments = parser.parse_args()
    # a shell has its background jobs ignore it, and so would the runs that are to be stopped
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lines = introduction(arguments)
    with tempfile.TemporaryDirectory() as folder:
        lines += faults_section(Path(folder) / "faults", arguments.times)
    with tempfile.TemporaryDirectory() as folder:
        rng = random.Random(1)
        lines += killing_section(
            killed_runs(Path(folder) / "killed", arguments.kills, rng),
            stopped_runs(Path(folder) / "stopped", arguments.stops, rng),
        )
    lines += overhead_section()
    page = "\n".join(lines) + "\n"
    if arguments.out:
        arguments.out.write_text(page, encoding="utf-8")
    else:
        print(page)


def introduction(arguments: argparse.Namespace) -> list[str]:
    """Return what the page says first."""
    return [
        "# What the runner survives",
        "",
        f"Made by `python tools/pages/reliability.py --times {arguments.times} "
        f"--kills {arguments.kills} --stops {arguments.stops} --out docs/reliability.md`.",
        "",
        "A cell is lost if the run has no record of it. A number is wrong if it is not, bit by "
        "bit, that of a run that nothing disturbed.",
        "",
    ]


def faults_section(folder: Path, times: int) -> list[str]:
    """Return the table of faults."""
    lines = [
        "## Faults of methods",
        "",
        f"Each fault is one method of a suite, in {times} cells (one seed each), beside two honest "
        "methods; two workers, 0.5 GiB and 60 seconds a cell (6 where the fault is to take for "
        "ever).",
        "",
        "| fault | injected how | times | records say | cells lost | wrong numbers |",
        "|---|---|---|---|---|---|",
    ]
    for fault, how in INJECTIONS.items():
        found = survive(folder / fault, fault, times)
        lines.append(_fault_row(fault, how, found))
        print(lines[-1], flush=True)
    return [*lines, ""]


def _fault_row(fault: str, how: str, found: Survived | None) -> str:
    name = fault.replace("_", " ")
    if found is None:
        return f"| {name} | {how} | 0 (needs root) | | | |"
    said = "; ".join(f"{status}: {error}" if error else status for status, error in found.said)
    return f"| {name} | {how} | {found.times} | {said} | {found.lost} | {found.wrong} |"


def killing_section(killed: Killing, stopped: Killing) -> list[str]:
    """Return the table of runners that were ended."""
    lines = [
        "## Runners that are ended",
        "",
        "The command `rep4ex-bench run` on 12 cells with two workers, ended at an instant drawn "
        f"evenly from the time of an undisturbed run ({killed.whole_seconds:.1f} s here); then "
        "the same command again, until it comes to its end, and then a fresh folder. Lost: a "
        "finished cell whose file is gone or was written again.",
        "",
        "| ended by | times | of them with some cells finished | ends "
        "| cells lost | duplicate records | wrong numbers | processes left | slowest to end, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in (("SIGKILL", killed), ("Ctrl-C (SIGINT)", stopped)):
        lines.append(
            f"| {name} | {found.times} | {found.in_mid_run} | {found.ends} | {found.lost} "
            f"| {found.duplicates} | {found.wrong} | {found.left} | {found.longest:.1f} |"
        )
        print(lines[-1], flush=True)
    return [
        *lines,
        "",
        "The test suite does the same with a runner whose cells run inside it "
        "(`tests/running/test_killed.py`), where most instants fall between two cells or into the "
        "writing of one.",
        "",
    ]


if __name__ == "__main__":
    main()
