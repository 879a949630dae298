"""Replacing functions for a while, wherever the project has bound them, and putting them back.

A function that is no longer where it was is an error: a stand-in that nobody calls would leave
counts that mean nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, TracebackType
from typing import Any

# Packages whose modules may hold a function by a name of their own (`from x import f`, `g = f`).
PROJECT = "rep4ex_"


class SeamError(RuntimeError):
    """What is to be replaced does not exist any more."""


class Replacements:
    """Attributes that are replaced until the end of a `with` block."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._originals: dict[int, Any] = {}  # {id of a stand-in: what it stands for}
        self._stand_ins: list[Any] = []  # kept, so that no id is used again

    def __enter__(self) -> Replacements:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for undo in reversed(self._undo):
            undo()
        _exchange(self._originals)  # in modules too that were imported meanwhile

    def put(self, owner: Any, name: str, stand_in: Any, missing: bool = False) -> None:
        """Replace an attribute of a module or class.

        Args:
            owner: where it is.
            name: of the attribute.
            stand_in: takes its place.
            missing: whether it may be missing, as parts of torch are without CUDA.

        Raises:
            SeamError: there is no such attribute.
        """
        if not missing and not hasattr(owner, name):
            raise SeamError(
                f"{getattr(owner, '__name__', owner)}.{name}: expected to exist, as the pretended "
                "GPU replaces it, found nothing of that name; make "
                "rep4ex_kernels/offline/host_cost/pretend.py replace what has taken its place"
            )
        if name in vars(owner):
            before = vars(owner)[name]
            self._undo.append(lambda: setattr(owner, name, before))
        else:
            self._undo.append(lambda: delattr(owner, name))
        setattr(owner, name, stand_in)

    def put_everywhere(self, owner: ModuleType, name: str, stand_in: Any) -> None:
        """Replace a module's function there and in every module of the project that holds it.

        Raises:
            SeamError: there is no such function.
        """
        original = getattr(owner, name, None)
        self.put(owner, name, stand_in)
        self._originals[id(stand_in)] = original
        self._stand_ins.append(stand_in)
        _exchange({id(original): stand_in})


def _exchange(values: dict[int, Any]) -> None:
    """Put values in place of objects, given by their ids, in all modules of the project."""
    modules = [m for name, m in sys.modules.copy().items() if name.startswith(PROJECT)]
    for module in modules:
        for name, value in list(vars(module).items()):
            if id(value) in values:
                setattr(module, name, values[id(value)])
