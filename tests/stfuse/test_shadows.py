"""Clouds by their probability and shadows by the sun: closed forms first."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stfuse.harmonisation import shadows as shadows_module
from stfuse.harmonisation.shadows import cast, clouds, shadows, within

PIXEL = 20.0
REAL = Path(__file__).parents[3] / "shared/data/s2-6band-cloudmask-512-ukis/sentinel2.npz"
BRIGHT, DARK = 0.6, 0.2


def field(shape: tuple[int, int], *boxes: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Flags that hold in some boxes (rows, columns)."""
    flags = np.zeros(shape, bool)
    for box in boxes:
        flags[box] = True
    return flags


def disc(shape: tuple[int, int], centre: tuple[int, int], radius: float) -> NDArray[np.bool_]:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(y - centre[0], x - centre[1]) <= radius + 1e-9)


def test_one_sure_pixel_is_averaged_away_and_a_disc_of_them_stays() -> None:
    alone = np.zeros((41, 41), np.float32)
    alone[20, 20] = 100
    assert not clouds(alone, PIXEL).any()
    # 100 % within 40 m of the middle, and a rim of 20 m: the mean of the middle's disc is 100 %.
    spot = np.where(disc((41, 41), (20, 20), 2), 100, 0).astype(np.float32)
    # Over a disc of 13 pixels the mean is above 40 % where 6 of them are cloud: 2 pixels beside the middle, not 3.
    mean = np.array([[(disc((41, 41), (y, x), 2) & (spot > 0)).sum() / 13 for x in range(41)] for y in range(41)])
    np.testing.assert_array_equal(clouds(spot, PIXEL), within(mean > 0.4, 20, PIXEL))
    assert clouds(spot, PIXEL)[20, 20]


@pytest.mark.parametrize(("percent", "cloud"), [(40, False), (40.01, True), (0, False), (100, True)])
def test_the_threshold_itself_is_no_cloud(percent: float, cloud: bool) -> None:
    found = clouds(np.full((30, 30), percent, np.float32), PIXEL)
    assert (found == cloud).all()


def test_what_is_not_known_takes_no_part_in_the_mean() -> None:
    probability = np.full((21, 21), 50, np.float32)
    probability[:, :12] = np.nan
    found = clouds(probability, PIXEL, widened=0)
    # Beside unknown pixels the mean of the known ones counts; where none is known, nothing is found.
    assert found[:, 10:].all()
    assert not found[:, :10].any()
    assert not clouds(np.full((9, 9), np.nan, np.float32), PIXEL).any()


def test_a_finer_grid_has_the_same_discs_in_metres() -> None:
    probability = np.zeros((30, 30), np.float32)
    probability[10:20, 10:20] = 90
    fine = np.kron(probability, np.ones((2, 2), np.float32))
    coarse, finer = clouds(probability, 20).mean(), clouds(fine, 10).mean()
    assert finer == pytest.approx(coarse, rel=0.15)


@pytest.mark.parametrize(
    ("azimuth", "rows", "columns"),
    [(180, (20, 50), (50, 53)), (0, (50, 83), (50, 53)), (90, (50, 53), (20, 53)), (270, (50, 53), (50, 83))],
)
def test_a_shadow_lies_away_from_the_sun(azimuth: float, rows: tuple[int, int], columns: tuple[int, int]) -> None:
    cloud = field((101, 101), (slice(50, 53), slice(50, 53)))
    found = cast(cloud, azimuth, PIXEL, distance=30 * PIXEL)
    expected = field((101, 101), (slice(rows[0], max(rows[1], 53)), slice(*columns)))
    np.testing.assert_array_equal(found, expected)


def test_with_the_sun_in_the_south_east_the_shadow_lies_to_the_north_west() -> None:
    cloud = field((101, 101), (slice(50, 51), slice(50, 51)))
    found = cast(cloud, 135, PIXEL, distance=math.sqrt(2) * 30 * PIXEL)
    assert sorted(zip(*np.nonzero(found), strict=True)) == [(20 + i, 20 + i) for i in range(31)]


@pytest.mark.parametrize("azimuth", [10, 33, 60, 100, 157, 200, 248, 300, 350])
@pytest.mark.parametrize("distance", [200, 1000])
def test_the_end_of_a_shadow_lies_at_the_distance_and_in_the_direction_asked(azimuth: float, distance: float) -> None:
    cloud = field((141, 141), (slice(70, 71), slice(70, 71)))
    y, x = np.nonzero(cast(cloud, azimuth, PIXEL, distance))
    end = np.argmax(np.hypot(y - 70, x - 70))
    assert (70 - y[end]) * PIXEL == pytest.approx(-distance * math.cos(math.radians(azimuth)), abs=1.5 * PIXEL)
    assert (x[end] - 70) * PIXEL == pytest.approx(-distance * math.sin(math.radians(azimuth)), abs=1.5 * PIXEL)


@given(st.floats(0, 359.9), st.integers(0, 1000))
def test_every_pixel_of_a_shadow_has_its_cloud_toward_the_sun(azimuth: float, seed: int) -> None:
    cloud = np.random.default_rng(seed).random((40, 50)) > 0.99
    found = cast(cloud, azimuth, PIXEL, 300)
    assert (found >= cloud).all()
    east, south = math.sin(math.radians(azimuth)), -math.cos(math.radians(azimuth))
    clouds_at = np.argwhere(cloud)
    for y, x in np.argwhere(found):
        back = clouds_at - (y, x)
        along, across = back @ (south, east), back @ (east, -south)
        assert ((along > -1.5) & (along < 300 / PIXEL + 1.5) & (np.abs(across) < 1.5)).any()


