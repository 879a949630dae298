"""Contract of what a fitted method is made of, so that it can be written and read again.

Which class an object had is told by a name in the file, and looked up among the classes that exist
already: reading a file imports nothing that it names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self
from weakref import WeakValueDictionary

from rep4ex_bench.errors import UsageError

_CLASSES: WeakValueDictionary[str, type[Savable]] = WeakValueDictionary()


class Savable:
    """An object that says what it holds, and can be made again from that.

    A dataclass says so already; another class writes `state`.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _CLASSES[type_name(cls)] = cls

    def state(self) -> dict[str, Any]:
        """Return what the object holds, by name.

        Values may be None, booleans, numbers, texts, arrays and tensors that are finite, lists,
        tuples and dicts with texts as keys of these, and other `Savable` objects.

        Raises:
            UsageError: the class does not say what it holds.
        """
        if dataclasses.is_dataclass(self):
            return {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        raise UsageError(
            f"a {type(self).__qualname__} cannot be saved, since it does not say what it holds: "
            "write `state(self)`, which returns a dict of plain values, arrays and tensors, and, "
            "where these are not the arguments of its constructor, a class method "
            "`from_state(cls, state)` (docs/extending.md, 'Saving what was fitted')"
        )

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the object that holds that; the state is the constructor's arguments."""
        return cls(**state)


def type_name(cls: type[Any]) -> str:
    """Return the name that files have for a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def class_named(name: str) -> type[Savable] | None:
    """Return the class that files have that name for, None where none was defined so far."""
    return _CLASSES.get(name)
