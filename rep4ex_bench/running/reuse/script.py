"""The code of a class that no import finds: one of a script, or of a notebook.

Looked at in memory: the functions of the class, and what of the script they name.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from rep4ex_bench.running.reuse.modules import tree_digest

_PLAIN = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None))
# what Python adds to a class, some of it another in every process
_ADDED = {"__module__", "__doc__", "__dict__", "__weakref__", "__firstlineno__", "_abc_impl"}


def script_digest(cls: type[Any]) -> tuple[str, set[ModuleType]]:
    """Return the hash of a class and all of its script that it uses, and the modules used there."""
    parts: dict[str, str] = {}
    modules: set[ModuleType] = set()
    waiting: list[type[Any] | FunctionType] = [cls]
    while waiting:
        one = waiting.pop()
        name = f"{one.__module__}.{one.__qualname__}"
        if name in parts:
            continue
        parts[name] = _text(one)
        for used, value in _used(one):
            if isinstance(value, type | FunctionType):
                if value.__module__ == cls.__module__:
                    waiting.append(value)
                elif (module := inspect.getmodule(value)) is not None:
                    modules.add(module)
            elif isinstance(value, ModuleType):
                modules.add(value)
            elif isinstance(value, _PLAIN):
                parts[f"{name} {used}"] = repr(value)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(), modules


def _text(one: type[Any] | FunctionType) -> str:
    """Return the hash of a function; of a class, its functions and values are parts themselves."""
    if isinstance(one, type):
        return ""
    try:
        return tree_digest(ast.parse(textwrap.dedent(inspect.getsource(one))))
    except (OSError, TypeError, SyntaxError):  # no text is to be had: `python -c`, a lambda
        return hashlib.sha256(repr(list(_instructions(one.__code__))).encode()).hexdigest()


def _used(one: type[Any] | FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a class has, or what of the script a function names."""
    if isinstance(one, type):
        for name, value in vars(one).items():
            if name not in _ADDED:
                yield from ((name, inner) for inner in _unwrapped(value))
        return
    for name in dict.fromkeys(_names(one.__code__)):
        if name in one.__globals__:
            yield name, one.__globals__[name]


def _unwrapped(value: Any) -> list[Any]:
    if isinstance(value, staticmethod | classmethod):
        return [value.__func__]
    if isinstance(value, property):
        return [one for one in (value.fget, value.fset, value.fdel) if one is not None]
    # what wraps a function names nothing of the script
    return [inspect.unwrap(value) if isinstance(value, FunctionType) else value]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _instructions(code: CodeType) -> Iterator[Any]:
    """Yield what a function does, without where it stands."""
    yield code.co_code
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)
        else:
            yield constant
