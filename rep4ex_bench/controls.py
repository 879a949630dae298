"""Controls of a scenario: who must be able to solve it, who must not, and at which error.

A scenario is solved where the best positive control reaches the bound on every seed. Where it does
not, errors of methods say nothing about methods, and nobody is ranked. A negative control that
reaches the bound shows that the scenario is easy: features and latents are not needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rep4ex_bench.errors import PluginError

DEFAULT_BOUND = 0.1  # nmse_outside; 1 is that of a constant at the truth's mean


@dataclass(frozen=True)
class Control:
    """A method by its registered name, with its parameters."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


# The control function on the true latents, in their own axes and in random ones.
ORACLES = (Control("oracle_control_function"), Control("oracle_mixed_axes"))
# What knows the actions only: nothing at all, a straight line, a network with few steps.
ACTIONS_ALONE = (
    Control("constant_mean"),
    Control("ols_on_actions"),
    Control("mlp_on_actions", {"steps": 300}),
)


@dataclass(frozen=True)
class Controls:
    """The controls of one scenario.

    Attributes:
        bound: nmse_outside that the best positive control must reach on every seed, and that no
            negative one may reach on most of them.
        positive: methods, oracles for instance, that see what makes the scenario solvable.
        negative: methods that do not.

    Raises:
        PluginError: a bound that is no finite number above 0, no positive control, or a method that
            is named twice.
    """

    bound: float = DEFAULT_BOUND
    positive: tuple[Control, ...] = ORACLES
    negative: tuple[Control, ...] = ACTIONS_ALONE

    def __post_init__(self) -> None:
        number = isinstance(self.bound, int | float) and not isinstance(self.bound, bool)
        if not number or not math.isfinite(self.bound) or self.bound <= 0:
            raise PluginError(
                f"the bound of controls must be a finite number above 0, got {self.bound!r:.200}: "
                "write the nmse_outside that the positive control reaches on every seed"
            )
        if not self.positive:
            raise PluginError(
                "controls need a positive control, got none: name one, or let `controls` be None"
            )
        names = [control.name for control in (*self.positive, *self.negative)]
        if len(set(names)) < len(names):
            raise PluginError(
                f"controls must be different methods, got {', '.join(names)}: name each once"
            )


def check_controls(owner: str, controls: object) -> Controls | None:
    """Return controls as they are; raise `PluginError` for anything but `Controls` or None."""
    if controls is None or isinstance(controls, Controls):
        return controls
    raise PluginError(
        f"{owner}: `controls` must be a rep4ex_bench.controls.Controls or None, "
        f"got {controls!r:.200}"
    )
