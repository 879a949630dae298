"""All findings, and how they are printed."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rep4ex_bench.doctor.finding import Finding
from rep4ex_bench.doctor.kernels import check_dispatch, check_numbers
from rep4ex_bench.doctor.machine import check_machine
from rep4ex_bench.doctor.packages import check_packages
from rep4ex_bench.doctor.plug_ins import check_plug_ins

_STYLES = {"ok": "", "absent": "dim", "warning": "yellow", "problem": "bold red"}


def examine(folder: Path = Path("runs")) -> list[Finding]:
    """Return everything that was found; a few seconds, compiled kernels included."""
    return [
        *check_machine(folder),
        *check_packages(),
        *check_plug_ins(),
        *check_dispatch(),
        *check_numbers(),
    ]


def problems(findings: list[Finding]) -> list[Finding]:
    """Return what is promised and missing or broken."""
    return [finding for finding in findings if finding.state == "problem"]


def print_findings(findings: list[Finding], console: Console) -> None:
    """Print a table per area, then what is to be done."""
    for area in dict.fromkeys(finding.area for finding in findings):
        table = Table(
            title=Text(area, style="bold"),
            title_justify="left",
            box=SIMPLE_HEAD,
            show_header=False,
            pad_edge=False,
        )
        table.add_column(no_wrap=True)
        table.add_column()
        table.add_column(overflow="fold")
        for finding in findings:
            if finding.area == area:
                cells = (finding.name, finding.state, finding.text)
                table.add_row(*map(Text, cells), style=_STYLES[finding.state])
        console.print(table)
    for finding in findings:
        if finding.remedy:
            console.print(Text(f"{finding.name}: {finding.remedy}", _STYLES[finding.state]))
    found = len(problems(findings))
    console.print(Text(f"{found} problem{'' if found == 1 else 's'}", style="bold"))
