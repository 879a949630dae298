"""`photo_crop`: sampling of the photo, the range of the crop, truncated V, measured injectivity."""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats
from sklearn.datasets import load_sample_image
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError, ParameterError
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.scenario import Task
from rep4ex_bench.scenarios._crop_mixing import PHOTOS, CropMixing, grey_photo

HEIGHT, WIDTH = 427, 640
DEFAULTS = get_scenario("photo_crop").get_params()


def _whole_photo(photo: str, crop: int, blur: float = DEFAULTS["blur"]) -> CropMixing:
    """The mixing with latents scaled so that [-1, 1]^2 is the whole photo."""
    return CropMixing(grey_photo(photo, blur), crop, np.ones(2))


@pytest.fixture(scope="module", params=PHOTOS)
def task(request: pytest.FixtureRequest) -> Task:
    return get_scenario("photo_crop", n=4000, photo=request.param).sample(0)


@pytest.mark.parametrize("photo", PHOTOS)
def test_grey_photo_is_the_luminance_of_scikit_learns_photo(photo: str) -> None:
    red, green, blue = np.moveaxis(load_sample_image(f"{photo}.jpg").astype(float), 2, 0)
    expected = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    grey = grey_photo(photo, 0.0)
    assert grey.shape == (HEIGHT, WIDTH)
    np.testing.assert_allclose(grey, expected, atol=1e-12)
    blurred = grey_photo(photo, 5.0)
    assert np.abs(np.diff(blurred, axis=0)).max() < 0.3 * np.abs(np.diff(grey, axis=0)).max()
    assert blurred.mean() == pytest.approx(grey.mean(), abs=0.01)
    with pytest.raises(ValueError, match="read-only"):
        grey[0, 0] = 1.0


@pytest.mark.parametrize("crop", [32, 50, 64, 192])
def test_features_are_the_bilinear_samples_of_the_crop(crop: int) -> None:
    mixing = _whole_photo("china", crop)
    latents = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    features = mixing(latents)
    assert features.shape == (40, 256)
    for (down, right), patch in zip(latents, features, strict=True):
        # crop centres run between the positions where the crop touches the photo's edges
        row = (HEIGHT - 1) / 2 + down * (HEIGHT - crop) / 2
        column = (WIDTH - 1) / 2 + right * (WIDTH - crop) / 2
        steps = np.linspace(-crop / 2 + crop / 32, crop / 2 - crop / 32, 16)
        grid = np.meshgrid(row + steps, column + steps, indexing="ij")
        expected = ndimage.map_coordinates(mixing.image, grid, order=1, mode="nearest")
        np.testing.assert_allclose(patch.reshape(16, 16), expected, atol=1e-12)


def test_crop_touches_the_edges_at_the_end_of_its_reach() -> None:
    rows, columns = np.meshgrid(np.arange(100.0), np.arange(200.0), indexing="ij")
    reach = np.array([2.0, 5.0])
    down = CropMixing(rows, 32, reach)
    right = CropMixing(columns, 32, reach)
    np.testing.assert_allclose(down.pixels_per_unit, [17.0, 16.8], rtol=1e-12)
    # 16 samples stand for 2 pixels each; pixel i covers i - 1/2 to i + 1/2
    corners = np.array(list(itertools.product([-2.0, 2.0], [-5.0, 5.0])))
    for z, y, x in zip(corners, down(corners), right(corners), strict=True):
        assert (y.min() - 1, y.max() + 1) == pytest.approx(
            (-0.5, 31.5) if z[0] < 0 else (67.5, 99.5)
        )
        assert (x.min() - 1, x.max() + 1) == pytest.approx(
            (-0.5, 31.5) if z[1] < 0 else (167.5, 199.5)
        )
    # a unit of latent moves every sample by pixels_per_unit
    moved = down(np.array([[0.5, 0.0]])) - down(np.array([[-0.5, 0.0]]))
    np.testing.assert_allclose(moved, 17.0, rtol=1e-12)


def test_crop_outside_the_photo_is_refused_not_clamped() -> None:
    mixing = _whole_photo("flower", 64)
    for outside in ([1.01, 0.0], [0.0, -1.01]):
        with pytest.raises(DataError, match="1 of 2 crops leave the photo"):
            mixing(np.array([[0.0, 0.0], outside]))


