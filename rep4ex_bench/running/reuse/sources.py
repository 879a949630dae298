"""What a cell is computed by: the code of its method, scenario, metrics and diagnostics.

One document for all cells that have the same components:

    {"method rep4ex": {"rep4ex_bench.methods.rep4ex": <hash>, ...}, "scenario ...": {...}, ...,
     "rep4ex-bench": {"version": ...}}

Its own hash stands for it. A cell's key does not hold it: a run says what changed and asks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version

from rep4ex_bench.errors import PluginError
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.registry import DIAGNOSTICS, REGISTRIES, get_metric
from rep4ex_bench.running.applicability import UnavailableMethod
from rep4ex_bench.running.reuse.components import code_of
from rep4ex_bench.running.reuse.modules import Module, is_changed
from rep4ex_bench.running.suite import Cell

Document = Mapping[str, Mapping[str, str]]
_Key = tuple[tuple[str, type[Parameterised]], ...]
_PACKAGE = "rep4ex-bench"


class Sources:
    """The code of the cells of one run, looked up once for each class."""

    def __init__(self) -> None:
        self._of_class: dict[type[Parameterised], dict[str, Module]] = {}
        self._of_classes: dict[_Key, str] = {}
        self._of_cell: dict[tuple[int, ...], tuple[Cell, str]] = {}
        self._seen: dict[str, Module] = {}
        self.documents: dict[str, Document] = {}

    def of(self, cell: Cell) -> str:
        """Return the hash of the document of a cell, which is then among the documents."""
        judges, diagnostics = cell.judges or cell.metrics, cell.diagnostics
        place = (id(cell.scenario), id(cell.method), id(judges), id(diagnostics))
        if place not in self._of_cell:
            # the cell is kept with it: an id belongs to another object once its own is gone
            self._of_cell[place] = cell, self.add(_components(cell))
        return self._of_cell[place][1]

    def have_changed(self) -> bool:
        """Say whether the code in a file is other than when it was looked at."""
        return any(is_changed(name, module) for name, module in self._seen.items())

    def add(self, components: Iterable[Parameterised]) -> str:
        """Return the hash of the document of components, which is then among the documents."""
        key = tuple((_title(one), type(one)) for one in components)
        if key not in self._of_classes:
            sections = {title: self._digests(cls) for title, cls in key}
            document = {**sections, _PACKAGE: {"version": version(_PACKAGE)}}
            self._of_classes[key] = digest = digest_of(document)
            self.documents[digest] = document
        return self._of_classes[key]

    def _digests(self, cls: type[Parameterised]) -> dict[str, str]:
        if cls not in self._of_class:
            self._of_class[cls] = modules = code_of(cls)
            self._seen |= {name: one for name, one in modules.items() if one.file}
        return {name: one.digest for name, one in self._of_class[cls].items()}


def document_of(components: Iterable[Parameterised]) -> Document:
    """Return the document of components that belong to no cell."""
    sources = Sources()
    return sources.documents[sources.add(components)]


def digest_of(document: Document) -> str:
    """Return the hash of a document."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def differences(then: Document, now: Document) -> list[str]:
    """Return in words what changed in the components that both have, those alike together.

    A metric or diagnostic that was added or taken away changes no number of the others.
    """
    found: dict[str, list[str]] = {}
    for title in now:
        if title in then and then[title] != now[title]:
            found.setdefault("; ".join(_changes(then[title], now[title])), []).append(title)
    return [f"{', '.join(titles)}: {text}" for text, titles in found.items()]


def _changes(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    if "version" in now:
        yield f"version {then.get('version')} then, {now['version']} now"
        return
    kinds = {
        "changed": [name for name in now if name in then and then[name] != now[name]],
        "added": [name for name in now if name not in then],
        "gone": [name for name in then if name not in now],
    }
    for what, names in kinds.items():
        if names:
            yield f"{', '.join(sorted(names))} {what}"


def _components(cell: Cell) -> Iterator[Parameterised]:
    """Yield what makes the numbers of a cell; what cannot be had is no part."""
    if not isinstance(cell.method, UnavailableMethod):
        yield from (cell.method, *cell.method.parts())
    yield cell.scenario
    yield from cell.judges or [get_metric(name) for name in cell.metrics]
    for diagnostic in cell.diagnostics:
        try:
            yield DIAGNOSTICS.get(diagnostic)() if isinstance(diagnostic, str) else diagnostic
        except (PluginError, TypeError):  # its record says that it cannot be had
            continue


def _title(component: Parameterised) -> str:
    kind = next(one.kind for one in REGISTRIES if isinstance(component, one.base))
    return f"{kind} {component.name}"
