"""What of the assumptions a user's data bear out, as the report shows it beside their results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ScenarioCheck:
    """A check of one scenario's data: `DataCheck` with the scenario's label."""

    scenario: str
    assumption: str
    verdict: str
    finding: str


def by_scenario(checks: Iterable[ScenarioCheck]) -> dict[str, list[ScenarioCheck]]:
    """Return the checks of every scenario that has any, those in doubt first."""
    found: dict[str, list[ScenarioCheck]] = {}
    for check in sorted(checks, key=lambda check: check.verdict != "doubtful"):
        found.setdefault(check.scenario, []).append(check)
    return found
