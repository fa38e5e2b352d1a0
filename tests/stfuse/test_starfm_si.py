"""STARFM-SI against its exact cases, and its parts against the slow version."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import naive
from factory import TURNS, days, make_grid, make_sample, make_scene, make_task, turned
from stfuse import tiles
from stfuse.grid import coarser, degrade, regrid
from stfuse.methods import bilinear, starfm_si
from stfuse.methods.starfm_si import Params, predict, simulate
from stfuse.task import FloatArray, Series, Task

PAIR = Path(__file__).parents[2] / "../shared/data/landsat-pair-irrigation-simulated-coarse/sample_data.mat"
ONE = {"references": ("2018-05-01",), "bands": ("red",)}


def simulated(fine: FloatArray, task: Task) -> FloatArray:
    """The coarse image on the fine grid that STARFM-SI makes for the fine date."""
    grid, coarse = task.fine.grid, task.coarse.grid
    return regrid(degrade(fine, grid, coarse, 0.01), coarse, grid, "bilinear")


def with_coarse(task: Task, image: FloatArray) -> Task:
    """The task with one coarse image, of the target date."""
    return replace(task, coarse=Series(image[None], task.dates, task.coarse.bands, task.coarse.grid))


def of_unchanged(task: Task, offset: float = 0.0) -> Task:
    """The task whose coarse image is the degraded reference plus an offset."""
    image = degrade(task.fine.values[0], task.fine.grid, task.coarse.grid, 0.01)
    return with_coarse(task, (image + np.float32(offset)).astype(np.float32))


VARIANTS = [
    {},
    {"strict": False},
    {"temporal_weight": True},
    {"weight": "log"},
    {"weight": "log", "temporal_weight": True, "max_weight": True},
    {"max_weight": True},
    {"copy_on_zero_diff": True},
    {"sd": "window"},
    {"mtf": 0.3},
    {"classes": 4, "distance_scale": 25.0, "window": 15},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
@pytest.mark.parametrize("gaps", [0.0, 0.08])
def test_equals_the_slow_version(settings: dict[str, Any], gaps: float) -> None:
    task, params = (
        make_task((40, 40), ratio=2.5, gaps=gaps, seed=3, **ONE),
        Params(**{"window": 11, "clip": False, **settings}),
    )
    fine = task.fine.values[0, 0]
    now = regrid(task.coarse.values[1, 0], task.coarse.grid, task.fine.grid, "bilinear")
    down = simulate(fine, task.fine.grid, task.coarse.grid, params.mtf)
    coarse = regrid(down, task.coarse.grid, task.fine.grid, "bilinear")
    sd = naive.window_sd(fine, params.window) if params.sd == "window" else np.nanstd(fine)
    expected = naive.starfm(fine[None], coarse[None], now, 2 * sd / params.classes, params)
    found = predict(task, {}, params)[0, 0]
    # Rounding to float32 may tip a sample that lies on a threshold; nearly everywhere none does.
    same = np.isclose(found, expected, rtol=0, atol=2e-6, equal_nan=True)
    assert same.mean() > 0.995, f"{(~same).sum()} pixels differ by up to {np.nanmax(np.abs(found - expected))}"
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


def test_no_change_with_a_window_of_one_returns_the_reference() -> None:
    task = of_unchanged(make_task(**ONE))
    np.testing.assert_array_equal(predict(task, {}, Params(window=1))[0], task.fine.values[0])


def test_no_change_with_copies_returns_the_reference() -> None:
    task = of_unchanged(make_task(**ONE))
    np.testing.assert_array_equal(predict(task, {}, Params(copy_on_zero_diff=True))[0], task.fine.values[0])


def test_no_change_returns_a_mean_of_similar_reference_pixels() -> None:
    task = of_unchanged(make_task(**ONE))
    values, params = predict(task, {}, Params())[0, 0], Params()
    tolerance = 2 * task.fine.values.std() / params.classes
    assert np.abs(values - task.fine.values[0, 0]).max() < tolerance
    assert np.abs(values - task.fine.values[0, 0]).max() > 0


def test_uniform_change_of_a_piecewise_constant_scene_is_exact() -> None:
    task = make_task((45, 45), **ONE)
    parcels = np.kron(np.random.default_rng(0).choice([0.1, 0.2, 0.4], (5, 5)), np.ones((9, 9))).astype(np.float32)
    task = of_unchanged(replace(task, fine=replace(task.fine, values=parcels[None, None])), offset=0.05)
    np.testing.assert_allclose(predict(task, {}, Params())[0, 0], parcels + 0.05, rtol=0, atol=2e-7)


def test_constant_images_give_the_constant_exactly() -> None:
    task = make_task(**ONE)
    fine = replace(task.fine, values=np.full_like(task.fine.values, 0.25))
    coarse = np.full_like(task.coarse.values[0], 0.5)
    np.testing.assert_array_equal(predict(with_coarse(replace(task, fine=fine), coarse), {}, Params()), np.float32(0.5))


def test_lies_within_the_candidates_forecasts() -> None:
    task, params = make_task(seed=5, **ONE), Params(window=9, classes=1, clip=False)
    fine = task.fine.values[0, 0]
    now = regrid(task.coarse.values[1, 0], task.coarse.grid, task.fine.grid, "bilinear")
    forecast = fine + now - simulated(fine[None], task)[0]
    found = predict(task, {}, params)[0, 0]
    for y, x in product(range(0, 48, 5), range(0, 42, 5)):
        of_window = [forecast[p] for p in naive.window_around(y, x, 4, fine.shape)]
        assert min(of_window) - 1e-6 <= found[y, x] <= max(of_window) + 1e-6


@pytest.mark.parametrize("turn", TURNS)
def test_turning_the_inputs_turns_the_output(turn: Any) -> None:
    task = make_task((45, 45), gaps=0.05, **ONE)
    expected, found = turn(predict(task, {}, Params(window=13))), predict(turned(task, turn), {}, Params(window=13))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    same = np.isclose(found, expected, rtol=0, atol=2e-6, equal_nan=True)
    assert same.mean() > 0.998  # the order of sums may tip a sample that lies on a threshold


def test_invalid_samples_never_enter() -> None:
    """Whatever stands in a masked pixel of the reference, its neighbours do not see it."""
    task = of_unchanged(make_task(**ONE))
    spoilt = task.fine.values.copy()
    spoilt[..., 21:27, 21:27] = np.nan  # 2 x 2 coarse pixels
    values = predict(replace(task, fine=replace(task.fine, values=spoilt)), {}, Params())
    assert np.isnan(values[..., 21:27, 21:27]).all()
    assert np.isfinite(values).sum() == values.size - 36
    assert np.nanmax(np.abs(values - task.fine.values)) < 0.05


def test_coarse_pixels_cut_by_the_edge_are_predicted() -> None:
    """64 fine pixels are 21 1/3 coarse ones: the last rows have a coarse pixel, of which a third is seen."""
    task = make_task((64, 64), **ONE)
    assert np.isfinite(predict(task, {}, Params(window=5))).all()


def test_takes_the_reference_nearest_in_time() -> None:
    near = make_task(references=("2018-05-10",), bands=("red",))
    both = make_task(references=("2018-03-01", "2018-05-10"), bands=("red",))
    np.testing.assert_array_equal(predict(both, {}, Params()), predict(near, {}, Params()))


def test_predictions_are_held_to_the_valid_range_unless_told() -> None:
    task = make_task(**ONE)
    dark = with_coarse(task, np.full_like(task.coarse.values[0], -0.3))
    assert predict(dark, {}, Params()).min() == 0
    assert predict(dark, {}, Params(clip=False)).min() < 0


@pytest.mark.parametrize("settings", [{"window": 30}, {"classes": 0}, {"mtf": 0}, {"mtf": 0.09}, {"mtf": 0.7}], ids=str)
def test_senseless_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Params(**settings)


@pytest.mark.parametrize("mtf", [0.3, 0.5, None])
def test_a_wave_of_two_coarse_pixels_is_damped_to_the_mtf(mtf: float | None) -> None:
    grid = make_grid((60, 60))
    wave = np.cos(np.pi * (np.arange(60) + 0.5 - 5) / 10)  # crests and troughs in the middle of coarse pixels
    image = np.broadcast_to(wave, (60, 60)).astype(np.float32)
    image = np.where(np.random.default_rng(0).random((60, 60)) < 0.1, np.nan, image).astype(np.float32)
    damped = simulate(image, grid, coarser(grid, 10), mtf)[2:4, 2:4]
    np.testing.assert_allclose(damped, [[mtf or 2 / np.pi, -(mtf or 2 / np.pi)]] * 2, rtol=0.1)


@pytest.mark.parametrize("ratio", [1.3, 2.5, 3.0, 16.7])
@pytest.mark.parametrize("mtf", [0.3, starfm_si.LEAST_MTF])
def test_tiles_on_threads_give_the_whole_with_gaps(ratio: float, mtf: float) -> None:
    task, params = make_task((97, 110), ratio=ratio, gaps=0.1, **ONE), Params(window=9, mtf=mtf)
    whole = tiles.predict("starfm_si", starfm_si, task, {}, params)
    np.testing.assert_array_equal(tiles.predict("starfm_si", starfm_si, task, {}, params, size=23, threads=2), whole)
    assert np.isfinite(whole).mean() > 0.5


def rmse(values: FloatArray, truth: FloatArray) -> float:
    return float(np.sqrt(np.mean((values - truth) ** 2)))


def test_beats_bilinear_when_change_is_slight_and_loses_when_it_is_strong() -> None:
    """The ordering of Wu et al. 2022, tables 2 and 3. Strong: the fields themselves are others."""
    task, truth = make_sample(shape=(60, 60), change=0.05, references=("2018-05-01",))
    assert rmse(predict(task, {}, Params()), truth) < 0.5 * rmse(bilinear.predict(task, {}, bilinear.Params()), truth)
    other = make_scene((60, 60), 2, "2018-05-01", seed=99)
    coarse = np.repeat(task.coarse.values[1:], 1, axis=0)
    strong = replace(
        task,
        fine=replace(task.fine, values=other[None]),
        coarse=replace(task.coarse, values=coarse, dates=days("2018-05-20")),
    )
    assert rmse(predict(strong, {}, Params()), truth) > rmse(bilinear.predict(strong, {}, bilinear.Params()), truth)


def test_two_images_of_the_irrigation_pair() -> None:
    """Real fine images, coarse ones simulated at ratio 20: between the two baselines and the truth."""
    if not PAIR.exists():
        pytest.skip("the shared data set landsat-pair-irrigation-simulated-coarse is not here")
    from scipy.io import loadmat

    data = loadmat(PAIR)
    reference, truth, coarse = (data[k].transpose(2, 0, 1)[:3].astype(np.float32) for k in ("Hr_GT", "Ht_GT", "Lt_GT"))
    grid, bands = make_grid((400, 400), 25), ("blue", "green", "red")
    fine = Series(reference[None], days("2018-01-01"), bands, grid)
    task = Task(fine, Series(coarse[None], days("2018-02-01"), bands, coarser(grid, 20)), 20, days("2018-02-01"))
    values = starfm_si.predict(task, {}, Params())[0]
    assert rmse(values, truth) < 0.95 * rmse(bilinear.predict(task, {}, bilinear.Params())[0], truth)
    assert rmse(values, truth) < 0.5 * rmse(reference, truth)
