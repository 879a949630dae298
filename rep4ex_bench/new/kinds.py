"""The kinds of component that a package can bring, and what differs between their packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rep4ex_bench.registry import (
    DIAGNOSTICS,
    METHODS,
    METRICS,
    REPRESENTATIONS,
    SCENARIOS,
    SECOND_STAGES,
)
from rep4ex_bench.speed.contender import CONTENDERS

_RUN = "rep4ex-bench run suite.toml --out run     # a small suite, with others to compare with"


@dataclass(frozen=True)
class Kind:
    """One kind.

    Attributes:
        title: what it is called in a sentence.
        module: its module in the package, and its folder of templates.
        registry: where it will be found.
        commands: what to do with it, in the package's folder.
    """

    title: str
    module: str
    registry: Any
    commands: str = _RUN

    @property
    def group(self) -> str:
        """The group of its entry point."""
        return str(self.registry.group)


KINDS: dict[str, Kind] = {
    "method": Kind(
        "method",
        "method",
        METHODS,
        _RUN + "\nrep4ex-bench submit run --name $entry --method $name --licence MIT",
    ),
    "representation": Kind("representation", "representation", REPRESENTATIONS),
    "second-stage": Kind("second stage", "second_stage", SECOND_STAGES),
    "scenario": Kind("scenario", "scenario", SCENARIOS),
    "metric": Kind("metric", "metric", METRICS),
    "diagnostic": Kind(
        "diagnostic", "diagnostic", DIAGNOSTICS, _RUN + "\nrep4ex-bench report run --diagnostics"
    ),
    "contender": Kind(
        "contender",
        "contender",
        CONTENDERS,
        "rep4ex-bench kernels --quick --op mmr_penalty --out board",
    ),
}
