"""The metrics against numbers worked out by hand, scikit-image, slow versions and their own laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from patchwork import landscape
from stfuse import metrics, structure
from stfuse.metrics import CONVENTIONS, METRICS, PIXELWISE
from stfuse.scores import compare_images, score_image

P = np.array([[0.12, 0.18], [0.33, 0.40]])
R = np.array([[0.10, 0.20], [0.30, 0.40]])
BANDS = ("blue", "red", "nir08")
PIXELS = arrays(np.float64, st.integers(2, 40), elements=st.floats(0.0, 1.0).map(lambda v: round(v, 4)))


def table(rows: list) -> dict[tuple[str, str, str], tuple[float, int]]:
    return {(r.band, r.stratum, r.metric): (r.value, r.n) for r in rows}


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (metrics.rmse, 0.0206155),
        (metrics.mae, 0.0175),
        (metrics.mre, 0.1),
        (metrics.psnr, 33.7161),
        (metrics.cc, 0.9853307),
        (metrics.r2, 0.966),
        (metrics.cc_squared, 0.9853307**2),
        (metrics.bias, 0.0075),
        # |P-R| sorted 0 .02 .02 .03: the 90 % quantile lies at rank 2.7, the 99 % one at 2.97.
        (metrics.ce90, 0.027),
        (metrics.ce99, 0.0297),
    ],
)
def test_reference_vector(of, expected):
    assert of(P, R) == pytest.approx(expected, abs=5e-5 if of is metrics.psnr else 5e-7)


def test_reference_vector_of_ergas():
    assert metrics.ergas(P[None], R[None], 3.0) == pytest.approx(2.748737, abs=1e-6)
    assert metrics.ergas(P[None], R[None], 16.0) == pytest.approx(2.748737 * 3 / 16, abs=1e-6)


def test_ergas_is_the_root_mean_square_over_bands():
    one, other = metrics.ergas(P[None], R[None], 2.0), metrics.ergas(R[None] * 1.1, R[None], 2.0)
    both = metrics.ergas(np.stack([P, R * 1.1]), np.stack([R, R]), 2.0)
    assert both == pytest.approx(math.sqrt((one**2 + other**2) / 2))


def test_reference_vector_of_the_whole_image_uiqi():
    assert structure.uiqi(P, R, window=2) == pytest.approx(0.9848894, abs=1e-6)


def test_reference_vector_of_sam():
    a, b = np.array([1.0, 2.0, 3.0])[:, None], np.array([3.0, 2.0, 1.0])[:, None]
    assert metrics.sam(a, b) == pytest.approx(44.415309, abs=1e-6)
    assert metrics.sam(a, b, degrees=False) == pytest.approx(math.radians(44.415309), abs=1e-7)


def test_equal_images_score_perfectly():
    _, image = landscape(1)
    found = table(score_image(image, image, BANDS, 3.0))
    perfect = {"cc": 1, "r2": 1, "cc_squared": 1, "ssim": 1, "ssim_range": 1, "uiqi": 1, "struct_corr": 1, "covered": 1}
    for (_, _, metric), (value, n) in found.items():
        assert n > 0
        expected = math.inf if metric == "psnr" else perfect.get(metric, 0.0)
        # arccos near 1 turns a rounding of 1e-16 into 1e-8 radians.
        assert value == pytest.approx(expected, abs=2e-6), metric


@given(st.floats(0.2, 3.0))
def test_a_gain_leaves_angle_and_correlation(gain):
    _, image = landscape(2)
    scaled = image.astype(np.float64) * gain
    assert metrics.sam(scaled, image) == pytest.approx(0.0, abs=1e-4)
    assert metrics.cc(scaled, image) == pytest.approx(1.0)


@given(st.floats(0.001, 0.5))
def test_an_offset_is_every_error_and_no_structure(offset):
    image = landscape(3)[1][0].astype(np.float64)
    moved = image + offset
    for of in (metrics.rmse, metrics.mae, metrics.ce90, metrics.ce99, metrics.bias):
        assert of(moved, image) == pytest.approx(offset)
    slopes = structure.gradient(moved), structure.gradient(image)
    assert structure.struct(*slopes) == pytest.approx(0.0, abs=1e-12)
    assert structure.struct_corr(*slopes) == pytest.approx(1.0)


@given(PIXELS, st.randoms(use_true_random=False))
def test_the_order_of_pixels_does_not_matter_where_there_are_no_windows(reference, random):
    predicted = np.clip(reference[::-1] + 0.01, 0, 1)
    order = list(range(len(reference)))
    random.shuffle(order)
    for name, of in PIXELWISE.items():
        assert of(predicted[order], reference[order]) == pytest.approx(of(predicted, reference), nan_ok=True), name


@given(PIXELS)
def test_laws_between_metrics(reference):
    predicted = np.roll(reference, 1) * 0.9 + 0.02
    rmse, mae = metrics.rmse(predicted, reference), metrics.mae(predicted, reference)
    assert abs(metrics.bias(predicted, reference)) <= mae + 1e-12
    assert mae <= rmse + 1e-12
    assert metrics.ce90(predicted, reference) <= metrics.ce99(predicted, reference)
    if rmse > 0:
        assert metrics.psnr(predicted, reference) == pytest.approx(-20 * math.log10(rmse))
    if np.ptp(reference) and np.ptp(predicted):
        assert -1 <= metrics.cc(predicted, reference) <= 1
        assert metrics.r2(predicted, reference) <= metrics.cc_squared(predicted, reference) + 1e-9


def test_missing_and_masked_pixels_do_not_count():
    predicted, reference = (image[0] for image in landscape(4))
    part, rest = predicted[:20], reference[:20]
    holed, masked = predicted.copy(), np.zeros(predicted.shape, bool)
    holed[20:] = np.nan
    masked[:20] = True
    for name, of in PIXELWISE.items():
        assert of(holed, reference) == pytest.approx(of(part, rest)), name
        assert of(predicted, reference, masked) == pytest.approx(of(part, rest)), name


def test_an_empty_mask_is_nan_with_no_pixels_and_never_zero():
    predicted, reference = landscape(5)
    nothing = np.zeros(predicted.shape[1:], bool)
    found = score_image(predicted, reference, BANDS, 3.0, mask=nothing)
    assert {r.metric for r in found} == set(METRICS)
    assert all(math.isnan(r.value) and r.n == 0 for r in found)


def test_small_references_take_no_part_in_mre():
    reference = np.array([0.0, 0.0005, 0.1])
    assert metrics.mre(np.array([0.3, 0.3, 0.11]), reference) == pytest.approx(0.1)
    assert math.isnan(metrics.mre(np.array([0.3]), np.array([0.0])))


def test_zero_spectra_have_no_angle_and_rounding_no_nan():
    spectrum = np.array([0.1, 0.7, 0.3], np.float32)
    image = np.stack([spectrum, np.zeros(3, np.float32), spectrum * np.float32(1 / 3)], axis=1)
    angles = metrics.spectral_angles(image, np.repeat(spectrum[:, None], 3, axis=1))
    assert np.isnan(angles[1])
    assert angles[[0, 2]] == pytest.approx(0.0, abs=1e-3)
    assert metrics.sam(image, np.repeat(spectrum[:, None], 3, axis=1)) == pytest.approx(0.0, abs=0.05)


def test_a_flat_image_has_no_correlation():
    flat = np.full(7, 0.1)
    assert math.isnan(metrics.cc(flat, np.arange(7.0)))
    assert math.isnan(metrics.r2(np.arange(7.0), flat))


def test_images_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.rmse(P, R[:1])
    with pytest.raises(ValueError, match="Expected two images"):
        score_image(P[None], R[None], ("red", "nir"), 3.0)


def test_mean_is_over_bands_and_ndvi_from_predicted_bands():
    predicted, reference = landscape(11)
    found = table(score_image(predicted, reference, BANDS, 3.0))
    for metric in ("rmse", "psnr", "ssim", "struct"):
        parts = [found[band, "all", metric][0] for band in BANDS]
        assert found["mean", "all", metric][0] == pytest.approx(np.mean(parts))
    p, r = ((i[2] - i[1]) / (i[2] + i[1]) for i in (predicted, reference))
    assert found["ndvi", "all", "rmse"][0] == pytest.approx(metrics.rmse(p, r), rel=1e-5)
    assert found["all", "all", "ergas"][0] == pytest.approx(metrics.ergas(predicted, reference, 3.0))
    assert ("mean", "all", "ergas") not in found


def test_nir_is_taken_for_ndvi_before_nir08():
    predicted, reference = landscape(12)
    found = table(score_image(predicted, reference, ("red", "nir08", "nir"), 3.0))
    p, r = ((i[2] - i[0]) / (i[2] + i[0]) for i in (predicted, reference))
    assert found["ndvi", "all", "mae"][0] == pytest.approx(metrics.mae(p, r), rel=1e-5)


def test_ndvi_as_the_variable_has_no_spectral_metrics():
    predicted, reference = landscape(13, (1, 30, 30))
    found = score_image(predicted, reference, ("ndvi",), 3.0)
    assert {r.band for r in found} == {"ndvi"}
    assert not {"ergas", "ergas_h_l_1_16", "sam_deg", "sam_rad"} & {r.metric for r in found}


def test_a_pixel_missing_in_one_band_counts_in_none():
    predicted, reference = landscape(14)
    predicted[1, 5, 5] = np.nan
    found = table(score_image(predicted, reference, BANDS, 3.0))
    pixels = predicted[0].size
    assert {found[b, "all", "rmse"][1] for b in (*BANDS, "mean", "ndvi")} == {pixels - 1}
    assert found["all", "all", "covered"] == (pytest.approx((pixels - 1) / pixels), pixels - 1)


def test_a_baseline_is_compared_on_shared_pixels_only():
    predicted, reference = landscape(15)
    baseline = reference + np.float32(0.05)
    baseline[:, :, 18:] += 0.5  # bad where the method did not dare
    predicted[:, :, 18:] = np.nan
    baseline[:, :4, :] = np.nan  # and missing where the method was good
    rows = compare_images(predicted, baseline, reference, BANDS, 3.0, "bilinear")
    found = table(rows)["mean", "all", "rmse_minus_bilinear"]
    own = np.mean([metrics.rmse(predicted[b, 4:, :18], reference[b, 4:, :18]) for b in range(3)])
    assert found == (pytest.approx(own - 0.05, abs=1e-6), 36 * 18)


def test_reusing_scores_gives_the_same_comparison():
    predicted, reference = landscape(16)
    predicted[:, :3] = np.nan
    baseline = landscape(17)[0]
    scored = score_image(predicted, reference, BANDS, 3.0)
    again = compare_images(predicted, baseline, reference, BANDS, 3.0, "nearest")
    for quick, slow in zip(
        compare_images(predicted, baseline, reference, BANDS, 3.0, "nearest", scored), again, strict=True
    ):
        assert quick[:3] == slow[:3]
        assert quick.value == pytest.approx(slow.value, abs=1e-12)


def test_every_number_written_has_its_convention_named():
    predicted, reference = landscape(18)
    written = {r.metric for r in score_image(predicted, reference, BANDS, 3.0)}
    assert written == set(METRICS) == set(CONVENTIONS)
    assert all(
        any(f"better = {way}" in text for way in ("lower", "higher", "nearer 0")) for text in CONVENTIONS.values()
    )


@pytest.mark.parametrize(("metric", "best", "worst"), [("rmse", 0.1, 0.2), ("cc", 0.9, 0.8), ("bias", -0.01, 0.02)])
def test_ranking_knows_which_way_is_better(metric, best, worst):
    assert metrics.better_key(metric, best) < metrics.better_key(metric, worst)
