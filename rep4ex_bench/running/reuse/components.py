"""The code of a component: that of its class, of the classes above it, and of their imports."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.running.reuse.modules import OURS, Module, with_imports
from rep4ex_bench.running.reuse.script import script_digest


def code_of(component: type[Parameterised]) -> dict[str, Module]:
    """Return the modules that make a component, by name.

    A class that it derives from counts where it is of the same package or of this one.
    """
    own = component.__module__.partition(".")[0]
    found: dict[str, Module] = {}
    for cls in component.__mro__:
        if cls.__module__.partition(".")[0] in (own, *OURS) and cls.__module__ not in found:
            found |= _code_of_class(cls)
    return found


def _code_of_class(cls: type[Any]) -> dict[str, Module]:
    file = _file(sys.modules.get(cls.__module__))
    if file is not None and cls.__module__ != "__main__":
        return with_imports(cls.__module__, file)
    digest, used = script_digest(cls)
    found = {f"{cls.__module__}, {cls.__qualname__}": Module(digest)}
    for module in used:
        if _is_of_the_user(module) and (file := _file(module)) is not None:
            found |= with_imports(module.__name__, file)
    return found


def _file(module: ModuleType | None) -> str | None:
    try:
        return None if module is None else inspect.getsourcefile(module) or inspect.getfile(module)
    except TypeError:  # built in, or of a notebook
        return None


def _is_of_the_user(module: ModuleType) -> bool:
    """Say whether a module is one that a script has beside it, and none that is installed."""
    top = module.__name__.partition(".")[0]
    if top in sys.stdlib_module_names or top in OURS:
        return False
    file = _file(module) or ""
    return not {"site-packages", "dist-packages"} & set(file.split("/"))
