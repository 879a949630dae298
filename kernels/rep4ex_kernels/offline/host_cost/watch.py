"""Sees every torch operation, follows which tensors lie on the pretended GPU, and counts."""

from __future__ import annotations

import contextlib
import enum
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch._library.custom_ops import OPDEFS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rep4ex_kernels.offline.host_cost.tally import (
    ALLOCATIONS,
    COPIES,
    INDEXING,
    Tally,
    asks_for_values,
    kind_of,
)


class Place(enum.Enum):
    """Where memory lies."""

    HOST = "host"
    PINNED = "pinned host"
    GPU = "gpu"
    # Made by torch inside of an operation, which does not tell for whom: what it meets decides.
    OPEN = "open"


# {storage: where it lies}. What the project keeps from one block to the next stays where it was.
_places: weakref.WeakKeyDictionary[Any, Place] = weakref.WeakKeyDictionary()


class DeviceMismatchError(RuntimeError):
    """Tensors in host memory where a GPU would have refused them."""


class Watch(TorchDispatchMode):
    """Runs operations as they are; knows where each result lies."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tally = Tally()
        # {storage of an open tensor: operations that it took}
        self._owed: weakref.WeakKeyDictionary[Any, list[str]] = weakref.WeakKeyDictionary()
        self._target: Place | None = None
        self._blocking = True

    def place(self, tensor: Tensor) -> Place:
        """Return where a tensor lies; on the host unless known otherwise."""
        return _places.get(tensor.untyped_storage(), Place.HOST)

    def put(self, tensor: Tensor, place: Place) -> None:
        """Note where a tensor lies."""
        _places[tensor.untyped_storage()] = place

    @contextlib.contextmanager
    def results_on(self, place: Place, blocking: bool = True) -> Iterator[None]:
        """Say where the results of the next operations lie: a constructor, or a copy across."""
        before = self._target, self._blocking
        self._target, self._blocking = place, blocking
        try:
            yield
        finally:
            self._target, self._blocking = before

    def settle(self, tensor: Tensor) -> Place:
        """Return where an argument of a kernel on the GPU lies, and let open ones lie there."""
        if self.place(tensor) is Place.OPEN:
            self._decide(tensor)
        return self.place(tensor)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, count it, note where its results lie."""
        kwargs = kwargs or {}
        body = _body(func)
        if body is not None:
            with self, torch.no_grad():
                return body(*args, **kwargs)
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        place = self._where(func, given, args)
        result = func(*args, **kwargs)
        name = func.overloadpacket.__name__
        if place is Place.GPU and name in ALLOCATIONS:
            result.zero_()  # what a kernel would have filled
        results = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        for leaf in results:
            if leaf.untyped_storage() not in _places:
                self.put(leaf, self._target or place)
        if place is Place.OPEN:
            self._owe(func, given, results)
        self._count(func, args, kwargs, place)
        return result

    def _where(self, func: Any, given: list[Tensor], args: tuple[Any, ...]) -> Place:
        """Return where an operation runs.

        Raises:
            DeviceMismatchError: a tensor in host memory among those on the GPU.
        """
        name = func.overloadpacket.__name__
        places = [self.place(tensor) for tensor in given]
        if not given:
            return self._target or Place.OPEN
        if Place.GPU not in places:
            return Place.OPEN if all(place is Place.OPEN for place in places) else Place.HOST
        for tensor, place in zip(given, places, strict=True):
            if place is Place.OPEN:
                self._decide(tensor)
            elif place is not Place.GPU and tensor.dim() and name not in COPIES | INDEXING:
                raise DeviceMismatchError(
                    f"{name}: expected all tensors on one device, found one of shape "
                    f"{tuple(tensor.shape)} in host memory among tensors of the GPU; make it with "
                    "device="
                )
        return Place.GPU

    def _owe(self, func: Any, given: list[Tensor], results: list[Tensor]) -> None:
        """Keep the operations that led to open tensors until it is known where they ran."""
        names = [func.overloadpacket.__name__] if kind_of(func) == "operations" else []
        for tensor in given:
            names += self._owed.pop(tensor.untyped_storage(), [])
        if names and results:
            self._owed[results[0].untyped_storage()] = names

    def _decide(self, tensor: Tensor) -> None:
        """Let an open tensor lie on the GPU, and count what it took to make it."""
        for name in self._owed.pop(tensor.untyped_storage(), []):
            self.tally.add("operations", name)
        self.put(tensor, Place.GPU)

    def _count(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], place: Place
    ) -> None:
        name = func.overloadpacket.__name__
        if name in COPIES and self._crosses(name, args, place):
            self.tally.add("operations", name)
            if self._copy_waits(name, args, kwargs):
                self.tally.add("waits", f"{name} between host and device")
            return
        if place is not Place.GPU:
            if place is Place.HOST and kind_of(func) == "operations":
                self.tally.add("on_host")
            return
        if asks_for_values(func, args):
            self.tally.add("waits", name)
        if name in INDEXING and any(
            index is not None and self.place(index) is not Place.GPU for index in args[1]
        ):
            self.tally.add("waits", f"{name} by indices in host memory")
        if name not in ("_local_scalar_dense", "item", "is_nonzero"):
            kind = kind_of(func)
            self.tally.add(kind, name if kind == "operations" else "")

    def _crosses(self, name: str, args: tuple[Any, ...], place: Place) -> bool:
        if name == "_to_copy":
            target, source = self._target or place, self.place(args[0])
        else:
            target, source = self.place(args[0]), self.place(args[1])
        return (target is Place.GPU) != (source in (Place.GPU, Place.OPEN))

    def _copy_waits(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Say whether the host waits: always, unless asked not to and the memory allows it.

        Pageable memory is first brought to memory that the device reaches; the host waits for that
        only. On the way back there is nothing to go on with before it is there.
        """
        if name == "_to_copy":  # makes its own memory, pinned where that is needed
            return self._blocking
        blocking = not (kwargs.get("non_blocking") or (len(args) > 2 and args[2]))
        back = self.place(args[0]) is not Place.GPU
        return blocking or (back and self.place(args[0]) is not Place.PINNED)


def _body(func: Any) -> Any:
    """Return what a custom operator of ours runs, which would be hidden otherwise, or None."""
    if not func.namespace.startswith("rep4ex"):
        return None
    return OPDEFS[func._schema.name]._init_fn
