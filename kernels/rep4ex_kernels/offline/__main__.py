"""Compile the table for GPUs that are not here, print it, exit 1 on a violation."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rep4ex_kernels.offline.compiling import TARGETS
from rep4ex_kernels.offline.document import write
from rep4ex_kernels.offline.gate import run, table


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m rep4ex_kernels.offline", description=__doc__)
    parser.add_argument("--target", action="append", choices=TARGETS)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="fewer cases of each row")
    parser.add_argument(
        "--markdown", type=Path, help="write a page here, the table beside it as CSV"
    )
    options = parser.parse_args(arguments)
    start = time.monotonic()
    rows = run(options.target or TARGETS, options.only, options.processes, options.quick)
    seconds = time.monotonic() - start
    print(table(rows))
    if options.markdown:
        quick = " --quick" if options.quick else ""
        command = f"python -m rep4ex_kernels.offline{quick} --markdown {options.markdown}"
        write(rows, command, options.markdown)
    broken = [row for row in rows if row.violations]
    for row in broken:
        for violation in row.violations:
            print(f"VIOLATION {row.case} {row.target}: {violation}", file=sys.stderr)
    print(
        f"\n{len(rows)} compilations, {len(broken)} with violations, {seconds:.0f} s. "
        "All figures are estimates."
    )
    return 1 if broken or not rows else 0


if __name__ == "__main__":
    raise SystemExit(main())
