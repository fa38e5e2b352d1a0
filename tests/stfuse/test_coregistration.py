"""Known shifts come back, clouds do not bend them, and nothing is moved without evidence."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from stfuse.harmonisation.coregistration import METHODS, find_shift
from stfuse.harmonisation.edges import CELLS, SIDE, best_whole, windows_of

OVER = 10  # cells of the landscape per pixel: shifts are known to a tenth of a pixel without any interpolation
RIM = 6  # pixels by which the landscape is larger on every side
WAYS = sorted(METHODS)


@lru_cache(maxsize=8)
def fields_of(seed: int, size: int) -> Any:
    """Number of the polygonal field of every cell, and how many there are: about 20 pixels each."""
    cells, count = (size + 2 * RIM) * OVER, (size + 2 * RIM) ** 2 // 20
    places = np.random.default_rng(seed).uniform(0, cells, (count, 2))
    y, x = np.mgrid[:cells:5, :cells:5]
    nearest = cKDTree(places).query(np.column_stack([y.ravel(), x.ravel()]))[1]
    return np.kron(nearest.reshape(y.shape), np.ones((5, 5), int)), count


def brightness(seed: int, size: int, bands: int = 2) -> Any:
    """Reflectance of every field, shape (band, field)."""
    return np.random.default_rng([seed, 1]).uniform(0.05, 0.4, (bands, fields_of(seed, size)[1]))


def image(seed: int, size: int, right: int = 0, down: int = 0, bright: Any = None) -> Any:
    """The landscape's area means, its content moved by so many cells."""
    first = RIM * OVER
    rows = slice(first - down, first - down + size * OVER)
    columns = slice(first - right, first - right + size * OVER)
    bright = brightness(seed, size) if bright is None else bright
    cells = bright[:, fields_of(seed, size)[0][rows, columns]]
    return cells.reshape(-1, size, OVER, size, OVER).mean((2, 4)).astype(np.float32)


def fourier_moved(seed: int, size: int, right: float, down: float) -> Any:
    """The same in pixels and by a Fourier shift of a larger image."""
    cells = brightness(seed, size)[:, fields_of(seed, size)[0]]
    side = size + 2 * RIM
    whole = cells.reshape(-1, side, OVER, side, OVER).mean((2, 4))
    moved = [np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(band), (down, right))).real for band in whole]
    return np.stack(moved)[:, RIM:-RIM, RIM:-RIM].astype(np.float32)


def noisy(values: Any, seed: int, part: int = 20) -> Any:
    """Noise of a twentieth of each band's contrast, or another part."""
    spread = values.std(axis=(1, 2), keepdims=True) / part
    return (values + np.random.default_rng(seed).normal(0, 1, values.shape) * spread).astype(np.float32)


def off(match: Any, right: float, down: float) -> float:
    """By how much a match misses an image that was moved by so many pixels."""
    return float(np.hypot(match.x + right, match.y + down))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("size", "right", "down"),
    [(21, 3, 5), (21, -16, -6), (40, -7, 4), (40, 12, -9), (40, 0, 15), (100, 17, 8), (100, 2, -3), (200, -11, 6)],
)
def test_a_known_shift_is_recovered_to_a_twentieth_of_a_pixel(size: int, right: int, down: int, way: str) -> None:
    seed = 10 * right + down + 500
    moving = noisy(1.2 * image(seed, size, right, down) + 0.02, seed)
    match = find_shift(moving, noisy(image(seed, size), seed + 9), method=way)
    assert match.accepted
    assert off(match, right / OVER, down / OVER) < 0.05
    assert match.after > match.before
    assert match.after > 0.95


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("right", "down"), [(0.33, -0.61), (-1.24, 0.47), (0.08, 1.55)])
def test_a_fourier_shift_is_recovered_too(right: float, down: float, way: str) -> None:
    fixed = noisy(fourier_moved(7, 40, 0, 0), 1)
    match = find_shift(noisy(0.7 * fourier_moved(7, 40, right, down), 2), fixed, method=way)
    assert off(match, right, down) < 0.05


@pytest.mark.parametrize("way", WAYS)
def test_identical_images_are_not_moved(way: str) -> None:
    fixed = noisy(image(0, 30), 1)
    match = find_shift(fixed, fixed, method=way)
    assert (match.x, match.y) == (0, 0)
    assert match.after == pytest.approx(1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_moves_less_than_a_fiftieth_of_a_pixel(seed: int, way: str) -> None:
    fixed = image(seed, 40)
    windows = windows_of(noisy(fixed, 1), noisy(fixed, 2))
    # Before anything is refused.
    shift, _ = METHODS[way](windows, best_whole(windows, 2), 2.0)
    assert np.hypot(*shift) < 0.02


def under_clouds(values: Any, seed: int, share: float) -> Any:
    """Masked blobs over a share of an image."""
    size = values.shape[-1]
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), size / 10)
    out = values.copy()
    out[:, field > np.quantile(field, 1 - share)] = np.nan
    return out


