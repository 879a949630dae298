"""Whether scenarios are solved by their controls; one that is not ranks nobody.

A scenario is looked at on the seeds where a positive control was run. It is solved if on every one
of them the best of its oracles and positive controls has an nmse_outside of at most the bound; a
control that failed has reached nothing.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from rep4ex_bench.boards.declared import Declared, declarations
from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.boards.ranking.scores import METRIC, Scores

State = Literal["solved", "unsolved", "controls not run", "no controls"]


@dataclass(frozen=True)
class Controlled:
    """What the controls of one scenario say.

    Attributes:
        scenario: its label.
        state: whether it is solved; "controls not run" where the records hold none of its positive
            controls, "no controls" where it has none.
        bound: nmse_outside to reach on every seed; NaN without controls.
        seeds: on how many seeds a positive control was run.
        reached: on how many of them the bound was reached.
        worst: largest nmse_outside of the best control of a seed; NaN where none was run.
    """

    scenario: str
    state: State
    bound: float = math.nan
    seeds: int = 0
    reached: int = 0
    worst: float = math.nan

    @property
    def ranks(self) -> bool:
        """Whether methods are ranked in the scenario."""
        return self.state != "unsolved"

    @property
    def text(self) -> str:
        """All of it in words."""
        if not self.seeds:
            return self.state
        return (
            f"{self.state}: the best oracle reaches {self.bound:g} ({METRIC}) on "
            f"{self.reached} of {self.seeds} seeds, at worst {shown(self.worst)}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain data; what is not finite becomes null."""
        plain = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }
        return plain | {"text": self.text}


def controlled(records: pd.DataFrame, found: list[Scores]) -> dict[str, Controlled]:
    """Return what the controls of every scenario say, by label, from records and their scores."""
    declared = declarations(records)
    methods = records.drop_duplicates(["scenario_label", "method_label"])
    names = dict(list(methods.groupby("scenario_label", sort=False)))
    return {
        one.scenario: _controlled(
            one,
            declared[one.scenario],
            dict(zip(*(names[one.scenario][c] for c in ("method_label", "method")), strict=True)),
        )
        for one in found
    }


def _controlled(scores: Scores, declared: Declared, names: dict[str, str]) -> Controlled:
    """Judge one scenario; `names` has the registered name of every label of its records."""
    if declared.controls is None:
        return Controlled(scores.scenario, "no controls")
    bound = float(declared.controls.bound)
    wanted = {control.name for control in declared.controls.positive}
    run = scores.values.mask(scores.missing)  # NaN where nothing was run
    positive = [label for label in run.columns if names.get(label) in wanted]
    able = [label for label in run.columns if label in positive or scores.roles[label] == "oracle"]
    best = run[able].min(axis=1)[run[positive].notna().any(axis=1)]
    if best.empty:
        return Controlled(scores.scenario, "controls not run", bound)
    reached = best <= bound
    state: State = "solved" if reached.all() else "unsolved"
    seeds = len(best)
    return Controlled(scores.scenario, state, bound, seeds, int(reached.sum()), float(best.max()))
