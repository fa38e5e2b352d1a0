"""FSDAF where something is missing: gaps, bands, references, room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from factory import days, make_grid, make_sample, make_task
from stfuse import tiles
from stfuse.grid import coarser, degrade
from stfuse.methods import fsdaf
from stfuse.methods.fsdaf import Params, predict, prepare
from stfuse.task import FloatArray, Series, State, Task

ONE: dict[str, Any] = {"references": ("2018-05-01",)}
TWO: dict[str, Any] = {"references": ("2018-05-01", "2018-06-30")}


def with_values(task: Task, fine: FloatArray | None = None, coarse: FloatArray | None = None) -> Task:
    """The task with other values."""
    return replace(
        task,
        fine=task.fine if fine is None else replace(task.fine, values=fine),
        coarse=task.coarse if coarse is None else replace(task.coarse, values=coarse),
    )


def test_with_two_pairs_one_fills_what_the_other_lacks() -> None:
    task = make_task((60, 60), **TWO)
    spoilt = task.fine.values.copy()
    spoilt[0, :, 20:30, 20:30] = np.nan
    found = predict(with_values(task, fine=spoilt), {}, Params())
    assert np.isfinite(found).all()


def of_pair(task: Task, state: State, k: int, params: Params) -> FloatArray:
    """The forecast from one of two pairs, with the same classes and changes."""
    axis = {"accepted": 1, "spread": 0, "centres": 0, "change": 1, "limits": 2}
    fine = replace(task.fine, values=task.fine.values[[k]], dates=task.fine.dates[[k]])
    return predict(replace(task, fine=fine), {name: np.take(state[name], [k], axis[name]) for name in axis}, params)


@pytest.mark.parametrize("cloud", ["coarse", "fine"])
@pytest.mark.parametrize("window", [5, 41])
def test_a_pair_without_residual_does_not_count_beside_one_that_has(window: int, cloud: str) -> None:
    task, params = make_task((60, 60), ratio=6.0, **TWO), Params(window=window, classes=3)
    fine, coarse = task.fine.values.copy(), task.coarse.values.copy()
    coarse[1, :, 4:6, 4:6] += 0.1  # abrupt: only residuals know of it
    coarse[[0, 2]] -= np.array([0, 0.05], np.float32)[:, None, None, None]  # the second changed more
    if cloud == "coarse":
        coarse[0, :, 3:7, 3:7] = np.nan
        cloudy = np.s_[..., 18:42, 18:42]
    else:
        fine[0, :, 24:30, 24:28] = np.nan
        cloudy = np.s_[..., 24:30, 24:30]
    task = with_values(task, fine, coarse)
    state = prepare([task], {}, params)
    found = predict(task, state, params)
    first, second = (of_pair(task, state, k, params) for k in range(2))
    np.testing.assert_allclose(found[cloudy], second[cloudy], rtol=0, atol=1e-7)
    beside = np.s_[..., :12, :12]
    assert np.nanmax(np.abs(first - second)[cloudy]) > 0.02 and np.abs(found - second)[beside].max() > 1e-3


def test_pairs_of_which_nothing_is_known_count_the_same() -> None:
    task, params = make_task((60, 60), ratio=6.0, **TWO), Params(window=5)
    coarse = task.coarse.values.copy()
    coarse[0, :, 3:7, 3:7] = coarse[2, :, 3:7, 3:7] = np.nan
    fine = task.fine.values.copy()
    fine[0, :, 28:30, 28:30] = np.nan
    task = with_values(task, fine, coarse)
    state = prepare([task], {}, params)
    found, (first, second) = predict(task, state, params), (of_pair(task, state, k, params) for k in range(2))
    inside = np.s_[..., 20:40, 20:40]
    expected = np.where(np.isfinite(first), (first + second) / 2, second)
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-7)


def test_infinite_values_are_not_observed_and_inputs_stay() -> None:
    task, params = make_task((60, 60), **TWO), Params(window=9)
    fine, coarse = task.fine.values.copy(), task.coarse.values.copy()
    fine[0, :, 10:16, 10:16], fine[1, 1, 40:44, 5:9], coarse[:, 0, 7:9, 7:9] = np.nan, np.nan, np.nan
    clean = with_values(task, fine, coarse)
    endless = with_values(task, *(np.where(np.isnan(a), np.float32(np.inf), a) for a in (fine, coarse)))
    endless.fine.values[0, :, 12, 10:16] = -np.inf
    kept = endless.fine.values.copy(), endless.coarse.values.copy()
    np.testing.assert_array_equal(predict(endless, {}, params), predict(clean, {}, params))
    np.testing.assert_array_equal(endless.fine.values, kept[0])
    np.testing.assert_array_equal(endless.coarse.values, kept[1])


def test_more_observed_cells_do_not_make_it_worse() -> None:
    """A pixel of each cell is not observed, but in a few: these few alone would tell the classes badly apart."""
    rng = np.random.default_rng(4)
    before = np.stack([gaussian_filter(rng.normal(size=(256, 256)), 3) for _ in range(3)])
    before = 0.3 + 0.08 * before / before.std()
    after = before + 0.04 * (before[0] > 0.3) + 0.01
    before, after = (image.astype(np.float32) for image in (before, after))
    grid = make_grid((256, 256))
    cells, dates = coarser(grid, 16.0), days("2018-05-01", "2018-05-20")
    coarse = Series(degrade(np.stack([before, after]), grid, cells), dates, ("red", "nir08", "swir16"), cells)
    places, errors = 16 * rng.integers(1, 15, (20, 2)) + 8, []
    for number in (0, 1, 2, 5, 20):
        seen = before.copy()
        seen[:, 8::16, 8::16] = np.nan
        for y, x in places[:number]:
            seen[:, y, x] = before[:, y, x]
        task = Task(Series(seen[None], dates[:1], coarse.bands, grid), coarse, 16.0, dates[1:])
        errors.append(float(np.sqrt(np.nanmean((predict(task, {}, Params(window=9))[0] - after) ** 2))))
    assert max(errors) < 1.15 * errors[0], errors


def test_what_is_not_observed_is_not_predicted_and_disturbs_little() -> None:
    task, truth = make_sample(shape=(60, 60), **ONE)
    whole = predict(task, {}, Params())
    fine, coarse = task.fine.values.copy(), task.coarse.values.copy()
    fine[..., 10:16, 10:16], coarse[1, :, 10:12, 10:12] = np.nan, np.nan
    found = predict(with_values(task, fine, coarse), {}, Params())
    unknown = np.zeros((60, 60), bool)
    unknown[10:16, 10:16] = unknown[30:36, 30:36] = True
    np.testing.assert_array_equal(np.isnan(found[0]), np.broadcast_to(unknown, found[0].shape))
    assert np.nanstd(found - truth) < 1.2 * np.std(whole - truth)


def test_a_band_of_the_coarse_image_alone_may_be_missing() -> None:
    task = make_task(**ONE)
    coarse = task.coarse.values.copy()
    coarse[1, 1, 4, 4] = np.nan
    found = predict(with_values(task, coarse=coarse), {}, Params())[0]
    assert np.isnan(found[1, 12:15, 12:15]).all() and np.isnan(found).sum() == 9


def test_ndvi_may_be_negative_and_zero() -> None:
    task = make_task(bands=("ndvi",), change=0.3, **ONE)
    shifted = with_values(task, task.fine.values - 0.3, task.coarse.values - 0.3)
    params = Params(similar=1)
    np.testing.assert_allclose(predict(shifted, {}, params), predict(task, {}, params) - 0.3, rtol=0, atol=2e-6)
    assert predict(shifted, {}, Params()).min() < 0


def test_out_of_the_valid_range_the_plain_coarse_change_counts_unless_told() -> None:
    task = make_task(change=0.3, **ONE)
    coarse, params = task.coarse.values.copy(), Params(clean=0, clip=False, limits=False)
    coarse[1] -= np.random.default_rng(0).uniform(0, 0.4, coarse.shape[2:]).astype(np.float32)
    dark = with_values(task, coarse=coarse)
    free, held = predict(dark, {}, params), predict(dark, {}, replace(params, clip=True))
    plain = task.fine.values + np.kron(coarse[1] - coarse[0], np.ones((3, 3), np.float32))
    expected = np.clip(np.where((free < 0) | (free > 1.2), plain, free), 0, 1.2)
    np.testing.assert_allclose(held, expected, rtol=0, atol=1e-6)
    assert (held[free < 0] > 0.01).any() and (held == 0).any()


@pytest.mark.parametrize("shape", [(5, 4), (3, 40), (1, 1), (16, 16)])
def test_scenes_smaller_than_the_window_or_a_coarse_pixel(shape: tuple[int, int]) -> None:
    task = make_task(shape, ratio=8.0, **ONE)
    assert np.isfinite(predict(task, {}, Params())).all()


def test_without_references_nothing_is_predicted() -> None:
    task = make_task(references=())
    assert np.isnan(predict(task, {}, Params())).all()


def test_without_coarse_pixels_of_the_pairs_date_nothing_is_known() -> None:
    task = make_task(**ONE)
    coarse = task.coarse.values.copy()
    coarse[0] = np.nan
    assert np.isnan(predict(with_values(task, coarse=coarse), {}, Params())).all()


@pytest.mark.parametrize("cells", [slice(4, 9), slice(0, 0)])
def test_beside_the_coarse_image_nothing_is_predicted(cells: slice) -> None:
    task, params = make_task((120, 110), ratio=6.0, **ONE), Params(window=9)
    part = replace(task.coarse, values=task.coarse.values[..., cells, cells], grid=task.coarse.grid[cells, cells])
    found = predict(replace(task, coarse=part), {}, params)
    inside = np.zeros(found.shape, bool)
    inside[..., 6 * cells.start : 6 * cells.stop, 6 * cells.start : 6 * cells.stop] = True
    np.testing.assert_array_equal(np.isfinite(found), inside)
    np.testing.assert_array_equal(tiles.predict("fsdaf", fsdaf, replace(task, coarse=part), {}, params, size=20), found)
