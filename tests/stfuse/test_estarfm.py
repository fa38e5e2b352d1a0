"""ESTARFM against its exact cases and the slow version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_estarfm
from benchmarks import pair_data as real_pairs
from factory import TURNS, days, make_grid, make_sample, make_task
from stfuse.bands import valid_range
from stfuse.grid import regrid
from stfuse.methods import bilinear, estarfm
from stfuse.methods.estarfm import Params, predict
from stfuse.task import FloatArray, Series, Task

BEFORE, TARGET, AFTER = "2018-05-01", "2018-05-20", "2018-06-30"
SIX = ("blue", "green", "red", "nir08", "swir16", "swir22")
FREE = {"clip": False, "least_change": 0.0, "significance": 1.0}


def of_images(now: FloatArray, fine: FloatArray, coarse: FloatArray, bands: tuple[str, ...] | None = None) -> Task:
    """A task of images (band, y, x) and pairs (pair, band, y, x), the coarse ones on the fine grid already."""
    grid, names = make_grid(now.shape[1:]), bands or SIX[: len(now)]
    dates = [BEFORE, AFTER, "2018-08-01"][: len(fine)]
    order = sorted([*dates, TARGET])
    series = np.stack([now if d == TARGET else coarse[dates.index(d)] for d in order])
    return Task(
        Series(np.asarray(fine, np.float32), days(*dates), names, grid),
        Series(np.asarray(series, np.float32), days(*order), names, grid),
        1.0,
        days(TARGET),
    )


def on_fine_grid(task: Task) -> tuple[FloatArray, FloatArray]:
    """Coarse images of the target (band, y, x) and of the pairs (pair, band, y, x)."""
    up = regrid(task.coarse.values, task.coarse.grid, task.fine.grid, "bilinear")
    return up[task.coarse.nearest(task.dates[0])], up[[task.coarse.nearest(d) for d in task.fine.dates]]


def noise(*shape: int, seed: int = 0, low: float = 0.1, high: float = 0.5) -> FloatArray:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


VARIANTS = [
    *({}, {"similar": 4}, {"least_change": 0.02, "window": 15}, {"classes": 1, "clip": False}),
    *({"similar": 400, "change": "sample", "significance": 1.0}, {"classes": 40, "least_similar": 3}),
    {"least_change": 0.0, "significance": 1.0, "largest_coefficient": 1.5},
]


def assert_like_the_slow_version(task: Task, params: Params, seed: int = 0, count: int = 250) -> None:
    """At pixels drawn from the seed."""
    limits = [valid_range(b) if params.clip else (-np.inf, np.inf) for b in task.fine.bands]
    now, coarse = on_fine_grid(task)
    places = np.random.default_rng(seed).integers(0, now.shape[1:], (count, 2)).tolist()
    expected = naive_estarfm.estarfm(now, task.fine.values, coarse, params, limits, places)
    found = predict(task, {}, params)[0][:, *np.transpose(places)].T
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert np.isfinite(found).mean() > 0.8
    # Rounding to float32 may tip a pixel that lies on a threshold; nearly everywhere none does.
    same = np.isclose(found, expected, rtol=0, atol=5e-6, equal_nan=True)
    assert same.mean() > 0.99, f"{(~same).sum()} values differ by up to {np.nanmax(np.abs(found - expected))}"


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("bands", [("ndvi",), SIX[2:4]], ids=len)
def test_equals_the_slow_version(variant: dict[str, Any], bands: tuple[str, ...]) -> None:
    task = make_task((40, 40), 2.5, bands, gaps=0.08, seed=3)
    if bands == ("ndvi",):  # around zero, where ratios of NDVI are ill at ease
        fine, coarse = (replace(s, values=s.values - np.float32(0.3)) for s in (task.fine, task.coarse))
        task = replace(task, fine=fine, coarse=coarse)
    assert_like_the_slow_version(task, Params(**{"window": 11, **variant}))


def test_six_bands_and_three_pairs_equal_the_slow_version() -> None:
    dates = (BEFORE, AFTER, "2018-09-01")
    task = make_task((40, 40), 4.0, SIX, gaps=0.05, references=dates, change=0.03)
    assert_like_the_slow_version(task, Params(window=13, pairs=3), count=150)


@pytest.mark.parametrize("pair", [0, 1])
def test_the_pair_with_the_targets_coarse_image_is_returned(pair: int) -> None:
    fine, coarse = noise(2, 3, 30, 30), noise(2, 3, 30, 30, seed=1)
    coarse[1 - pair] += np.float32(0.5)
    found = predict(of_images(coarse[pair], fine, coarse), {}, Params(window=11))
    np.testing.assert_allclose(found[0], fine[pair], rtol=0, atol=1e-6)


def test_classes_that_change_at_their_own_rates_are_exact() -> None:
    """A coarse pixel of two classes in a checkerboard changes by their mean; v is class change / coarse change."""
    board = np.indices((48, 48)).sum(axis=0) % 2
    start, rate = np.array([0.1, 0.4]), np.array([0.06, 0.02])

    def at(time: float) -> FloatArray:
        return (start + rate * time)[board].astype(np.float32)[None]

    means = [np.full((1, 48, 48), (start + rate * t).mean(), np.float32) for t in (0, 1, 2)]
    task = of_images(means[1], np.stack([at(0), at(2)]), np.stack([means[0], means[2]]))
    np.testing.assert_allclose(predict(task, {}, Params(window=15))[0], at(1), rtol=0, atol=1e-6)
    # The coefficients are 1.5 and 0.5; without them the classes would change alike.
    plain = predict(task, {}, Params(window=15, least_change=1.0))[0]
    np.testing.assert_allclose(plain, 0.5 * (at(0) + at(2)), rtol=0, atol=1e-6)
    alone = replace(task, fine=replace(task.fine, values=task.fine.values[:1], dates=task.fine.dates[:1]))
    np.testing.assert_allclose(predict(alone, {}, Params(window=15))[0], at(0) + 0.04, rtol=0, atol=1e-6)


def test_with_the_centre_alone_the_coarse_change_is_added() -> None:
    fine, coarse, now = noise(2, 2, 20, 20), noise(2, 2, 20, 20, seed=1), noise(2, 20, 20, seed=2)
    found = predict(of_images(now, fine, coarse), {}, Params(similar=1, least_similar=1, window=1, clip=False))[0]
    share = 1 / (np.abs(now - coarse) + 1e-10)
    expected = (share * (fine + now - coarse)).sum(axis=0) / share.sum(axis=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_with_few_similar_pixels_the_windows_mean_change_is_added() -> None:
    fine = noise(2, 2, 20, 20)
    coarse = np.stack([np.zeros((2, 20, 20)), np.ones((2, 20, 20))]).astype(np.float32)
    now = np.full((2, 20, 20), 0.25, np.float32)
    now[:, 10, 10] = 0.75
    task = of_images(now, fine, coarse)
    found = predict(task, {}, Params(window=5, classes=1e4))[0]
    for centre, mean in (((3, 3), 0.25), ((9, 8), 0.27)):  # 24 of 25 pixels change by 0.25, one by 0.75
        one, two = (fine[k, :, *centre] + mean - k for k in (0, 1))
        expected = (one / mean + two / (1 - mean)) / (1 / mean + 1 / (1 - mean))
        np.testing.assert_allclose(found[:, *centre], np.clip(expected, 0, 1.2), rtol=0, atol=1e-6)


def test_where_the_regression_means_nothing_the_coefficient_is_one() -> None:
    """Fine and coarse values have nothing to do with each other: the F-test finds out, or a negative slope."""
    fine, coarse = noise(2, 1, 30, 30), noise(2, 1, 30, 30, seed=1, low=0.3, high=0.4)
    coarse[1] += np.float32(0.02)
    task = of_images(coarse[0] + np.float32(0.01), fine, coarse)
    settings = {"window": 9, "classes": 1.0, "clip": False}
    one = predict(task, {}, Params(**settings, least_change=9.0))
    tested, free = (predict(task, {}, Params(**settings, significance=s)) for s in (1e-6, 1.0))
    np.testing.assert_array_equal(tested, one)
    assert (free != one).mean() > 0.2
    opposite = of_images(coarse[0] + np.float32(0.01), 1 - coarse, coarse)
    one = predict(opposite, {}, Params(**settings, least_change=9.0))
    np.testing.assert_array_equal(predict(opposite, {}, Params(**settings)), one)


def test_predictions_beyond_the_valid_range_are_replaced_by_the_fine_images() -> None:
    fine, coarse = noise(2, 2, 20, 20), noise(2, 2, 20, 20, seed=1)
    task, params = of_images(coarse[0] - np.float32(0.8), fine, coarse), Params(window=9, classes=1)
    free, found = predict(task, {}, replace(params, clip=False)), predict(task, {}, params)
    beyond = free < 0
    assert beyond.mean() > 0.8
    np.testing.assert_array_equal(found[~beyond], free[~beyond])
    assert fine.min() < found[beyond].min() and found[beyond].max() < fine.max()


def test_swapping_the_pairs_changes_nothing() -> None:
    task = make_task(gaps=0.05, bands=SIX[:3])
    now, coarse = on_fine_grid(task)
    one = predict(of_images(now, task.fine.values, coarse), {}, Params(window=13))
    other = predict(of_images(now, task.fine.values[::-1], coarse[::-1]), {}, Params(window=13))
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    assert np.isclose(one, other, rtol=0, atol=2e-6, equal_nan=True).mean() > 0.999


@pytest.mark.parametrize("turn", TURNS)
def test_turning_the_inputs_turns_the_output(turn: Any) -> None:
    now, fine, coarse = noise(3, 30, 30), noise(2, 3, 30, 30, seed=1), noise(2, 3, 30, 30, seed=2)
    fine[0, :, 5:9, 3:8] = np.nan
    params = Params(window=13, classes=1)
    expected = turn(predict(of_images(now, fine, coarse), {}, params))
    found = predict(of_images(*(turn(a) for a in (now, fine, coarse))), {}, params)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 4]), st.sampled_from(["noise", "equal", "constant", "near"]))
def test_whatever_is_observed_is_predicted_within_reason(seed: int, bands: int, kind: str) -> None:
    """Also from equal pairs, equal coarse images, constants and coarse images that are the fine ones."""
    now, fine, coarse = noise(bands, 16, 16, seed=seed), noise(2, bands, 16, 16, seed=seed + 1), noise(2, bands, 16, 16)
    if kind == "equal":
        fine[1], coarse[1] = fine[0], coarse[0]
        now = coarse[0]
    elif kind == "constant":
        fine[:], coarse[:], now[:] = 0.3, 0.2, 0.25
    elif kind == "near":
        coarse = fine + np.float32(1e-6) * coarse
    gaps = np.random.default_rng(seed).random((2, 16, 16)) < 0.1
    fine[np.broadcast_to(gaps[:, None], fine.shape)] = np.nan
    found = predict(of_images(now, fine, coarse), {}, Params(window=7, classes=2))
    np.testing.assert_array_equal(np.isnan(found[0]).any(axis=0), gaps.all(axis=0))
    assert np.nanmin(found) >= 0 and np.nanmax(found) <= 1.2


@settings(max_examples=10, deadline=None)
@given(st.floats(0.2, 4), st.integers(0, 99))
def test_scaled_inputs_give_scaled_outputs(factor: float, seed: int) -> None:
    now, fine, coarse = noise(2, 18, 18, seed=seed), noise(2, 2, 18, 18, seed=seed + 1), noise(2, 2, 18, 18, seed=77)
    params, scale = Params(window=7, **FREE), np.float32(factor)
    one, other = (predict(of_images(now * s, fine * s, coarse * s), {}, params) for s in (np.float32(1), scale))
    assert np.isclose(other, one * scale, rtol=1e-4, atol=1e-5).mean() > 0.99


def test_an_ndvi_of_zero_does_no_harm() -> None:
    images = np.random.default_rng(0).choice([-0.1, 0, 0.1, 0.2], (5, 1, 20, 20)).astype(np.float32)
    found = predict(of_images(images[0], images[1:3], images[3:], ("ndvi",)), {}, Params(window=9))
    assert np.isfinite(found).all() and np.abs(found).max() < 0.8


def test_where_one_pair_is_hidden_the_other_predicts_alone() -> None:
    task = make_task((45, 45), bands=SIX[:3])
    cloudy = task.fine.values.copy()
    cloudy[1, :, 10:25, 10:25] = np.nan
    found = predict(replace(task, fine=replace(task.fine, values=cloudy)), {}, Params(window=9))
    first = replace(task, fine=replace(task.fine, values=task.fine.values[:1], dates=task.fine.dates[:1]))
    alone, both = predict(first, {}, Params(window=9)), predict(task, {}, Params(window=9))
    np.testing.assert_array_equal(found[..., 10:25, 10:25], alone[..., 10:25, 10:25])
    far = np.s_[..., 30:, 30:]
    np.testing.assert_allclose(found[far], both[far], rtol=0, atol=0.02)
    assert (found[far] != alone[far]).any() and np.isfinite(found).all()


def test_takes_the_nearest_observed_pair_on_each_side() -> None:
    dates = ("2018-03-01", BEFORE, AFTER, "2018-09-01")
    task = make_task((45, 45), references=dates)
    state = estarfm.prepare([task], {}, Params())

    def of(indices: list[int], gap: bool = False) -> FloatArray:
        values = task.fine.values[indices].copy()
        if gap:
            values[1, 0, :20] = np.nan
        fine = Series(values, task.fine.dates[indices], task.fine.bands, task.fine.grid)
        return predict(replace(task, fine=fine), {"fine_sd": state["fine_sd"][indices]}, Params(window=9))

    np.testing.assert_array_equal(of([0, 1, 2, 3]), of([1, 2]))
    np.testing.assert_array_equal(of([0, 1, 2, 3], gap=True)[..., :16, :], of([0, 2])[..., :16, :])
    assert estarfm._choose(np.array([-80, -20, -9, 40, 90]), 2) == [2, 3]
    assert estarfm._choose(np.array([-80, -20, -9, 40, 90]), 3) == [1, 2, 3]
    assert estarfm._choose(np.array([-80, -20, -9, 40, 90]), 1) == [2]
    assert estarfm._choose(np.array([-80, -20, -9]), 2) == [1, 2]


def test_of_very_many_pairs_the_nearest_predict() -> None:
    dates = [str(d) for d in np.arange("2018-01-01", "2018-04-01", dtype="datetime64[D]")]
    task, params = make_task((15, 15), references=dates), Params(window=5)
    values, state = task.fine.values.copy(), estarfm.prepare([task], {}, params)
    values[-3:-1] = np.nan
    fine = replace(task.fine, values=values[[-4, -1]], dates=task.fine.dates[[-4, -1]])
    expected = predict(replace(task, fine=fine), {"fine_sd": state["fine_sd"][[-4, -1]]}, params)
    found = predict(replace(task, fine=replace(task.fine, values=values)), state, params)
    np.testing.assert_array_equal(found, expected)


def test_any_larger_number_asks_for_all_similar_pixels_of_the_window() -> None:
    task = make_task((20, 18), ratio=3.0, gaps=0.1)
    expected = predict(task, {}, Params(window=7, similar=49))
    np.testing.assert_array_equal(predict(task, {}, Params(window=7, similar=10**12)), expected)


REFUSED: dict[str, list[Any]] = {
    **{"window": [0, 30], "classes": [0], "similar": [0], "least_similar": [0], "pairs": [0], "change": ["bands"]},
    **{"significance": [0, 1.1], "least_change": [-1], "largest_coefficient": [-1]},
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in REFUSED.items() for v in values])
def test_senseless_settings_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} "):
        Params(**{name: value})


def rmse(values: FloatArray, truth: FloatArray) -> float:
    return float(np.sqrt(np.nanmean((values - truth) ** 2)))


def test_beats_bilinear_and_either_pair_on_a_changing_scene() -> None:
    task, truth = make_sample(shape=(60, 60), ratio=6.0, change=0.2)
    error = rmse(predict(task, {}, Params(window=31)), truth)
    assert error < 0.5 * rmse(bilinear.predict(task, {}, bilinear.Params()), truth)
    assert error < 0.7 * min(rmse(image[None], truth) for image in task.fine.values)


def test_modis_and_landsat_of_kranj() -> None:
    """Landsat of day 77 from days 68 and 93, coarse images observed: better than either image and the line between."""
    if not real_pairs.KRANJ.exists():
        pytest.skip("the shared data set modis-landsat-kranj-2020 is not here")
    scene = real_pairs.kranj()
    fine = replace(scene.fine, values=scene.fine.values[[0, 2]], dates=scene.fine.dates[[0, 2]])
    values = predict(Task(fine, scene.coarse, scene.ratio, scene.fine.dates[1:2]), {}, Params())[0]
    truth, (first, last) = scene.fine.values[1], fine.values
    np.testing.assert_array_equal(np.isnan(values).any(axis=0), np.isnan(fine.values).any(axis=1).all(axis=0))
    shared = np.isfinite(fine.values).all(axis=(0, 1)) & np.isfinite(truth).all(axis=0)
    error, *others = (rmse(v[:, shared], truth[:, shared]) for v in (values, first, last, (16 * first + 9 * last) / 25))
    assert error < min(others) and error < 0.85 * others[2]
    likeness = [np.corrcoef(v[shared], t[shared])[0, 1] for v, t in zip(values, truth, strict=True)]
    assert min(likeness) > 0.93
