"""What there is, in words: suites, scenarios, methods, metrics, diagnostics, contenders."""

from __future__ import annotations

import inspect

from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.errors import UnknownNameError
from rep4ex_bench.installed import missing_package
from rep4ex_bench.method import Method
from rep4ex_bench.metric import Metric
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.registry import DIAGNOSTICS, METHODS, METRICS, SCENARIOS
from rep4ex_bench.running.suite import Suite, canonical_parameters, load_suite, suite_names
from rep4ex_bench.scenario import Scenario
from rep4ex_bench.speed.contender import KERNEL_IMPLEMENTATIONS, KernelImplementation
from rep4ex_bench.vocabulary import WORDS, check_words


def list_components() -> dict[str, list[str]]:
    """Return the names of all components, by what they are."""
    return {
        "suites": suite_names(),
        "scenarios": SCENARIOS.names(),
        "methods": METHODS.names(),
        "metrics": METRICS.names(),
        "diagnostics": DIAGNOSTICS.names(),
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
    for registry in (SCENARIOS, METHODS, METRICS, DIAGNOSTICS, KERNEL_IMPLEMENTATIONS):
        if name in registry.names():
            parts.append(_class_text(registry.kind, registry.get(name)))
    if not parts:
        known = [each for names in list_components().values() for each in names]
        raise UnknownNameError(
            "suite, scenario, method, metric, diagnostic or kernel implementation", name, known
        )
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
    parameters = ["defaults:" if defaults else "no parameters", *defaults]
    return "\n".join([head, documentation, *parameters, *_declarations(cls)])


def _declarations(cls: type[Parameterised]) -> list[str]:
    """Return what a scenario offers, what a method needs, and the packages behind it."""
    lines = []
    if issubclass(cls, Scenario):
        given = inspect.signature(cls).parameters.values()
        known = all(parameter.default is not parameter.empty for parameter in given)
        offered = _listed(cls().checked_offers()) if known else "depends on parameters"
        lines.append(f"offers (with the defaults): {offered}")
    if issubclass(cls, Metric):
        lines.append(f"{cls.title}; {cls.better} is better")
    if issubclass(cls, Diagnostic):
        lines.append(f"{cls.title}; ranks nobody")
    if issubclass(cls, Method):
        lines.append(f"needs: {_listed(check_words(f'method {cls.name!r}', 'needs', cls.needs))}")
    if issubclass(cls, Method | KernelImplementation):
        missing = missing_package(cls)
        state = "" if not cls.requires else f" ({missing or 'installed'})"
        lines.append(f"requires: {', '.join(cls.requires) or 'nothing else'}{state}")
    return lines


def _listed(words: frozenset[str]) -> str:
    return "; ".join(f"{word} ({WORDS[word]})" for word in WORDS if word in words) or "nothing"
