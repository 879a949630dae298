"""The paper's statistic against its double sum in float64, and what tells it from the whitened."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from rep4ex_bench.methods.training.plain_invariance_loss import PlainInvarianceLoss


def dense(code, actions, bandwidth):
    """Mean over all pairs of kernel times product of residuals, in float64 numpy."""
    design = np.column_stack([np.ones(len(code)), actions])
    residual = code - design @ np.linalg.lstsq(design, code, rcond=None)[0]
    kernel = np.exp(-(squareform(pdist(actions)) ** 2) / (2 * bandwidth**2))
    return (kernel * (residual @ residual.T)).mean()


def loss_of(table, code, rows):
    """The loss of one replica at rows of its table and code."""
    return PlainInvarianceLoss()(torch.as_tensor(code)[rows].T[None], table[rows][None]).item()


@pytest.mark.parametrize(
    ("n", "b", "k", "d"), [(300, 64, 1, 1), (500, 129, 2, 3), (400, 200, 3, 2)]
)
def test_equals_the_double_sum_of_the_batch(n, b, k, d):
    rng = np.random.default_rng(n)
    actions = rng.uniform(-1, 1, (n, k))
    code = np.sin(3 * actions[:, :1]) + rng.normal(size=(n, d))
    rows = rng.permutation(n)[:b]
    expected = dense(code[rows], actions[rows], np.median(pdist(actions)))
    table = PlainInvarianceLoss().table(torch.tensor(actions))
    # the table leaves out some of the kernel's trace, the more the more actions there are
    assert loss_of(table, code, rows) == pytest.approx(expected, rel=1e-3)


def test_it_falls_with_the_square_of_the_scale_and_rewards_a_small_residual():
    """Both faults that the whitened statistic does not have."""
    rng = np.random.default_rng(1)
    actions = rng.uniform(-1, 1, (256, 2))
    noise = rng.normal(size=(256, 2))
    table, rows = PlainInvarianceLoss().table(torch.tensor(actions)), torch.arange(256)
    linear = actions @ np.array([[1.0, 2.0], [0.5, -1.0]])
    full, tenth = loss_of(table, linear + noise, rows), loss_of(table, linear + 0.1 * noise, rows)
    assert tenth == pytest.approx(full / 100, rel=1e-3)
    assert loss_of(table, 3 * (linear + noise), rows) == pytest.approx(9 * full, rel=1e-3)
