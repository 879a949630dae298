"""Contenders as a CUDA workload makes them run, without a GPU.

Tensors without data ("meta") show what cannot work there: a tensor that is made on another device,
values that are read on the way. CPU tensors through the same branches show that the numbers are
right, with `torch.linalg.lstsq` cut down to what it has on CUDA.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rep4ex_bench.installed import missing_package
from rep4ex_bench.speed.call_pool import CallPool
from rep4ex_bench.speed.contender import (
    CONTENDERS,
    Contender,
)
from rep4ex_bench.speed.ops import OPS
from rep4ex_bench.speed.outputs import consume, judge
from rep4ex_bench.speed.workload import FORWARD, make_workload

# They read values, run in no torch operations, or compile: other tests are theirs.
ELSEWHERE = ("rep4ex_", "jax", "keops", "geomloss_online", "torch_compile")
IN_TORCH = [name for name in CONTENDERS.names() if not name.startswith(ELSEWHERE)]
SHAPES = [
    make_workload(op, 40, 2 if OPS[op].has_actions else 0, 3, batch=batch, direction=direction)
    for op in OPS
    for batch in (1, 2)
    for direction in (FORWARD, "forward+backward")
]


class OneDevice(TorchDispatchMode):
    """Refuses operations on tensors of two devices but copies, which cost time and are no mistake.

    Numbers without a dimension are free.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, kwargs, result)) if isinstance(t, torch.Tensor)]
        devices = {tensor.device.type for tensor in tensors if tensor.dim()}
        copies = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        assert len(devices) <= 1 or copies, f"{func} met tensors on {sorted(devices)}"
        return result


@pytest.fixture(autouse=True)
def lstsq_of_cuda(monkeypatch):
    """Only the driver "gels", which is the default there; and no gradient, for it is not free."""
    known = torch.linalg.lstsq

    def lstsq(A, B, rcond=None, *, driver=None):
        if driver not in (None, "gels"):
            raise RuntimeError("torch.linalg.lstsq: `driver` must be None or 'gels' on CUDA")
        if A.requires_grad or B.requires_grad:
            raise RuntimeError("the gradient of lstsq decomposes the design by SVD")
        if A.device.type == "meta":
            solution = B.new_empty(*B.shape[:-2], A.shape[-1], B.shape[-1])
            return torch.return_types.linalg_lstsq((solution, solution, solution, solution))
        return known(A, B, driver="gels")

    monkeypatch.setattr(torch.linalg, "lstsq", lstsq)


def offered(contender):
    if reason := missing_package(type(contender)):
        pytest.skip(reason)
    found = [w for w in SHAPES if contender.unsupported(w.on("cuda")) is None]
    if not found:
        pytest.skip("offers nothing on CUDA")
    return found


def on_meta(contender, workload):
    pool = CallPool(workload, 0)
    constants = [c.to("meta") for c in pool.constants]
    inputs = [t.to("meta") for t in pool.inputs("check", 1)[0]]
    with OneDevice():
        return contender.prepare(workload.on("cuda"), *constants)(*inputs)


@pytest.mark.parametrize("name", IN_TORCH)
def test_they_stay_on_the_device_and_read_no_values(name):
    contender = CONTENDERS.get(name)()
    for workload in offered(contender):
        outputs = on_meta(contender, workload)
        expected = CallPool(workload, 0).expected("check", 0)
        assert len(outputs) == len(expected), workload.label
        assert {out.device.type for out in outputs} == {"meta"}
        assert [out.numel() for out in outputs] == [right.numel() for right in expected]


@pytest.mark.parametrize("name", IN_TORCH)
def test_what_they_do_on_cuda_gives_the_right_numbers(name):
    contender = CONTENDERS.get(name)()
    for workload in offered(contender):
        pool = CallPool(workload, 1)
        (inputs,) = pool.inputs("check", 1)
        step = contender.prepare(workload.on("cuda"), *pool.constants)
        verdict = judge(workload, consume(step(*inputs)), pool.expected("check", 0))
        assert not verdict.wrong, workload.label


class OnTheCPU(Contender):
    """What a user forgets: an identity matrix without a device."""

    name = "on_the_cpu"

    def prepare(self, workload, *constants):
        return lambda phi, *_: (phi @ torch.eye(phi.shape[-1]),)


class Reading(OnTheCPU):
    def prepare(self, workload, *constants):
        return lambda phi, *_: (phi * float(phi.mean()),)


class Leaving(OnTheCPU):
    def prepare(self, workload, *constants):
        return lambda phi, *_: (phi.numpy(),)


class Pivoted(OnTheCPU):
    def prepare(self, workload, *constants):
        return lambda phi, *_: (torch.linalg.lstsq(phi, phi, driver="gelsy").solution,)


class Differentiated(OnTheCPU):
    def prepare(self, workload, *constants):
        return lambda phi, *_: (torch.linalg.lstsq(phi, phi.requires_grad_()).solution,)


@pytest.mark.parametrize(
    ("contender", "message"),
    [
        (OnTheCPU, r"met tensors on \['cpu', 'meta'\]"),
        (Reading, "cannot be called on meta tensors"),
        (Leaving, "can't convert meta"),
        (Pivoted, "must be None or 'gels'"),
        (Differentiated, "decomposes the design"),
    ],
)
def test_the_checks_see_what_would_fail(contender, message):
    workload = make_workload("residualize", 40, 2, 3)
    with pytest.raises((AssertionError, RuntimeError, TypeError), match=message):
        on_meta(contender(), workload)
