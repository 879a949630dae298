"""`graphed` without a GPU: what it passes through, and its bookkeeping around a stand-in capture.

The stand-in keeps the memory of its result and of its gradients from call to call, as a CUDA graph
does. The real thing is in `cuda/test_graphs.py`.
"""

import pytest
import torch

from rep4ex_kernels import KernelInputError, graphs, mmr_penalty
from rep4ex_kernels.graphs import graphed


def squares(x, y):
    return (x * y).square().sum()


def inputs(n=5, gradient=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, n, 3, generator=generator)
    return x.requires_grad_(gradient), y


@pytest.fixture
def captures(monkeypatch):
    """Arguments of every capture made, on a CPU that passes for a GPU."""
    made = []

    def capture(function, arguments):
        made.append(arguments)
        value, gradient = torch.empty(()), torch.empty_like(arguments[0])

        class Replay(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, y):
                ctx.save_for_backward(x, y)
                return value.copy_(function(x, y)).detach()

            @staticmethod
            def backward(ctx, grad):
                x, y = ctx.saved_tensors
                return gradient.copy_(2 * grad * x * y**2).detach(), None

        return Replay.apply

    monkeypatch.setattr(graphs, "_capture", capture)
    monkeypatch.setattr(graphs, "_on_gpu", lambda _: True)
    monkeypatch.setattr(graphs, "_inside_a_capture", lambda: False)
    return made


def test_on_the_cpu_the_function_comes_back():
    assert graphed(squares, *inputs()) is squares


def test_arguments_are_tensors():
    with pytest.raises(KernelInputError, match="example: expected the tensors of a call, got none"):
        graphed(squares)
    with pytest.raises(KernelInputError, match="arguments: expected tensors, got float; bind"):
        graphed(squares, torch.ones(2), 1.0)


def test_one_capture_for_each_kind_of_arguments(captures):
    loss = graphed(squares, *inputs())
    assert len(captures) == 1
    for seed in range(3):
        x, y = inputs(seed=seed)
        value = loss(x, y)
        (gradient,) = torch.autograd.grad(value, x)
        assert torch.equal(value, squares(x, y))
        assert torch.equal(gradient, 2 * x.detach() * y**2)
    assert len(captures) == 1
    loss(*inputs(6))  # another shape
    assert len(captures) == 2
    loss(*(t.detach().double().requires_grad_(t.requires_grad) for t in inputs()))
    assert len(captures) == 3
    loss(*inputs(gradient=False))
    assert len(captures) == 4
    with torch.no_grad():  # nothing needs a gradient here
        loss(*inputs())
    assert len(captures) == 4


def test_ever_new_shapes_are_an_error(captures):
    loss = graphed(squares, *inputs(1))
    for n in range(2, graphs.MOST_CAPTURES + 1):
        loss(*inputs(n))
    with pytest.raises(KernelInputError, match=r"at most 8 kinds .* got shapes \[\(99, 3\)"):
        loss(*inputs(99))
    loss(*inputs(1))
    assert len(captures) == graphs.MOST_CAPTURES


@pytest.mark.usefixtures("captures")
def test_values_and_gradients_outlive_later_calls():
    loss = graphed(squares, *inputs())
    (x, y), (other, _) = inputs(), inputs(seed=1)
    value = loss(x, y)
    kept = value.detach().clone()
    value.backward()
    gradient = x.grad.clone()
    loss(other, y).backward()
    assert torch.equal(value, kept)
    assert torch.equal(x.grad, gradient)
    loss(x, y).backward()  # adds to what is there
    assert torch.allclose(x.grad, 2 * gradient)


@pytest.mark.usefixtures("captures")
def test_a_backward_pass_out_of_turn_is_an_error():
    loss = graphed(squares, *inputs())
    first = loss(*inputs())
    second = loss(*inputs(seed=1))
    loss(*inputs(6))  # of another kind: has memory of its own
    second.backward()
    with pytest.raises(RuntimeError, match=r"graphed: .* got 1 call\(s\) in between"):
        first.backward()


def test_the_result_is_one_tensor_of_the_arguments_alone():
    x, y = inputs()
    graphs._check_result(squares(x, y), (x, y))
    with pytest.raises(KernelInputError, match="expected one tensor as its result, got tuple"):
        graphs._check_result((x, y), (x, y))
    weight = torch.ones(3, requires_grad=True)
    with pytest.raises(KernelInputError, match=r"depends on no parameter .* shape \(3,\)"):
        graphs._check_result(squares(x, y * weight), (x, y))
    graphs._check_result(squares(x, y * weight.detach()), (x, y))


def test_an_op_of_ours_depends_on_its_arguments_alone():
    x, actions = inputs(9)
    for statistic in ("v", "u"):
        graphs._check_result(mmr_penalty(x, actions, 1.0, statistic), (x, actions))
