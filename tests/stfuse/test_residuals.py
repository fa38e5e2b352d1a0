"""Homogeneity, the sharing of residuals, their smoothing, and the weights of pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import naive_fsdaf
from stfuse.fusion.residuals import distribute, homogeneity, smooth, temporal_weights
from stfuse.fusion.similar import search

ALL = (0, 20, 0, 24)


def test_one_class_is_homogeneous() -> None:
    np.testing.assert_array_equal(homogeneity(np.zeros((20, 24), np.int8), 5, 7, ALL), 1)


def test_a_checkerboard_is_half_of_each_class() -> None:
    board = (np.indices((20, 24)).sum(axis=0) % 2).astype(np.int8)
    np.testing.assert_allclose(homogeneity(board, 2, 5, ALL)[5:-5, 5:-5], 61 / 121, rtol=1e-6)
    np.testing.assert_allclose(homogeneity(board, 2, 5, ALL), 0.5, atol=0.04)


@pytest.mark.parametrize("radius", [0, 1, 3, 30])
@pytest.mark.parametrize("edges", [ALL, (4, 15, 6, 20), (0, 1, 23, 24)])
def test_homogeneity_equals_the_slow_version(radius: int, edges: tuple[int, int, int, int]) -> None:
    labels = np.random.default_rng(0).integers(-1, 3, (20, 24)).astype(np.int8)
    top, bottom, left, right = edges
    expected = naive_fsdaf.homogeneity(labels, radius)[top:bottom, left:right]
    np.testing.assert_allclose(homogeneity(labels, 3, radius, edges), expected, rtol=1e-6)


def shared_out(seed: int, cap: float = 10.0, gaps: float = 0.1, bands: int = 2) -> tuple[Any, ...]:
    """Residuals of 3 x 2 cells of 4 x 5 pixels, and what they became."""
    rng = np.random.default_rng(seed)
    temporal, spatial = rng.uniform(0, 1, (2, bands, 12, 10)).astype(np.float32)
    alike = rng.uniform(0, 1, (12, 10)).astype(np.float32)
    temporal[:, rng.random((12, 10)) < gaps] = np.nan
    rest = rng.normal(0, 0.1, (bands, 3, 2)).astype(np.float32)
    starts = np.array([0, 4, 8, 12]), np.array([0, 5, 10])
    return temporal, spatial, alike, rest, distribute(temporal, spatial, alike, rest, *starts, cap, 1e-6)


@pytest.mark.parametrize("cap", [10.0, 1.5])
def test_sharing_equals_the_slow_version(cap: float) -> None:
    temporal, spatial, alike, rest, found = shared_out(0, cap)
    for b, i, j in np.ndindex(2, 3, 2):
        cell = (slice(4 * i, 4 * i + 4), slice(5 * j, 5 * j + 5))
        lists = (image[cell].ravel().astype(float) for image in (temporal[b], spatial[b], alike))
        expected = naive_fsdaf.residual_shares(*lists, float(rest[b, i, j]), cap, 1e-6)
        np.testing.assert_allclose(found[b][cell].ravel(), expected, rtol=1e-5, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.2, 10.0]), st.sampled_from([0.0, 0.5]))
def test_the_mean_of_a_cell_is_its_residual(seed: int, cap: float, gaps: float) -> None:
    *_, rest, found = shared_out(seed, cap, gaps)
    for b, i, j in np.ndindex(2, 3, 2):
        cell = found[b, 4 * i : 4 * i + 4, 5 * j : 5 * j + 5]
        if np.isfinite(cell).any():
            assert np.nanmean(cell) == pytest.approx(rest[b, i, j], abs=1e-6)


def test_pixels_alike_around_follow_the_spline_and_others_share_alike() -> None:
    temporal, spatial = np.zeros((1, 2, 2), np.float32), np.array([[[0.1, 0.3], [-0.5, 0]]], np.float32)
    rest, starts = np.full((1, 1, 1), 0.2, np.float32), np.array([0, 2])
    found = distribute(temporal, spatial, np.ones((2, 2), np.float32), rest, starts, starts, 10, 1e-9)
    np.testing.assert_allclose(found[0], [[0.2, 0.6], [0, 0]], atol=1e-6)  # against the residual's sign: nothing
    found = distribute(temporal, spatial, np.zeros((2, 2), np.float32), rest, starts, starts, 10, 1e-9)
    np.testing.assert_allclose(found, 0.2, atol=1e-7)


def test_a_weight_beyond_the_cap_becomes_the_mean() -> None:
    spatial = np.full((1, 1, 20), 0.1, np.float32)
    spatial[..., 0] = 5.0  # 14.5 times the mean of 0.345, the others 0.29 times
    rest, starts = np.full((1, 1, 1), 0.1, np.float32), (np.array([0, 1]), np.array([0, 20]))
    inputs = 0 * spatial, spatial, np.ones((1, 20), np.float32), rest, *starts
    mean = (1 + 19 * 0.1 / 0.345) / 20
    np.testing.assert_allclose(distribute(*inputs, 10, 1e-9)[0, 0, :2], [0.1 / mean, 0.01 / 0.345 / mean], rtol=1e-5)
    np.testing.assert_allclose(distribute(*inputs, 15, 1e-9)[0, 0, :2], [0.5 / 0.345, 0.01 / 0.345], rtol=1e-5)


def test_without_residual_nothing_is_known_and_no_residual_is_nothing() -> None:
    temporal = np.zeros((1, 2, 2), np.float32)
    starts = np.array([0, 2]), np.array([0, 1, 2])
    rest = np.array([[[np.nan, 0.0]]], np.float32)
    found = distribute(temporal, temporal + 0.1, np.ones((2, 2), np.float32), rest, *starts, 10, 1e-6)
    assert np.isnan(found[0, :, 0]).all() and (found[0, :, 1] == 0).all()


def test_smoothing_equals_the_slow_version() -> None:
    rng = np.random.default_rng(0)
    fine = rng.uniform(0.1, 0.5, (2, 14, 14)).astype(np.float32)
    change = rng.normal(0, 0.1, fine.shape).astype(np.float32)
    fine[:, rng.random((14, 14)) < 0.1] = np.nan
    change[1, 3:6, 3:6] = np.nan
    tolerance, weight = np.array([0.1, 0.2], np.float32), 1 / np.fmax(fine, np.float32(0.01))
    similar = search(fine, tolerance, weight, 7, 6, (2, 12, 3, 14))
    found = smooth(change, similar, 3, 2, 3)
    for b, y, x in np.ndindex(*found.shape):
        at = (y + 2, x + 3)
        if not np.isfinite(fine[:, *at]).all() or not np.isfinite(change[b, *at]):
            assert np.isnan(found[b, y, x])
            continue
        near = naive_fsdaf.similar_pixels(fine.astype(float), *at, tolerance, 0.01, 3, 6)
        near = [n for n in near if np.isfinite(change[b, *n[2]])]
        weights = [1 / ((1 + distance / 3) * (1 + unlike)) for unlike, distance, _ in near]
        expected = np.average([change[b, *n[2]] for n in near], weights=weights)
        assert found[b, y, x] == pytest.approx(expected, abs=2e-6)


def test_equal_changes_come_back_to_the_bit() -> None:
    fine = np.random.default_rng(0).uniform(0.1, 0.5, (1, 14, 14)).astype(np.float32)
    similar = search(fine, np.array([0.3], np.float32), 1 / fine, 7, 9, (0, 14, 0, 14))
    np.testing.assert_array_equal(smooth(np.full_like(fine, 0.1), similar, 3, 0, 0), np.float32(0.1))


def test_weights_of_pairs_equal_the_slow_version() -> None:
    changes = np.random.default_rng(0).normal(0, 0.1, (2, 5, 6)).astype(np.float32)
    changes[1, 1:5, 1:5] = np.nan  # more than a window
    rows, columns = np.repeat(np.arange(-1, 5), 3), np.repeat(np.arange(6), 3)
    found = temporal_weights(changes, rows, columns, 4, (2, 18, 0, 15))
    for k, y, x in np.ndindex(*found.shape):
        window = naive.window_around(y + 2, x, 4, (18, 18))
        seen = [changes[k, rows[i], columns[j]] for i, j in window if rows[i] >= 0]
        seen = [float(value) for value in seen if np.isfinite(value)]
        if seen:
            assert 1 / found[k, y, x] == pytest.approx(max(abs(np.mean(seen)), 1e-6), abs=1e-7)
        else:
            assert found[k, y, x] == 0
    assert (found[1] == 0).any() and (found[0] > 0).all()


def test_weights_of_pairs_are_the_same_in_a_crop_to_the_bit() -> None:
    changes = np.random.default_rng(0).normal(0, 0.1, (1, 20, 20)).astype(np.float32)
    cells = np.arange(60) // 3
    whole = temporal_weights(changes, cells, cells, 5, (0, 60, 0, 60))
    part = temporal_weights(changes[:, 5:, 6:], cells[15:] - 5, cells[18:] - 6, 5, (10, 30, 10, 30))
    np.testing.assert_array_equal(part, whole[:, 25:45, 28:48])
