"""The search for similar pixels against the slow version and its exact cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from stfuse.fusion.similar import Similar, search
from stfuse.task import FloatArray

Found = list[tuple[int, int, float]]
"""Similar pixels of one centre: dy, dx, unlikeness."""


def make_images(count: int, shape: tuple[int, int] = (24, 22), gaps: float = 0.2, seed: int = 0) -> FloatArray:
    """Images (image, y, x) of noise with gaps."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.2, 0.5, (count, *shape)).astype(np.float32)
    values[rng.random(values.shape) < gaps] = np.nan
    return values


def slow_search(
    images: FloatArray,
    tolerance: FloatArray,
    weight: FloatArray,
    radius: int,
    place: tuple[int, int],
    nearness: float = 0,
) -> Found:
    """All similar pixels of one centre, the most similar first."""
    y, x = place
    if np.isnan(images[:, y, x]).any():
        return []
    found = []
    steps = np.rint(images * np.float32(2e6))
    weights = np.broadcast_to(weight, images.shape)[:, y, x] / np.float32(2e6)
    for i, j in naive.window_around(y, x, radius, images.shape[1:]):
        difference = np.abs(steps[:, i, j] - steps[:, y, x])
        if (difference < tolerance * np.float32(2e6)).all() or (i, j) == (y, x):
            unlikeness = np.add.accumulate(weights * difference)[-1]
            distance = np.hypot(i - y, j - x)
            order = unlikeness
            if nearness:
                order = (unlikeness + np.float32(1e-5)) * np.float32(1 + nearness * distance / max(radius, 1))
            order = order if distance else 0
            found.append((float(order), distance, i - y, j - x, float(unlikeness)))
    return [(dy, dx, unlikeness) for _, _, dy, dx, unlikeness in sorted(found)]


def of_centre(found: Similar, row: int, column: int) -> Found:
    n = found.number[row, column]
    parts = (part[row, column, :n].tolist() for part in (found.dy, found.dx, found.unlikeness))
    return list(zip(*parts, strict=True))


def whole(images: FloatArray) -> tuple[int, int, int, int]:
    return 0, images.shape[1], 0, images.shape[2]


def assert_same(one: Similar, other: Similar) -> None:
    np.testing.assert_array_equal(one.number, other.number)
    for y, x in np.ndindex(*one.number.shape):
        assert of_centre(one, y, x) == of_centre(other, y, x)


