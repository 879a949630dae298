"""Installed versions against the ranges that the package itself declares, and its extras."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib import metadata

from packaging.requirements import Requirement

from rep4ex_bench.doctor.finding import Finding

PACKAGE = "rep4ex-bench"
# What each extra brings, for who has not got it.
EXTRAS = {
    "triton": "GPU kernels (and their interpreter)",
    "numba": "compiled CPU kernels for narrow problems",
    "bench": "the contenders of `rep4ex-bench kernels`",
    "ray": "`run --executor ray`",
    "slurm": "`run --executor slurm`",
    "data": "the real spectra of the scenario `meats`",
}
_SOURCES = {"pykeops": ("g++", "PyKeOps compiles at first use and needs a C++ compiler")}


def check_packages(version_of: Callable[[str], str] = metadata.version) -> Iterator[Finding]:
    """Yield a finding for every requirement, then one for every package of an extra.

    Args:
        version_of: returns the version of an installed package; raises PackageNotFoundError.
    """
    for requirement in map(Requirement, metadata.requires(PACKAGE) or []):
        extra = _extra(requirement)
        if extra is None:
            yield _required(requirement, version_of)
        elif extra in EXTRAS and _applies(requirement, extra):
            yield _optional(requirement, extra, version_of)


def _required(requirement: Requirement, version_of: Callable[[str], str]) -> Finding:
    found = _version(requirement.name, version_of)
    if found is not None and requirement.specifier.contains(found, prereleases=True):
        return Finding("packages", requirement.name, "ok", found)
    text = "not installed" if found is None else f"{found}, needed is {requirement.specifier}"
    return Finding(
        "packages", requirement.name, "problem", text, f"pip install '{_plain(requirement)}'"
    )


def _optional(requirement: Requirement, extra: str, version_of: Callable[[str], str]) -> Finding:
    name, found = requirement.name, _version(requirement.name, version_of)
    remedy = f"pip install '{PACKAGE}[{extra}]'"
    if found is None:
        return Finding("extras", name, "absent", f"brings {EXTRAS[extra]}", remedy)
    if not requirement.specifier.contains(found, prereleases=True):
        text = f"{found}, needed is {requirement.specifier}"
        return Finding("extras", name, "problem", text, remedy)
    tool, why = _SOURCES.get(name, ("", ""))
    if tool and shutil.which(tool) is None:
        return Finding("extras", name, "problem", f"{found}, but no {tool}", why)
    return Finding("extras", name, "ok", found)


def _extra(requirement: Requirement) -> str | None:
    """Return the extra that a requirement belongs to."""
    if requirement.marker is None:
        return None
    for extra in metadata.metadata(PACKAGE).get_all("Provides-Extra") or []:
        if requirement.marker.evaluate({"extra": extra}) and not requirement.marker.evaluate(
            {"extra": ""}
        ):
            return str(extra)
    return None


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is not None and requirement.marker.evaluate({"extra": extra})


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _version(name: str, version_of: Callable[[str], str]) -> str | None:
    try:
        return version_of(name)
    except metadata.PackageNotFoundError:
        return None
