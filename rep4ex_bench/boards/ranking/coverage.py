"""Coverage: which methods are left out of which scenarios, and why."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.records.records import LEFT_OUT


@dataclass(frozen=True)
class Gap:
    """Cells of one method that are left out for one reason.

    Attributes:
        method: its label.
        role: "method", "oracle" or "control".
        status: "not applicable" or "unavailable".
        reason: why, in one line.
        scenarios: labels of the scenarios, in the order of the records.
    """

    method: str
    role: str
    status: str
    reason: str
    scenarios: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in words."""
        return f"{self.method} is {self.status} in {', '.join(self.scenarios)}: {self.reason}"


def gaps(records: pd.DataFrame) -> list[Gap]:
    """Return what is left out, one gap for each method and reason, in the order of the records."""
    rows = records[records["status"].isin(LEFT_OUT)]
    if rows.empty:
        return []
    alike = ["method_label", "role", "status", "error"]
    return [
        Gap(
            method=str(method),
            role=str(role),
            status=str(status).replace("_", " "),
            reason=str(reason),
            scenarios=tuple(str(label) for label in own["scenario_label"].unique()),
        )
        for (method, role, status, reason), own in rows.groupby(alike, sort=False)
    ]


def reasons(rows: pd.DataFrame) -> dict[str, str]:
    """Return why the methods (labels) that are left out of one scenario are, one reason each."""
    return {gap.method: f"{gap.status}: {gap.reason}" for gap in gaps(rows)}
