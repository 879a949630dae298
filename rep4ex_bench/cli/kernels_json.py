"""A kernel run as JSON."""

from __future__ import annotations

import json

from rep4ex_bench.boards.speed.summary import speed_table
from rep4ex_bench.speed.run import KernelRun


def kernels_json(run: KernelRun) -> str:
    """Return a run's summary and its speed table; what is not finite becomes null."""
    table = json.loads(speed_table(run.records).to_json(orient="records"))
    summary = {"folder": str(run.folder), "failed": run.failed, "contenders": table}
    return json.dumps(summary, indent=2)
