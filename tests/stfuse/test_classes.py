"""Classes of fine images, and what is taken of them beforehand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

import naive_fsdaf
from stfuse.fusion.classes import accepted_range, draw, extremes, find_classes, label

CENTRES = np.array([[0.1, 0.5], [0.3, 0.2], [0.35, 0.6]])
VALID = np.array([[0.0], [1.2]])


def blobs(count: int = 3000, noise: float = 0.01, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(3, size=count)] + rng.normal(0, noise, (count, 2))


def test_well_separated_classes_are_found() -> None:
    np.testing.assert_allclose(find_classes(blobs(), 3, 0), CENTRES, atol=2e-3)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_several_ends_is_kept(seed: int) -> None:
    """Pixels spread evenly fall into classes in many ways, some of them tighter than others."""
    sample = np.random.default_rng(seed).uniform(size=(1000, 2))

    def looseness(centres: np.ndarray) -> float:
        return float(np.square(sample[:, None] - centres).sum(axis=2).min(axis=1).sum())

    single = [kmeans2(sample, 7, iter=25, minit="++", rng=np.random.default_rng(100 + n))[0] for n in range(20)]
    assert looseness(find_classes(sample, 7, seed)) < np.median([looseness(centres) for centres in single])


@pytest.mark.parametrize("seed", range(5))
def test_classes_do_not_depend_on_the_order_of_pixels_or_bands_or_on_one_unit_of_all(seed: int) -> None:
    sample = blobs(seed=seed)
    shuffled = np.random.default_rng(seed).permutation(sample)
    np.testing.assert_allclose(find_classes(shuffled, 3, seed), find_classes(sample, 3, 0), atol=1e-12)
    turned = find_classes(sample[:, ::-1], 3, 0)[:, ::-1]
    np.testing.assert_allclose(turned[np.argsort(turned[:, 0])], find_classes(sample, 3, 0), atol=1e-12)
    np.testing.assert_allclose(find_classes(sample * 1e4, 3, 0), find_classes(sample, 3, 0) * 1e4)


def test_a_band_that_varies_more_counts_for_more() -> None:
    """As in Zhu's codes: reflectance as it is, not bands of equal spread."""
    rng = np.random.default_rng(0)
    dark, bright = rng.integers(2, size=(2, 2000))
    sample = np.column_stack([0.05 + 0.02 * dark, 0.2 + 0.3 * bright]) + rng.normal(0, 0.002, (2000, 2))
    np.testing.assert_allclose(find_classes(sample, 2, 0), [[0.06, 0.2], [0.06, 0.5]], atol=2e-3)
    fine = np.array([[[0.05, 0.07]], [[0.34, 0.36]]], np.float32)
    np.testing.assert_array_equal(label(fine, np.array([[0.07, 0.2], [0.05, 0.5]])), [[0, 1]])


def test_fewer_different_pixels_than_classes_are_the_classes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_classes(np.repeat(CENTRES, 50, axis=0), 5, 0)
        np.testing.assert_array_equal(found[:3], CENTRES)
        assert found.shape == (5, 2) and np.isnan(found[3:]).all()
        assert np.isnan(find_classes(np.empty((0, 2)), 5, 0)).all()
        one = find_classes(np.column_stack([blobs()[:, 0], np.full(3000, 0.2)]), 2, 0)
    np.testing.assert_allclose(one[:, 1], 0.2)


def test_labels_equal_the_slow_version() -> None:
    rng = np.random.default_rng(0)
    fine = rng.uniform(size=(2, 20, 20)).astype(np.float32)
    fine[0, 3], fine[1, :, 5] = np.nan, np.nan
    centres = np.vstack([CENTRES, [[np.nan, np.nan]]])
    np.testing.assert_array_equal(label(fine, centres), naive_fsdaf.class_map(fine, centres))


def test_the_accepted_range_leaves_out_the_ends() -> None:
    values = np.random.default_rng(0).uniform(0.1, 0.9, (1, 1, 400, 300)).astype(np.float32)
    values[0, 0, 0, :5], values[0, 0, 1, :5], values[0, 0, 2] = 0.02, 1.15, np.nan
    seen = values[np.isfinite(values)]
    accepted, observed = accepted_range([values], VALID, 1e-3)
    assert observed == [seen.size]
    np.testing.assert_allclose(accepted[:, 0, 0], np.quantile(seen, [1e-3, 1 - 1e-3]), atol=3e-4)
    halves, _ = accepted_range([values[..., :150, :], values[..., 150:, :]], VALID, 1e-3)
    np.testing.assert_array_equal(halves, accepted)


def test_an_image_of_one_value_is_accepted_as_it_is() -> None:
    for value in (0.0, 0.25, 0.3, 1.2):
        image = np.full((1, 1, 200, 200), value, np.float32)
        accepted, _ = accepted_range([image], VALID, 1e-4)
        low, high = accepted.astype(np.float32).ravel()
        assert low <= np.float32(value) <= high


def test_values_out_of_the_valid_range_are_never_accepted() -> None:
    image = np.array([-0.3, 0.5, 2.0], np.float32).reshape(1, 1, 1, 3)
    for share in (0.0, 1e-4):
        accepted, _ = accepted_range([image], VALID, share)
        np.testing.assert_allclose(accepted.ravel(), [0.0, 1.2])


def test_bands_without_limits_have_quantiles_too() -> None:
    image = np.random.default_rng(0).normal(-12, 2, (1, 1, 300, 300)).astype(np.float32)
    accepted, _ = accepted_range([image], np.array([[-np.inf], [np.inf]]), 0.01)
    np.testing.assert_allclose(accepted.ravel(), np.quantile(image, [0.01, 0.99]), atol=0.05)


def test_nothing_observed_is_no_sample() -> None:
    nothing = np.full((2, 4, 4), np.nan, np.float32)
    assert draw(nothing, 1.0, np.random.default_rng(0)).shape == (0, 2)
    _, observed = accepted_range([nothing[None]], np.repeat(VALID, 2, axis=1), 1e-4)
    assert observed == [0]


def test_a_sample_is_of_observed_pixels_from_everywhere() -> None:
    image = np.stack([np.arange(400.0).reshape(20, 20)] * 2).astype(np.float32)
    image[1, 10:12] = np.nan
    sample = draw(image, 0.25, np.random.default_rng(0))
    assert sample.shape == (90, 2) and len(np.unique(sample)) == 90
    assert not ((sample >= 200) & (sample < 240)).any()
    assert np.diff(np.sort(sample[:, 0])).max() <= 8 + 40
    assert len(draw(image, 5.0, np.random.default_rng(0))) == 360


def test_extremes_of_each_class() -> None:
    fine = np.array([[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]], np.float32)
    ends = extremes(fine, np.array([[0, 0, -1], [1, 0, 1]], np.int8), 3)
    np.testing.assert_allclose(ends[:, :2, 0], [[0.1, 0.4], [0.5, 0.6]], rtol=1e-6)
    assert ends[0, 2, 0] == np.inf and ends[1, 2, 0] == -np.inf