@pytest.mark.parametrize("way", WAYS)
def test_clouds_that_move_between_the_images_do_not_bend_the_shift(way: str) -> None:
    misses = []
    for seed in range(6):
        moving = under_clouds(noisy(image(seed, 60, 6, -4), seed), seed + 20, 0.3)
        fixed = under_clouds(noisy(image(seed, 60), seed + 9), seed + 40, 0.3)
        assert 0.35 < np.isnan(moving + fixed).mean() < 0.65
        match = find_shift(moving, fixed, method=way)
        misses.append((match.x + 0.6, match.y - 0.4))
    assert np.hypot(*np.transpose(misses)).max() < 0.05
    # Errors have no direction in common.
    assert np.hypot(*np.mean(misses, axis=0)) < 0.03


@pytest.mark.parametrize("way", WAYS)
def test_what_lies_under_the_mask_does_not_count(way: str) -> None:
    moving, fixed = image(5, 40, 6, -4), image(5, 40)
    masked, other = moving.copy(), moving.copy()
    other[:, 5:20, 8:25] += 0.5
    for cloudy in (masked, other):
        cloudy[:, 5:20, 8:25] = np.nan
    assert find_shift(masked, fixed, method=way) == find_shift(other, fixed, method=way)
    assert off(find_shift(masked, fixed, method=way), 0.6, -0.4) < 0.05


@pytest.mark.parametrize("way", WAYS)
def test_stripes_and_a_frame_without_data_do_not_bend_it(way: str) -> None:
    moving, fixed = noisy(image(3, 60, -8, 3), 1), noisy(image(3, 60), 2)
    y, x = np.mgrid[:60, :60]
    moving[:, (y + 0.2 * x) % 24 < 6] = np.nan  # as Landsat-7 since 2003
    fixed[:, :5] = fixed[:, :, -7:] = np.nan
    assert off(find_shift(moving, fixed, method=way), -0.8, 0.3) < 0.05


def grown(seed: int, size: int, share: float = 0.5) -> Any:
    """Reflectance of every field in another season: a share of the fields is as it was."""
    rng, bright = np.random.default_rng(seed), brightness(seed, size)
    return np.where(rng.uniform(size=bright.shape[1]) < share, bright, rng.uniform(0.05, 0.4, bright.shape))


@pytest.mark.parametrize("way", WAYS)
def test_another_season_only_costs_precision(way: str) -> None:
    misses = []
    for seed in range(4):
        moving = noisy(image(seed, 100, 6, -4, grown(seed, 100)), seed)
        misses.append(off(find_shift(moving, noisy(image(seed, 100), seed + 9), method=way), 0.6, -0.4))
    assert max(misses) < 0.1
    assert np.mean(misses) < 0.05


@pytest.mark.parametrize(
    ("size", "part", "share", "least", "most"),
    [
        (20, 20, 1, 0.75, 1.3),
        (20, 5, 1, 0.75, 1.3),
        (40, 20, 1, 0.75, 1.3),
        (40, 5, 1, 0.75, 1.3),
        (60, 20, 1, 0.75, 1.3),
        (60, 5, 1, 0.75, 1.3),
        (20, 20, 0.6, 0.85, 1.5),
        (40, 20, 0.5, 0.85, 1.8),
        (60, 20, 0.5, 0.85, 1.8),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_the_error_stated_is_the_error_made(
    size: int, part: int, share: float, least: float, most: float, way: str
) -> None:
    misses, errors = [], []
    for seed in range(30 if size < 60 else 15):
        bright = grown(seed, size, share) if share < 1 else None
        moving = noisy(image(seed, size, 3, -4, bright), seed + 7, part)
        windows = windows_of(moving, noisy(image(seed, size), seed + 99, part))
        shift, error = METHODS[way](windows, best_whole(windows, 2), 2.0)
        misses.append(np.hypot(shift[1] + 0.3, shift[0] - 0.4))
        errors.append(error)
    # Root mean squares of both; between seasons the error may be somewhat overstated.
    assert least < np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(misses))) < most


@pytest.mark.parametrize("way", WAYS)
def test_between_seasons_a_small_patch_lies_better_for_being_moved(way: str) -> None:
    left, moved = [], 0
    for seed in range(24):
        moving = noisy(image(seed, 20, 3, 3, grown(seed, 20, 0.6)), seed)
        match = find_shift(moving, noisy(image(seed, 20), seed + 99), method=way)
        left.append(off(match, 0.3, 0.3))
        moved += match.accepted
    assert moved >= 12
    assert np.sqrt(np.mean(np.square(left))) < 0.75 * np.hypot(0.3, 0.3)


