"""``python -m rep4ex_kernels.offline``: compile the table, print it, exit 1 on a violation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rep4ex_kernels.offline.compiling import AMD_TARGETS, CUDA_TARGETS
from rep4ex_kernels.offline.document import document
from rep4ex_kernels.offline.gate import run, table


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m rep4ex_kernels.offline", description=__doc__)
    parser.add_argument("--target", action="append", choices=[*CUDA_TARGETS, *AMD_TARGETS])
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="every row on sm_90, fewer elsewhere")
    parser.add_argument("--markdown", type=Path, help="write the table and its legend here too")
    options = parser.parse_args(arguments)
    rows = run(
        tuple(options.target or CUDA_TARGETS), options.only, options.processes, options.quick
    )
    print(table(rows))
    if options.markdown:
        command = f"python -m rep4ex_kernels.offline --markdown {options.markdown.name}"
        options.markdown.write_text(document(rows, command), encoding="utf-8")
    broken = [row for row in rows if row.violations]
    for row in broken:
        for violation in row.violations:
            print(f"VIOLATION {row.case} {row.target}: {violation}", file=sys.stderr)
    print(f"\n{len(rows)} compilations, {len(broken)} with violations. All figures are estimates.")
    return 1 if broken or not rows else 0


if __name__ == "__main__":
    raise SystemExit(main())
