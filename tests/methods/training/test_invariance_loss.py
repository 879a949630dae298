"""The training loss against a dense float64 double sum, its invariances and its null mean."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from rep4ex_bench.methods.training.invariance_loss import InvarianceLoss


def dense(code, actions, kernel_features):
    """The formula of the module, as a double sum in float64 numpy."""
    b = len(code)
    design = np.column_stack([np.ones(b), actions])
    project = np.eye(b) - design @ np.linalg.pinv(design)
    residual, features = project @ code, project @ kernel_features
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    covariance = residual.T @ residual / b
    covariance += 1e-4 * np.diag(covariance).mean() * np.eye(code.shape[1])
    white = residual @ np.linalg.inv(np.linalg.cholesky(covariance)).T
    gram = (features @ features.T) * (white @ white.T)
    return (gram.sum() - np.trace(gram)) / (b * (b - 1))


def loss_of(table, code, rows):
    """The loss of one replica at rows of its table and code."""
    columns = torch.as_tensor(code)[rows].T[None]
    return InvarianceLoss()(columns, table[rows][None])[0]


@pytest.mark.parametrize(
    ("n", "b", "k", "d"), [(300, 64, 1, 1), (500, 129, 2, 3), (400, 200, 3, 2)]
)
def test_equals_the_dense_formula(n, b, k, d):
    rng = np.random.default_rng(n)
    actions = rng.uniform(-1, 1, (n, k))
    code = np.sin(3 * actions[:, :1]) + rng.normal(size=(n, d))
    rows = rng.permutation(n)[:b]
    # the full Gaussian kernel's features: its exact factor, residualised over all rows
    distances = squareform(pdist(actions))
    bandwidth = np.median(pdist(actions))
    values, vectors = np.linalg.eigh(np.exp(-(distances**2) / (2 * bandwidth**2)))
    factor = vectors * np.sqrt(values.clip(0))
    everything = np.column_stack([np.ones(n), actions])
    factor -= everything @ np.linalg.lstsq(everything, factor, rcond=None)[0]
    expected = dense(code[rows], actions[rows], factor[rows])
    result = loss_of(InvarianceLoss().table(torch.tensor(actions)), code, rows)
    assert result.item() == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_affine_maps_of_the_code_do_not_change_it():
    rng = np.random.default_rng(2)
    actions = torch.tensor(rng.uniform(-1, 1, (256, 2)))
    code = torch.tensor(np.tanh(3 * actions.numpy()) + 0.3 * rng.normal(size=(256, 2)))
    table, rows = InvarianceLoss().table(actions), torch.arange(256)
    turn = torch.tensor([[2.0, 1.0], [-1.0, 1.5]], dtype=torch.float64)
    assert loss_of(table, code @ turn * 50 + 3, rows).item() == pytest.approx(
        loss_of(table, code, rows).item(), rel=5e-3
    )


def test_zero_mean_under_linear_invariance_and_clearly_positive_without():
    rng = np.random.default_rng(3)
    actions = rng.uniform(-1, 1, (4000, 2))
    noise = rng.standard_t(5, size=(4000, 2))
    table = InvarianceLoss().table(torch.tensor(actions))

    def statistics(code):
        draws = [rng.permutation(4000)[:256] for _ in range(400)]
        return np.array([loss_of(table, code, rows).item() for rows in draws])

    null = statistics(actions @ np.array([[1.0, 2.0], [0.5, -1.0]]) + noise)
    bent = statistics(actions + np.cos(3 * actions) + 0.5 * noise)
    # what remains of the mean is the (k + 1) / b share of the in-batch projection
    assert abs(null.mean()) < 0.15 * null.std()
    assert bent.mean() > 10 * null.std()
