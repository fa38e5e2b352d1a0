import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stfuse.fusion.highpass import local_change, modulate, shares

FLOOR, LIMIT = 1e-3, 5.0
reflectance = st.floats(0.0078125, 1.0, width=32)
images = arrays(np.float32, (2, 3, 4), elements=reflectance)
changes = arrays(np.float32, (3, 2, 4), elements=st.floats(0, 0.5, width=32))


@given(images, images)
def test_no_change_between_transitional_images_leaves_the_fine_image(fine, then):
    np.testing.assert_array_equal(modulate(fine, then, then, FLOOR, LIMIT), fine)


@given(images, images)
def test_a_fine_image_that_is_the_transitional_one_becomes_the_transitional_one(then, now):
    allowed = (now / then <= LIMIT) & (now / then >= 1 / LIMIT)
    said = modulate(then, then, now, FLOOR, LIMIT)
    np.testing.assert_allclose(said[allowed], now[allowed], rtol=1e-6)


@given(images, images, images)
def test_it_is_the_high_pass_form_of_the_paper(fine, then, now):
    allowed = (now / then <= LIMIT) & (now / then >= 1 / LIMIT)
    expected = now + now / then * (fine - then)
    said = modulate(fine, then, now, FLOOR, LIMIT)
    np.testing.assert_allclose(said[allowed], expected[allowed], rtol=1e-4, atol=1e-6)


def test_the_ratio_is_held_within_its_limits():
    fine, then = np.float32([[[0.1, 0.1]]]), np.float32([[[0.01, 0.9]]])
    said = modulate(fine, then, np.float32([[[0.9, 0.01]]]), FLOOR, LIMIT)
    np.testing.assert_allclose(said, [[[0.5, 0.02]]], rtol=1e-6)


@pytest.mark.parametrize("then", [0.0, 5e-4, -5e-4])
def test_over_dark_water_the_difference_is_added(then):
    fine, before, now = (np.full((1, 2, 2), v, np.float32) for v in (0.02, then, 0.03))
    np.testing.assert_allclose(modulate(fine, before, now, FLOOR, LIMIT), 0.02 + 0.03 - then, atol=1e-7)


def test_where_the_sign_changes_the_difference_is_added():
    fine, then, now = (np.full((1, 1, 1), v, np.float32) for v in (-0.05, -0.1, 0.3))
    np.testing.assert_allclose(modulate(fine, then, now, FLOOR, LIMIT), 0.35, atol=1e-6)
    np.testing.assert_allclose(modulate(fine, then, -now, FLOOR, LIMIT), -0.15, atol=1e-6)


def test_what_is_unknown_stays_unknown():
    values = np.full((3, 1, 2, 2), 0.2, np.float32)
    for i in range(3):
        values[i, 0, i // 2, i % 2] = np.nan
    np.testing.assert_array_equal(np.isnan(modulate(*values, FLOOR, LIMIT))[0], [[True, True], [True, False]])


def test_local_change_is_the_mean_over_what_is_seen_of_the_window():
    rng = np.random.default_rng(0)
    then, now = rng.random((2, 2, 9, 8)).astype(np.float32)
    now[0, 2:5, 3] = np.nan
    said = local_change(then, now, 5)
    for band, y, x in np.ndindex(2, 9, 8):
        window = (now - then)[band, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        assert said[band, y, x] == pytest.approx(abs(np.nanmean(window)), abs=1e-6)


def test_changes_that_cancel_in_the_window_are_no_change():
    now = np.zeros((1, 6, 6), np.float32)
    now[0, ::2], now[0, 1::2] = 0.1, -0.1
    assert local_change(np.zeros_like(now), now, 3)[0, 3, 3] == pytest.approx(0.1 / 3, abs=1e-6)
    assert np.isnan(local_change(now * np.nan, now, 3)).all()


@given(changes)
def test_shares_sum_to_one_and_fall_with_the_change(change):
    said = shares(change, 0.1)
    np.testing.assert_allclose(said.sum(axis=0), 1, atol=1e-6)
    assert (said >= 0).all()
    order = np.argsort(change, axis=0, kind="stable")
    assert (np.diff(np.take_along_axis(said, order, 0), axis=0) <= 1e-6).all()


@given(changes)
def test_shares_do_not_ask_for_the_order_of_the_pairs(change):
    np.testing.assert_allclose(shares(change[::-1], 0.1), shares(change, 0.1)[::-1], atol=1e-7)


def test_two_pairs_have_the_weights_of_the_paper():
    change = np.float32([0.01, 0.04])[:, None, None]
    expected = np.array([1 / 0.01, 1 / 0.04]) / (1 / 0.01 + 1 / 0.04)
    np.testing.assert_allclose(shares(change, 0.05)[:, 0, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(shares(change, 0.02)[:, 0, 0], [1, 0])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ([0.0, 0.02], [1, 0]),
        ([0.0, 0.0], [0.5, 0.5]),
        ([0.0, 1e-8], [0.5, 0.5]),
        ([np.nan, 0.4], [0, 1]),
        ([np.nan, np.nan], [np.nan, np.nan]),
    ],
)
def test_pairs_without_change_or_without_sight(change, expected):
    np.testing.assert_array_equal(shares(np.float32(change)[:, None, None], 0.05)[:, 0, 0], np.float32(expected))
