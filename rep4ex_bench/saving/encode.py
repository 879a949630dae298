"""From what a fitted method holds to JSON and tensors: a closed list of types.

    None, booleans, integers, finite floats, texts, lists     themselves
    all else                                                   {"kind": ...}, read by `decode.py`

An array is `{"kind": "array", "tensor": NAME, "axes": [...]}`; its name is its place in the object.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from rep4ex_bench.errors import UsageError
from rep4ex_bench.saving.arrays import to_stored
from rep4ex_bench.saving.savable import Savable, type_name

# An object within an object within ...: more than any fit needs, less than Python can recurse.
DEEPEST = 60
_EXPECTED = (
    "None, a boolean, a number, a text, an array, a tensor, a list, tuple or dict of these, or an "
    "object with `state`"
)


class Encoder:
    """Takes an object apart.

    Attributes:
        tensors: what was found so far, by name.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}

    def encode(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """Return what stands for a value in JSON.

        Args:
            value: to be saved.
            path: names of the places that lead to it.

        Raises:
            UsageError: a type or value that has no place in the file.
        """
        place = "/".join(path) or "the whole"
        if len(path) > DEEPEST:
            raise UsageError(
                f"cannot save {place:.200}: it lies more than {DEEPEST} levels deep; does an "
                "object hold itself?"
            )
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"kind": "float", "value": str(value)}
        if isinstance(value, np.ndarray | np.generic | Tensor):
            return self._array(value, path, place)
        if type(value) in (list, tuple):
            items = [self.encode(one, (*path, str(at))) for at, one in enumerate(value)]
            return items if type(value) is list else {"kind": "tuple", "items": items}
        if type(value) is dict:
            return {"kind": "dict", "items": self._items(value, path, place)}
        if isinstance(value, Savable):
            held = value.state()
            if type(held) is not dict:
                raise UsageError(
                    f"cannot save {place}: `state` must return a dict, got {type(held).__name__}"
                )
            kind = {"kind": "object", "type": type_name(type(value))}
            return kind | {"state": self._items(held, path, place)}
        raise UsageError(
            f"cannot save {place}: expected {_EXPECTED}, got a {type(value).__qualname__}; say in "
            "`state` what it holds"
        )

    def _items(self, values: dict[Any, Any], path: tuple[str, ...], place: str) -> dict[str, Any]:
        wrong = [key for key in values if type(key) is not str]
        if wrong:
            raise UsageError(
                f"cannot save {place}: keys must be texts, got {wrong[0]!r:.80}; use pairs"
            )
        return {key: self.encode(one, (*path, key)) for key, one in values.items()}

    def _array(self, value: Any, path: tuple[str, ...], place: str) -> dict[str, Any]:
        kind = "tensor" if isinstance(value, Tensor) else "array"
        if isinstance(value, np.generic):  # a number that knows its dtype, which sums round by
            kind, value = "scalar", np.asarray(value)
        stored, axes = to_stored(value, place)
        # as in a JSON pointer, so that no two places have one name
        name = "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
        self.tensors[name] = stored
        return {"kind": kind, "tensor": name, "axes": axes}
