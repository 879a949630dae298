"""What of the methods and contenders is installed, and how to get the rest."""

from __future__ import annotations

from dataclasses import dataclass

from rep4ex_bench.errors import PluginError
from rep4ex_bench.installed import missing_package
from rep4ex_bench.registry import METHODS
from rep4ex_bench.speed.contender import KERNEL_IMPLEMENTATIONS


@dataclass(frozen=True)
class Availability:
    """Whether one component can be used here; `why_not` says what is missing, "" if nothing is."""

    kind: str
    name: str
    why_not: str

    @property
    def installed(self) -> bool:
        """Whether it can be used."""
        return not self.why_not


def availabilities() -> dict[str, list[Availability]]:
    """Return the state of every method and contender, under the names of their listings.

    All of them are imported; one that cannot be hides no other.
    """
    methods, contenders = METHODS.kind, KERNEL_IMPLEMENTATIONS.kind
    return {
        "methods": [
            Availability(methods, name, _method_is_missing(name)) for name in METHODS.names()
        ],
        "kernel_implementations": [
            Availability(contenders, name, _contender_is_missing(name))
            for name in KERNEL_IMPLEMENTATIONS.names()
        ],
    }


def _method_is_missing(name: str) -> str:
    try:
        return missing_package(METHODS.get(name)) or ""
    except PluginError as error:
        return str(error)


def _contender_is_missing(name: str) -> str:
    try:
        return missing_package(KERNEL_IMPLEMENTATIONS.get(name)) or ""
    except PluginError as error:
        return str(error)


def availability_text(found: dict[str, list[Availability]]) -> str:
    """Return how many of each listing are installed, then one line for each that is not."""
    lines = []
    for listing, components in found.items():
        ready = sum(one.installed for one in components)
        lines.append(f"installed {listing}: {ready} of {len(components)}")
        lines += [f"  {one.name}: {one.why_not}" for one in components if not one.installed]
    return "\n".join(lines)


def availability_json(
    found: dict[str, list[Availability]],
) -> dict[str, dict[str, dict[str, object]]]:
    """Return by listing and name whether each is installed and, if not, how to get it."""
    return {
        listing: {
            one.name: {"installed": one.installed, "why_not": one.why_not} for one in components
        }
        for listing, components in found.items()
    }
