"""Where components are found by name: files of this package, entry points, `register()`.

What this package has in a folder, one component a file, has the name of its file. Another package
offers its own through the entry-point groups ``rep4ex_bench.scenarios``, ``.methods``,
``.representations``, ``.second_stages``, ``.metrics`` and ``.diagnostics``; a script or notebook
calls `register`. Nothing is loaded before its name is asked for, so one broken plug-in does not
hide the others. Asking for a broken one by name raises `PluginError`, which says in one line what
is wrong with it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.errors import (
    ParameterError,
    PluginError,
    UnknownNameError,
    UsageError,
    legible,
)
from rep4ex_bench.method import Method
from rep4ex_bench.metric import Metric
from rep4ex_bench.parameters import Parameterised, build
from rep4ex_bench.representation import Representation
from rep4ex_bench.scenario import Scenario
from rep4ex_bench.second_stage import SecondStage

T = TypeVar("T", bound=Parameterised)


def files_of(folders: Iterable[str]) -> tuple[str, ...]:
    """Return the names of a package's own files, one component each.

    A file that begins with "_" holds what the others share, and so does a folder.

    Args:
        folders: the package's `__path__`.
    """
    files = pkgutil.iter_modules(folders)
    return tuple(one.name for one in files if not (one.name.startswith("_") or one.ispkg))


def _state_of_path() -> tuple[tuple[str, int], ...]:
    """Return the folders of `sys.path` with when each changed: an installation changes one."""
    found = []
    for folder in sys.path:
        try:
            changed = os.stat(folder or os.curdir).st_mtime_ns
        except OSError:
            changed = 0
        found.append((folder or os.getcwd(), changed))
    return tuple(found)


@functools.lru_cache(maxsize=64)
def _installed(group: str, state: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """Return the installed entry points of a group; to look for them takes tens of milliseconds.

    Components are looked up where time is measured: a method finds its second stage in its fit.
    """
    return tuple(entry_points(group=group))


class Registry(Generic[T]):
    """Names of one kind of component, each exactly once."""

    def __init__(self, kind: str, base: type[T], group: str, folder: str = "") -> None:
        self.kind = kind
        self.base = base
        self.group = group
        self.folder = folder
        self._registered: dict[str, type[T]] = {}

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        """Return the entry points by name; more than one where packages disagree about a name."""
        found = self._files()
        # an installation of before this package's files were looked up names them too
        own = {one.value for points in found.values() for one in points}
        for point in _installed(self.group, _state_of_path()):
            known = found.setdefault(point.name, [])
            same = own | {one.value for one in known}
            if not {point.value, point.value.partition(":")[0]} & same:
                known.append(point)
        return found

    @functools.cached_property
    def _own_files(self) -> tuple[str, ...]:
        if not self.folder:
            return ()
        return files_of(import_module(self.folder).__path__)

    def _files(self) -> dict[str, list[EntryPoint]]:
        """Return the files of the folder as entry points of their names."""
        return {
            name: [EntryPoint(name, f"{self.folder}.{name}", self.group)]
            for name in self._own_files
        }

    def names(self) -> list[str]:
        """Return all known names, sorted."""
        return sorted({*self._entry_points(), *self._registered})

    def own_names(self) -> tuple[str, ...]:
        """Return the names that are files of this package."""
        return self._own_files

    def is_at_hand(self, name: str) -> bool:
        """Say whether a class is a file of this package or was registered in this process."""
        return name in self._own_files or name in self._registered

    def known(self, name: str) -> type[T] | None:
        """Return the class of that name, None where it is not installed here or is broken."""
        try:
            return self.get(name)
        except UsageError:
            return None

    def load_built_in(self) -> None:
        """Import every class of this package that can be, so that forked processes need not."""
        for points in self._entry_points().values():
            if points[0].value.startswith("rep4ex_bench."):
                # what cannot be imported here says so where it is asked for
                with contextlib.suppress(Exception, SystemExit):
                    points[0].load()

    def register(self, cls: type[T]) -> type[T]:
        """Add a class under its `name`; usable as a decorator.

        Raises:
            UsageError: not a subclass of the contract, no name, or a name that is taken.
            PluginError: it says something of itself that it cannot say.
        """
        if not (isinstance(cls, type) and issubclass(cls, self.base)):
            raise UsageError(f"register() takes a subclass of {self.base.__name__}, got {cls!r}")
        if not cls.name:
            raise UsageError(f"{cls.__qualname__} needs a class attribute `name` to be registered")
        cls.check_declarations()
        present = self._registered.get(cls.name)
        same = present is not None and (present.__module__, present.__qualname__) == (
            cls.__module__,
            cls.__qualname__,
        )
        if (present is not None and not same) or cls.name in self._entry_points():
            raise UsageError(f"{self.kind} {cls.name!r} is registered already: choose another name")
        self._registered[cls.name] = cls
        return cls

    def get(self, name: str) -> type[T]:
        """Return the class of that name.

        Raises:
            UnknownNameError: no such name (the near one is suggested).
            PluginError: the plug-in cannot be imported or breaks the contract.
        """
        if name in self._registered:
            return self._registered[name]
        points = self._entry_points().get(name)
        if points is None:
            raise UnknownNameError(self.kind, name, self.names())
        if len(points) > 1:
            values = " and ".join(point.value for point in points)
            raise PluginError(
                f"{self.kind} {name!r} is offered twice, as {values}: uninstall one package or "
                "rename its entry point"
            )
        return self._loaded(name, points[0])

    def _loaded(self, name: str, point: EntryPoint) -> type[T]:
        try:
            cls = self._class_of(point)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{self.kind} {name!r} ({point.value}) cannot be imported: {_in_one_line(error)}"
            ) from error
        if not (isinstance(cls, type) and issubclass(cls, self.base)):
            raise PluginError(
                f"{self.kind} {name!r} ({point.value}) must be a subclass of {self.base.__name__}"
            )
        if cls.name != name:
            raise PluginError(
                f"{self.kind} {name!r} ({point.value}) calls itself {cls.name!r}: the entry point "
                "and the class attribute `name` must agree"
            )
        cls.check_declarations()
        return cls

    def _class_of(self, point: EntryPoint) -> Any:
        """Return what an entry point names; of a file, the class whose name is the file's."""
        found = point.load()
        if point.attr:
            return found
        classes = [
            one
            for one in vars(found).values()
            if isinstance(one, type)
            and one.__module__ == found.__name__
            and getattr(one, "name", None) == point.name
        ]
        if len(classes) != 1:
            raise UsageError(f"the file must hold one class with name = {point.name!r}")
        return classes[0]


