"""FSDAF where something is missing: gaps, bands, references, room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from factory import make_sample, make_task
from stfuse import tiles
from stfuse.methods import fsdaf
from stfuse.methods.fsdaf import Params, predict
from stfuse.task import FloatArray, Task

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
    coarse, params = task.coarse.values.copy(), Params(clean=0, clip=False)
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
