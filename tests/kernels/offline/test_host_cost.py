"""No op costs the host more than its limit, and each kind of cost is seen where there is one."""

import importlib

import pytest
import torch

pytest.importorskip("triton", reason="triton is not installed")

from rep4ex_kernels import _launch, _registration, mmr_penalty, residualize
from rep4ex_kernels.mmd.triton_impl import FEW_COLUMNS
from rep4ex_kernels.offline.host_cost import (
    DEVICE,
    DeviceMismatchError,
    SeamError,
    __main__,
    cases,
    count,
    everything_on_gpu,
    limits,
    median_microseconds,
    pretended_gpu,
)
from rep4ex_kernels.offline.host_cost.limits import LIMITS, Limit, violations
from rep4ex_kernels.offline.host_cost.seams import Replacements

# What has kernels of its own on a GPU; the others are a few products of torch.
WITH_KERNELS = sorted(set(LIMITS) - {"invariance factorised", "invariance mini-batch u"})
SMALL = cases.Case("residualize", cases.SINGLE, 4)


@pytest.fixture(scope="module", autouse=True)
def compiled_kernels():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRITON_INTERPRET", raising=False)
        yield


def test_every_op_has_a_limit():
    assert set(cases.OPS) == set(LIMITS)


@pytest.mark.parametrize("op", LIMITS)
def test_an_op_keeps_its_limits(op, monkeypatch):
    """At one size alone and in a batch; `make gate` has all."""
    monkeypatch.setattr(cases, "FEATURES", (4,))
    monkeypatch.setattr(cases, "SIZES", (cases.SINGLE, cases.BATCH))
    rows = __main__.measured(case for case in cases.all_cases() if case.op == op)
    assert len(rows) == 4
    assert [f"{row.name}: {v} ({row.cost.detail()})" for row in rows for v in row.violations] == []
    if op in WITH_KERNELS:
        assert all(row.cost.launches for row in rows)


@pytest.mark.parametrize("op", [name for name in LIMITS if name.startswith(("mmd", "energy"))])
def test_few_rows_and_columns_of_two_samples_take_one_launch(op):
    few = [
        cases.Case(op, size, k)
        for size in (cases.SINGLE, cases.BATCH)
        for k in cases.FEATURES
        if k <= FEW_COLUMNS
    ]
    assert few
    assert [row.cost.launches for row in __main__.measured(few)] == [1] * 2 * len(few)


def small_call(gpu):
    both = SMALL.prepare().both
    cost = gpu.count(both)
    return both, cost, Limit(cost.launches, cost.operations)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (lambda x: x + 1, "operations: expected {0.operations} at most, counted"),
        (lambda x: x.sum().item(), "waits: expected 0 at most, counted 1"),
        (lambda x: _launch.launch(None, (1,), x), "launches: expected {0.launches} at most"),
        (lambda x: past_the_launcher(x, one_kernel()), "launches: expected {0.launches} at most"),
    ],
    ids=["operation", "wait", "launch", "launch past the launcher"],
)
def test_what_is_added_to_an_op_breaks_its_limit(more, complaint):
    with pretended_gpu() as gpu:
        both, cost, limit = small_call(gpu)
        x = torch.zeros(3, device=DEVICE)
        assert violations(cost, limit) == []
        found = violations(gpu.count(lambda: (both(), more(x))), limit)
    assert any(complaint.format(limit) in violation for violation in found), found


def past_the_launcher(x, kernel):
    kernel[1,](x)


def one_kernel():
    from rep4ex_kernels.residualize.triton_kernel import fit_kernel

    return fit_kernel


def test_a_batch_that_costs_more_breaks_the_limit():
    limit = Limit(100, 100)
    with pretended_gpu() as gpu:
        both, cost, _ = small_call(gpu)
        again = gpu.count(lambda: [both() for _ in range(2)])
    assert violations(cost, limit, cost) == []
    found = violations(again, limit, cost)
    assert {violation.split()[0] for violation in found} >= {"launches"}


