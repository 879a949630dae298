"""What there is, in words: listings and descriptions of suites, scenarios, methods, contenders."""

from __future__ import annotations

import inspect

from rep4ex_bench.errors import UnknownNameError
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.registry import METHODS, SCENARIOS
from rep4ex_bench.running.suite import Suite, canonical_parameters, load_suite, suite_names
from rep4ex_bench.speed.contender import KERNEL_IMPLEMENTATIONS


def list_components() -> dict[str, list[str]]:
    """Return the names of all suites, scenarios, methods and kernel implementations."""
    return {
        "suites": suite_names(),
        "scenarios": SCENARIOS.names(),
        "methods": METHODS.names(),
        "kernel_implementations": KERNEL_IMPLEMENTATIONS.names(),
    }


def describe_component(name: str) -> str:
    """Return a description of what has that name.

    Raises:
        UnknownNameError: nothing has that name.
    """
    parts: list[str] = []
    if name in suite_names() or name.endswith(".toml"):
        parts.append(_suite_text(load_suite(name)))
    for registry in (SCENARIOS, METHODS, KERNEL_IMPLEMENTATIONS):
        if name in registry.names():
            parts.append(_class_text(registry.kind, registry.get(name)))
    if not parts:
        known = [each for names in list_components().values() for each in names]
        raise UnknownNameError("suite, scenario, method or kernel implementation", name, known)
    return "\n\n".join(parts)


def _suite_text(suite: Suite) -> str:
    lines = [f"suite {suite.name}: {suite.title}", f"{len(suite.cells())} cells"]
    lines.append(f"seeds: {', '.join(map(str, suite.seeds))}")
    lines.append(f"metrics: {', '.join(suite.metrics)}")
    for kind, components in (("scenarios", suite.scenarios), ("methods", suite.methods)):
        lines.append(f"{kind}:")
        for label, component in components.items():
            lines.append(f"  {label}: {component.name} {canonical_parameters(component)}")
    return "\n".join(lines)


def _class_text(kind: str, cls: type[Parameterised]) -> str:
    signature = inspect.signature(cls)
    defaults = [f"  {name} = {p.default!r}" for name, p in signature.parameters.items()]
    head = f"{kind} {cls.name} (version {cls.version})"
    documentation = inspect.getdoc(cls) or ""
    return "\n".join([head, documentation, "defaults:" if defaults else "no parameters", *defaults])
