"""Images of one sensor are laid on their mean, which stays where their positions have their mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stfuse.grid import regrid, site_grid
from stfuse.harmonisation.frame import mean_frame
from stfuse.harmonisation.registration import register, shift_in_units

GRID = site_grid("EPSG:32631", (0, 0, 600, 600), 10)
AWAY = [(6.0, 0.0), (-4.0, 3.0), (0.0, -6.0), (5.0, 5.0), (-2.0, -7.0)]
"""Metres east and north by which five images lie away from the ground's true place."""


def ground(east: float, north: float) -> Any:
    """Fields of 70 m with sharp edges, and as much to the east and north; sampled finely, then averaged."""
    rng = np.random.default_rng(3)
    fields = rng.uniform(0.05, 0.45, (2, 40, 40))
    y, x = (np.mgrid[:600, :600] + 0.5).astype(float)
    rows = ((y + north + 1000) // 70).astype(int) % 40
    columns = ((x - east + 1000) // 70).astype(int) % 40
    return fields[:, rows, columns].reshape(2, 60, 10, 60, 10).mean((2, 4)).astype(np.float32)


def moved(image: Any, shift: tuple[float, float]) -> Any:
    return image if shift == (0.0, 0.0) else regrid(image, GRID, GRID, "cubic", shift)


def lie(image: Any, frame: Any) -> tuple[float, float] | None:
    match = register(image, ["red", "nir"], GRID, (frame, ["red", "nir"], GRID))
    return shift_in_units(match, GRID) if match and match.accepted else None


def test_images_come_to_lie_on_one_another_and_their_mean_place_stays() -> None:
    images = [ground(*away) for away in AWAY]
    _, shifts = mean_frame(lambda i, shift: moved(images[i], shift), len(images), lie)
    middle = np.mean(AWAY, axis=0)
    # Moved, every image lies where the mean of them lay.
    np.testing.assert_allclose(np.array(shifts) + AWAY, np.tile(middle, (5, 1)), atol=0.5)
    np.testing.assert_allclose(np.mean(shifts, axis=0), 0, atol=1e-6)


def test_the_frame_is_the_mean_of_what_was_seen() -> None:
    first, second = np.full((1, 2, 2), 0.2, np.float32), np.full((1, 2, 2), 0.4, np.float32)
    first[0, 0, 0] = second[0, 1, 1] = first[0, 1, 1] = np.nan
    frame, shifts = mean_frame(lambda i, _: (first, second)[i], 2, lambda image, frame: None)
    np.testing.assert_allclose(frame[0], [[0.4, 0.3], [0.3, np.nan]])
    assert shifts == [(0.0, 0.0)] * 2


def test_one_image_is_held_at_a_time_and_none_is_an_error() -> None:
    asked: list[int] = []

    def look(i: int, shift: tuple[float, float]) -> Any:
        asked.append(i)
        return np.ones((1, 2, 2), np.float32)

    mean_frame(look, 3, lambda image, frame: (1.0, 2.0))
    assert asked[:6] == [0, 1, 2, 0, 1, 2]
    with pytest.raises(ValueError, match="none"):
        mean_frame(look, 0, lambda image, frame: (0.0, 0.0))


def test_an_image_of_which_nothing_can_be_told_takes_no_part_and_is_not_moved() -> None:
    values = [1.0, 2.0, 3.0, 100.0]
    found = {1.0: (6.0, 0.0), 2.0: (6.0, 3.0), 3.0: (6.0, -3.0), 100.0: None}
    frame, shifts = mean_frame(
        lambda i, shift: np.full((1, 2, 2), values[i], np.float32), 4, lambda image, frame: found[float(image[0, 0, 0])]
    )
    # The three agree that they lie 6 m off what the fourth had pulled the mean to: they stay, but for their own spread.
    assert shifts == [(0.0, 0.0), (0.0, 3.0), (0.0, -3.0), (0.0, 0.0)]
    assert (frame == 2.0).all()


def test_where_too_few_can_be_told_all_stay() -> None:
    def told(image: Any, frame: Any) -> tuple[float, float] | None:
        return (5.0, 5.0) if image.max() else None

    shifts = mean_frame(lambda i, shift: np.full((1, 2, 2), float(i), np.float32), 3, told)[1]
    assert shifts == [(0.0, 0.0)] * 3