def _in_one_line(error: BaseException) -> str:
    try:
        text = repr(error)
    except Exception as failure:  # of the exception's own __repr__
        text = f"{type(error).__name__} (its message cannot be had: {type(failure).__name__})"
    return " ".join(legible(text).split())


SCENARIOS: Registry[Scenario] = Registry(
    "scenario", Scenario, "rep4ex_bench.scenarios", folder="rep4ex_bench.scenarios"
)
METHODS: Registry[Method] = Registry(
    "method", Method, "rep4ex_bench.methods", folder="rep4ex_bench.methods"
)
REPRESENTATIONS: Registry[Representation] = Registry(
    "representation",
    Representation,
    "rep4ex_bench.representations",
    folder="rep4ex_bench.methods.representations",
)
SECOND_STAGES: Registry[SecondStage] = Registry(
    "second stage",
    SecondStage,
    "rep4ex_bench.second_stages",
    folder="rep4ex_bench.methods.second_stages",
)
METRICS: Registry[Metric] = Registry(
    "metric", Metric, "rep4ex_bench.metrics", folder="rep4ex_bench.metrics"
)
DIAGNOSTICS: Registry[Diagnostic] = Registry(
    "diagnostic", Diagnostic, "rep4ex_bench.diagnostics", folder="rep4ex_bench.diagnostics"
)

# All kinds but contenders, which belong to the speed board alone.
REGISTRIES: tuple[Registry[Any], ...] = (
    *(SCENARIOS, METHODS, REPRESENTATIONS, SECOND_STAGES, METRICS, DIAGNOSTICS),
)


def register(cls: type[Any]) -> type[Any]:
    """Register a component for this process; usable as a decorator.

    Args:
        cls: subclass of `Method`, `Representation`, `SecondStage`, `Scenario`, `Metric` or
            `Diagnostic`.

    Raises:
        UsageError: none of these, or its name is taken.
    """
    for registry in (SCENARIOS, REPRESENTATIONS, SECOND_STAGES, METRICS, DIAGNOSTICS):
        if isinstance(cls, type) and issubclass(cls, registry.base):
            return registry.register(cls)
    return METHODS.register(cls)


def part_of(registry: Registry[T], owner: str, parameter: str, value: object) -> T:
    """Return the component that a parameter of another one stands for.

    Args:
        registry: of its kind.
        owner: name of the other one, for messages.
        parameter: name of the parameter, likewise.
        value: the component; its name; or a table with `name`, `parameters` and `version`, of which
            the last two may be left out.

    Raises:
        ParameterError: none of these, or a version that is not installed.
        UnknownNameError: unknown component or parameter.
        PluginError: it cannot be imported or breaks the contract.
    """
    if isinstance(value, registry.base):
        return value
    table = {"name": value} if isinstance(value, str) else value
    name = table.get("name") if isinstance(table, Mapping) else None
    if not isinstance(table, Mapping) or not isinstance(name, str):
        expected = f"a {registry.kind}, its name, or a table with its `name` and `parameters`"
        raise ParameterError(owner, parameter, expected, value)
    for key in table:
        if key not in _KEYS_OF_A_TABLE:
            raise UnknownNameError(f"key of {owner}'s {parameter}", str(key), _KEYS_OF_A_TABLE)
    parameters = table.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise ParameterError(owner, f"{parameter}.parameters", "a table", parameters)
    found = build(registry.get(name), dict(parameters))
    if table.get("version", found.version) != found.version:
        expected = f"{found.version}, the version of {name!r} that is installed"
        raise ParameterError(owner, f"{parameter}.version", expected, table["version"])
    return found


_KEYS_OF_A_TABLE = ("name", "parameters", "version")


def get_scenario(name: str, /, **parameters: Any) -> Scenario:
    """Return a scenario by name, with its parameters checked.

    Raises:
        UnknownNameError: unknown scenario or parameter.
        ParameterError: a parameter outside its domain.
        PluginError: it cannot be imported or breaks the contract.
    """
    return build(SCENARIOS.get(name), parameters)


def get_method(name: str, /, **parameters: Any) -> Method:
    """Return a method by name, with its parameters checked.

    Raises:
        UnknownNameError: unknown method or parameter.
        ParameterError: a parameter outside its domain.
        PluginError: it cannot be imported or breaks the contract.
    """
    return build(METHODS.get(name), parameters)


@functools.cache  # of names that are found: no other class can take them
def get_metric(name: str, /) -> Metric:
    """Return a metric by name.

    Raises:
        UnknownNameError: unknown metric.
    """
    return build(METRICS.get(name), {})
