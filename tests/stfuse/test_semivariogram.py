"""Areal semivariograms and their deconvolution."""

from __future__ import annotations

import numpy as np
import pytest

import naive_kriging
from stfuse.fusion.semivariogram import (
    DEFAULT_RANGE,
    fit_ranges,
    fullest,
    pair_sums,
    range_grid,
    regularised,
    semivariance,
)
from stfuse.task import FloatArray

GRID = range_grid(0.5, 30.0)


def fields(count: int, reach: float, model: str, size: int = 256, points: int = 4, seed: int = 0) -> FloatArray:
    """Cell means of Gaussian fields with a known point semivariogram, sill 1, shape (count, cell y, cell x).

    Points lie on a torus: the spectrum of the covariance is then exactly the variance of each wave.
    """
    away = np.minimum(np.arange(size), size - np.arange(size)) / points
    covariance = 1 - naive_kriging.semivariance(np.hypot(away[:, None], away[None, :]), reach, model)
    spectrum = np.sqrt(np.clip(np.fft.fft2(covariance).real, 0, None))
    noise = np.random.default_rng(seed).normal(size=(count, size, size))
    field = np.fft.ifft2(spectrum * np.fft.fft2(noise)).real
    return field.reshape(count, size // points, points, size // points, points).mean(axis=(2, 4)).astype(np.float32)


def test_the_point_models_rise_from_nothing_to_their_sill() -> None:
    for model in ("exponential", "spherical"):
        found = semivariance(np.array([0.0, 1.0, 4.0, 100.0]), 4.0, model)  # type: ignore[arg-type]
        assert found[0] == 0
        assert np.all(np.diff(found[:3]) > 0)
        assert found[3] == pytest.approx(1)
    assert semivariance(np.array([4.0]), 4.0, "exponential")[0] == pytest.approx(1 - np.exp(-3))
    assert semivariance(np.array([4.0]), 4.0, "spherical")[0] == 1


def test_pairs_are_those_counted_one_by_one() -> None:
    rng = np.random.default_rng(0)
    residual = rng.normal(0, 1, (2, 9, 7)).astype(np.float32)
    residual[rng.random(residual.shape) < 0.2] = np.nan
    sums, counts = pair_sums(residual, 4)
    for b in range(2):
        expected_sums, expected_counts = naive_kriging.pair_sums(residual[b].astype(np.float64), 4)
        np.testing.assert_allclose(sums[b], expected_sums, rtol=1e-5)
        np.testing.assert_array_equal(counts[b], expected_counts)


def test_lags_longer_than_the_image_have_no_pairs() -> None:
    sums, counts = pair_sums(np.ones((1, 3, 2), np.float32), 6)
    assert sums.sum() == 0
    assert counts[0, 3:].sum() == counts[0, :, 2:].sum() == 0
    assert counts.sum() == 15  # every pair of six cells


@pytest.mark.parametrize("shape", [(9, 7), (30, 12), (35, 41)])
def test_the_fullest_window_is_kept(shape: tuple[int, int]) -> None:
    layers = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    layers[0, : shape[0] // 2], layers[1, :, : shape[1] // 3] = np.nan, np.nan
    found, known = fullest(layers, 12), np.isfinite(layers).all(axis=0)
    assert found.shape == (2, min(shape[0], 12), min(shape[1], 12))
    parts = [known[y : y + 12, x : x + 12].sum() for y in range(0, shape[0], 6) for x in range(0, shape[1], 6)]
    assert np.isfinite(found).all(axis=0).sum() == max(parts)
    assert not np.shares_memory(found, layers)


@pytest.mark.parametrize("model", ["exponential", "spherical"])
@pytest.mark.parametrize("points", [2, 3, 5])
def test_the_regularised_semivariogram_is_the_mean_over_all_pairs_of_points(model: str, points: int) -> None:
    found = regularised(3, points, np.array([0.7, 4.0]), model)  # type: ignore[arg-type]
    for r, reach in enumerate((0.7, 4.0)):
        for offset in ((0, 0), (0, 1), (2, 1), (3, 3)):
            expected = naive_kriging.areal_semivariance(offset, points, reach, model)
            assert found[r][offset] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("model", ["exponential", "spherical"])
@pytest.mark.parametrize("reach", [2.0, 5.0, 12.0])
def test_deconvolution_recovers_the_point_semivariogram(model: str, reach: float) -> None:
    """Pooled over eight fields the range comes out within a quarter; of single fields most within half."""
    residual = fields(8, reach, model)
    sums, counts = pair_sums(residual, 15)
    theory = regularised(15, 4, GRID, model)  # type: ignore[arg-type]
    found, sill = fit_ranges(sums.sum(axis=0), counts.sum(axis=0), GRID, theory)
    assert found == pytest.approx(reach, rel=0.25)
    assert sill == pytest.approx(1, rel=0.25)
    single, _ = fit_ranges(sums, counts, GRID, theory)
    assert np.median(np.abs(np.log(single / reach))) < np.log(1.5)


def test_what_was_made_from_a_model_is_found_exactly() -> None:
    theory = regularised(10, 3, GRID, "exponential")
    counts = np.full((11, 11), 100.0)
    for k in (0, 17, 39):
        reach, sill = fit_ranges(2 * 0.04 * counts * theory[k], counts, GRID, theory)
        assert reach == GRID[k]
        assert sill == pytest.approx(0.04)


def test_the_areal_range_is_longer_than_the_points() -> None:
    """What deconvolution is for: taken for points, the cells would seem smoother than the ground is."""
    sums, counts = pair_sums(fields(4, 2.0, "exponential"), 15)
    as_cells, _ = fit_ranges(sums.sum(axis=0), counts.sum(axis=0), GRID, regularised(15, 4, GRID, "exponential"))
    as_points, _ = fit_ranges(sums.sum(axis=0), counts.sum(axis=0), GRID, regularised(15, 1, GRID, "exponential"))
    assert as_points > 1.2 * as_cells


def test_pure_nugget_takes_the_shortest_range() -> None:
    residual = np.random.default_rng(1).normal(0, 1, (1, 60, 60)).astype(np.float32)
    reach, sill = fit_ranges(*pair_sums(residual, 15), GRID, regularised(15, 3, GRID, "exponential"))
    assert reach[0] < 1
    assert np.isfinite(sill).all()


@pytest.mark.parametrize(
    "residual",
    [
        np.zeros((1, 40, 40), np.float32),
        np.full((1, 40, 40), np.nan, np.float32),
        np.random.default_rng(2).normal(0, 1, (1, 3, 3)).astype(np.float32),
        np.zeros((1, 0, 0), np.float32),
    ],
    ids=["no variance", "nothing observed", "too few cells", "no cell"],
)
def test_a_residual_that_tells_nothing_takes_the_default(residual: FloatArray) -> None:
    reach, sill = fit_ranges(*pair_sums(residual, 15), GRID, regularised(15, 3, GRID, "exponential"))
    assert reach[0] == pytest.approx(DEFAULT_RANGE, rel=0.06)
    assert sill[0] == 0