@pytest.mark.parametrize("photo", PHOTOS)
def test_features_are_a_continuous_function_of_the_position(photo: str) -> None:
    mixing = _whole_photo(photo, 64)
    steepest = max(np.abs(np.diff(mixing.image, axis=axis)).max() for axis in (0, 1))
    rng = np.random.default_rng(1)
    start = rng.uniform(-0.99, 0.99, (2000, 2))
    # also across the lines where the interpolation changes its pixels
    start[::2] = np.round(start[::2] * mixing.pixels_per_unit) / mixing.pixels_per_unit
    step = rng.uniform(-1e-6, 1e-6, start.shape)
    moved = np.abs(mixing(start + step) - mixing(start - step))
    pixels = np.abs(2 * step * mixing.pixels_per_unit).sum(axis=1, keepdims=True)
    assert (moved <= steepest * pixels * (1 + 1e-6) + 1e-12).all()
    assert moved.max() > 0


def _held_out_r2(model: Any, features: FloatArray, latents: FloatArray) -> float:
    half = len(latents) // 2
    residual = latents[half:] - model.fit(features[:half], latents[:half]).predict(features[half:])
    return float(
        1 - (residual**2).sum() / ((latents[half:] - latents[half:].mean(axis=0)) ** 2).sum()
    )


def test_position_is_learnable_from_training_features(task: Task) -> None:
    features = task.train.features.double().numpy()
    assert _held_out_r2(KNeighborsRegressor(5), features, task.oracle.latents) > 0.95


@pytest.mark.parametrize("photo", PHOTOS)
def test_position_is_learnable_over_the_whole_photo(photo: str) -> None:
    """Learnable, far from linear: where do(a*) reaches, not only where the training actions are."""
    latents = np.random.default_rng(2).uniform(-1, 1, (8000, 2))
    features = _whole_photo(photo, DEFAULTS["crop"])(latents)
    assert 0.05 < _held_out_r2(LinearRegression(), features, latents) < 0.5
    assert _held_out_r2(KNeighborsRegressor(5), features, latents) > 0.95


@pytest.mark.parametrize("photo", PHOTOS)
def test_large_crops_are_nearly_linear(photo: str) -> None:
    linear = {}
    for crop in (64, 192):
        noise = np.random.default_rng(3).normal(0, 0.2, (4000, 2)).clip(-1, 1)
        linear[crop] = _held_out_r2(LinearRegression(), _whole_photo(photo, crop)(noise), noise)
    assert linear[192] > 0.95
    assert linear[64] < 0.8


def _distances(rows: FloatArray) -> FloatArray:
    centred = rows - rows.mean(axis=0)
    squares = (centred**2).sum(axis=1)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * centred @ centred.T, 0.0))


def _smallest_difference(mixing: CropMixing, apart: float) -> float:
    """Smallest root mean square grey difference of two crops `apart` pixels or more, on a grid."""
    reach = mixing.pixels_per_unit
    axes = [np.linspace(-1, 1, int(2 * pixels / 9)) for pixels in reach]
    latents = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    features = _distances(mixing(latents)) / 16
    return float(features[_distances(latents * reach) >= apart].min())


@pytest.mark.parametrize("photo", PHOTOS)
def test_no_two_distant_crops_look_the_same(photo: str) -> None:
    """At the defaults: 1e-3 is a quarter of one of 256 grey levels, on average over the samples.

    The closest pairs are two places in the clear sky of "china"; float32 keeps 1e-7.
    """
    crop = DEFAULTS["crop"]
    assert _smallest_difference(_whole_photo(photo, crop), apart=crop / 2) > 1e-3


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("crop", "blur"), [(32, 0.0), (32, 16.0), (256, 16.0)])
def test_distant_crops_differ_at_the_ends_of_the_domain(photo: str, crop: int, blur: float) -> None:
    assert _smallest_difference(_whole_photo(photo, crop, blur), apart=32) > 1e-4


@pytest.mark.parametrize("photo", PHOTOS)
def test_the_search_for_equal_crops_would_find_some(photo: str) -> None:
    image = grey_photo(photo, 4.0)
    tiled = np.hstack([image[:, :320], image[:, :320]])
    latents = np.array([[0.0, -0.5], [0.0, -0.5 + 320 / (WIDTH - 64) * 2]])
    same = CropMixing(tiled, 64, np.ones(2))(latents)
    np.testing.assert_allclose(same[0], same[1], atol=1e-12)
    assert _distances(same)[0, 1] / 16 < 1e-6


