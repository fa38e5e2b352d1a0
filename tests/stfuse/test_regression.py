"""The regression, gathered in pieces, and its use at the fine scale."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import naive_kriging
from stfuse.fusion.regression import ENOUGH, Moments, apply, solve
from stfuse.task import FloatArray

ALL = np.ones((1, 2, 3), bool)


def cells(seed: int = 0, gaps: float = 0.1) -> tuple[FloatArray, FloatArray]:
    """Three covariates and two bands on a coarse grid."""
    rng = np.random.default_rng(seed)
    covariates = rng.uniform(0, 0.5, (3, 14, 12)).astype(np.float32)
    bands = np.einsum("bk,kyx->byx", [[0.5, 0.2, 0.0], [0.0, -1.0, 0.3]], covariates) + 0.1
    bands = (bands + rng.normal(0, 0.01, bands.shape)).astype(np.float32)
    covariates[0, rng.random((14, 12)) < gaps] = np.nan
    bands[1, rng.random((14, 12)) < gaps] = np.nan
    return covariates, bands


def fitted(covariates: FloatArray, bands: FloatArray, members: NDArray[np.bool_] = ALL) -> FloatArray:
    moments = Moments.none(*members.shape)
    moments.add(covariates, bands, members)
    return solve(moments, members)


def test_equals_least_squares_over_the_observed_cells() -> None:
    covariates, bands = cells()
    found = fitted(covariates, bands)[0]
    for b in range(2):
        np.testing.assert_allclose(found[b], naive_kriging.regression(covariates, bands[b]), rtol=0, atol=2e-6)


def test_pieces_add_up_to_the_whole() -> None:
    covariates, bands = cells()
    covariates[:, :3], bands[:, 5:9] = covariates[:, :3] + np.float32(0.4), bands[:, 5:9] + np.float32(0.2)
    moments = Moments.none(*ALL.shape)
    for part in (slice(0, 4), slice(4, 5), slice(5, 14)):
        moments.add(covariates[:, part], bands[:, part], ALL)
    np.testing.assert_allclose(solve(moments, ALL), fitted(covariates, bands), rtol=0, atol=1e-6)


def test_a_constant_covariate_gets_no_coefficient() -> None:
    covariates, bands = cells(gaps=0)
    covariates[1] = np.float32(0.3)
    found = fitted(covariates, bands)[0]
    assert np.all(found[:, 2] == 0)
    without = fitted(covariates[[0, 2]], bands, ALL[..., :2])[0]
    np.testing.assert_allclose(found[:, [0, 1, 3]], without, rtol=0, atol=1e-6)


def test_of_equal_covariates_each_gets_its_share() -> None:
    covariates, bands = cells(gaps=0)
    covariates[1] = covariates[0]
    found = fitted(covariates, bands)[0]
    np.testing.assert_allclose(found[:, 1], found[:, 2], rtol=0, atol=1e-5)
    without = fitted(covariates[[0, 2]], bands, ALL[..., :2])[0]
    np.testing.assert_allclose(found[:, 1] + found[:, 2], without[:, 1], rtol=0, atol=1e-5)


def test_too_few_cells_give_the_smaller_set_or_the_mean() -> None:
    members = np.stack([ALL[0], np.eye(2, 3, dtype=bool)])
    covariates, bands = (a[:, :1, : 2 * ENOUGH] for a in cells(gaps=0))
    found = fitted(covariates, bands, members)
    assert np.isnan(found[0]).all()  # four unknowns
    assert np.all(found[1, 0, [2, 3]] == 0) and found[1, 0, 1] != 0
    few = fitted(covariates[..., :3], bands[..., :3], members)
    np.testing.assert_allclose(few[0, :, 0], bands[..., :3].mean(axis=(1, 2)), rtol=1e-6)
    assert np.all(few[0, :, 1:] == 0)
    none = fitted(covariates * np.nan, bands, members)
    assert np.isnan(none[1]).all() and np.all(none[0] == 0)


def test_a_covariate_that_says_nothing_may_be_missing() -> None:
    covariates = np.array([[[np.nan, 0.5]], [[0.2, np.nan]]], np.float32)
    found = apply(covariates, np.array([[[0.1, 0.0, 2.0]]], np.float32))
    np.testing.assert_allclose(found[0, 0], [0.5, np.nan], rtol=1e-6)


@pytest.mark.parametrize("width", [1, 7, 64])
def test_each_pixel_is_predicted_by_the_first_set_that_it_has(width: int) -> None:
    rng = np.random.default_rng(1)
    covariates = rng.random((3, 9, width)).astype(np.float32)
    covariates[rng.random(covariates.shape) < 0.3] = np.nan
    members = np.stack([ALL[0], np.array([[True, False, False]] * 2), np.eye(2, 3, k=1, dtype=bool)])
    coefficients = rng.normal(size=(3, 2, 4)).astype(np.float32)
    coefficients[..., 1:][~members] = 0
    coefficients[0, 1] = np.nan  # left out
    found = apply(covariates, coefficients)
    for b, y, x in np.ndindex(2, 9, width):
        expected = np.nan
        for s in range(3):
            used = members[s, b]
            value = coefficients[s, b, 0] + (coefficients[s, b, 1:][used] * covariates[used, y, x]).sum()
            expected = value if np.isnan(expected) else expected
        np.testing.assert_allclose(found[b, y, x], expected, rtol=0, atol=1e-6)


def test_without_covariates_the_regression_is_the_mean() -> None:
    members = np.ones((1, 2, 0), bool)
    _, bands = cells(gaps=0)
    coefficients = fitted(np.empty((0, 14, 12), np.float32), bands, members)
    np.testing.assert_allclose(coefficients[0, :, 0], bands.mean(axis=(1, 2)), rtol=1e-6)
    found = apply(np.empty((0, 4, 5), np.float32), coefficients)
    assert found.shape == (2, 4, 5)
    np.testing.assert_array_equal(found, np.broadcast_to(coefficients[0, :, :1, None], (2, 4, 5)))
