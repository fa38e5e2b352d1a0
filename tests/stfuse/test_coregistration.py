"""Known shifts come back, clouds do not bend them, and nothing is moved without evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stfuse.coregistration import find_shift

OVER = 10  # cells of the landscape per pixel: shifts are known to a tenth of a pixel without any interpolation


def landscape(seed: int, size: int) -> Any:
    """Two bands of polygonal fields, shape (2, cells, cells), four pixels wider than the image on every side."""
    rng = np.random.default_rng(seed)
    cells = (size + 8) * OVER
    count = (size + 8) ** 2 // 20
    y, x = np.mgrid[:cells:5, :cells:5]
    seeds = rng.uniform(0, cells, (count, 2))
    nearest = ((y[..., None] - seeds[:, 0]) ** 2 + (x[..., None] - seeds[:, 1]) ** 2).argmin(-1)
    fields = np.kron(nearest, np.ones((5, 5), int))
    return np.stack([rng.uniform(0.05, 0.4, count)[fields] for _ in range(2)])


def image(cells: Any, size: int, right: int, down: int) -> Any:
    """The landscape's area means, its content moved by so many cells."""
    first = 4 * OVER
    rows = slice(first - down, first - down + size * OVER)
    columns = slice(first - right, first - right + size * OVER)
    return cells[:, rows, columns].reshape(2, size, OVER, size, OVER).mean((2, 4)).astype(np.float32)


def noisy(values: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return (values + rng.normal(0, values.std() / 20, values.shape)).astype(np.float32)


@pytest.mark.parametrize(("seed", "right", "down"), [(0, 3, 5), (1, -7, 4), (2, 12, -9), (3, 0, 15), (4, -16, -6)])
def test_a_known_shift_is_recovered_to_a_twentieth_of_a_pixel(seed: int, right: int, down: int) -> None:
    cells = landscape(seed, 40)
    match = find_shift(noisy(1.2 * image(cells, 40, right, down) + 0.02, seed), noisy(image(cells, 40, 0, 0), seed + 9))
    assert match.accepted
    assert np.hypot(match.x + right / OVER, match.y + down / OVER) < 0.05
    assert match.after > match.before
    assert match.after > 0.95


def test_identical_images_are_not_moved() -> None:
    fixed = noisy(image(landscape(0, 30), 30, 0, 0), 1)
    match = find_shift(fixed, fixed)
    assert (match.x, match.y) == (0, 0)
    assert match.after == pytest.approx(1)


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_moves_less_than_a_fiftieth_of_a_pixel(seed: int) -> None:
    fixed = image(landscape(seed, 40), 40, 0, 0)
    match = find_shift(noisy(fixed, 1), noisy(fixed, 2))
    assert np.hypot(match.x, match.y) < 0.02


def test_a_masked_cloud_does_not_bend_the_shift() -> None:
    cells = landscape(5, 40)
    moving, fixed = image(cells, 40, 6, -4), image(cells, 40, 0, 0)
    # Bright cloud just inside and around the mask would pull; what is masked must not count at all.
    masked = moving.copy()
    masked[:, 5:20, 8:25] = np.nan
    whole, holed = find_shift(moving, fixed), find_shift(masked, fixed)
    assert np.hypot(holed.x + 0.6, holed.y - 0.4) < 0.05
    assert np.hypot(holed.x - whole.x, holed.y - whole.y) < 0.03


def test_a_small_patch_is_not_harmed() -> None:
    for seed in range(5):
        cells = landscape(seed, 21)
        match = find_shift(noisy(image(cells, 21, 1, -1), seed), noisy(image(cells, 21, 0, 0), seed + 50))
        # Moved or not, it must not lie worse than it did.
        assert np.hypot(match.x + 0.1, match.y - 0.1) <= np.hypot(0.1, 0.1) + 1e-9


def test_other_places_large_shifts_and_empty_images_are_refused_with_a_reason() -> None:
    here, elsewhere = image(landscape(0, 30), 30, 0, 0), image(landscape(1, 30), 30, 0, 0)
    far = image(landscape(0, 30), 30, 28, 0)
    for moving in (elsewhere, far, np.full_like(here, np.nan), np.full_like(here, 0.2)):
        match = find_shift(moving, here)
        assert not match.accepted
        assert (match.x, match.y) == (0, 0)
        assert match.reason