@pytest.mark.parametrize("layers", [1, 2, 3, 6])
@pytest.mark.parametrize(("window", "count"), [(7, 5), (17, 4), (1, 3), (33, 400), (5, 1)])
@pytest.mark.parametrize("levels", [0, 4])
def test_search_equals_the_slow_version(layers: int, window: int, count: int, levels: int) -> None:
    """Also where the window is larger than the image, and, with few levels, where most are equally similar."""
    images = make_images(layers, (12, 19), gaps=0.1 / layers, seed=window)
    if levels:
        images = (np.round(images * levels * 4) / 16).astype(np.float32)
    rng = np.random.default_rng(1)
    tolerance = rng.uniform(0.1, 0.3, layers).astype(np.float32)
    weight = rng.uniform(0.5, 2, images.shape).astype(np.float32)
    found = search(images, tolerance, weight, window, count, whole(images))
    for y, x in np.ndindex(*images.shape[1:]):
        expected = slow_search(images, tolerance, weight, window // 2, (y, x))[:count]
        assert of_centre(found, y, x) == expected, (y, x)


@pytest.mark.parametrize("nearness", [1e-4, 0.1, 3.0])
@pytest.mark.parametrize(("layers", "window"), [(1, 33), (6, 9)])
def test_nearness_changes_the_order_and_not_the_unlikeness(nearness: float, layers: int, window: int) -> None:
    images = make_images(layers, (12, 19), gaps=0.02)
    images[:, 3:9, 3:9] = images[:, 3:4, 3:4]  # where nothing differs it is 0 without rounding
    tolerance, weight = np.full(layers, 0.2, np.float32), np.full((layers, 1, 1), 3, np.float32)
    found = search(images, tolerance, weight, window, 6, whole(images), nearness=nearness)
    for y, x in np.ndindex(*images.shape[1:]):
        expected = slow_search(images, tolerance, weight, window // 2, (y, x), nearness)[:6]
        assert of_centre(found, y, x) == expected, (y, x)


@pytest.mark.parametrize(("scale", "offset", "first"), [(1e-4, 0, 9000), (2.75e-5, -0.2, 30000)])
def test_equal_differences_of_digital_numbers_are_equal(scale: float, offset: float, first: int) -> None:
    """In float32 differences of as many digital numbers differ in the last bits, which must not decide."""
    numbers = np.random.default_rng(2).integers(first, first + 10, (20, 20))
    images, ones = (numbers[None] * scale + offset).astype(np.float32), np.ones((1, 1, 1), np.float32)
    found = search(images, ones[0, 0], ones, 9, 30, (4, 16, 4, 16))
    for row, column in np.ndindex(12, 12):
        centre = numbers[row + 4, column + 4]
        places = sorted((abs(int(numbers[row + 4 + i, column + 4 + j] - centre)), i * i + j * j, i, j) for i, j in NINE)
        assert [(dy, dx) for dy, dx, _ in of_centre(found, row, column)] == [(i, j) for _, _, i, j in places[:30]]


NINE = [(i, j) for i in range(-4, 5) for j in range(-4, 5)]


def test_equally_similar_pixels_come_by_distance_then_reading_order() -> None:
    found = search(np.zeros((1, 9, 9), np.float32), np.ones(1, np.float32), np.ones(1, np.float32), 5, 9, (4, 5, 4, 5))
    nearest = [(0, 0), (-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]
    assert of_centre(found, 0, 0) == [(dy, dx, 0.0) for dy, dx in nearest]


def test_a_nearer_pixel_goes_before_a_farther_one_found_first() -> None:
    image = np.full((1, 7, 7), 9, np.float32)
    image[0, 3, 3], image[0, 2, 0], image[0, 6, 3], image[0, 5, 3] = 0, 1, 1, 1
    found = search(image, np.full(1, 2, np.float32), np.ones(1, np.float32), 7, 2, (3, 4, 3, 4))
    assert of_centre(found, 0, 0) == [(0, 0, 0.0), (2, 0, 1.0)]


def test_the_centre_is_similar_to_itself_even_without_tolerance() -> None:
    images = make_images(2, gaps=0.3)
    found = search(images, np.zeros(2, np.float32), np.ones((2, 1, 1), np.float32), 9, 3, whole(images))
    np.testing.assert_array_equal(found.number, np.isfinite(images).all(axis=0))
    assert not found.dy[found.number == 1, 0].any() and not found.unlikeness[found.number == 1, 0].any()


def test_the_tolerance_itself_is_too_much_and_an_infinite_one_excludes_only_what_is_not_observed() -> None:
    image = np.array([[[0, 0.5, np.nan, 3]]], np.float32)
    ones, edges = np.ones(1, np.float32), (0, 1, 0, 1)
    assert search(image, ones / 2, ones, 7, 9, edges).number[0, 0] == 1
    assert search(image, ones / 2 + np.float32(1e-6), ones, 7, 9, edges).number[0, 0] == 2
    assert search(image, ones * np.inf, ones, 7, 9, edges).number[0, 0] == 3


def test_more_than_the_window_has_pixels_is_all_of_them() -> None:
    image, ones = make_images(1, (60, 9)), np.ones((1, 1, 1), np.float32)
    all_of_them, more = (search(image, ones[0, 0], ones, 5, count, whole(image)) for count in (25, 10**12))
    assert more.dx.shape == (60, 9, 25)
    assert_same(more, all_of_them)


def test_windows_of_more_pixels_than_int16_can_count() -> None:
    image, ones = np.full((1, 210, 210), 0.2, np.float32), np.ones((1, 1, 1), np.float32)
    found = search(image, ones[0, 0], ones, 201, 40_000, (104, 105, 104, 105))
    assert found.number[0, 0] == 40_000
    assert len({(dy, dx) for dy, dx, _ in of_centre(found, 0, 0)}) == 40_000


def test_the_weight_is_taken_at_the_centre() -> None:
    images = np.array([[[0, 1, 2]], [[0, 2, 1]]], np.float32)
    weight = np.array([[[1, 1, 0]], [[0, 1, 1]]], np.float32)
    found = search(images, np.full(2, 9, np.float32), weight, 5, 3, whole(images))
    assert of_centre(found, 0, 0) == [(0, 0, 0.0), (0, 1, 1.0), (0, 2, 2.0)]
    assert of_centre(found, 0, 2) == [(0, 0, 0.0), (0, -1, 1.0), (0, -2, 1.0)]


def test_weights_that_are_no_weights_do_no_harm() -> None:
    images = np.array([[[0, 1, 2, 0]], [[0, 2, 1, 3]]], np.float32)
    for weight, expected in ((np.inf, [0, 0, 1e30, 2e30]), (np.nan, [0, 1, 2, 3]), (-1, [0, 1, 2, 3])):
        weights = np.array([weight, 0 if np.isinf(weight) else 1], np.float32)[:, None, None]
        found = search(images, np.full(2, 9, np.float32), weights, 7, 9, (0, 1, 0, 1))
        np.testing.assert_allclose(found.unlikeness[0, 0, :4], expected)


def test_centres_not_wanted_are_not_searched_for() -> None:
    images, ones = make_images(2), np.ones((2, 1, 1), np.float32)
    wanted = np.random.default_rng(5).random(images.shape[1:]) < 0.5
    settings = (ones[:, 0, 0], ones, 5, 4, whole(images))
    everywhere, some = search(images, *settings), search(images, *settings, wanted)
    np.testing.assert_array_equal(some.number, np.where(wanted, everywhere.number, 0))
    np.testing.assert_array_equal(some.dx[some.number == 4], everywhere.dx[some.number == 4])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.integers(0, 40), st.integers(1, 12), st.integers(1, 40), st.integers(0, 99))
def test_a_block_has_the_bits_of_the_whole(top: int, left: int, rows: int, columns: int, seed: int) -> None:
    """Wherever the block of centres lies, and wherever the images are cut beyond its windows."""
    images = make_images(2, (40, 60), gaps=0.1, seed=seed)
    tolerance, weight = np.array([0.1, 0.2], np.float32), np.array([3, 7], np.float32)[:, None, None]
    bottom, right = min(top + rows, 40), min(left + columns, 60)
    part = search(images, tolerance, weight, 11, 7, (top, bottom, left, right))
    full = search(images, tolerance, weight, 11, 7, whole(images))
    here = Similar(*(a[top:bottom, left:right] for a in (full.dy, full.dx, full.unlikeness, full.number)))
    assert_same(part, here)
    t, u = max(top - 5, 0), max(left - 5, 0)
    cropped = images[:, t : bottom + 5, u : right + 5]
    assert_same(search(cropped, tolerance, weight, 11, 7, (top - t, bottom - t, left - u, right - u)), here)


@pytest.mark.parametrize(
    ("turn", "back"),
    [
        (lambda a: a[..., ::-1, :], lambda dy, dx: (-dy, dx)),
        (lambda a: a[..., ::-1], lambda dy, dx: (dy, -dx)),
        (lambda a: a.swapaxes(-1, -2), lambda dy, dx: (dx, dy)),
    ],
)
def test_turning_the_images_turns_the_answer(turn: Callable[[FloatArray], FloatArray], back: Callable) -> None:  # type: ignore[type-arg]
    images, ones = make_images(3, (25, 25)), np.ones((3, 1, 1), np.float32)
    turned = turn(images)
    one = search(images, ones[:, 0, 0], ones, 9, 8, whole(images))
    other = search(turned, ones[:, 0, 0], ones, 9, 8, whole(turned))
    where = turn(np.arange(625).reshape(25, 25))
    for y, x in np.ndindex(25, 25):
        expected = of_centre(one, *divmod(int(where[y, x]), 25))
        assert of_centre(other, y, x) == [(*back(dy, dx), u) for dy, dx, u in expected]
