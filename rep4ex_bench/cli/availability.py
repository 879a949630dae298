"""What of the components is installed, and how to get the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rep4ex_bench.errors import PluginError
from rep4ex_bench.installed import missing_package
from rep4ex_bench.registry import METHODS, REPRESENTATIONS, SCENARIOS, SECOND_STAGES, Registry
from rep4ex_bench.speed.contender import CONTENDERS


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


_LISTINGS: dict[str, Registry[Any]] = {
    "scenarios": SCENARIOS,
    "methods": METHODS,
    "representations": REPRESENTATIONS,
    "second_stages": SECOND_STAGES,
    "contenders": CONTENDERS,
}


def availabilities() -> dict[str, list[Availability]]:
    """Return the state of every component that may need packages, by the names of the listings.

    All of them are imported; one that cannot be hides no other.
    """
    return {
        listing: [
            Availability(registry.kind, name, _is_missing(registry, name))
            for name in registry.names()
        ]
        for listing, registry in _LISTINGS.items()
    }


def _is_missing(registry: Registry[Any], name: str) -> str:
    try:
        return missing_package(registry.get(name)) or ""
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
