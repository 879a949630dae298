"""Named sets of workloads."""

from __future__ import annotations

from collections.abc import Iterable

from rep4ex_bench.errors import UnknownNameError
from rep4ex_bench.speed.ops import OPS
from rep4ex_bench.speed.workload import FORWARD, Workload, make_workload

DYADIC = (1.0, 2.0, 4.0, 8.0, 16.0)
GENERAL = (1.1, 2.3, 4.0, 6.1, 9.7)


def reference_shapes() -> list[Workload]:
    """The shapes of the published board: every op over n, width, batch, dtype and direction."""
    make = make_workload
    return [
        *(make("residualize", n, 4, 8) for n in (256, 4096, 65536)),
        make("residualize", 4096, 32, 64),
        make("residualize", 256, 2, 4, batch=400),
        make("residualize", 4096, 4, 8, direction=FORWARD),
        make("residualize", 4096, 4, 8, dtype="float64"),
        *(make("mmr_penalty", n, 4, 8) for n in (256, 1024, 4096, 8192)),
        make("mmr_penalty", 4096, 1, 2),
        make("mmr_penalty", 4096, 16, 32),
        make("mmr_penalty", 2048, 32, 64),
        make("mmr_penalty", 256, 2, 4, batch=50),
        make("mmr_penalty", 2048, 4, 8, direction=FORWARD),
        make("mmr_penalty", 1024, 4, 8, dtype="float64"),
        *(make("invariance_penalty", 4096, k, d) for k, d in ((1, 2), (2, 2), (4, 8), (16, 32))),
        *(make("invariance_penalty", n, 1, 2) for n in (1024, 16384)),
        make("invariance_penalty", 1024, 2, 4, batch=50),
        *(make("mmd2", n) for n in (256, 1024, 4096)),
        make("mmd2", 2048, d=2),
        make("mmd2", 2048, d=32),
        make("mmd2", 2048, bandwidths=DYADIC),
        make("mmd2", 2048, bandwidths=GENERAL),
        make("mmd2", 256, batch=50),
        make("mmd2", 1024, direction=FORWARD),
        *(make("energy_distance", n) for n in (256, 1024, 4096)),
        make("energy_distance", 2048, d=2),
        make("energy_distance", 2048, d=32),
        make("energy_distance", 256, batch=50),
        make("energy_distance", 1024, direction=FORWARD),
        *(make("hsic", n, 4, 8) for n in (256, 1024, 4096)),
        make("hsic", 2048, 1, 2),
        make("hsic", 2048, 16, 32),
        make("hsic", 256, 2, 4, batch=50),
        make("hsic", 1024, 4, 8, direction=FORWARD),
    ]


def quick_shapes() -> list[Workload]:
    """One small shape an op: shows that everything runs, and the order of magnitude."""
    return [
        make_workload("residualize", 4096, 4, 8),
        make_workload("mmr_penalty", 1024, 4, 8),
        make_workload("invariance_penalty", 1024, 1, 2),
        make_workload("mmd2", 1024),
        make_workload("energy_distance", 1024),
        make_workload("hsic", 1024, 4, 8),
    ]


def scaling_shapes() -> list[Workload]:
    """Growing n: dense passes to 65,536, what is linear to 1,000,000."""
    linear = (1024, 4096, 16384, 65536, 262144, 1_000_000)
    dense = (1024, 4096, 16384, 65536)
    return [
        *(make_workload("residualize", n, 4, 8) for n in linear),
        *(make_workload("invariance_penalty", n, 1, 2) for n in linear),
        *(make_workload("mmr_penalty", n, 4, 8) for n in dense),
        *(make_workload("mmd2", n) for n in dense),
        *(make_workload("energy_distance", n) for n in dense),
        *(make_workload("hsic", n, 4, 8) for n in dense),
    ]


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
