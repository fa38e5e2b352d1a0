"""Windowed measures against slow versions, scikit-image and their own laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import naive_metrics as naive
from patchwork import landscape
from stfuse import metrics, structure

P = np.array([[0.12, 0.18], [0.33, 0.40]])
R = np.array([[0.10, 0.20], [0.30, 0.40]])


@pytest.mark.parametrize("dynamic_range", [1.0, 0.4])
def test_ssim_equals_the_slow_version_with_holes(dynamic_range):
    predicted, reference = (image[0, :24, :22].copy() for image in landscape(6))
    predicted[3, 4] = reference[17, 20] = np.nan
    found = structure.ssim_map(predicted, reference, dynamic_range)
    expected = naive.ssim_map(predicted, reference, dynamic_range)
    assert np.isnan(expected).sum() > 24 * 22 - 14 * 12
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_ssim_and_psnr_equal_scikit_image():
    predicted, reference = (image[0].astype(np.float64) for image in landscape(7))
    expected = structural_similarity(
        predicted, reference, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert structure.ssim(predicted, reference) == pytest.approx(expected, rel=1e-10)
    assert metrics.psnr(predicted, reference) == pytest.approx(
        peak_signal_noise_ratio(reference, predicted, data_range=1)
    )


@pytest.mark.parametrize("window", [8, 5])
def test_uiqi_equals_the_slow_version_with_holes_and_flats(window):
    predicted, reference = (image[0, :24, :22].copy() for image in landscape(8))
    predicted[3, 4] = np.nan
    predicted[10:, 8:], reference[10:, 8:] = 0.3, 0.25
    found = structure.uiqi_map(predicted, reference, window)
    expected = naive.uiqi_map(predicted, reference, window)
    flat = found[18, 16]
    assert flat == pytest.approx(2 * 0.3 * 0.25 / (0.3**2 + 0.25**2), rel=1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.0, 0.3))
def test_windowed_indices_stay_within_minus_one_and_one(seed, noise):
    predicted, reference = (image[0] for image in landscape(seed, (1, 20, 20), noise))
    for values in (structure.ssim_map(predicted, reference), structure.uiqi_map(predicted, reference)):
        assert np.nanmax(np.abs(values)) <= 1 + 1e-9


def test_gradient_equals_the_slow_version_and_a_ramp_has_its_slope():
    image = landscape(9)[1][0].copy()
    image[12, 7] = np.nan
    np.testing.assert_allclose(structure.gradient(image), naive.gradient(image), rtol=1e-6, atol=1e-9)
    ramp = np.add.outer(np.arange(6) * 0.03, np.arange(5) * 0.04)
    np.testing.assert_allclose(structure.gradient(ramp)[1:-1, 1:-1], 0.05)


def test_images_smaller_than_a_window_have_no_windowed_score():
    assert math.isnan(structure.ssim(P, R))
    assert math.isnan(structure.uiqi(P, R))
    assert math.isnan(structure.ssim(*landscape(1)[0][:2], dynamic_range=0.0))


def test_blurring_lowers_structure_though_the_bias_is_zero():
    _, reference = landscape(10)
    blurred = np.broadcast_to(reference[0].mean(), reference[0].shape)
    slopes = structure.gradient(blurred), structure.gradient(reference[0])
    assert structure.struct(*slopes) == pytest.approx(1.0)
    assert metrics.bias(blurred, reference[0]) == pytest.approx(0.0, abs=1e-6)
    assert structure.ssim(blurred, reference[0], 0.5) < 0.5
