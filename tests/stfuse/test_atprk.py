"""ATPRK against its exact cases, the slow version, and the coarse image alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_kriging
from factory import days, make_grid, make_sample, make_scene, make_task, punch
from naive import block_mean
from stfuse import crops, tiles
from stfuse.fusion import regression
from stfuse.fusion.cells import axes
from stfuse.fusion.kriging import Kernels, krige
from stfuse.fusion.semivariogram import fullest, pair_sums
from stfuse.grid import coarser, degrade, degrade_inside
from stfuse.methods import atprk, bilinear
from stfuse.methods.atprk import Params, predict, prepare
from stfuse.task import FloatArray, Series, State, Task

PAIR = Path(__file__).parents[2] / "../shared/data/landsat-pair-irrigation-simulated-coarse/sample_data.mat"
ONE = {"references": ("2018-05-01",)}
LOOSE = Params(clip=False)


def with_coarse(task: Task, image: FloatArray) -> Task:
    """The task with one coarse image, of the target date."""
    return replace(task, coarse=Series(image[None], task.dates, task.coarse.bands, task.coarse.grid))


def unrelated(task: Task, seed: int = 9) -> Task:
    """The task whose coarse image has nothing to do with the references: much is left to krige."""
    shape = (task.fine.grid.height, task.fine.grid.width)
    other = make_scene(shape, len(task.fine.bands), "2018-05-20", seed=seed)
    return with_coarse(task, degrade_inside(other, task.fine.grid, task.coarse.grid))


def deviation(values: FloatArray, task: Task) -> FloatArray:
    """How far the block means of a prediction lie from the coarse image, shape (band, cell y, cell x)."""
    coarse = task.coarse.values[task.coarse.nearest(task.dates[0])]
    return np.abs(degrade(values[0], task.fine.grid, task.coarse.grid) - coarse)


@pytest.mark.parametrize("ratio", [2.0, 3.0, 5.0])
@pytest.mark.parametrize("chosen", [{}, {"model": "spherical"}, {"window": 3}, {"window": 7}])
def test_block_means_are_the_coarse_image(ratio: float, chosen: dict[str, Any]) -> None:
    task = unrelated(make_task((60, 60), ratio=ratio, **ONE))
    found = predict(task, {}, Params(clip=False, **chosen))
    assert deviation(found, task).max() < 1e-6
    assert found.std() > 0.05


def test_block_means_are_the_coarse_image_beside_gaps() -> None:
    task = unrelated(make_task((60, 60), **ONE))
    coarse = punch(task.coarse.values, 0.1, 3)
    task = replace(task, coarse=replace(task.coarse, values=coarse))
    found = deviation(predict(task, {}, LOOSE), task)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(coarse[0]))
    assert np.nanmax(found) < 1e-6


@pytest.mark.parametrize(("ratio", "most"), [(2.5, 0.05), (3.3, 0.05), (16.7, 0.02)])
def test_block_means_come_near_at_ratios_that_are_not_whole(ratio: float, most: float) -> None:
    """A pixel of two cells is kriged from the window of one of them; `most` is a share of what is kriged."""
    task = unrelated(make_task((167, 167), ratio=ratio, **ONE))
    found = deviation(predict(task, {}, LOOSE), task)[:, :-1, :-1]  # the last cells are cut by the edge
    assert found.mean() < most * task.coarse.values.std()


def test_an_exact_combination_of_the_covariates_leaves_no_residual() -> None:
    task = make_task((60, 60), **ONE)
    fine = task.fine.values[0]
    wanted = np.einsum("bk,kyx->byx", [[0.6, 0.3], [-0.5, 1.2]], fine).astype(np.float32) + np.float32(0.1)
    task = with_coarse(task, degrade_inside(wanted, task.fine.grid, task.coarse.grid))
    state = prepare([task], {}, LOOSE)
    np.testing.assert_allclose(state["coefficients"][0, 0], [[0.1, 0.6, 0.3], [0.1, -0.5, 1.2]], rtol=0, atol=1e-5)
    np.testing.assert_allclose(predict(task, state, LOOSE)[0], wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.3])
def test_constant_covariates_leave_area_to_point_kriging_of_the_coarse_image(constant: float) -> None:
    task = make_task((18, 15), bands=("red",), **ONE)
    task = replace(task, fine=replace(task.fine, values=np.full_like(task.fine.values, constant)))
    state = prepare([task], {}, LOOSE)
    found = predict(task, state, LOOSE)[0, 0]
    coarse = task.coarse.values[task.coarse.nearest(task.dates[0]), 0]
    expected = naive_kriging.krige(coarse, np.zeros((18, 15)), 3.0, state["reach"][0, 0], "exponential", 5)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert deviation(found[None, None], task).max() < 1e-6


def test_a_series_without_references_is_kriged() -> None:
    task = make_task((30, 30), references=())
    constant = replace(task, fine=make_task((30, 30), **ONE).fine)
    constant = replace(constant, fine=replace(constant.fine, values=np.full_like(constant.fine.values, 0.2)))
    np.testing.assert_array_equal(predict(task, {}, LOOSE), predict(constant, {}, LOOSE))


@pytest.mark.parametrize("gaps", [False, True])
def test_equals_the_slow_version(gaps: bool) -> None:
    task = unrelated(make_task((18, 15), **ONE))
    if gaps:
        fine, coarse = task.fine.values.copy(), task.coarse.values.copy()
        fine[..., 9:14, 6:8] = coarse[..., 4, 4] = np.nan
        task = replace(task, fine=replace(task.fine, values=fine), coarse=replace(task.coarse, values=coarse))
    state = prepare([task], {}, LOOSE)
    found = predict(task, state, LOOSE)[0]
    covariates, coarse = task.fine.values[0], task.coarse.values[0]
    means = [block_mean(c, 3) for c in covariates]
    for b in range(2):
        factors = naive_kriging.regression(means, coarse[b])
        trend = factors[0] + np.einsum("k,kyx->yx", factors[1:], covariates)
        expected = naive_kriging.krige(
            coarse[b] - block_mean(trend.astype(np.float32), 3), trend, 3.0, state["reach"][0, b], "exponential", 5
        )
        expected[np.isnan(np.kron(coarse[b], np.ones((3, 3))))] = np.nan
        np.testing.assert_allclose(found[b], expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_neither_a_flat_residual_nor_pure_noise_divides_by_zero(noise: float) -> None:
    task = make_task((60, 60), **ONE)
    shape = task.coarse.values[0].shape
    image = (0.3 + noise * np.random.default_rng(0).normal(size=shape)).astype(np.float32)
    found = predict(with_coarse(task, image), {}, LOOSE)
    assert np.isfinite(found).all()
    assert deviation(found, with_coarse(task, image)).max() < 1e-6
    if noise == 0:
        np.testing.assert_allclose(found, 0.3, rtol=0, atol=1e-6)


def test_a_masked_covariate_or_coarse_pixel_is_not_predicted_and_spoils_no_other() -> None:
    task = make_task((60, 60), **ONE)
    fine, coarse = task.fine.values.copy(), task.coarse.values.copy()
    fine[0, 1, 3:5, 3:6] = np.nan  # most of a cell: its own residual is not known
    coarse[..., 10, 12] = np.nan
    found = predict(
        replace(task, fine=replace(task.fine, values=fine), coarse=replace(task.coarse, values=coarse)), {}, LOOSE
    )[0]
    missing = np.zeros((60, 60), bool)
    missing[30:33, 36:39] = True
    np.testing.assert_array_equal(np.isnan(found[1]), missing | np.isnan(fine[0, 1]))
    # The first band still has its own covariate: the set of that band alone.
    np.testing.assert_array_equal(np.isnan(found[0]), missing)
    assert np.nanmax(np.abs(found - predict(task, {}, LOOSE)[0])) < 0.05


@pytest.mark.parametrize(("ratio", "window"), [(3.0, 7), (2.5, 5), (16.7, 7)])
def test_tiles_give_the_whole_with_pan_gaps_and_any_window(ratio: float, window: int) -> None:
    task = make_task((170, 141), ratio=ratio, gaps=0.05, aux={"pan": ("pan",)}, **ONE)
    params = Params(window=window)
    whole = tiles.predict("atprk", atprk, task, {}, params)  # type: ignore[arg-type]
    parts = tiles.predict("atprk", atprk, task, {}, params, size=41, threads=2)  # type: ignore[arg-type]
    assert np.isfinite(whole).mean() > 0.8
    np.testing.assert_array_equal(parts, whole)


def test_pieces_gather_what_the_whole_has() -> None:
    task = unrelated(make_task((120, 120), **ONE))
    pieces = tiles.pieces(crops.Whole(task), 0, 50)
    whole, parts = prepare([task], {}, LOOSE), prepare(iter(pieces), {}, LOOSE)  # read once
    np.testing.assert_allclose(parts["coefficients"], whole["coefficients"], rtol=0, atol=1e-5)
    assert np.all(np.abs(np.log(parts["reach"] / whole["reach"])) < 0.3)  # pairs across pieces are not seen


def test_semivariograms_need_but_some_of_a_large_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    task = unrelated(make_task((150, 150), **ONE))
    whole = prepare([task], {}, LOOSE)
    monkeypatch.setattr(atprk, "WINDOW", 14)
    monkeypatch.setattr(atprk, "WINDOWS", 4)
    cut, used = [], []
    monkeypatch.setattr(atprk, "fullest", lambda layers, side: (cut.append(side), fullest(layers, side))[1])
    monkeypatch.setattr(atprk, "pair_sums", lambda of, lags: (used.append(of.shape), pair_sums(of, lags))[1])
    some = prepare(tiles.pieces(crops.Whole(task), 0, 50), {}, replace(LOOSE, lags=8))
    assert used == [(2, 14, 14)] * 3  # of nine pieces the 1st, 5th and 9th
    assert len(cut) == 7  # all of the first five, then every other one
    np.testing.assert_allclose(some["coefficients"], whole["coefficients"], rtol=0, atol=1e-5)  # of all cells
    assert np.all(np.abs(np.log(some["reach"] / whole["reach"])) < 1)
    assert np.all(some["sill"] > 0)


def test_kriging_is_needed_only_where_it_counts() -> None:
    task = make_task((60, 60), **ONE)
    state = prepare([task], {}, Params())
    core = (slice(7, 20), slice(30, 44))
    found = predict(replace(task, core=core), state, Params())
    np.testing.assert_array_equal(found[..., *core], predict(task, state, Params())[..., *core])
    assert np.isnan(found[..., :4, :]).all()


def test_ndvi_below_zero_is_predicted_like_any_band() -> None:
    task = make_task((60, 60), bands=("ndvi",), **ONE)
    lower = np.float32(0.4)
    fine, coarse = (replace(s, values=s.values - lower) for s in (task.fine, task.coarse))
    found = predict(replace(task, fine=fine, coarse=coarse), {}, Params())
    np.testing.assert_allclose(found + lower, predict(task, {}, Params()), rtol=0, atol=1e-5)
    assert found.min() < 0


@given(
    factor=st.floats(0.1, 3) | st.floats(-3, -0.1),
    offset=st.floats(-1, 1),
    ratio=st.sampled_from([2.0, 3.0, 2.5, 4.2]),
    seed=st.integers(0, 5),
)
@settings(max_examples=15, deadline=None)
def test_gains_and_offsets_of_either_sensor_go_through(factor: float, offset: float, ratio: float, seed: int) -> None:
    """Linear in the coarse image; indifferent to units of the covariates."""
    task = unrelated(make_task((42, 33), ratio=ratio, gaps=0.05, seed=seed, **ONE), seed)
    expected = predict(task, {}, LOOSE)

    def changed(series: Series) -> Series:
        return replace(series, values=(series.values * np.float32(factor) + np.float32(offset)).astype(np.float32))

    found = predict(replace(task, coarse=changed(task.coarse)), {}, LOOSE)
    np.testing.assert_allclose(found, expected * factor + offset, rtol=0, atol=2e-5)
    np.testing.assert_allclose(predict(replace(task, fine=changed(task.fine)), {}, LOOSE), expected, rtol=0, atol=2e-5)


def test_several_dates_each_take_their_own_coarse_image() -> None:
    task = make_task((60, 60), references=("2018-05-01", "2018-06-30"))
    task = replace(task, dates=days("2018-05-05", "2018-06-20"))
    both = predict(task, {}, LOOSE)
    for t, date in enumerate(("2018-05-05", "2018-06-20")):
        np.testing.assert_array_equal(predict(replace(task, dates=days(date)), {}, LOOSE)[0], both[t])


def test_predictions_are_held_to_the_valid_range_unless_told() -> None:
    task = make_task(**ONE)
    dark = with_coarse(task, np.full_like(task.coarse.values[0], -0.3))
    assert predict(dark, {}, Params()).min() == 0
    assert predict(dark, {}, LOOSE).min() < 0


@pytest.mark.parametrize(
    "refused", [{"window": 4}, {"window": 9}, {"model": "gaussian"}, {"lags": 2}, {"shortest": 0.0}, {"longest": 0.4}]
)
def test_senseless_settings_are_refused(refused: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(refused))):
        Params(**refused)


def rmse(values: FloatArray, truth: FloatArray) -> float:
    return float(np.sqrt(np.nanmean((values - truth) ** 2)))


@pytest.mark.parametrize("ratio", [2.0, 3.0, 2.5, 16.7])
@pytest.mark.parametrize("change", [0.05, 0.3])
def test_beats_bilinear_when_change_is_slight_and_when_it_is_strong(ratio: float, change: float) -> None:
    """The ordering of Wu et al. 2022, tables 2 and 3."""
    task, truth = make_sample(shape=(167, 167), ratio=ratio, change=change, **ONE)
    rivals = [rmse(bilinear.predict(task, {}, bilinear.Params(kernel=k)), truth) for k in ("bilinear", "cubic")]
    assert rmse(predict(task, {}, Params()), truth) < 0.7 * min(rivals)


def of_pair(ratio: float) -> tuple[Task, FloatArray]:
    """Two real Landsat images, the second seen coarse."""
    if not PAIR.exists():
        pytest.skip("the shared data set landsat-pair-irrigation-simulated-coarse is not here")
    from scipy.io import loadmat

    data = loadmat(PAIR)
    reference, truth = (data[k].transpose(2, 0, 1)[:3].astype(np.float32) for k in ("Hr_GT", "Ht_GT"))
    grid, bands = make_grid((400, 400), 25), ("blue", "green", "red")
    coarse = coarser(grid, ratio)
    image = degrade_inside(truth, grid, coarse)
    fine = Series(reference[None], days("2018-01-01"), bands, grid)
    return Task(fine, Series(image[None], days("2018-02-01"), bands, coarse), ratio, days("2018-02-01")), truth


@pytest.mark.parametrize(("ratio", "share"), [(20.0, 0.65), (3.0, 0.9), (2.5, 0.9)])
def test_two_images_of_the_irrigation_pair(ratio: float, share: float) -> None:
    """Strong change between real images: better than the coarse image, the reference and the regression alone."""
    task, truth = of_pair(ratio)
    state = prepare([task], {}, Params())
    error = rmse(predict(task, state, Params())[0], truth)
    assert error < share * rmse(bilinear.predict(task, {}, bilinear.Params())[0], truth)
    assert error < 0.5 * rmse(task.fine.values[0], truth)
    assert error < 0.8 * rmse(trend_of(task, state), truth)
    # At a small ratio, kriging the coarse image alone does as well: after so much change the reference adds little.
    nothing = replace(task, fine=replace(task.fine, values=np.zeros_like(task.fine.values)))
    assert error < (0.8 if ratio == 20 else 1.2) * rmse(predict(nothing, {}, Params())[0], truth)


def trend_of(task: Task, state: State) -> FloatArray:
    """The regression alone: the prediction with nothing kriged."""
    rows, columns = axes(task.coarse.grid, task.fine.grid)
    trend = regression.apply(task.fine.values[0], state["coefficients"][0])
    tables = Kernels(state["weights"], state["between"], state["towards"])
    nothing = np.zeros_like(task.coarse.values[0])
    return krige(nothing, np.ones(nothing.shape, bool), state["chosen"][0], tables, rows, columns, trend)
