"""`digit_warp`: pictures against the formula, ink in view, angles that look different."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.interpolate import BSpline
from sklearn.datasets import load_digits

from rep4ex_bench.errors import DataError, ParameterError
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.scenarios import _digit_mixing
from rep4ex_bench.scenarios._digit_mixing import DigitMixing, Warp

DEFAULTS = get_scenario("digit_warp").get_params()
FIRST_TEN = range(10)  # of load_digits: one of each digit


def _warp(image: int = DEFAULTS["image"], **changes: float) -> Warp:
    ranges = {"turn": math.radians(DEFAULTS["turn"]), "zoom": DEFAULTS["zoom"]}
    return Warp(image, **{**ranges, **changes})


def _source(image: int) -> np.ndarray:
    return load_digits().images[image] / 16


def _shares(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (n, 2))


def _matrix(warp: Warp, share: np.ndarray) -> np.ndarray:
    """From pixels of the picture to pixels of the digit, both about their centres."""
    angle, step = share[0] * warp.turn, warp.pitch * warp.zoom ** -share[1]
    turned = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return step * np.array(turned)


def test_pictures_are_sums_of_b_splines() -> None:
    warp, shares = _warp(), _shares(20)
    source, bump = _source(DEFAULTS["image"]), BSpline.basis_element([-2, -1, 0, 1, 2], False)
    steps = np.arange(16) - 7.5
    pixels = np.stack(np.meshgrid(steps, steps, indexing="ij")).reshape(2, -1)
    for share, picture in zip(shares, warp.pictures(shares), strict=True):
        places = _matrix(warp, share) @ pixels + 3.5
        down, right = (np.nan_to_num(bump(places[axis][:, None] - np.arange(8))) for axis in (0, 1))
        np.testing.assert_allclose(
            picture, np.einsum("pr,rc,pc->p", down, source, right), atol=1e-12
        )


def test_pictures_are_scipys_affine_transforms() -> None:
    warp, shares = _warp(7, zoom=1.5), _shares(20)
    padded = np.pad(_source(7), 40)
    for share, picture in zip(shares, warp.pictures(shares), strict=True):
        matrix = _matrix(warp, share)
        expected = ndimage.affine_transform(
            padded,
            matrix,
            43.5 - matrix @ [7.5, 7.5],
            output_shape=(16, 16),
            order=3,
            prefilter=False,
        )
        np.testing.assert_allclose(picture.reshape(16, 16), expected, atol=1e-12)


@pytest.mark.parametrize("log_scale", [-1.0, 0.3, 1.0])
def test_a_quarter_turn_turns_the_picture_anticlockwise(log_scale: float) -> None:
    warp = _warp(turn=math.pi / 2)
    left, straight = warp.pictures(np.array([[1.0, log_scale], [0.0, log_scale]]))
    turned = np.rot90(straight.reshape(16, 16))
    np.testing.assert_allclose(left.reshape(16, 16), turned, atol=1e-12)


@pytest.mark.parametrize("image", FIRST_TEN)
def test_the_ink_stays_in_view_and_is_not_aliased(image: int) -> None:
    """B-splines sum to 1, so the sum over the picture times a pixel's area is the digit's ink.

    But for aliasing: a B-spline has (sin(pi f) / (pi f))^4 of its spectrum left at the frequency f
    of the pixels, which four neighbours of 0 in the plane share.
    """
    warp, shares = _warp(image), _shares(200)
    area = (warp.pitch * warp.zoom ** -shares[:, 1]) ** 2
    ink = warp.pictures(shares).sum(axis=1) * area
    widest = warp.pitch * warp.zoom  # pixels of the digit
    np.testing.assert_allclose(ink, _source(image).sum(), rtol=4 * np.sinc(1 / widest) ** 4)


@pytest.mark.parametrize("image", [0, 1, 4, 8])
def test_every_angle_and_scale_looks_different(image: int) -> None:
    """Random pairs, near and far, none of them on the grid of the certificate."""
    warp = _warp(image)
    rng = np.random.default_rng(1)
    first = rng.uniform(-0.99, 0.99, (1500, 2))
    second = rng.uniform(-0.99, 0.99, (1500, 2))
    second[::2] = first[::2] + rng.normal(0, 0.003, (750, 2))
    changed = np.sqrt(
        ((warp.pictures(first) - warp.pictures(second))[:, warp.kept] ** 2).sum(axis=1) / 256
    )
    ratio = changed / np.linalg.norm(first - second, axis=1)
    assert warp.separation >= 0.01
    assert ratio.min() > 0.8 * warp.separation


@pytest.mark.parametrize("turn", [95.0, 120.0, 137.0, 150.0])
def test_a_digit_that_looks_the_same_upside_down_is_refused(
    monkeypatch: pytest.MonkeyPatch, turn: float
) -> None:
    source = _source(0)
    symmetric = (source + source[::-1, ::-1])[None] / 2
    monkeypatch.setattr(_digit_mixing, "digits", lambda: symmetric)
    _digit_mixing.warp.cache_clear()
    try:
        get_scenario("digit_warp", image=0, turn=60.0)  # within half a turn it does not
        with pytest.raises(ParameterError, match="image must be a digit that looks different"):
            get_scenario("digit_warp", image=0, turn=turn)
    finally:
        _digit_mixing.warp.cache_clear()


def test_features_are_the_pixels_that_move() -> None:
    scenario = get_scenario("digit_warp")
    mixing = scenario.mixing(np.array([5.0, 8.0]))
    assert isinstance(mixing, DigitMixing)
    # the same columns whatever a seed draws, which is no more than the reach
    assert mixing(np.zeros((1, 2))).shape == (1, scenario.description().m)
    left_out = np.setdiff1d(np.arange(256), mixing.warp.kept)
    near = mixing.warp.pictures(np.random.default_rng(2).uniform(-0.25, 0.25, (500, 2)))
    assert np.ptp(near[:, left_out], axis=0).max() < 0.03
    assert np.ptp(near[:, mixing.warp.kept], axis=0).min() > 0.01
    with pytest.raises(DataError, match="1 of 2 digits are turned or scaled too far"):
        mixing(np.array([[0.0, 0.0], mixing.reach * 1.01]))


BAD = [
    ({"n": 3}, "n"),
    ({"alpha": -1.0}, "alpha"),
    ({"outcome": "sine"}, "outcome"),
    ({"image": -1}, "image"),
    ({"image": 1797}, "image"),
    ({"image": 4.0}, "image"),
    ({"turn": 0.0}, "turn"),
    ({"turn": 151.0}, "turn"),
    ({"turn": "half"}, "turn"),
    ({"zoom": 1.0}, "zoom"),
    ({"zoom": 1.6}, "zoom"),
]


@pytest.mark.parametrize(("parameters", "named"), BAD)
def test_bad_parameter_is_named(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterError, match=f"digit_warp: parameter {named} must be"):
        get_scenario("digit_warp", **parameters)


def test_features_are_labelled_as_rendered_from_real_ones() -> None:
    assert get_scenario("digit_warp").data_label == "semi-synthetic, rendered from real features"
