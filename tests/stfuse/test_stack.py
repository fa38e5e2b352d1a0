from dataclasses import replace

import numpy as np
import pytest

from factory import days, make_grid
from small_series import make_series, without_radar
from stfuse.filling.stack import on_grid, stack
from stfuse.task import Series, Task

NAN = np.nan


def test_values_of_one_day_share_a_step():
    grid = make_grid((1, 2))
    optical = Series(
        np.array([[[[0.1, NAN]]], [[[0.2, 0.3]]]], np.float32), days("2021-01-01", "2021-01-05"), ("ndvi",), grid
    )
    guide = Series(
        np.array([[[[0.4, 0.5]]], [[[0.6, 0.7]]]], np.float32), days("2021-01-05", "2021-01-09"), ("ndvi",), grid
    )
    found = stack(Task(optical, guide, 1.0, optical.dates), "ndvi_fusion", days("2021-01-07"))
    assert found.days.tolist() == days("2021-01-01", "2021-01-05", "2021-01-07", "2021-01-09").tolist()
    np.testing.assert_array_equal(found.values[0, :, 0], np.array([0.1, 0.2, NAN, NAN], np.float32))
    np.testing.assert_array_equal(found.values[1, :, 1], np.array([NAN, 0.5, NAN, 0.7], np.float32))


def test_two_images_of_one_day_fill_each_other():
    grid, day = make_grid((1, 3)), days("2021-01-01", "2021-01-01")
    optical = Series(np.array([[[[0.1, NAN, NAN]]], [[[0.9, 0.2, NAN]]]], np.float32), day, ("ndvi",), grid)
    found = stack(Task(optical, replace(optical, values=optical.values[:0], dates=days()), 1.0, day), "optical_only")
    np.testing.assert_array_equal(found.values, np.array([[[0.1, 0.2, NAN]]], np.float32))


def test_backscatter_and_lacking_radar():
    sample = make_series((2, 3), days=40)
    found = stack(sample.task, "ndvi_backscatter")
    radar = sample.task.aux["sar"]
    np.testing.assert_array_equal(found.values[2][np.isin(found.days, radar.dates)], radar.values[:, 1].reshape(-1, 6))
    assert np.isnan(stack(without_radar(sample).task, "ndvi_backscatter").values[1:]).all()
    with pytest.raises(ValueError, match="optical_only"):
        stack(sample.task, "everything")


def test_a_series_with_a_margin_is_cut_and_another_grid_resampled():
    wide, inner = make_grid((6, 8)), make_grid((6, 8))[1:4, 2:7]
    series = Series(np.arange(48, dtype=np.float32).reshape(1, 1, 6, 8), days("2021-01-01"), ("ndvi",), wide)
    np.testing.assert_array_equal(on_grid(series, inner), series.values[..., 1:4, 2:7])
    assert on_grid(series, wide) is series.values
    twice = Series(np.full((1, 1, 3, 4), 0.5, np.float32), series.dates, ("ndvi",), make_grid((3, 4), 20.0))
    assert on_grid(twice, inner).shape == (1, 1, 3, 5)
    assert np.nanmax(np.abs(on_grid(twice, inner) - 0.5)) < 1e-6
