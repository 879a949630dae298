"""Which distributions are installed, and what to tell pip where one is missing."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar, Protocol

from rep4ex_bench.errors import PluginError


class Installable(Protocol):
    """What a scenario, a method or a contender says of the packages behind it.

    Attributes:
        requires: distributions that it needs.
        install: what to tell pip where one is missing; "" names the missing ones themselves.
    """

    requires: ClassVar[tuple[str, ...]]
    install: ClassVar[str]


def missing_package(component: type[Installable]) -> str | None:
    """Say which distributions are missing and how to install them, or return None."""
    missing = [name for name in component.requires if package_version(name) is None]
    if not missing:
        return None
    return f"{', '.join(missing)} not installed; pip install {_arguments(component, missing)}"


def _arguments(component: type[Installable], missing: list[str]) -> str:
    return " ".join(f"'{name}'" for name in ([component.install] if component.install else missing))


def package_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, None where there is none."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def check_requires(owner: str, requires: object) -> None:
    """Raise `PluginError` unless `requires` is a tuple or list of names."""
    names = requires if isinstance(requires, tuple | list) else [None]
    if not all(isinstance(name, str) and name for name in names):
        raise PluginError(
            f"{owner}: `requires` must be a tuple of names of distributions, got "
            f"{requires!r:.200}: write it as ('name',)"
        )
