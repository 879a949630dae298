"""The text that is kept of a cell that failed: reason, traceback and what its processes printed."""

from __future__ import annotations

from rep4ex_bench.records.kinds import is_failure
from rep4ex_bench.running.cell import CellResult
from rep4ex_bench.running.isolation.output import harmless


def failure_of(result: CellResult) -> str | None:
    """Return the status of the first record of a cell that failed, None where all is well."""
    bad = (one.status for one in result.records if is_failure(one.metric, one.status))
    return next(bad, None)


def log_text(result: CellResult) -> str:
    """Return the text of a cell that failed; raises `ValueError` for another one."""
    bad = [one for one in result.records if is_failure(one.metric, one.status)]
    if not bad:
        raise ValueError("a cell that failed was expected")
    first = bad[0]
    name = f"{first.scenario_label} / {first.method_label} / seed {first.seed}"
    reasons = [f"{one.status}: {f'{one.metric}: ' if one.metric else ''}{one.error}" for one in bad]
    whose = "" if first.group_size == 1 else f", {first.group_size} cells together"
    text = "\n".join(
        [
            name,
            *reasons,
            "",
            result.trace or "No traceback: nothing was raised, or the process ended before.",
            "",
            f"Printed by the method and while scoring{whose}, the last 64 KiB of each:",
            result.log or "(nothing)",
            "",
        ]
    )
    return harmless(text)
