"""Named sets of workloads, put together from the shapes that each op's object lists.

reference   the shapes of the published board: every op over n, width, batch, dtype, direction
quick       one small shape an op: that everything runs, and the order of magnitude
scaling     growing n: what is linear to 1,000,000, then the dense passes to 65,536
"""

from __future__ import annotations

from collections.abc import Iterable

from rep4ex_bench.errors import UnknownNameError
from rep4ex_bench.speed.ops import OPS
from rep4ex_bench.speed.workload import Workload, of_size


def reference_shapes() -> list[Workload]:
    """Return the set "reference"."""
    return _of_ops("reference")


def quick_shapes() -> list[Workload]:
    """Return the set "quick"."""
    return _of_ops("quick")


def scaling_shapes() -> list[Workload]:
    """Return the set "scaling"."""
    return sorted(_of_ops("scaling"), key=lambda workload: not workload.spec.grows_linearly)


def _of_ops(shapes: str) -> list[Workload]:
    return [of_size(op, size) for op in OPS.values() for size in op.shapes[shapes]]


SHAPES = {"reference": reference_shapes, "quick": quick_shapes, "scaling": scaling_shapes}


def workloads(shapes: str, device: str, ops: Iterable[str] = ()) -> list[Workload]:
    """Return a named set on a device, or the part of it that belongs to some ops.

    Raises:
        UnknownNameError: no such set or op.
    """
    if shapes not in SHAPES:
        raise UnknownNameError("set of shapes", shapes, SHAPES)
    wanted = tuple(ops) or tuple(OPS)
    for op in wanted:
        if op not in OPS:
            raise UnknownNameError("op", op, OPS)
    return [workload.on(device) for workload in SHAPES[shapes]() if workload.op in wanted]
