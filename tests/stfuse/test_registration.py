"""Which bands and which grid two sensors' images are compared on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stfuse.grid import degrade, site_grid
from stfuse.harmonisation.registration import register, register_bands, shift_in_units

GRID = site_grid("EPSG:32631", (0, 0, 600, 600), 30)
FINE = site_grid("EPSG:32631", (0, 0, 600, 600), 10)


def displaced() -> tuple[Any, Any]:
    """A pattern of fields at 5 m, and its content 10 m too far east and 5 m too far north."""
    blocks = np.random.default_rng(1).uniform(0.05, 0.4, (20, 20))
    pattern = np.kron(blocks, np.ones((12, 12))).astype(np.float32)
    return pattern, np.roll(pattern, (-1, 2), axis=(0, 1))


def test_near_infrared_and_red_are_compared_and_for_pan_what_it_spans() -> None:
    reference = ("blue", "green", "red", "nir", "nir08")
    assert register_bands(["red", "nir", "nir08"], reference) == [("nir08", ("nir08",)), ("red", ("red",))]
    assert register_bands(["red", "nir"], reference) == [("nir", ("nir",)), ("red", ("red",))]
    assert register_bands(["pan"], reference) == [("pan", ("green", "red"))]
    assert register_bands(["vv"], reference) == []


@pytest.mark.parametrize("way", ["ecc", "phase"])
@pytest.mark.parametrize(("bands", "pixel"), [(["red"], 30), (["pan"], 15)])
def test_an_image_beside_its_place_is_brought_back(bands: list[str], pixel: float, way: str) -> None:
    big = (0, 0, 1200, 1200)
    fine, grid = site_grid("EPSG:32631", big, 5), site_grid("EPSG:32631", big, pixel)
    pattern, moved = displaced()
    reference = np.stack([pattern] * 2), ("green", "red"), fine
    match = register(degrade(moved[None], fine, grid), bands, grid, reference, way)
    assert match is not None
    east, north = shift_in_units(match, grid)
    assert (east, north) == (pytest.approx(-10, abs=0.05 * pixel), pytest.approx(-5, abs=0.05 * pixel))


def test_an_image_finer_than_the_reference_is_brought_back_too() -> None:
    big = (0, 0, 1200, 1200)
    grid, known = site_grid("EPSG:32631", big, 5), site_grid("EPSG:32631", big, 10)
    pattern, moved = displaced()
    match = register(moved[None], ["red"], grid, (degrade(pattern[None], grid, known), ("red",), known))
    assert match is not None
    assert shift_in_units(match, grid) == (pytest.approx(-10, abs=0.5), pytest.approx(-5, abs=0.5))


def test_with_none_nothing_is_moved_and_the_reason_is_told() -> None:
    grid = site_grid("EPSG:32631", (0, 0, 1200, 1200), 5)
    pattern, moved = displaced()
    match = register(moved[None], ["red"], grid, (pattern[None], ("red",), grid), "none")
    assert match is not None
    assert not match.accepted
    assert match.reason == "the site's coregistration is none"
    assert shift_in_units(match, grid) == (0.0, 0.0)


def test_without_a_common_band_nothing_is_registered() -> None:
    reference = np.zeros((1, 60, 60), np.float32), ("red",), FINE
    assert register(np.zeros((1, *GRID.shape), np.float32), ["vv"], GRID, reference) is None
    assert shift_in_units(None, GRID) == (0.0, 0.0)
