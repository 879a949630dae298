"""Suites: TOML files that say what is run. `suite x scenario x method x seed` is a cell.

    name = "smoke"
    title = "one line"
    protocol_version = 1
    seeds = 3                      # 0, 1, 2; or a list
    timeout_seconds = 120          # per cell
    metrics = ["nmse_outside"]     # default: `evaluation.DEFAULT_METRICS`
    [resources]                    # of a cell, see `resources.py`; may be left out
    memory_gigabytes = 4
    [[scenarios]]
    name = "linear_action"
    label = "two latents"          # default: the name; unique in the suite
    parameters = { k = 2, d = 2 }
    [[methods]]
    name = "rep4ex"
    grid = { hidden = [32, 64] }   # a row a point, or, with `tune = {}`, one tuned row

Every name and parameter is checked before anything runs. A method that cannot be imported stops
nothing: its cells are planned, and left out with the reason (`applicability.py`). What an entry may
say is in `suite_entries.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.errors import SuiteError, UnknownNameError, UsageError
from rep4ex_bench.evaluation import DEFAULT_METRICS, known_diagnostics
from rep4ex_bench.expectations import expectation, one_of, received
from rep4ex_bench.method import Method
from rep4ex_bench.metric import Metric
from rep4ex_bench.paper import noted
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.registry import get_metric, get_scenario
from rep4ex_bench.running.applicability import LeftOut, left_out, method_or_placeholder
from rep4ex_bench.running.resources import ONE_CORE, Resources
from rep4ex_bench.running.suite_entries import (
    Entry,
    MethodEntry,
    Name,
    ScenarioEntry,
    expanded,
    expanded_scenario,
)
from rep4ex_bench.scenario import Scenario


class _SuiteFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: Name
    title: str = ""
    protocol_version: int = Field(1, ge=1)
    seeds: Annotated[int, Field(ge=1, le=1_000_000)] | list[int] = 5
    timeout_seconds: float | int = Field(600.0, gt=0, le=86_400)
    metrics: list[str] = Field(default_factory=lambda: list(DEFAULT_METRICS), min_length=1)
    resources: Resources = ONE_CORE
    scenarios: list[ScenarioEntry] = Field(min_length=1)
    methods: list[MethodEntry] = Field(min_length=1)


@dataclass(frozen=True)
class Cell:
    """One unit of work. `key` hashes all that can change its numbers, and nothing else.

    `judges` are the metrics themselves, where they were looked up already: a worker process knows
    those of this package and of installed ones by their names, not those of a script.
    `left_out` says why it is not run, where it is not. `diagnostics` are computed after all else;
    they change none of its numbers.
    """

    suite: str
    protocol_version: int
    scenario_label: str
    scenario: Scenario
    method_label: str
    method: Method
    seed: int
    metrics: tuple[str, ...]
    timeout_seconds: float
    key: str
    resources: Resources = ONE_CORE
    judges: tuple[Metric, ...] = ()
    left_out: LeftOut | None = None
    diagnostics: tuple[str | Diagnostic, ...] = ()


@dataclass(frozen=True)
class Suite:
    """A checked suite: every name exists, every parameter is in its domain.

    `text` is the TOML that it was read from, "" for one that was made otherwise.
    """

    name: str
    title: str
    protocol_version: int
    seeds: tuple[int, ...]
    timeout_seconds: float
    metrics: tuple[str, ...]
    scenarios: Mapping[str, Scenario]
    methods: Mapping[str, Method]
    text: str = ""
    resources: Resources = ONE_CORE

    def cells(self) -> list[Cell]:
        """Return all cells, seeds outermost, so that every method has early seeds early.

        Raises:
            PluginError: a word in `offers` or `needs` that the vocabulary does not have.
        """
        apart = left_out(self.scenarios, self.methods)
        # identities are looked up once: a plan may have 100,000 cells
        scenarios = [(label, one, _identity(one)) for label, one in self.scenarios.items()]
        methods = [(label, one, _identity(one)) for label, one in self.methods.items()]
        judges = tuple(get_metric(name) for name in self.metrics)
        diagnostics = known_diagnostics()
        common = {"protocol_version": self.protocol_version, "metrics": sorted(self.metrics)}
        return [
            Cell(
                self.name,
                self.protocol_version,
                scenario_label,
                scenario,
                method_label,
                method,
                seed,
                self.metrics,
                self.timeout_seconds,
                _key(common | {"scenario": of_scenario, "method": of_method, "seed": seed}),
                self.resources,
                judges,
                apart.get((scenario_label, method_label)),
                diagnostics,
            )
            for seed in self.seeds
            for scenario_label, scenario, of_scenario in scenarios
            for method_label, method, of_method in methods
        ]

    def narrowed(
        self,
        scenarios: tuple[str, ...] = (),
        methods: tuple[str, ...] = (),
        seeds: int | None = None,
        timeout_seconds: float | None = None,
        memory_gigabytes: float | None = None,
    ) -> Suite:
        """Return the suite with only these labels or names, and the first `seeds` seeds.

        More seeds than the suite lists are counted on from its largest.

        Raises:
            UnknownNameError: a scenario or method that the suite does not have.
            UsageError: a number of seeds below 1, or a limit that is not positive.
        """
        chosen = self
        if scenarios:
            chosen = replace(chosen, scenarios=_select("scenario", scenarios, self.scenarios))
        if methods:
            chosen = replace(chosen, methods=_select("method", methods, self.methods))
        if seeds is not None:
            if seeds < 1:
                raise UsageError(f"the number of seeds must be at least 1, got {seeds}")
            extra = range(max(self.seeds) + 1, max(self.seeds) + 1 + seeds - len(self.seeds))
            chosen = replace(chosen, seeds=(*self.seeds[:seeds], *extra))
        if timeout_seconds is not None:
            if not timeout_seconds > 0:
                raise UsageError(f"the time limit must be above 0 seconds, got {timeout_seconds}")
            chosen = replace(chosen, timeout_seconds=float(timeout_seconds))
        if memory_gigabytes is not None:
            if not memory_gigabytes > 0:
                raise UsageError(f"the memory limit must be above 0 GiB, got {memory_gigabytes}")
            limited = self.resources.model_copy(update={"memory_gigabytes": memory_gigabytes})
            chosen = replace(chosen, resources=limited)
        return chosen


def canonical_parameters(component: Parameterised) -> str:
    """Return all parameters of a component, defaults included, as canonical JSON."""
    return json.dumps(component.plain_parameters(), sort_keys=True)


def _key(identity: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _identity(component: Parameterised) -> list[Any]:
    return [component.name, component.version, canonical_parameters(component)]


def _select(kind: str, wanted: tuple[str, ...], present: Mapping[str, Any]) -> dict[str, Any]:
    known = {*present, *(component.name for component in present.values())}
    for name in wanted:
        if name not in known:
            raise UnknownNameError(f"{kind} of this suite", name, known)
    return {k: v for k, v in present.items() if k in wanted or v.name in wanted}


def _folders() -> list[Traversable]:
    return [files(point.load()) for point in entry_points(group="rep4ex_bench.suites")]


def suite_names() -> list[str]:
    """Return the names of the installed suites."""
    return sorted(_installed())


def suite_titles() -> dict[str, str]:
    """Return the titles of the installed suites by name; "" of one that is no TOML."""
    found = {}
    for name, file in sorted(_installed().items()):
        try:
            title = tomllib.loads(file.read_text(encoding="utf-8")).get("title", "")
        except ValueError:
            title = ""
        found[name] = noted(name, str(title))
    return found


def _installed() -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    for folder in _folders():
        for file in folder.iterdir():
            if file.name.endswith(".toml"):
                found.setdefault(file.name.removesuffix(".toml"), file)
    return found


def load_suite(name_or_path: str | Path) -> Suite:
    """Return a suite by its installed name or from a TOML file (anything that ends in .toml).

    Raises:
        UnknownNameError: unknown suite, scenario, method, metric or parameter.
        SuiteError: the file cannot be read, is no TOML (the line is named) or has a wrong key.
        ParameterError: a parameter outside its domain.
    """
    if str(name_or_path).endswith(".toml"):
        path = Path(name_or_path)
        try:
            return parse_suite(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise SuiteError(f"cannot read suite {path}: {error}") from error
    installed = _installed()
    if name_or_path not in installed:
        raise UnknownNameError("suite", str(name_or_path), installed)
    file = installed[str(name_or_path)]
    return parse_suite(file.read_text(encoding="utf-8"), file.name)


def parse_suite(text: str, source: str) -> Suite:
    """Return a checked suite from TOML text; raises as `load_suite`."""
    try:
        content = _SuiteFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SuiteError(f"{source} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise SuiteError(_explain(error, text, source)) from error
    for metric in content.metrics:
        get_metric(metric)
    seeds = range(content.seeds) if isinstance(content.seeds, int) else content.seeds
    if not seeds or len(set(seeds)) != len(seeds):
        raise SuiteError(f"{source}: seeds must be a number or a list without repeats, got {seeds}")
    scenarios = [one for entry in content.scenarios for one in expanded_scenario(entry, source)]
    methods = [one for entry in content.methods for one in expanded(entry, source)]
    return Suite(
        name=content.name,
        title=content.title,
        protocol_version=content.protocol_version,
        seeds=tuple(seeds),
        timeout_seconds=float(content.timeout_seconds),
        metrics=tuple(content.metrics),
        scenarios=_components("scenarios", scenarios, get_scenario, source),
        methods=_components("methods", methods, method_or_placeholder, source),
        text=text,
        resources=content.resources,
    )


def _components(kind: str, entries: list[Entry], get: Any, source: str) -> dict[str, Any]:
    components: dict[str, Any] = {}
    identities: dict[str, str] = {}
    for entry in entries:
        label = entry.label or entry.name
        if label in components:
            raise SuiteError(
                f"{source}: two {kind} are called {label!r}: give each its own `label`"
            )
        component = get(entry.name, **entry.parameters)
        identity = json.dumps(_identity(component))
        if identity in identities:
            raise SuiteError(
                f"{source}: {kind} {identities[identity]!r} and {label!r} are the same: remove one"
            )
        identities[identity] = label
        components[label] = component
    return components


def _explain(error: ValidationError, text: str, source: str) -> str:
    """Say for each key that is wrong where it is, line and key, and what would be right there."""
    expected: dict[str, list[str]] = {}
    got: dict[str, str] = {}
    for problem in error.errors():
        location = [part for part in problem["loc"] if not _names_a_type(part)]
        key = ".".join(str(part) for part in location)
        line = _line_of(location, text)
        place = f"{source}, line {line}, key {key!r}" if line else f"{source}, key {key!r}"
        expected.setdefault(place, []).append(expectation(problem))
        got[place] = received(problem)
    return "\n".join(f"{place}: {one_of(said)}{got[place]}" for place, said in expected.items())


_TYPES = ("bool", "int", "constrained-int", "float", "str")


def _names_a_type(part: int | str) -> bool:
    """Say whether a part of a location is a type that was tried there, and no key of the file."""
    return isinstance(part, str) and (part in _TYPES or "[" in part)


def _line_of(location: list[Any], text: str) -> int | None:
    """Return the line (from 1) of the last named key of a location, or of its table header."""
    lines = text.splitlines()
    start, found = 0, None
    table = location[0] if len(location) > 1 and isinstance(location[1], int) else None
    if table is not None:
        headers = [i for i, s in enumerate(lines) if re.match(rf"\s*\[\[\s*{table}\s*\]\]", s)]
        if location[1] >= len(headers):
            return None
        start = headers[location[1]]
        found = start + 1
    for part in location:
        if isinstance(part, str) and part != table:
            for number in range(start, len(lines)):
                if re.search(rf"(^|[\s{{,]){re.escape(part)}\s*=", lines[number]):
                    start, found = number, number + 1
                    break
    return found
