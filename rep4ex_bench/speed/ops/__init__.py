"""The ops of the speed board, one a file: all that the board knows of an op is its object.

A file `<name>.py` of this folder whose name does not begin with "_" is the op of that name and
holds its object as `OP`; `OPS` is found by looking through the folder. A new op is a new file here,
beside its kernels in `rep4ex_kernels`; no contender but those that call `Op.public` and `Op.naive`
offers it before it has code for it.
"""

from __future__ import annotations

import importlib

from rep4ex_bench.errors import UsageError
from rep4ex_bench.registry import files_of
from rep4ex_bench.speed.ops._counts import Counts
from rep4ex_bench.speed.ops._op import LINEAR_SIZES, QUADRATIC_SIZES, Op

__all__ = ["LINEAR_SIZES", "OPS", "QUADRATIC_SIZES", "Counts", "Op", "reasons"]


def _found(name: str) -> Op:
    """Return the op of one file.

    Raises:
        UsageError: the file holds no op, or one of another name.
    """
    op = getattr(importlib.import_module(f"{__name__}.{name}"), "OP", None)
    if not isinstance(op, Op) or op.name != name:
        raise UsageError(
            f"speed/ops/{name}.py: expected `OP`, an instance of Op named {name!r}, got {op!r}; "
            "begin the file's name with _ if it holds no op"
        )
    return op


_ORDERED = sorted(map(_found, files_of(__path__)), key=lambda op: (op.position, op.name))
OPS: dict[str, Op] = {op.name: op for op in _ORDERED}


def reasons() -> dict[str, str]:
    """Return name of an op -> why another contender may be faster than ours, where it is known."""
    return {op.name: op.why_behind for op in OPS.values() if op.why_behind}
