"""What ATPRK regresses on: one reference or several, and the panchromatic image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from factory import days, make_grid, make_sample, make_scene, make_task
from stfuse.grid import degrade
from stfuse.methods.atprk import Params, predict, prepare
from stfuse.task import FloatArray, Series, Task

ONE = {"references": ("2018-05-01",)}
LOOSE = Params(clip=False)


def rmse(values: FloatArray, truth: FloatArray) -> float:
    return float(np.sqrt(np.nanmean((values - truth) ** 2)))


@pytest.mark.parametrize("references", [("2018-05-01", "2018-06-30"), ("2018-06-30", "2018-07-30")])
def test_where_one_reference_is_masked_the_other_predicts(references: tuple[str, ...]) -> None:
    task = make_task((60, 60), references=references)
    fine = task.fine.values.copy()
    fine[0, :, :30], fine[1, :, 24:42] = np.nan, np.nan
    found = predict(replace(task, fine=replace(task.fine, values=fine)), {}, LOOSE)[0]
    np.testing.assert_array_equal(np.isnan(found[0]).all(axis=1), np.isnan(fine).all(axis=(0, 1, 3)))
    assert np.nanmax(np.abs(found - make_scene((60, 60), 2, "2018-05-20"))) < 0.1


def test_two_references_explain_what_one_cannot() -> None:
    one, truth = make_sample(shape=(90, 90), references=("2018-05-01",), change=0.3)
    two = make_task((90, 90), references=("2018-05-01", "2018-06-30"), change=0.3)
    assert rmse(predict(two, {}, LOOSE), truth) < rmse(predict(one, {}, LOOSE), truth)


def test_pan_of_the_target_date_helps_where_the_reference_does_not() -> None:
    task, truth = make_sample(shape=(90, 90), bands=("red",), aux={"pan": ("pan",)}, **ONE)
    other = make_scene((90, 90), 1, "2018-05-01", seed=99)
    with_pan = replace(task, fine=replace(task.fine, values=other[None]))
    without = replace(with_pan, aux={})
    found = predict(with_pan, {}, LOOSE)
    assert rmse(found, truth) < 0.8 * rmse(predict(without, {}, LOOSE), truth)
    coarse = task.coarse.values[task.coarse.nearest(task.dates[0])]
    np.testing.assert_allclose(degrade(found[0], task.fine.grid, task.coarse.grid), coarse, rtol=0, atol=1e-6)


@pytest.mark.parametrize("step", [0.5, 1.0, 1.5])
def test_pan_on_any_grid_and_masked_in_part(step: float) -> None:
    task = make_task((60, 60), **ONE)
    grid = make_grid((round(60 / step), round(60 / step)), 10 * step)
    values = np.random.default_rng(0).random((1, 1, *grid.shape), np.float32)
    values[..., :10, :10] = np.nan
    pan = Series(values, task.dates, ("pan",), grid)
    found = predict(replace(task, aux={"pan": pan}), {}, LOOSE)
    assert np.isfinite(found).all()  # where pan is masked the reference predicts alone
    assert not np.array_equal(found, predict(task, {}, LOOSE))


def test_the_pan_image_nearest_in_time_is_taken() -> None:
    task = make_task((60, 60), aux={"pan": ("pan",)}, **ONE)
    one = task.aux["pan"]
    other = np.random.default_rng(0).random(one.values.shape, np.float32)
    two = Series(np.concatenate([other, one.values]), days("2018-03-01", "2018-05-20"), one.bands, one.grid)
    np.testing.assert_array_equal(predict(replace(task, aux={"pan": two}), {}, LOOSE), predict(task, {}, LOOSE))


def test_a_pan_series_without_images_changes_nothing() -> None:
    task = make_task((60, 60), aux={"pan": ("pan",)}, **ONE)
    one = task.aux["pan"]
    empty = Series(one.values[:0], one.dates[:0], one.bands, one.grid)
    np.testing.assert_array_equal(
        predict(replace(task, aux={"pan": empty}), {}, LOOSE), predict(replace(task, aux={}), {}, LOOSE)
    )


@pytest.mark.parametrize("shape", [(6, 6), (60, 60)])
def test_gaps_of_references_that_no_regression_uses_do_not_matter(shape: tuple[int, int]) -> None:
    """Four coarse pixels tell no regression, nor do those of which no reference is observed: kriging is left."""
    task = make_task(shape, **ONE)
    fine = task.fine.values.copy()
    fine[..., :3, : 2 if shape == (6, 6) else 60] = np.nan
    if shape == (60, 60):
        fine[:] = np.nan
    found = predict(replace(task, fine=replace(task.fine, values=fine)), {}, LOOSE)
    none = replace(task, fine=Series(fine[:0], task.fine.dates[:0], task.fine.bands, task.fine.grid))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, predict(none, {}, LOOSE), rtol=0, atol=2e-7)


@pytest.mark.parametrize("shape", [(5, 4), (3, 40), (1, 1), (16, 16)])
def test_scenes_smaller_than_the_window_or_a_coarse_pixel(shape: tuple[int, int]) -> None:
    task = make_task(shape, ratio=8.0, **ONE)
    found = predict(task, {}, LOOSE)
    assert np.isfinite(found).all()
    assert abs(found.mean() - task.coarse.values[task.coarse.nearest(task.dates[0])].mean()) < 0.05


def test_few_coarse_pixels_regress_on_the_band_itself() -> None:
    """Nine coarse pixels cannot tell seven coefficients; two they can."""
    bands = ("blue", "green", "red", "nir08", "swir16", "swir22")
    task, truth = make_sample(shape=(45, 45), ratio=15.0, bands=bands, change=0.0, **ONE)
    state = prepare([task], {}, LOOSE)
    used = np.nan_to_num(state["coefficients"][0])[..., 1:] != 0
    np.testing.assert_array_equal(used, [np.zeros((6, 6)), np.eye(6)])
    assert rmse(predict(task, state, LOOSE), truth) < 0.02


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_values_are_not_observed(infinite: float) -> None:
    """The same bits as with gaps in their place; what was given stays as it was."""
    task = make_task((60, 60), aux={"pan": ("pan",)}, references=("2018-05-01", "2018-06-30"))

    def marked(series: Series, by: float) -> Series:
        values = series.values.copy()
        values[..., 0, 7, 8] = values[0, ..., 3, 2] = by
        return replace(series, values=values)

    def seen(by: float) -> Task:
        aux = {name: marked(series, by) for name, series in task.aux.items()}
        return replace(task, fine=marked(task.fine, by), coarse=marked(task.coarse, by), aux=aux)

    given = seen(infinite)
    found = predict(given, {}, LOOSE)
    np.testing.assert_array_equal(found, predict(seen(np.nan), {}, LOOSE))
    assert np.isfinite(found).mean() > 0.9 and not np.isinf(found).any()
    for series, before in ((given.fine, task.fine), (given.coarse, task.coarse), (given.aux["pan"], task.aux["pan"])):
        np.testing.assert_array_equal(series.values, marked(before, infinite).values)
