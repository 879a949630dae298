"""The independence penalty against its formula, and what it sees that MMR does not."""

import numpy as np
import pytest
import torch

from rep4ex_bench.methods.training.independence_loss import (
    PENALTIES,
    IndependenceLoss,
    _frequencies,
)
from rep4ex_bench.methods.training.invariance_loss import InvarianceLoss, residualised_batch


def batch(seed, code_of, n=512):
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (n, 2))
    code = code_of(actions, rng.standard_normal((n, 2)))
    return (
        torch.from_numpy(code.T[None]).double(),
        InvarianceLoss().table(torch.from_numpy(actions))[None],
    )


def test_it_is_the_double_sum_over_pairs():
    code, rows = batch(0, lambda a, v: a + v**3, n=48)
    parts = residualised_batch(code, rows)
    white, features, basis = (x[0].numpy() for x in (parts.white, parts.features, parts.basis))
    waves = _frequencies(code.shape[1], code.dtype, code.device).numpy() @ white
    g = np.vstack([np.cos(waves), np.sin(waves)])
    g -= g.mean(axis=1, keepdims=True)
    total = 0.0
    for i in range(48):
        for j in range(48):
            if i != j:
                kernel = features[i] @ features[j]
                independent = kernel + basis[1:, i] @ basis[1:, j] / 2
                total += kernel * (white[:, i] @ white[:, j])
                total += 4.0 * 8 / 64 * independent * (g[:, i] @ g[:, j])
    value = IndependenceLoss(mmr=1.0, hsic=4.0)(code, rows)
    assert float(value) == pytest.approx(total / (48 * 47), rel=1e-9)


def test_noise_whose_scale_depends_on_the_actions_is_seen_by_hsic_alone():
    seen = {name: [] for name in ("mmr", "hsic")}
    null = []
    for seed in range(20):
        scaled = batch(seed, lambda a, v: a + v * np.exp(1.5 * a[:, :1]))
        for name, values in seen.items():
            values.append(float(PENALTIES[name]()(*scaled)))
        null.append(float(PENALTIES["hsic"]()(*batch(seed, lambda a, v: a + v))))
    assert np.mean(seen["hsic"]) > 5 * np.std(null)
    assert abs(np.mean(null)) < 0.2 * np.mean(seen["hsic"])
    assert abs(np.mean(seen["mmr"])) < 0.2 * np.mean(seen["hsic"])


def test_both_is_the_sum_of_its_parts():
    code, rows = batch(3, lambda a, v: a**2 + v)
    parts = [float(PENALTIES[name]()(code, rows)) for name in ("mmr", "hsic")]
    assert float(PENALTIES["both"]()(code, rows)) == pytest.approx(sum(parts), rel=1e-9)
