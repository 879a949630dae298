"""Sums over pairs on several threads: right, the same bits again, and torch's threads put back."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from rep4ex_kernels import energy_distance, hsic, mmd2, mmr_penalty
from rep4ex_kernels._threads import serial_torch, sum_in_threads

N = 1500  # three tiles of the torch path, six of the compiled one

LOSSES = {
    "mmr": lambda x, y, backend: mmr_penalty(x, y, 1.5, backend=backend),
    "mmd": lambda x, y, backend: mmd2(x, y, bandwidths=[1.0, 2.3], backend=backend),
    "energy": lambda x, y, backend: energy_distance(x, y, backend=backend),
    "hsic": lambda x, y, backend: hsic(x, y, 1.5, 2.0, backend=backend),
}


@pytest.fixture(params=[2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def value_and_gradient(loss, backend):
    g = torch.Generator().manual_seed(5)
    x = torch.randn(N, 3, generator=g).requires_grad_()
    y = torch.randn(N, 3, generator=g) + 0.4 * x.detach()
    value = loss(x, y, backend)
    (gradient,) = torch.autograd.grad(value, x)
    return value.detach(), gradient


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("name", LOSSES)
def test_threads_change_nothing_but_rounding(name, backend, threads):
    if backend == "numba":
        pytest.importorskip("numba")
    expected, expected_gradient = value_and_gradient(LOSSES[name], "reference")
    value, gradient = value_and_gradient(LOSSES[name], backend)
    again, gradient_again = value_and_gradient(LOSSES[name], backend)
    assert abs(value.double() - expected.double()) <= 1e-5 * expected.double().abs()
    distance = (gradient - expected_gradient).double().norm()
    assert distance <= 1e-4 * expected_gradient.double().norm()
    assert torch.equal(value, again)
    assert torch.equal(gradient, gradient_again)
    assert torch.get_num_threads() == threads


def test_every_block_is_done_once_and_torch_is_serial_meanwhile(threads):
    def work(first, stride):
        return list(range(first, 8, stride)), torch.get_num_threads()

    done, counts = sum_in_threads(8, work)
    assert sorted(done) == list(range(8))
    assert counts == threads  # one for every thread
    assert torch.get_num_threads() == threads


def test_torch_gets_its_threads_back_after_an_error(threads):
    def work(first, stride):
        raise RuntimeError(f"block {first}")

    with pytest.raises(RuntimeError, match="block"):
        sum_in_threads(8, work)
    assert torch.get_num_threads() == threads


def test_ops_of_several_threads_at_once_put_the_number_back(threads):
    def work(seed):
        with serial_torch() as found:
            x = torch.randn(600, 2, generator=torch.Generator().manual_seed(seed))
            return found, float(mmr_penalty(x, x.square(), 1.0, backend="torch"))

    alone = [work(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(work, range(6)))
    assert together == alone
    assert {found for found, _ in together} == {threads}
    assert torch.get_num_threads() == threads