def test_the_command_prints_counts_beside_limits_and_fails_where_one_is_exceeded(
    monkeypatch, capsys
):
    arguments = ["--only", "residualize", "--names"]
    monkeypatch.setattr(cases, "FEATURES", (4,))
    monkeypatch.setattr(cases, "SIZES", (cases.SINGLE,))
    assert __main__.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "| residualize | n=256 | 4 | both  | 5 of 5   |" in printed
    assert "not the time of any GPU" in printed
    monkeypatch.setitem(limits.LIMITS, "residualize", Limit(4, 10))
    assert __main__.main([*arguments, "--no-times"]) == 1
    assert "VIOLATION residualize" in capsys.readouterr().err
    assert __main__.main(["--only", "no such op"]) == 1


WAITS = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x[0]),
    "bool": lambda x: bool(x[0] > 0),
    "tolist": lambda x: x.tolist(),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "masked_select": lambda x: x.masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "cpu": lambda x: x.cpu(),
    "to cpu": lambda x: x.to("cpu"),
    "to device": lambda _: torch.zeros(3).to(DEVICE),
    "to a tensor's device": lambda x: torch.zeros(3).to(x),
    "cuda": lambda _: torch.zeros(3).cuda(),
    "copy_ in": lambda x: x.copy_(torch.zeros(len(x))),
    "copy_ out": lambda x: torch.zeros(len(x)).copy_(x),
    "copy_ out to pageable memory": lambda x: torch.zeros(len(x)).copy_(x, non_blocking=True),
    "values of the host": lambda _: torch.tensor([1.0, 2.0], device=DEVICE),
    "index of the host": lambda x: x[torch.tensor([0, 1])],
    "synchronize": lambda _: torch.cuda.synchronize(),
    "eigenvalues": lambda x: torch.linalg.eigh(x[:, None] * x),
    "checked Cholesky": lambda x: torch.linalg.cholesky(torch.eye(len(x), device=x.device)),
}
NO_WAITS = {
    "to dtype": lambda x: x.to(torch.float64),
    "to where it is": lambda x: x.to(DEVICE),
    "from pinned memory": lambda _: torch.zeros(3).pin_memory().to(DEVICE, non_blocking=True),
    "to pinned memory": lambda x: x.to("cpu", non_blocking=True),
    "host only": lambda _: torch.arange(4.0).sum().item(),
    "index of the device": lambda x: x[torch.arange(2, device=DEVICE)],
    "number": lambda x: torch.where(x > 0, x, 1.0),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_is_counted(name):
    assert count(WAITS[name], torch.arange(4.0)).waits >= 1


@pytest.mark.parametrize("name", NO_WAITS)
def test_what_does_not_wait_is_not_counted_as_a_wait(name):
    assert count(NO_WAITS[name], torch.arange(4.0)).waits == 0


KINDS = {
    # (operations, views, allocations, operations on the host)
    "add": (lambda x: x + 1, (1, 0, 0, 0)),
    "views": (lambda x: x[1:].view(-1, 1).mT.expand(2, 3).unsqueeze(0), (0, 5, 0, 0)),
    "copy of a view": (lambda x: x.view(2, 2).mT.contiguous(), (1, 2, 0, 0)),
    "empty": (lambda x: (torch.empty_like(x), torch.empty(3, device=DEVICE)), (0, 0, 2, 0)),
    "filled": (lambda x: (x.new_zeros(3), torch.full((2,), 1.0, device=DEVICE)), (2, 0, 0, 0)),
    "in place": (lambda x: x.mul_(1.0), (1, 0, 0, 0)),
    "dtype": (lambda x: x.double(), (1, 0, 0, 0)),
    "a number made a tensor": (lambda x: torch.where(x > 0, x, 1.0), (3, 0, 0, 0)),
    "host": (lambda _: torch.arange(3.0) + 1, (0, 0, 0, 2)),
}


@pytest.mark.parametrize("name", KINDS)
def test_operations_are_told_apart(name):
    function, expected = KINDS[name]
    cost = count(function, torch.arange(4.0))
    assert (cost.operations, cost.views, cost.allocations, cost.on_host) == expected, cost


def test_gradients_are_counted():
    def square(x):
        return torch.autograd.grad(x.square().sum(), x)

    plain = count(lambda x: x.square().sum(), torch.arange(4.0))
    both = count(square, torch.arange(4.0, requires_grad=True))
    assert plain.operations == 2
    assert both.operations > plain.operations


def test_the_body_of_a_custom_operator_is_counted():
    @torch.library.custom_op("rep4ex_of_a_test::three_operations", mutates_args=())
    def three_operations(x: torch.Tensor) -> torch.Tensor:
        return (x + 1).exp().sum()

    assert dict(count(three_operations, torch.zeros(4)).names) == {"add": 1, "exp": 1, "sum": 1}


def test_host_memory_among_tensors_of_the_gpu_is_an_error():
    with pytest.raises(DeviceMismatchError, match="host memory"):
        count(lambda x: x + torch.ones(4), torch.arange(4.0))
    with pytest.raises(DeviceMismatchError, match="host memory"):
        count(lambda x: _launch.launch(None, (1,), x, torch.ones(4)), torch.arange(4.0))
    with pytest.raises(TypeError, match="numpy"):
        count(lambda x: x.numpy(), torch.arange(4.0))


def test_a_launch_that_is_not_where_it_was_is_an_error(monkeypatch):
    monkeypatch.delattr(_launch, "_execute")
    with pytest.raises(SeamError, match="_execute: expected to exist"), pretended_gpu():
        pass
    with pytest.raises(SeamError, match="found nothing"), Replacements() as replacements:
        replacements.put_everywhere(_registration, "no_such_function", None)


def members():
    owners = {
        "tensor": torch.Tensor, "torch": torch, "cuda": torch.cuda, "launch": _launch,
        "op": importlib.import_module("rep4ex_kernels.mmr.op"),
    }  # fmt: skip
    return {name: dict(vars(owner)) for name, owner in owners.items()}


def interrupted(replaced):
    with pretended_gpu():
        replaced["allocate"] = _launch._allocate
        raise ZeroDivisionError


def test_all_is_put_back():
    before, replaced = members(), {}
    with pytest.raises(ZeroDivisionError):
        interrupted(replaced)
    with everything_on_gpu():
        pass
    assert replaced["allocate"] is not before["launch"]["_allocate"]
    for name, after in members().items():
        assert after.keys() == before[name].keys()
        assert all(before[name][key] is value for key, value in after.items()), name
    assert torch.zeros(2).device.type == "cpu"


def test_one_gpu_is_pretended_at_a_time_and_no_kernel_is_interpreted(monkeypatch):
    with pretended_gpu(), pytest.raises(RuntimeError, match="one at a time"), everything_on_gpu():
        pass
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    with pytest.raises(RuntimeError, match="TRITON_INTERPRET"), pretended_gpu():
        pass


def test_plain_tensors_take_the_eager_way_that_is_counted():
    # The one question that counting answers itself: a dispatch mode would say no.
    assert _registration.runs_eagerly(torch.zeros(2), None)


def test_bad_input_is_an_error_before_any_launch():
    def call(gpu, phi, actions):
        launched = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_launch, "_execute", lambda *_: launched.append(1))
            with pytest.raises(ValueError, match="expected"):
                mmr_penalty(phi, actions, 1.0)
        return launched

    with pretended_gpu() as gpu:
        phi, host = torch.randn(40, 3, device=DEVICE), torch.randn(40, 2)
        assert call(gpu, phi, host) == []
        assert call(gpu, phi, host.to(DEVICE).long()) == []


def test_time_is_taken_on_the_same_path():
    prepared = {}
    with pretended_gpu():
        prepared["call"] = SMALL.prepare().both
    with everything_on_gpu():
        launched = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_launch, "_execute", lambda *_: launched.append(1))
            prepared["call"]()
        assert len(launched) == LIMITS["residualize"].launches
        phi, actions = torch.randn(64, 3), torch.randn(64, 2)
        assert phi.is_cuda
        assert 0 < median_microseconds(lambda: residualize(phi, actions), seconds=0.01) < 1e6
