"""`balls`: positions in the picture, covers that can be told apart, every move shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError, ParameterError
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.scenarios._ball_mixing import COLOURS, OPACITY, BallMixing, Balls

PIXELS = np.arange(16) - 7.5


def _shares(n: int, balls: int, extent: float = 1.0) -> FloatArray:
    return np.random.default_rng(0).uniform(-extent, extent, (n, 2 * balls))


def test_the_centre_of_mass_is_the_position() -> None:
    balls = Balls(1, 1.5)
    shares = _shares(50, 1, 0.4)  # well within the picture, where no tail is cut off
    pictures = balls.pictures(shares).reshape(50, 16, 16, 3)
    for channel in range(3):
        weight = pictures[..., channel] / pictures[..., channel].sum(axis=(1, 2), keepdims=True)
        centre = [(weight.sum(axis=2) @ PIXELS), (weight.sum(axis=1) @ PIXELS)]
        np.testing.assert_allclose(np.transpose(centre), 6.5 * shares, atol=1e-3)


def test_a_ball_alone_has_its_colour_and_its_radius() -> None:
    balls = Balls(1, 2.0)
    picture = balls.pictures(np.zeros((1, 2))).reshape(16, 16, 3)
    squares = PIXELS[:, None] ** 2 + PIXELS**2
    expected = OPACITY * np.exp(-squares / (2 * 2.0**2))
    np.testing.assert_allclose(picture, expected[..., None] * COLOURS[0], atol=1e-12)


@pytest.mark.parametrize("radius", [1.25, 4.0])
def test_positions_are_told_by_the_colours_wherever_balls_overlap(radius: float) -> None:
    """The proof of `_ball_mixing.py`, carried out: invert the picture in closed form."""
    balls = Balls(2, radius)
    shares = _shares(200, 2)
    shares[:50, 2:] = shares[:50, :2]  # one exactly over the other
    pictures = balls.pictures(shares).reshape(200, 16, 16, 3)
    parts = pictures @ np.linalg.pinv(COLOURS)  # (1 - cover_2) cover_1, cover_2
    np.testing.assert_allclose(parts @ COLOURS, pictures, atol=1e-12)
    covers = [parts[..., 0] / (1 - parts[..., 1]), parts[..., 1]]
    for ball, cover in enumerate(covers):
        for axis in (0, 1):
            # log cover is a parabola of curvature -1 / radius^2; look where the ball is
            lines = np.moveaxis(cover, 1 + axis, 1)
            brightest = lines.reshape(200, 16, 16).max(axis=1).argmax(axis=1)
            line = lines[np.arange(200), :, brightest]
            peak = np.clip(line.argmax(axis=1), 1, 14)
            near = np.log(line[np.arange(200)[:, None], peak[:, None] + [-1, 1]])
            found = PIXELS[peak] + radius**2 * (near[:, 1] - near[:, 0]) / 2
            wanted = balls.travel * shares[:, 2 * ball + axis]
            np.testing.assert_allclose(found, wanted, atol=1e-8)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("radius", [1.25, 2.0, 4.0])
def test_every_small_move_shows_in_the_kept_values(number: int, radius: float) -> None:
    """The Jacobian has full rank over the whole reach: intensity per pixel, in the worst place.

    One of 256 levels of intensity is 0.004.
    """
    balls = Balls(number, radius)
    shares = _shares(400, number, 0.999)
    step = 1e-4
    columns = [
        (balls.pictures(shares + step * unit) - balls.pictures(shares - step * unit))[:, balls.kept]
        for unit in np.eye(2 * number)
    ]
    jacobian = np.stack(columns, axis=2) / (2 * step * balls.travel)
    singular = np.linalg.svd(jacobian, compute_uv=False)
    assert singular[:, -1].min() > 0.004
    assert np.median(singular[:, -1]) > 0.1


def test_the_first_ball_shows_through_the_second() -> None:
    balls = Balls(2, 2.0)
    here, there = balls.pictures(np.array([[0.0, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0]]))
    assert np.abs(here - there).max() > 0.02


@pytest.mark.parametrize("number", [1, 2])
def test_features_are_the_values_that_move(number: int) -> None:
    scenario = get_scenario("balls", balls=number)
    mixing = scenario.mixing(np.full(2 * number, 7.0))
    assert isinstance(mixing, BallMixing)
    described = scenario.description()
    assert described.k == described.latent_dim == 2 * number
    # the same columns whatever a seed draws, which is no more than the reach
    assert mixing(np.zeros((1, 2 * number))).shape == (1, described.m)
    near = mixing.balls.pictures(_shares(2000, number, 0.25))
    left_out = np.setdiff1d(np.arange(768), mixing.balls.kept)
    assert np.ptp(near[:, left_out], axis=0).max() <= 0.02
    with pytest.raises(DataError, match="1 of 2 pictures have a ball too far from the centre"):
        mixing(np.stack([0 * mixing.reach, mixing.reach * 1.01]))


BAD = [
    ({"n": 3}, "n"),
    ({"n": 5, "balls": 2}, "n"),
    ({"noise": -1.0}, "noise"),
    ({"balls": 0}, "balls"),
    ({"balls": 3}, "balls"),
    ({"balls": 1.0}, "balls"),
    ({"balls": "two"}, "balls"),
    ({"radius": 1.2}, "radius"),
    ({"radius": 4.1}, "radius"),
]


@pytest.mark.parametrize(("parameters", "named"), BAD)
def test_bad_parameter_is_named(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterError, match=f"balls: parameter {named} must be"):
        get_scenario("balls", **parameters)


def test_features_are_labelled_as_rendered() -> None:
    assert get_scenario("balls").data_label == "rendered"
