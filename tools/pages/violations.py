"""What breaks what: expectations that were written down before, and what a run shows.

python tools/pages/violations.py RUN [RUN ...] [--out docs/violations.md]

RUN is the folder of `rep4ex-bench run violations`, whole or in parts.
"""

from __future__ import annotations

import argparse
import math
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd

from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.boards.ranking.violations import violations
from rep4ex_bench.running.finished import load_run

EXPECTED = Path(__file__).with_name("violations_expected.toml")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, help="write the page here instead of printing it")
    arguments = parser.parse_args()
    records = pd.concat([load_run(run).records for run in arguments.runs], ignore_index=True)
    text = page(violations(records), tomllib.loads(EXPECTED.read_text(encoding="utf-8")))
    if arguments.out is None:
        print(text)
    else:
        arguments.out.write_text(text, encoding="utf-8")


def page(found: pd.DataFrame, expected: dict[str, Any]) -> str:
    """Return the page from `violations(records)` and the table of expectations."""
    sections = [
        _section(str(dial), rows, expected.get(str(dial), {}))
        for dial, rows in found.groupby("dial", sort=False)
    ]
    compared = [line for _, lines in sections for line in lines]
    failed = [line for line in compared if not line["holds"]]
    counts = f"{len(compared)} expectations were compared; {len(failed)} failed"
    names = ", ".join(f"{line['method']} under {line['dial']}" for line in failed)
    return _PAGE.format(
        counts=f"{counts}: {names}." if failed else f"{counts}.",
        seeds=int(found["seeds"].max()) if len(found) else 0,
        sections="\n".join(text for text, _ in sections),
    )


def _section(
    dial: str, rows: pd.DataFrame, expected: dict[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    """Return the text of one dial, and its expectations that could be compared."""
    steps = sorted(rows["step"].unique())
    lines, compared = [], []
    for method, own in rows.groupby("method_label", sort=False):
        first = own.iloc[0]
        errors = " | ".join(shown(value) for value in own.sort_values("step")["nmse_outside"])
        at, last = float(first["breaks_at"]), int(first["steps"])
        bounds = expected.get(str(method))
        verdict = ""
        if bounds is not None and math.isfinite(at):
            holds = bounds[0] <= at <= bounds[1]
            compared.append({"dial": dial, "method": str(method), "holds": holds})
            verdict = f"{_range(bounds, last)}: {'as expected' if holds else '**not as expected**'}"
        lines.append(f"| {method} | {errors} | {_step(at, last)} | {verdict} |")
    heading = " | ".join(f"step {step}" for step in steps)
    rule = "---|" * (len(steps) + 3)
    says = str(rows["says"].iloc[0])
    text = f"""
## {dial}

{says[0].upper() + says[1:]}. {expected.get("why", "")}

| method | {heading} | breaks at | expected |
|{rule}
{chr(10).join(lines)}
"""
    return text, compared


def _step(at: float, last: int) -> str:
    if math.isnan(at):
        return ""
    return "never" if at >= last else f"{at:g}"


def _range(bounds: list[int], last: int) -> str:
    low, high = (_step(bound, last) for bound in bounds)
    return low if low == high else f"{low} to {high}"


_PAGE = """# What breaks what

Made by `python tools/pages/violations.py RUN --out docs/violations.md` of a run of
`rep4ex-bench run violations` with {seeds} seeds. Every dial breaks one assumption, step by step; at
step 0 everything holds. Below is the nMSE outside the support, medians over seeds; a method
*breaks* at the first step at which it is not better than the best regression of Y on A (median over
seeds).
What was expected was written down before any method had been run on the dials
(`tools/pages/violations_expected.toml`).

{counts}
{sections}"""

if __name__ == "__main__":
    main()
