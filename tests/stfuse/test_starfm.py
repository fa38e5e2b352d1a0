"""STARFM against its exact cases and the slow version; one pair, several, and pairs with gaps."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

import naive
from benchmarks import pair_data as real_pairs
from factory import TURNS, days, make_sample, make_task, punch, turned
from stfuse import tiles
from stfuse.errors import InputError
from stfuse.grid import degrade, regrid
from stfuse.methods import bilinear, starfm
from stfuse.methods.starfm import Params, predict
from stfuse.task import FloatArray, Series, Task

ONE = {"references": ("2018-05-01",), "bands": ("red",)}
TWO = {"references": ("2018-05-01", "2018-06-30"), "bands": ("red",)}


def on_fine_grid(task: Task, date: np.datetime64) -> FloatArray:
    """The coarse images nearest to a date on the fine grid, shape (band, y, x)."""
    coarse = task.coarse
    return regrid(coarse.values[coarse.nearest(date)], coarse.grid, task.fine.grid, "bilinear")


def forecasts(task: Task) -> FloatArray:
    """``F_k + C_0 - C_k``, shape (pair, band, y, x)."""
    now = on_fine_grid(task, task.dates[0])
    return np.stack([f + now - on_fine_grid(task, d) for f, d in zip(task.fine.values, task.fine.dates, strict=True)])


def after_change(task: Task, offset: float = 0.0, fine: FloatArray | None = None) -> Task:
    """The task where every date's coarse image is that of the fine image, the target's raised by an offset."""
    fine = task.fine.values if fine is None else fine
    image = degrade(fine[0], task.fine.grid, task.coarse.grid, 0.01)
    raised = task.coarse.dates == task.dates[0]
    values = np.stack([image + np.float32(offset if up else 0) for up in raised])
    return replace(task, fine=replace(task.fine, values=fine), coarse=replace(task.coarse, values=values))


VARIANTS = [
    {},
    {"strict": False},
    {"temporal_weight": False},
    {"weight": "log"},
    {"weight": "log", "max_weight": True, "log_scale": 1e3},
    {"max_weight": True, "temporal_weight": False},
    {"copy_on_zero_diff": True},
    {"limit": "largest"},
    {"limit": "own", "strict": False},
    {"sd": "window", "classes": 4},
    {"classes": 4, "distance_scale": 25.0, "window": 13, "sigma_fine": 0.03, "sigma_coarse": 0.03},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_two_pairs_with_gaps_equal_the_slow_version(settings: dict[str, Any]) -> None:
    assert_equal_to_slow_version(make_task((40, 40), ratio=2.5, gaps=0.08, seed=3, **TWO), settings)


@pytest.mark.parametrize("settings", VARIANTS[:3], ids=str)
def test_one_pair_equals_the_slow_version(settings: dict[str, Any]) -> None:
    assert_equal_to_slow_version(make_task((40, 40), ratio=3, seed=3, **ONE), settings)


def assert_equal_to_slow_version(task: Task, settings: dict[str, Any]) -> None:
    params = Params(**{"window": 9, "clip": False, **settings})
    fine = task.fine.values[:, 0]
    coarse = np.stack([on_fine_grid(task, date)[0] for date in task.fine.dates])
    of_window = [naive.window_sd(image, params.window) for image in fine]
    sd = np.stack(of_window) if params.sd == "window" else np.nanstd(fine, axis=(1, 2))[:, None, None]
    now = on_fine_grid(task, task.dates[0])[0]
    expected = naive.starfm(fine, coarse, now, 2 * sd / params.classes, params, params.limit)
    found = predict(task, {}, params)[0, 0]
    # Rounding to float32 may tip a sample that lies on a threshold; nearly everywhere none does.
    same = np.isclose(found, expected, rtol=0, atol=2e-6, equal_nan=True)
    assert same.mean() > 0.995, f"{(~same).sum()} pixels differ by up to {np.nanmax(np.abs(found - expected))}"
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


@pytest.mark.parametrize("settings", [{"window": 1}, {"copy_on_zero_diff": True}], ids=str)
def test_no_change_returns_the_reference(settings: dict[str, Any]) -> None:
    task = after_change(make_task(**ONE))
    np.testing.assert_array_equal(predict(task, {}, Params(**settings))[0], task.fine.values[0])


def test_no_change_returns_a_mean_of_similar_reference_pixels() -> None:
    task = after_change(make_task(**ONE))
    error = np.abs(predict(task, {}, Params(window=31))[0] - task.fine.values[0])
    assert 0 < error.max() < 2 * task.fine.values.std() / Params().classes


@pytest.mark.parametrize("settings", [{}, {"weight": "log"}, {"strict": False}, {"max_weight": True}], ids=str)
def test_uniform_change_of_a_piecewise_constant_scene_is_exact(settings: dict[str, Any]) -> None:
    task = make_task((45, 45), **ONE)
    parcels = np.kron(np.random.default_rng(0).choice([0.1, 0.2, 0.4], (5, 5)), np.ones((9, 9))).astype(np.float32)
    task = after_change(task, 0.05, parcels[None, None])
    np.testing.assert_allclose(predict(task, {}, Params(**settings))[0, 0], parcels + 0.05, rtol=0, atol=2e-7)


@pytest.mark.parametrize("pairs", [ONE, TWO], ids=["one", "two"])
def test_constant_images_give_the_constant_exactly(pairs: dict[str, Any]) -> None:
    task = make_task(**pairs)
    levels = np.where(task.coarse.dates == task.dates[0], 0.5, 0.125)[:, None, None, None]
    coarse = np.broadcast_to(levels, task.coarse.values.shape).astype(np.float32)
    flat = replace(
        task,
        fine=replace(task.fine, values=np.full_like(task.fine.values, 0.25)),
        coarse=replace(task.coarse, values=coarse),
    )
    np.testing.assert_array_equal(predict(flat, {}, Params()), np.float32(0.625))


def test_lies_within_the_candidates_forecasts() -> None:
    task, params = make_task(seed=5, **TWO), Params(window=9, classes=1, clip=False)
    forecast, found = forecasts(task)[:, 0], predict(task, {}, params)[0, 0]
    for y, x in product(range(0, 48, 5), range(0, 42, 5)):
        of_window = [image[p] for image in forecast for p in naive.window_around(y, x, 4, found.shape)]
        assert min(of_window) - 1e-6 <= found[y, x] <= max(of_window) + 1e-6


@pytest.mark.parametrize("turn", TURNS)
def test_turning_the_inputs_turns_the_output(turn: Any) -> None:
    task = make_task((45, 45), gaps=0.05, **TWO)
    expected, found = turn(predict(task, {}, Params(window=13))), predict(turned(task, turn), {}, Params(window=13))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    same = np.isclose(found, expected, rtol=0, atol=2e-6, equal_nan=True)
    assert same.mean() > 0.998  # the order of sums may tip a sample that lies on a threshold


@pytest.mark.parametrize("settings", [{}, {"sd": "window", "max_weight": True, "strict": False}], ids=str)
def test_tiles_on_threads_give_the_whole_of_two_pairs_with_gaps(settings: dict[str, Any]) -> None:
    task = make_task((97, 110), ratio=16.7, gaps=0.1, **TWO)
    params = Params(window=21, **settings)
    whole = tiles.predict("starfm", starfm, task, {}, params)
    np.testing.assert_array_equal(tiles.predict("starfm", starfm, task, {}, params, size=23, threads=2), whole)
    assert np.isfinite(whole).mean() > 0.8


def test_the_order_of_pairs_does_not_matter() -> None:
    task = make_task(gaps=0.1, **TWO)
    dates = days("2018-05-01", "2018-05-20", "2018-06-30")
    # The same pairs on each other's dates: nothing but the order is read from a date.
    swapped = replace(
        task,
        fine=replace(task.fine, values=task.fine.values[::-1]),
        coarse=Series(task.coarse.values[::-1], dates, task.coarse.bands, task.coarse.grid),
    )
    np.testing.assert_array_equal(predict(task, {}, Params(window=11)), predict(swapped, {}, Params(window=11)))


def test_a_pair_never_observed_changes_nothing() -> None:
    one, two = make_task(**ONE), make_task(**TWO)
    spoilt = two.fine.values.copy()
    spoilt[1] = np.nan
    found = predict(replace(two, fine=replace(two.fine, values=spoilt)), {}, Params(window=15))
    np.testing.assert_array_equal(found, predict(one, {}, Params(window=15)))


def test_where_one_pair_is_masked_the_other_predicts() -> None:
    task, params = make_task(**TWO), Params(window=9, sd="window")
    one = make_task(**ONE)
    masked = task.fine.values.copy()
    masked[1, :, :24] = np.nan
    found = predict(replace(task, fine=replace(task.fine, values=masked)), {}, params)
    np.testing.assert_array_equal(found[..., :20, :], predict(one, {}, params)[..., :20, :])
    np.testing.assert_array_equal(found[..., 28:, :], predict(task, {}, params)[..., 28:, :])


def test_a_hole_in_every_image_is_the_only_hole_in_the_answer() -> None:
    task = make_task(**TWO)
    fine = task.fine.values.copy()
    fine[..., 21:27, 21:27] = np.nan
    values = predict(replace(task, fine=replace(task.fine, values=fine)), {}, Params())
    assert np.isnan(values[..., 21:27, 21:27]).all()
    assert np.isfinite(values).sum() == values.size - 36


def test_each_date_is_predicted_as_if_alone() -> None:
    task = make_task(**TWO)
    dates = days("2018-05-02", "2018-05-20")
    both = predict(replace(task, dates=dates), {}, Params(window=9))
    for i in range(2):
        np.testing.assert_array_equal(both[i], predict(replace(task, dates=dates[i : i + 1]), {}, Params(window=9))[0])
    assert not np.array_equal(both[0], both[1])


def test_index_below_zero_is_kept_and_reflectance_is_not() -> None:
    task = make_task(references=("2018-05-01",), bands=("ndvi",))
    dark = replace(
        task, coarse=replace(task.coarse, values=task.coarse.values * np.array([1, -2])[:, None, None, None])
    )
    dark = replace(dark, coarse=replace(dark.coarse, values=dark.coarse.values.astype(np.float32)))
    assert -1 <= predict(dark, {}, Params()).min() < 0
    red = tuple(replace(series, bands=("red",)) for series in (dark.fine, dark.coarse))
    dark = replace(dark, fine=red[0], coarse=red[1])
    assert predict(dark, {}, Params()).min() == 0
    assert predict(dark, {}, Params(clip=False)).min() < 0


def test_without_a_fine_image_it_says_so() -> None:
    with pytest.raises(InputError, match="no fine image"):
        predict(make_task(references=()), {}, Params())


def rmse(values: FloatArray, truth: FloatArray) -> float:
    return float(np.sqrt(np.nanmean((values - truth) ** 2)))


def test_two_pairs_come_nearer_to_the_truth_than_one() -> None:
    two, truth = make_sample(shape=(60, 60), ratio=6, date="2018-06-01", **TWO)
    one, _ = make_sample(shape=(60, 60), ratio=6, date="2018-06-01", **ONE)
    errors = [rmse(predict(task, {}, Params(window=31)), truth) for task in (two, one)]
    coarse = rmse(bilinear.predict(two, {}, bilinear.Params()), truth)
    assert errors[0] < errors[1] < coarse


def test_the_irrigation_pair() -> None:
    """Strong change: better than leaving the fine image as it was."""
    if not real_pairs.IRRIGATION.exists():
        pytest.skip("the shared data set landsat-pair-irrigation-simulated-coarse is not here")
    scene = real_pairs.irrigation()
    corner = slice(100, 200)
    fine = replace(scene.fine, values=scene.fine.values[:1], dates=scene.fine.dates[:1])
    task = Task(fine, scene.coarse, scene.ratio, scene.fine.dates[1:], core=(corner, corner))
    values = predict(task, {}, Params())[0, :, corner, corner]
    truth, before = scene.fine.values[1, :, corner, corner], scene.fine.values[0, :, corner, corner]
    assert rmse(values, truth) < 0.8 * rmse(before, truth)


def test_modis_and_landsat_of_kranj() -> None:
    """Two pairs around a date of which 4 % were hidden, coarse images observed; the hidden pixels are filled."""
    if not real_pairs.KRANJ.exists():
        pytest.skip("the shared data set modis-landsat-kranj-2020 is not here")
    scene = real_pairs.kranj()
    ends = scene.fine.dates[[0, 2]]
    fine = replace(scene.fine, values=punch(scene.fine.values[[0, 2]], 0.05, 1), dates=ends)
    values = predict(Task(fine, scene.coarse, scene.ratio, scene.fine.dates[1:2]), {}, Params())[0]
    truth, before = scene.fine.values[1], scene.fine.values[0]
    assert np.isfinite(values).mean() > 0.99
    assert rmse(values, truth) < 0.8 * rmse(before, truth)
