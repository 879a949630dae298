"""What the operations of torch are for a GPU: a kernel, a view, an allocation, a wait.

Views come from the operators' schemas. Lists by name are what schemas do not say: memory that
nothing is written to, and what asks the device for a value.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch

# Memory as it is: no kernel runs.
ALLOCATIONS = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"})
# Views whose schema has no mark of aliasing, and questions to the allocator.
UNMARKED_VIEWS = frozenset({"_unsafe_view", "set_", "resize_", "is_pinned", "record_stream"})
# On CUDA these bring a value or an error code to the host, or run in a library that may.
WAITING = frozenset(
    {
        "_local_scalar_dense", "item", "is_nonzero", "equal", "allclose", "nonzero",
        "nonzero_numpy", "argwhere", "masked_select", "_unique", "_unique2", "unique_dim",
        "unique_consecutive", "unique_dim_consecutive", "bincount", "repeat_interleave",
        "_linalg_check_errors", "linalg_eigh", "_linalg_eigh", "_linalg_eigvals", "linalg_eig",
        "_linalg_svd", "linalg_svd", "linalg_qr", "linalg_lstsq", "cholesky_inverse",
    }
)  # fmt: skip
INDEXING = frozenset({"index", "index_put", "index_put_", "_index_put_impl_"})
COPIES = frozenset({"_to_copy", "copy_"})


@dataclass(frozen=True)
class HostCost:
    """What a call asks of the host that feeds a GPU.

    Attributes:
        operations: torch operations that start work on the device, copies to and from it included.
        views: torch operations that only look at memory in another way.
        allocations: torch operations that only ask for memory.
        waits: places where the host stands still until the device has done all it was given.
        launches: Triton kernels.
        on_host: torch operations on tensors in host memory.
        names: ("operation", how often) of operations, and ("wait: why", how often) of waits.
    """

    operations: int
    views: int
    allocations: int
    waits: int
    launches: int
    on_host: int
    names: tuple[tuple[str, int], ...] = ()

    def detail(self) -> str:
        """Name the operations and waits, the most frequent first."""
        return ", ".join(f"{number} {name}" for name, number in self.names)


class Tally:
    """Counts while a call runs."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.names: Counter[str] = Counter()

    def add(self, kind: str, name: str = "") -> None:
        """Count one of a kind: a field of `HostCost`."""
        self.kinds[kind] += 1
        if name:
            self.names[name if kind == "operations" else f"{kind.removesuffix('s')}: {name}"] += 1

    def result(self) -> HostCost:
        """Return what was counted."""
        fields = ("operations", "views", "allocations", "waits", "launches", "on_host")
        names = tuple(sorted(self.names.items(), key=lambda item: (-item[1], item[0])))
        return HostCost(**{field: self.kinds[field] for field in fields}, names=names)


@functools.cache
def kind_of(operator: Any) -> str:
    """Say what an operator on tensors of the device is: operations, views or allocations."""
    name = operator.overloadpacket.__name__
    if name in ALLOCATIONS:
        return "allocations"
    if name in UNMARKED_VIEWS or is_view(operator):
        return "views"
    return "operations"


def is_view(operator: Any) -> bool:
    """Say whether the schema promises an alias of an argument that is not written to."""
    marks = [argument.alias_info for argument in operator._schema.arguments]
    returned = [value.alias_info for value in operator._schema.returns]
    return any(mark is not None and not mark.is_write for mark in marks) and any(
        mark is not None for mark in returned
    )


def asks_for_values(operator: Any, args: tuple[Any, ...]) -> bool:
    """Say whether an operator brings values of the device to the host."""
    name = operator.overloadpacket.__name__
    if name in INDEXING:  # a mask is turned into indices, and the host learns how many
        masks = (torch.bool, torch.uint8)
        return any(index is not None and index.dtype in masks for index in args[1])
    return name in WAITING
