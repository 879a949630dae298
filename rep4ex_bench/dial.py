"""A place on a dial: one assumption that scenarios of a family break, step by step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dial:
    """Where a scenario stands on a dial.

    Scenarios with one are left out of the order over all scenarios: they have a table of their own,
    of the step at which each method breaks down.

    Attributes:
        name: of the dial; scenarios that share it are its steps.
        says: what is broken, in words.
        step: 0 where everything holds.
    """

    name: str
    says: str
    step: int