@pytest.mark.parametrize("photo", PHOTOS)
def test_every_small_move_shows(photo: str) -> None:
    """The Jacobian has rank 2: the least visible direction, anywhere on a grid, in grey a pixel."""
    mixing = _whole_photo(photo, DEFAULTS["crop"])
    pixel = 1 / mixing.pixels_per_unit
    axes = [np.linspace(-1, 1, 40)[1:-1], np.linspace(-1, 1, 60)[1:-1]]
    latents = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    columns = [mixing(latents + step / 2) - mixing(latents - step / 2) for step in np.diag(pixel)]
    singular = np.linalg.svd(np.stack(columns, axis=2), compute_uv=False) / 16
    assert singular[:, 1].min() > 5e-5
    assert np.median(singular[:, 1]) > 1e-3


def test_crops_stay_in_the_photo_up_to_three_times_the_support(task: Task) -> None:
    oracle = task.oracle
    corners = np.array(list(itertools.product([-3.0, 3.0], repeat=2)))
    actions = np.concatenate([np.repeat(corners, 5000, axis=0), task.queries.actions])
    features = oracle.draw_do(actions, 1).features  # the mixing raises where a crop leaves
    assert np.isfinite(features).all()
    # and not by luck: the worst corner plus the worst noise is `span` of the way to the edge
    mixing = oracle.mixing
    assert isinstance(mixing, CropMixing)
    worst = np.abs(corners @ oracle.action_effect.T).max(axis=0) + 4.0
    np.testing.assert_allclose(mixing.reach, worst / DEFAULTS["span"], rtol=1e-12)


def test_latent_noise_is_a_gaussian_conditioned_on_four_deviations(task: Task) -> None:
    noise = task.oracle.draw_noise(400_000, 8)
    # variance of a bivariate Gaussian given |eps| <= 4, by the chi-square with 2 and 4 degrees
    variance = stats.chi2.cdf(16, 4) / stats.chi2.cdf(16, 2)
    error = 5 * math.sqrt(2 / len(noise))
    assert np.abs(noise.mean(axis=0)).max() < 5 / math.sqrt(len(noise))
    np.testing.assert_allclose(noise.var(axis=0), variance, atol=error)
    covariance = np.cov(noise.T)
    half_square = np.einsum("ni,ij,nj->n", noise, np.linalg.inv(covariance), noise) * variance / 2
    # without the truncation the largest of 400,000 would be near log(400,000) = 12.9
    assert 7.5 < half_square.max() < 8 * 1.02
    assert stats.kstest(half_square[:20_000], stats.truncexpon(b=8).cdf).pvalue > 1e-4


def test_truth_uses_the_truncated_noise() -> None:
    """The bump has a closed form for a Gaussian V; here it must not be used."""
    task = get_scenario("photo_crop", n=10, outcome="bump", alpha=0.0).sample(0)
    noise = task.oracle.draw_noise(400_000, 77)
    values = task.oracle.outcome_function(noise)
    error = math.hypot(values.std() / math.sqrt(len(values)), task.truth.standard_errors[0])
    assert task.truth.source == "Monte Carlo"
    assert np.ptp(task.truth.values) == 0  # alpha = 0: the actions do nothing
    assert abs(values.mean() - task.truth.values[0]) < 5 * error


def test_sampling_is_fast() -> None:
    start = time.process_time()
    get_scenario("photo_crop", n=4000).sample(1)
    assert time.process_time() - start < 5  # under 2 s on an idle core; a busy one may take double


BAD = [
    ({"n": 3}, "n"),
    ({"alpha": -1.0}, "alpha"),
    ({"confounding": math.nan}, "confounding"),
    ({"noise": -0.1}, "noise"),
    ({"outcome": "sine"}, "outcome"),
    ({"photo": "tree"}, "photo"),
    ({"photo": None}, "photo"),
    ({"crop": 31}, "crop"),
    ({"crop": 257}, "crop"),
    ({"crop": 64.0}, "crop"),
    ({"blur": -1.0}, "blur"),
    ({"blur": 17}, "blur"),
    ({"blur": "much"}, "blur"),
    ({"span": 0.0}, "span"),
    ({"span": 1.1}, "span"),
]


@pytest.mark.parametrize(("parameters", "named"), BAD)
def test_bad_parameter_is_named(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterError, match=f"photo_crop: parameter {named} must be"):
        get_scenario("photo_crop", **parameters)


def test_features_are_labelled_as_semi_synthetic() -> None:
    assert get_scenario("photo_crop").data_label == "semi-synthetic, real features"
