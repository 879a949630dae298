"""From JSON and tensors to what a fitted method held; the inverse of `encode.py`.

Nothing of the file is run: kinds come from a closed list, and classes are those that exist already
and are `Savable`.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from torch import Tensor

from rep4ex_bench.errors import FittedFileError, describe_error
from rep4ex_bench.expectations import problem_text
from rep4ex_bench.saving.arrays import from_stored
from rep4ex_bench.saving.encode import DEEPEST
from rep4ex_bench.saving.savable import Savable, class_named

_KEYS = {
    "float": {"value"},
    "array": {"tensor", "axes"},
    "scalar": {"tensor", "axes"},
    "tensor": {"tensor", "axes"},
    "tuple": {"items"},
    "dict": {"items"},
    "object": {"type", "state"},
}
_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_FLOATS = {"nan", "inf", "-inf"}


class Decoder:
    """Puts an object together.

    Args:
        tensors: by name; each must be asked for once.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._left = dict(tensors)

    def decode(self, node: Any, path: tuple[str, ...] = ()) -> Any:
        """Return what JSON stands for.

        Args:
            node: of the file.
            path: names of the places that lead to it.

        Raises:
            FittedFileError: it stands for nothing.
        """
        if len(path) > DEEPEST:
            raise _wrong(path, f"at most {DEEPEST} levels", "more")
        if node is None or isinstance(node, bool | int | float | str):
            return node
        if isinstance(node, list):
            return [self.decode(one, (*path, str(at))) for at, one in enumerate(node)]
        kind = node.get("kind")
        if not isinstance(kind, str) or kind not in _KEYS:
            raise _wrong(path, f"a kind out of {', '.join(_KEYS)}", kind)
        if node.keys() != {"kind"} | _KEYS[kind]:
            raise _wrong(path, f"the keys kind, {', '.join(sorted(_KEYS[kind]))}", sorted(node))
        if kind == "float":
            if node["value"] not in _FLOATS:
                raise _wrong(path, f"one of {', '.join(sorted(_FLOATS))}", node["value"])
            return float(node["value"])
        if kind in ("array", "scalar", "tensor"):
            return self._array(kind, node, path)
        if kind == "tuple":
            return tuple(self.decode(_of(list, node["items"], path), path))
        items = _of(dict, node["items" if kind == "dict" else "state"], path)
        found = {key: self.decode(one, (*path, key)) for key, one in items.items()}
        return found if kind == "dict" else _made(node["type"], found, path)

    def finish(self) -> None:
        """Raise `FittedFileError` where tensors are left that nothing asked for."""
        if self._left:
            raise FittedFileError(
                "tensors.safetensors must hold only what fitted.json names, got beside it "
                f"{_listed(self._left)}: save what was fitted again"
            )

    def _array(self, kind: str, node: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        name, axes = node["tensor"], node["axes"]
        stored = self._left.pop(name, None) if isinstance(name, str) else None
        if stored is None:
            raise _wrong(path, "the name of a tensor that nothing else takes", name)
        whole = isinstance(axes, list) and all(type(axis) is int for axis in axes)
        if not whole or sorted(axes) != list(range(stored.ndim)):
            raise _wrong(path, f"an order of {stored.ndim} axes", axes)
        values = from_stored(stored, axes)
        if kind == "tensor":
            return values
        return values.numpy()[()] if kind == "scalar" else values.numpy()


def _made(name: Any, state: dict[str, Any], path: tuple[str, ...]) -> Savable:
    """Return the object of a class that exists already, with a state that its class takes."""
    cls = class_named(name) if isinstance(name, str) else None
    if cls is None:
        raise _wrong(
            path,
            "the name of a class that can be saved",
            name,
            "import the module that defines it, or register the method, before you load",
        )
    problem = _misfit(cls, state)
    if problem:
        raise _wrong(path, f"what {cls.__qualname__} takes", problem)
    try:
        found = cls.from_state(state)
    except Exception as error:
        raise _wrong(path, f"what {cls.__qualname__} takes", describe_error(error)) from error
    if not isinstance(found, cls):
        raise _wrong(path, f"`from_state` to return a {cls.__qualname__}", type(found).__qualname__)
    return found


def _misfit(cls: Any, state: Mapping[str, Any]) -> str:
    """Say which argument of the constructor is missing, surplus or of another type, or ""."""
    model = _arguments(cls)
    if model is None:
        return ""
    try:
        model.model_validate({f"of_{name}": value for name, value in state.items()})
    except ValidationError as error:
        return problem_text(error.errors()[0]).removeprefix("of_")
    return ""


@functools.lru_cache(maxsize=256)
def _arguments(cls: type[Any]) -> type[BaseModel] | None:
    """Return what the constructor takes, by name; None where it does not say, or is not called."""
    if inspect.getattr_static(cls, "from_state") is not vars(Savable)["from_state"]:
        return None
    parameters = inspect.signature(cls).parameters
    if any(one.kind in _OPEN for one in parameters.values()):
        return None
    try:
        hints = typing.get_type_hints(cls.__init__)
        # fields of pydantic cannot begin with "_"
        fields: dict[str, Any] = {
            f"of_{name}": (
                hints.get(name, Any),
                ... if one.default is inspect.Parameter.empty else one.default,
            )
            for name, one in parameters.items()
        }
        strict = ConfigDict(arbitrary_types_allowed=True, strict=True, extra="forbid")
        return create_model(cls.__name__, __config__=strict, **fields)
    except Exception:  # annotations of a third party that say nothing here
        return None


def _of(kind: type[Any], value: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(value, kind):
        raise _wrong(path, f"a {kind.__name__}", value)
    return value


def _wrong(
    path: tuple[str, ...], expected: str, got: object, remedy: str = "save what was fitted again"
) -> FittedFileError:
    place = "/".join(path) or "the whole"
    text = got if isinstance(got, str) else repr(got)
    return FittedFileError(
        f"fitted.json, at {place:.200}: expected {expected}, got {text:.300}: {remedy}"
    )


def _listed(names: Mapping[str, Any]) -> str:
    shown = [repr(name) for name in list(names)[:5]]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
