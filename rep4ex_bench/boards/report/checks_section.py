"""What of the assumptions a user's data bear out, as the report shows it beside their results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class DataCheck:
    """One assumption about one scenario's data.

    Attributes:
        scenario: its label.
        assumption: which.
        verdict: "seen", "doubtful" or "cannot be checked".
        finding: what was found, in words.
    """

    scenario: str
    assumption: str
    verdict: str
    finding: str


def by_scenario(checks: Iterable[DataCheck]) -> dict[str, list[DataCheck]]:
    """Return the checks of every scenario that has any, those in doubt first."""
    found: dict[str, list[DataCheck]] = {}
    for check in sorted(checks, key=lambda check: check.verdict != "doubtful"):
        found.setdefault(check.scenario, []).append(check)
    return found