def test_a_shadow_ends_at_the_edge_and_an_empty_sky_casts_none() -> None:
    cloud = field((20, 20), (slice(2, 4), slice(2, 4)))
    assert cast(cloud, 135, PIXEL).sum() == 4 + 2 + 2 + 2  # the cloud, and three diagonals to the corner
    assert not cast(np.zeros((20, 20), bool), 135, PIXEL).any()
    assert cast(np.ones((5, 7), bool), 200, PIXEL).all()


def scene(dark: tuple[slice, slice]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """A cloud of 400 m in a field of 3 km, and ground that is bright but for a box."""
    ground = np.full((150, 150), BRIGHT, np.float32)
    ground[dark] = DARK
    return field((150, 150), (slice(100, 120), slice(100, 120))), ground


def test_dark_ground_behind_a_cloud_is_shadow_widened_by_sixty_metres() -> None:
    cloud, ground = scene((slice(60, 80), slice(60, 80)))
    found = shadows(cloud, ground, 135, PIXEL)
    core = disc((150, 150), (70, 70), 2)
    assert found[core].all()
    # Eroded by 40 m and widened by 100 m: 60 m = 3 pixels on all sides, and not 5.
    assert found[70, 57]
    assert found[70, 82]
    assert not found[70, 56]
    assert not found[70, 83]


@pytest.mark.parametrize("azimuth", [0, 45, 90, 225, 315])
def test_dark_ground_elsewhere_is_none(azimuth: float) -> None:
    assert not shadows(*scene((slice(60, 80), slice(60, 80))), azimuth, PIXEL).any()


def test_a_shadow_ends_two_kilometres_behind_its_cloud() -> None:
    # 80 pixels along the diagonal are 2263 m from the cloud's corner, 60 are 1697 m.
    assert shadows(*scene((slice(38, 46), slice(38, 46))), 135, PIXEL).any()
    cloud, ground = scene((slice(10, 20), slice(10, 20)))
    assert not shadows(cloud, ground, 135, PIXEL).any()
    assert shadows(cloud, ground, 135, PIXEL, distance=2600).any()


def test_water_bright_ground_and_specks_are_no_shadow() -> None:
    cloud, ground = scene((slice(60, 80), slice(60, 80)))
    assert not shadows(cloud, ground, 135, PIXEL, water=ground < 0.3).any()
    assert not shadows(cloud, ground, 135, PIXEL, darkness=DARK).any()
    # Four pixels wide: nothing is further than 40 m from bright ground.
    assert not shadows(*scene((slice(60, 64), slice(60, 64))), 135, PIXEL).any()
    assert shadows(*scene((slice(60, 65), slice(60, 65))), 135, PIXEL).any()


def test_unknown_ground_is_no_shadow_and_does_not_eat_into_one() -> None:
    cloud, ground = scene((slice(60, 80), slice(60, 80)))
    ground[:, :64] = np.nan
    found = shadows(cloud, ground, 135, PIXEL, dilation=0)
    assert found[70, 64]
    assert not found[:, :64].any()
    assert not shadows(cloud, np.full_like(ground, np.nan), 135, PIXEL).any()


def test_a_shadow_across_the_edge_of_the_image_keeps_its_edge() -> None:
    cloud, ground = scene((slice(0, 20), slice(60, 80)))
    found = shadows(cloud, ground, 158, PIXEL, distance=2500, dilation=0)
    assert found[0, 70]


@pytest.mark.parametrize(("metres", "width"), [(0, 1), (19, 1), (20, 3), (40, 5), (100, 11)])
def test_within_counts_from_centre_to_centre(metres: float, width: int) -> None:
    flags = field((1, 31), (slice(0, 1), slice(15, 16)))
    assert within(flags, metres, PIXEL).sum() == width


def test_strips_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    probability = (rng.random((90, 40)) * 100).astype(np.float32)
    probability[30:60] = 5
    cloud, ground = clouds(probability, PIXEL), (rng.random((90, 40)) * 0.35).astype(np.float32)
    shaded = shadows(cloud, ground, 150, PIXEL, erosion=20)
    assert 0 < shaded.mean() < 1
    monkeypatch.setattr(shadows_module, "STRIP", 7)
    np.testing.assert_array_equal(clouds(probability, PIXEL), cloud)
    np.testing.assert_array_equal(shadows(cloud, ground, 150, PIXEL, erosion=20), shaded)


@pytest.mark.skipif(not REAL.exists(), reason=f"the real image is not at {REAL}")
def test_on_a_real_image_shadows_lie_where_a_morning_sun_casts_them() -> None:
    # Sentinel-2 with a reference mask (4 cloud, 0 shadow) and no word on sun and pixel, taken as 30 m. Of 24 azimuths
    # 150 fits best: 82 % of the reference's shadow is found, 84 % of what is found is shadow there.
    with np.load(REAL) as file:
        ground, reference = file["img"][..., 3:].sum(axis=-1), file["msk"][..., 0]
    cloud = clouds(np.where(reference == 4, 100, 0).astype(np.float32), 30)
    overlap = {}
    for azimuth in (0, 60, 105, 150, 195, 240, 300):
        found = shadows(cloud, ground, azimuth, 30) & ~cloud
        overlap[azimuth] = (found & (reference == 0)).sum() / (found | (reference == 0)).sum()
    assert max(overlap, key=lambda azimuth: overlap[azimuth]) == 150
    assert overlap[150] > 0.68
    assert overlap[0] < 0.45
