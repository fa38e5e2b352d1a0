"""Two images compared on the same pixels of the coarser grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from stfuse.grid import site_grid
from stfuse.harmonisation.agreement import Agreement, adjusted_anew, compare, on_coarser, pool

FINE = site_grid("EPSG:32631", (0, 0, 120, 120), 10)
COARSE = site_grid("EPSG:32631", (0, 0, 120, 120), 30)


def test_a_line_is_seen_as_slope_bias_and_error() -> None:
    x = np.linspace(0.1, 0.3, 5, dtype=np.float32)
    found = compare(x, 2 * x - 0.1)
    assert found.n == 5
    assert (found.r, found.slope) == (pytest.approx(1), pytest.approx(2, rel=1e-5))
    assert found.bias == pytest.approx(-0.1, abs=1e-6)  # the sensor's 0.2 is the reference's 0.3
    assert found.rmse == pytest.approx(math.sqrt(np.mean((x - 0.1) ** 2)), rel=1e-5)


def test_noise_lowers_the_correlation_and_leaves_the_slope() -> None:
    rng = np.random.default_rng(0)
    land = rng.uniform(0.1, 0.4, 20_000)
    x, y = (land + rng.normal(0, 0.05, land.shape) for _ in range(2))
    found = compare(x, y)
    share = 0.3**2 / 12 / (0.3**2 / 12 + 0.05**2)
    assert found.r == pytest.approx(share, abs=0.01)
    assert found.slope == pytest.approx(1, abs=0.01)


def test_only_what_both_show_counts_and_little_tells_nothing() -> None:
    x = np.array([0.1, 0.2, np.nan, 0.4, 0.3])
    y = np.array([0.1, np.nan, 0.3, 0.4, 0.2])
    assert compare(x, y).n == 3
    few = compare(x[:3], y[:3])
    assert few.n == 1
    assert all(math.isnan(value) for value in (few.r, few.slope, few.bias, few.rmse))
    even = compare(np.full(9, 0.2), np.linspace(0, 1, 9))
    assert math.isnan(even.r)
    assert even.bias == pytest.approx(-0.3)


def test_comparisons_are_pooled_by_their_pixels() -> None:
    parts = [Agreement(1, 1, 1, 0.1, 0.1), Agreement(3, 1, 1, -0.1, 0.3), Agreement(1, *[math.nan] * 4)]
    assert pool(parts) == (4, pytest.approx(-0.05), pytest.approx(math.sqrt((0.01 + 0.27) / 4)))
    assert pool(parts[2:])[0] == 0


def image(grid: Any, **gaps: tuple[int, int]) -> Any:
    values = np.stack([np.full(grid.shape, 0.1, np.float32), np.full(grid.shape, 0.3, np.float32)])
    for band, (row, column) in gaps.items():
        values[("red", "nir").index(band), row, column] = np.nan
    return values, ("red", "nir"), grid


def test_the_finer_is_averaged_and_all_stages_show_the_same_pixels() -> None:
    before = image(COARSE, red=(0, 0)), image(FINE)
    after = image(COARSE), image(FINE, nir=(11, 11))
    for pair in on_coarser([before, after], ["nir", "red"]):
        for values in pair:
            assert values.shape == (2, *COARSE.shape)
            assert np.isnan(values[:, 0, 0]).all()
            assert np.isnan(values[:, 3, 3]).all()
            assert np.isfinite(values).sum() == 2 * 14
            np.testing.assert_allclose(values[0][np.isfinite(values[0])], 0.3, rtol=1e-6)


def test_a_sensor_finer_than_the_reference_is_the_one_averaged() -> None:
    ((observed, reference),) = on_coarser([(image(FINE), image(COARSE))], ["red"])
    assert observed.shape == reference.shape == (1, *COARSE.shape)


def test_another_line_takes_the_place_of_the_one_used() -> None:
    delivered = np.array([[[0.1, np.nan]]], np.float32)
    used, other = [{"slope": 1.1, "offset": 0.01}], [{"slope": 0.9, "offset": -0.01}]
    made = delivered * 1.1 + 0.01
    np.testing.assert_allclose(adjusted_anew(made, used, other), delivered * 0.9 - 0.01, rtol=1e-5)
    np.testing.assert_allclose(adjusted_anew(made, used, used), made, rtol=1e-6)
