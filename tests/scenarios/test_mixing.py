"""The mixings of `linear_action`: condition numbers, formula, certified injectivity."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rep4ex_bench.errors import DataError
from rep4ex_bench.scenarios._mixing import KINDS, Mixing, matrix_with_condition, random_mixing


@pytest.mark.parametrize("shape", [(2, 2), (10, 2), (2, 10), (1, 1), (7, 7)])
@pytest.mark.parametrize("condition", [1.0, 2.0, 4.0])
def test_condition_number_is_bounded_and_scale_is_one(
    shape: tuple[int, int], condition: float
) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        matrix = matrix_with_condition(*shape, condition, rng)
        assert matrix.shape == shape
        assert np.linalg.matrix_rank(matrix) == min(shape)
        assert np.linalg.cond(matrix) <= condition * (1 + 1e-12)
        # the spectral norm of every matrix lies in condition^(-1/2) .. condition^(1/2)
        norm = np.linalg.norm(matrix, 2)
        assert condition**-0.5 * (1 - 1e-12) <= norm <= condition**0.5 * (1 + 1e-12)


def test_condition_number_uses_its_room() -> None:
    rng = np.random.default_rng(1)
    conditions = [np.linalg.cond(matrix_with_condition(3, 3, 4.0, rng)) for _ in range(200)]
    assert max(conditions) > 3.0
    assert min(conditions) < 1.6


def _activation_by_hand(kind: str, slope: float, x: float) -> float:
    if kind == "linear":
        return x
    if kind == "leaky_relu":
        return x if x > 0 else slope * x
    return slope * x + (1 - slope) * (math.log1p(math.exp(-abs(x))) + max(x, 0.0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_forward_pass_is_the_documented_formula(kind: str, layers: int) -> None:
    mixing = random_mixing(2, 4, layers, 0.2, kind, 4.0, np.random.default_rng(2))
    assert [matrix.shape for matrix in mixing.matrices] == [(4, 2)] + [(4, 4)] * layers
    latents = np.random.default_rng(3).normal(0, 2, (5, 2))
    features = mixing(latents)
    assert features.shape == (5, 4)
    for z, x in zip(latents, features, strict=True):
        hidden = list(z)
        for matrix, bias in zip(mixing.matrices[:-1], mixing.biases, strict=True):
            hidden = [
                _activation_by_hand(
                    kind, 0.2, sum(w * h for w, h in zip(row, hidden, strict=True)) + b
                )
                for row, b in zip(matrix, bias, strict=True)
            ]
        expected = [
            sum(w * h for w, h in zip(row, hidden, strict=True)) for row in mixing.matrices[-1]
        ]
        np.testing.assert_allclose(x, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("d", "m", "layers"), [(1, 2, 1), (2, 2, 1), (2, 10, 3), (4, 10, 2)])
def test_certified_lower_bound_holds_on_random_pairs(
    kind: str, d: int, m: int, layers: int
) -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        mixing = random_mixing(d, m, layers, 0.2, kind, 4.0, rng)
        left = rng.normal(0, 3, (4000, d))
        # far pairs and close ones: a fold would show in either
        step = rng.normal(size=(4000, d)) * np.exp(rng.uniform(-6, 2, (4000, 1)))
        moved = np.linalg.norm(mixing(left + step) - mixing(left), axis=1)
        ratio = moved / np.linalg.norm(step, axis=1)
        assert mixing.lower > 0
        assert ratio.min() >= mixing.lower * (1 - 1e-9)


def test_lower_bound_is_attained_by_a_linear_map() -> None:
    mixing = random_mixing(3, 6, 0, 0.2, "linear", 4.0, np.random.default_rng(5))
    weakest = np.linalg.svd(mixing.matrices[0])[2][-1]
    moved = np.linalg.norm(mixing(weakest[None]) - mixing(np.zeros((1, 3))))
    assert moved == pytest.approx(mixing.lower, rel=1e-12)


def test_lower_bound_counts_the_slope_of_each_layer() -> None:
    identity = np.eye(2)
    mixing = Mixing("leaky_relu", 0.2, (identity, identity, identity), (np.zeros(2), np.zeros(2)))
    assert mixing.lower == pytest.approx(0.2**2, rel=1e-12)
    negative = np.array([[-1.0, -2.0]])  # both layers on the flat side: the bound is attained
    np.testing.assert_allclose(mixing(negative) - mixing(negative - 1), 0.04, rtol=1e-12)


@pytest.mark.parametrize("kind", ["leaky_relu", "smooth"])
def test_slope_of_the_activation_stays_in_its_interval(kind: str) -> None:
    one = np.eye(1)
    mixing = Mixing(kind, 0.3, (one, one), (np.zeros(1),))
    x = np.linspace(-20, 20, 4001)[:, None]
    slopes = np.diff(mixing(x), axis=0) / np.diff(x, axis=0)
    assert slopes.min() == pytest.approx(0.3, abs=1e-6)
    assert slopes.max() == pytest.approx(1.0, abs=1e-6)


def test_flat_activation_is_refused() -> None:
    with pytest.raises(DataError, match="not injective"):
        random_mixing(2, 10, 2, 0.0, "leaky_relu", 4.0, np.random.default_rng(6))


def test_fewer_features_than_latents_are_refused() -> None:
    with pytest.raises(DataError, match="not injective"):
        random_mixing(3, 2, 0, 0.2, "linear", 4.0, np.random.default_rng(7))


@pytest.mark.parametrize("deficient", [0, 1])
def test_matrix_with_a_column_of_zeros_is_refused(deficient: int) -> None:
    # diagonal on purpose: the smallest singular value is then 0 in floating point too
    matrices = [np.eye(4, 2), np.eye(4)]
    assert Mixing("leaky_relu", 0.2, tuple(matrices), (np.zeros(4),)).lower > 0
    matrices[deficient][1, 1] = 0.0
    with pytest.raises(DataError, match="not injective"):
        Mixing("leaky_relu", 0.2, tuple(matrices), (np.zeros(4),))


def test_rank_deficient_up_to_rounding_is_refused() -> None:
    matrix = np.random.default_rng(9).normal(size=(5, 2))
    matrix = np.column_stack([matrix, matrix @ [0.3, 0.7]])
    with pytest.raises(DataError, match="not injective"):
        Mixing("linear", 1.0, (matrix,), ())
