"""Running the gallery: every attack against the package as it is installed."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rep4ex_bench.leaderboard.attacks.base import (
    Attack,
    BundleAttack,
    MethodAttack,
    Outcome,
    Workshop,
)
from rep4ex_bench.leaderboard.attacks.claims import CLAIMS
from rep4ex_bench.leaderboard.attacks.methods import BY_METHODS
from rep4ex_bench.leaderboard.attacks.unsafe import UNSAFE
from rep4ex_bench.leaderboard.reveal import ranking_seeds
from rep4ex_bench.running.cell import CellResult
from rep4ex_bench.running.executors.local import LocalExecutor

GALLERY: tuple[type[Attack], ...] = (*CLAIMS, *UNSAFE, *BY_METHODS)


@dataclass(frozen=True)
class Attempt:
    """One attack and what came of it."""

    attack: type[Attack]
    outcome: Outcome

    def text(self) -> str:
        """Return three lines: what happened, how, and whose task it was."""
        verdict = "caught" if self.outcome.caught else "NOT CAUGHT"
        return f"{verdict}: {self.attack.name}\n    {self.outcome.how}\n    {self.attack.defence}"

    def as_json(self) -> dict[str, object]:
        """Return plain data."""
        return {
            "attack": self.attack.name,
            "aim": self.attack.aim,
            "defence": self.attack.defence,
            "caught": self.outcome.caught,
            "how": self.outcome.how,
        }


def run_gallery(gallery: Sequence[type[Attack]] = GALLERY) -> list[Attempt]:
    """Run attacks in a folder that is gone afterwards; return them in order.

    Attacks by methods run as in `verify`: confined, on a ranking seed of a beacon drawn now.
    """
    with tempfile.TemporaryDirectory(prefix="rep4ex-bench-") as folder:
        workshop = Workshop(Path(folder))
        on_bundles = [cls() for cls in gallery if issubclass(cls, BundleAttack)]
        by_methods = [cls() for cls in gallery if issubclass(cls, MethodAttack)]
        outcomes: dict[type[Attack], Outcome] = {
            type(attack): attack.attempt(workshop) for attack in on_bundles
        }
        outcomes |= _run_methods(by_methods, workshop)
    return [Attempt(cls, outcomes[cls]) for cls in gallery]


def _run_methods(attacks: list[MethodAttack], workshop: Workshop) -> dict[type[Attack], Outcome]:
    if not attacks:
        return {}
    digest = workshop.honest.digest
    protocol = workshop.suite.protocol_version
    (seed,) = ranking_seeds([digest], secrets.token_hex(16), protocol, 1)
    cells = {type(attack): workshop.cells(attack.methods(workshop), seed) for attack in attacks}
    results: dict[str, CellResult] = {}
    LocalExecutor("cpu", 1, confined=True).run(
        [cell for own in cells.values() for cell in own],
        lambda cell: None,
        lambda cell, result: results.update({cell.key: result}),
    )
    return {
        type(attack): attack.outcome([results[c.key] for c in cells[type(attack)]], workshop)
        for attack in attacks
    }
