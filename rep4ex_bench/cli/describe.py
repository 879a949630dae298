"""What there is, in words: suites, scenarios, methods, metrics, diagnostics, contenders."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from rep4ex_bench.component import Component
from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.errors import PluginError, UnknownNameError
from rep4ex_bench.installed import missing_package
from rep4ex_bench.method import Method
from rep4ex_bench.metric import Metric
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.registry import (
    DIAGNOSTICS,
    METHODS,
    METRICS,
    REGISTRIES,
    REPRESENTATIONS,
    SCENARIOS,
    SECOND_STAGES,
)
from rep4ex_bench.running.suite import Suite, canonical_parameters, load_suite, suite_names
from rep4ex_bench.scenario import Scenario
from rep4ex_bench.speed.contender import CONTENDERS, Contender
from rep4ex_bench.vocabulary import ASSUMPTIONS, WORDS, breaks_text, check_words


def list_components() -> dict[str, list[str]]:
    """Return the names of all components, by what they are."""
    return {
        "suites": suite_names(),
        "scenarios": SCENARIOS.names(),
        "methods": METHODS.names(),
        "representations": REPRESENTATIONS.names(),
        "second_stages": SECOND_STAGES.names(),
        "metrics": METRICS.names(),
        "diagnostics": DIAGNOSTICS.names(),
        "contenders": CONTENDERS.names(),
    }


def describe_component(name: str) -> str:
    """Return a description of what has that name.

    Raises:
        UnknownNameError: nothing has that name.
    """
    parts: list[str] = []
    if name in suite_names() or name.endswith(".toml"):
        parts.append(_suite_text(load_suite(name)))
    for registry in (*REGISTRIES, CONTENDERS):
        if name in registry.names():
            parts.append(_class_text(registry.kind, registry.get(name)))
    if not parts:
        known = [each for names in list_components().values() for each in names]
        raise UnknownNameError("suite or component", name, known)
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
        lines += _of_defaults(cls()) if known else ["offers, assumptions: depend on parameters"]
    if issubclass(cls, Metric):
        lines.append(f"{cls.title}; {cls.better} is better")
    if issubclass(cls, Diagnostic):
        lines.append(f"{cls.title}; ranks nobody")
    if issubclass(cls, Component):
        words = check_words(f"{cls.kind} {cls.name!r}", "needs", cls.needs)
        lines.append(f"needs: {_listed(words)}")
    if issubclass(cls, Method) and cls.default_grid:
        lists = (f"{name} {list(values)}" for name, values in cls.default_grid.items())
        lines.append(f"tuned over: {', '.join(lists)}")
    if issubclass(cls, Scenario | Component | Contender):
        missing = missing_package(cls)
        state = "" if not cls.requires else f" ({missing or 'installed'})"
        lines.append(f"requires: {', '.join(cls.requires) or 'nothing else'}{state}")
    return lines


def _of_defaults(scenario: Scenario) -> list[str]:
    """Return what a scenario with its defaults offers, keeps and breaks, and its bound."""
    kept, controls = scenario.checked_assumptions(), scenario.checked_controls()
    return [
        f"offers (with the defaults): {_listed(scenario.checked_offers())}",
        f"keeps: {_listed(kept, ASSUMPTIONS)}",
        breaks_text(kept),
        "no controls"
        if controls is None
        else f"controls: {', '.join(one.name for one in controls.positive)} must reach an "
        f"nmse_outside of {controls.bound:g}",
    ]


def breaks() -> dict[str, str]:
    """Return which assumptions every scenario breaks with its defaults, in words."""
    found = {}
    for name in SCENARIOS.names():
        try:
            found[name] = breaks_text(SCENARIOS.get(name)().checked_assumptions())
        except (PluginError, TypeError) as error:  # TypeError: a parameter without default
            found[name] = str(error) if isinstance(error, PluginError) else "depends on parameters"
    return found


def _listed(words: frozenset[str], vocabulary: Mapping[str, str] = WORDS) -> str:
    found = [f"{word} ({meaning})" for word, meaning in vocabulary.items() if word in words]
    return "; ".join(found) or "nothing"