@pytest.mark.parametrize("way", WAYS)
def test_between_seasons_a_patch_in_its_place_stays_there(way: str) -> None:
    matches = []
    for seed in range(24):
        moving = noisy(image(seed, 20, bright=grown(seed, 20, 0.6)), seed)
        matches.append(find_shift(moving, noisy(image(seed, 20), seed + 99), method=way))
    assert sum(match.accepted for match in matches) <= 4
    assert sum("not told from zero" in match.reason for match in matches) > 12


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (1, 400), (2, 200), (3, 200), (9, 12)])
@pytest.mark.parametrize("way", WAYS)
def test_a_site_too_small_to_compare_is_refused_with_a_reason(shape: tuple[int, int], way: str) -> None:
    fixed = np.random.default_rng(0).uniform(0.1, 0.4, (2, *shape)).astype(np.float32)
    match = find_shift(fixed, fixed, method=way)
    assert (match.x, match.y, match.accepted) == (0, 0, False)
    assert match.reason


@pytest.mark.parametrize("way", WAYS)
def test_contrast_may_be_turned_round_and_one_band_is_enough(way: str) -> None:
    moving, fixed = image(4, 60, 6, -4)[:1], image(4, 60)[:1]
    assert off(find_shift(noisy(0.5 - moving, 1), noisy(fixed, 2), method=way), 0.6, -0.4) < 0.05


@pytest.mark.parametrize("way", WAYS)
def test_a_small_patch_is_not_harmed(way: str) -> None:
    for seed in range(5):
        match = find_shift(noisy(image(seed, 21, 1, -1), seed), noisy(image(seed, 21), seed + 50), method=way)
        # Moved or not, it must not lie worse than it did.
        assert off(match, 0.1, -0.1) <= np.hypot(0.1, 0.1) + 1e-9


@pytest.mark.parametrize("way", WAYS)
def test_other_places_large_shifts_and_empty_images_are_refused_with_a_reason(way: str) -> None:
    here, elsewhere, far = image(0, 30), image(1, 30), image(0, 30, 28, 0)
    for moving in (elsewhere, far, np.full_like(here, np.nan), np.full_like(here, 0.2)):
        match = find_shift(moving, here, method=way)
        assert not match.accepted
        assert (match.x, match.y) == (0, 0)
        assert match.reason


def test_whole_pixels_are_found_by_slices() -> None:
    fixed = image(0, 40)
    for right, down in ((2, -1), (-2, 0), (0, 2)):
        found = best_whole(windows_of(image(0, 40, right * OVER, down * OVER), fixed), 2)
        np.testing.assert_array_equal(found, (-down, -right))


def test_a_large_image_is_compared_in_its_clear_and_detailed_windows() -> None:
    side = SIDE * CELLS + 600
    rng = np.random.default_rng(0)
    land = ndimage.uniform_filter((ndimage.gaussian_filter(rng.normal(size=(side, side)), 3) > 0).astype(np.float32), 3)
    fixed = land[None]
    moving = ndimage.shift(land, (0.4, -0.7), order=3)[None] * 1.3
    moving[:, : side // 2] = np.nan
    fixed = fixed.copy()
    fixed[:, :, : side // 4] = 0.1  # water
    windows = windows_of(moving, fixed)
    assert 0 < len(windows) <= CELLS * CELLS // 2
    assert {w.fixed.shape for w in windows} == {(SIDE, SIDE)}
    assert all(w.moving_seen.mean() > 0.5 and w.fixed.std() > 0.01 for w in windows)
    for way in WAYS:
        match = find_shift(moving, fixed, method=way)
        assert np.hypot(match.x - 0.7, match.y + 0.4) < 0.02


@pytest.mark.parametrize("shape", [(3 * SIDE - 1, 1400), (90, 12_000)])
def test_long_images_have_windows_of_one_shape(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    fixed = ndimage.gaussian_filter(rng.normal(size=shape), 2)[None].astype(np.float32)
    windows = windows_of(np.roll(fixed, 1, axis=2), fixed)
    assert {w.fixed.shape for w in windows} == {(min(SIDE, shape[0]), SIDE)}
    for way in WAYS:
        match = find_shift(np.roll(fixed, 1, axis=2), fixed, method=way)
        assert (match.x, match.y) == (pytest.approx(-1, abs=0.02), pytest.approx(0, abs=0.02))


def test_of_two_windows_the_clear_one_is_taken_though_the_other_has_more_contrast() -> None:
    rng = np.random.default_rng(0)
    fixed = rng.uniform(0.1, 0.4, (1, 4 * SIDE, 8 * SIDE)).astype(np.float32)
    contrasty = np.arange(8 * SIDE) // SIDE % 2 == 0  # the left window of every part
    fixed[:, :, contrasty] *= 2
    clouded = fixed.copy()
    clouded[:, :, contrasty & (np.arange(8 * SIDE) % SIDE > SIDE // 4)] = np.nan
    windows = windows_of(clouded, fixed)
    assert len(windows) == CELLS * CELLS
    assert all(window.moving_seen.mean() > 0.9 for window in windows)
