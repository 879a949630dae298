"""The losses as modules: a bandwidth "median" of every call, or of a training set once."""

import pytest
import torch

from rep4ex_kernels import HSICLoss, MMDLoss, MMRLoss, hsic, median_bandwidth, mmd2, mmr_penalty
from rep4ex_kernels.bandwidth import op

pytestmark = pytest.mark.usefixtures("each_device")


def samples(n=80, d=3, seed=0):
    generator = torch.Generator(torch.get_default_device()).manual_seed(seed)
    return torch.randn(n, d, generator=generator), 2 * torch.randn(n, 2, generator=generator)


def close(found, expected):
    return float(found) == pytest.approx(float(expected), rel=1e-6)


def test_without_fitting_each_call_takes_its_own_median():
    x, y = samples()
    loss = MMRLoss()
    for rows in (slice(0, 40), slice(40, 80)):
        assert close(loss(x[rows], y[rows]), mmr_penalty(x[rows], y[rows], "median"))


def test_fitted_losses_keep_the_median_of_the_training_set():
    x, y = samples()
    batch = slice(10, 30)
    h_x, h_y = median_bandwidth(x), median_bandwidth(y)
    loss = MMRLoss(statistic="u").fit(y)
    assert close(loss(x[batch], y[batch]), mmr_penalty(x[batch], y[batch], h_y, "u"))
    assert not close(loss(x[batch], y[batch]), mmr_penalty(x[batch], y[batch], "median", "u"))
    both = HSICLoss().fit(x, y)
    assert close(both(x[batch], y[batch]), hsic(x[batch], y[batch], h_x, h_y))
    other, _ = samples(60, seed=1)
    apart = MMDLoss("imq").fit(x, other)
    expected = mmd2(x[batch], other, "imq", median_bandwidth(torch.cat([x, other])))
    assert close(apart(x[batch], other), expected)


def test_on_the_training_set_itself_nothing_changes():
    x, y = samples()
    assert torch.equal(MMRLoss().fit(y)(x, y), MMRLoss()(x, y))
    assert torch.equal(HSICLoss().fit(x, y)(x, y), HSICLoss()(x, y))
    assert torch.equal(MMDLoss().fit(x, x + 1)(x, x + 1), MMDLoss()(x, x + 1))


def test_bandwidths_of_ones_own_stay():
    x, y = samples()
    assert torch.equal(MMRLoss(0.7).fit(y)(x, y), MMRLoss(0.7)(x, y))
    mixed = HSICLoss(0.7, "median").fit(x, y)
    assert close(mixed(x[:20], y[:20]), hsic(x[:20], y[:20], 0.7, median_bandwidth(y)))
    several = MMDLoss(bandwidths=[0.5, 2.0])
    assert torch.equal(several.fit(x, x + 1)(x, x + 1), several(x, x + 1))


def test_a_second_fit_forgets_the_first():
    x, y = samples()
    loss = MMRLoss().fit(100 * y).fit(y)
    assert torch.equal(loss(x, y), MMRLoss()(x, y))
    assert loss.bandwidth == "median"


def test_a_training_set_for_each_problem_of_a_stack():
    x, y = samples()
    stacked, actions = torch.stack([x, x]), torch.stack([y, 3 * y])
    loss = MMRLoss().fit(actions)
    rows = slice(0, 30)
    expected = [mmr_penalty(x[rows], a[rows], median_bandwidth(a)) for a in actions]
    assert close(loss(stacked[:, rows], actions[:, rows]), torch.stack(expected).mean())
    apart = MMDLoss().fit(stacked, 2 * actions[..., :1].expand(2, 80, 3))
    assert apart(stacked[:, rows], stacked[:, rows] + 1).shape == ()


def test_the_median_is_taken_once(monkeypatch):
    x, y = samples()
    calls = []
    plain = op._median_op
    monkeypatch.setattr(op, "_median_op", lambda points: calls.append(points) or plain(points))
    loss = HSICLoss().fit(x, y)
    assert len(calls) == 2
    for _ in range(3):
        loss(x, y)
    assert len(calls) == 2
    HSICLoss()(x, y)
    assert len(calls) == 4
