"""Masks, bit by bit and class by class."""

from __future__ import annotations

import numpy as np
import pytest

from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.harmonisation.masks import (
    Kind,
    carry,
    clear,
    clouded,
    cloudy,
    join,
    mask_bands,
    observed,
    over_site,
    rejected,
    required_bands,
    shadowed,
    site_share,
    snowy,
    watery,
)

CRS = "EPSG:32631"
BOUNDS = (0.0, 0.0, 240.0, 240.0)


def test_scl_rejects_what_the_sheet_names() -> None:
    classes = np.arange(12, dtype=np.uint8)
    assert set(classes[rejected(classes, "scl")]) == {0, 1, 3, 8, 9, 10, 11}
    assert set(classes[~observed(classes, "scl")]) == {0}


@pytest.mark.parametrize("bit", range(16))
def test_qa_pixel_rejects_bits_0_to_5(bit: int) -> None:
    assert rejected(np.array([1 << bit], np.uint16), "qa_pixel")[0] == (bit <= 5)
    assert observed(np.array([1 << bit], np.uint16), "qa_pixel")[0] == (bit != 0)


def test_a_clear_landsat_pixel_of_the_archives_is_clear() -> None:
    # 21824: clear, with low confidence of cloud, shadow, snow and cirrus.
    assert clear(np.array([[21824]], np.uint16), "qa_pixel", 30)[0, 0]


def test_modis_takes_full_inversions_and_magnitude_inversions_where_asked() -> None:
    quality = np.array([0, 1, 255], np.uint8)
    assert rejected(quality, "modis_quality").tolist() == [False, True, True]
    assert rejected(quality, "modis_quality_any").tolist() == [False, False, True]
    for kind in ("modis_quality", "modis_quality_any"):
        assert observed(quality, kind).tolist() == [True, True, False]
        assert not cloudy(quality, kind).any()


def test_of_the_bands_qualities_the_worst_counts() -> None:
    red, nir = np.array([[0, 0, 255]], np.uint8), np.array([[0, 1, 0]], np.uint8)
    assert join([red, nir], "modis_quality").tolist() == [[0, 1, 255]]


def test_modis_has_no_clouds_to_widen() -> None:
    quality = np.zeros((5, 5), np.uint8)
    quality[2, 2] = 1
    assert (~clear(quality, "modis_quality", 463.3, 2000)).sum() == 1


@pytest.mark.parametrize("bit", range(8))
def test_venus_rejects_every_bit_but_water_and_widens_clouds_and_their_shadows(bit: int) -> None:
    ground, edge = np.zeros((1, 41), np.uint8), np.zeros((1, 41), np.uint8)
    ground[0, 20] = 1 << bit
    mask = join([ground, edge], "venus")
    assert rejected(mask, "venus").sum() == (bit != 0)
    assert observed(mask, "venus").all()
    width = {0: 0, 1: 5, 3: 5}.get(bit, 1)
    assert (~clear(mask, "venus", 5, 11)).sum() == width


def test_what_lies_beyond_the_edge_of_venus_was_not_seen() -> None:
    mask = join([np.zeros((1, 3), np.uint8), np.array([[0, 1, 0]], np.uint8)], "venus")
    assert observed(mask, "venus").tolist() == [[True, False, True]]
    assert rejected(mask, "venus").tolist() == [[False, True, False]]
    assert not cloudy(mask, "venus").any()


def test_a_sensor_names_one_mask_several_or_none() -> None:
    assert mask_bands({"mask": {"band": "scl", "kind": "scl"}}) == ["scl"]
    assert mask_bands({"mask": {"band": ["a", "b"], "kind": "venus"}}) == ["a", "b"]
    assert mask_bands({"mask": None}) == mask_bands({}) == []


@pytest.mark.parametrize(("metres", "width"), [(0, 1), (10, 1), (11, 3), (30, 3), (40, 5)])
def test_dilation_takes_pixels_whose_centre_is_near_a_cloud_s_edge(metres: float, width: int) -> None:
    mask = np.full((1, 21), 4, np.uint8)
    mask[0, 10] = 9
    assert (~clear(mask, "scl", 20, metres)).sum() == width


def test_snow_and_missing_data_are_not_widened() -> None:
    mask = np.full((1, 21), 4, np.uint8)
    mask[0, 5], mask[0, 15] = 11, 0
    assert (~clear(mask, "scl", 20, 100)).sum() == 2


def test_shares_are_of_the_site_s_area_not_of_the_raster_s() -> None:
    # The raster reaches over the site on the left and ends 60 m before its right edge.
    mask = np.full((12, 12), 4, np.uint8)
    mask[:, :6] = 9
    grid = site_grid(CRS, (-60.0, 0.0, 180.0, 240.0), 20)
    covered, usable = over_site(mask, grid, "scl", CRS, BOUNDS, 0)
    assert covered.mean() == pytest.approx(0.75)
    assert usable.mean() == pytest.approx(0.5)
    assert site_share(mask == 4, grid, CRS, BOUNDS) == usable.mean()


def test_a_share_of_large_pixels_is_counted_on_tenths_of_them() -> None:
    # MODIS over a site of 6.4 km: a column of three pixels in ten is clear, and the grid reaches over the site's edge.
    bounds = (0.0, 0.0, 6400.0, 6400.0)
    grid = site_grid(CRS, (-460.0, -460.0, 6900.0, 6900.0), 460)
    mask = np.full(grid.shape, 255, np.uint8)
    mask[:, 1:4] = 0
    covered, usable = over_site(mask, grid, "modis_quality", CRS, bounds, 0)
    assert covered.shape == (160, 160)
    assert usable.mean() == pytest.approx(3 * 460 / 6400, abs=0.005)


def test_masks_of_different_grids_meet_on_the_same_pixels_of_the_site() -> None:
    west = site_grid(CRS, (-60.0, 0.0, 120.0, 240.0), 20)
    east = site_grid(CRS, (120.0, -30.0, 300.0, 270.0), 30)
    one, other = (over_site(np.full(g.shape, 4, np.uint8), g, "scl", CRS, BOUNDS, 0)[1] for g in (west, east))
    assert one.shape == other.shape
    assert not (one & other).any()
    assert (one | other).all()


def test_flags_are_false_outside_their_grid() -> None:
    moved = carry(np.ones((4, 4), bool), site_grid(CRS, (0, 0, 80, 80), 20), site_grid(CRS, (0, 0, 160, 80), 20))
    assert moved[:, :4].all()
    assert not moved[:, 4:].any()


@pytest.mark.parametrize(
    ("kind", "cloud", "shadow", "snow", "water"),
    [
        ("scl", (8, 9, 10), (3,), 11, 6),
        ("qa_pixel", (1 << 1, 1 << 2, 1 << 3), (1 << 4,), 1 << 5, 1 << 7),
        ("venus", (1 << 1,), (1 << 3,), 1 << 2, 1 << 0),
    ],
)
def test_cloud_shadow_snow_and_water_are_told_apart(
    kind: Kind, cloud: tuple[int, ...], shadow: tuple[int, ...], snow: int, water: int
) -> None:
    every = np.array([*cloud, *shadow, snow, water], np.uint16)
    for flags, codes in ((clouded, cloud), (shadowed, shadow), (snowy, (snow,)), (watery, (water,))):
        assert set(every[flags(every, kind)]) == set(codes)
    assert set(every[cloudy(every, kind)]) == {*cloud, *shadow}
    assert set(every[rejected(every, kind)]) == {*cloud, *shadow, snow}


@pytest.mark.parametrize(("kind", "snow", "fine"), [("scl", 11, 4), ("qa_pixel", 1 << 5, 1 << 6), ("venus", 1 << 2, 0)])
def test_snow_is_kept_where_asked_but_not_under_cloud(kind: Kind, snow: int, fine: int) -> None:
    mask = np.array([[snow, fine, snow]], np.uint16)
    assert clear(mask, kind, 20, 0).tolist() == [[False, True, False]]
    assert clear(mask, kind, 20, 0, snow="keep").all()
    assert rejected(mask, kind, "keep").sum() == 0
    if kind != "scl":  # whose classes exclude each other
        mask[0, 2] |= 0b10
        assert clear(mask, kind, 20, 0, snow="keep").tolist() == [[True, True, False]]


def test_high_confidence_bits_alone_reject_nothing() -> None:
    # Bits 8 to 15 say how sure bits 3, 4, 5 and 2 are; those decide.
    assert clear(np.array([[0b1111111100000000]], np.uint16), "qa_pixel", 30)[0, 0]


def quality_layers(**marked: int) -> list[np.ndarray]:
    """Layers of Venus's quality mask over eight pixels: 1 (no) but for one pixel of each named layer."""
    names = ("nodata", "cloud", "haze", "shadow", "cirrus", "snow", "water")
    layers = [np.ones((1, 80), np.uint8) for _ in names]
    for name, pixel in marked.items():
        layers[names.index(name)][0, pixel] = 2
    return layers


@pytest.mark.parametrize("count", [6, 7])
def test_the_layers_of_venus_s_quality_mask_become_the_bits_of_muscate(count: int) -> None:
    layers = quality_layers(nodata=0, cloud=10, haze=20, shadow=30, cirrus=40, snow=50, water=60)
    layers[3][0, 70] = 0
    mask = join(layers[:count], "venus_quality")
    kind: Kind = "venus_quality"
    assert np.flatnonzero(~observed(mask, kind)).tolist() == [0, 70]
    assert np.flatnonzero(cloudy(mask, kind)).tolist() == [10, 20, 30, 40]
    assert np.flatnonzero(snowy(mask, kind)).tolist() == [50]
    assert np.flatnonzero(watery(mask, kind)).tolist() == ([60] if count == 7 else [])
    assert np.flatnonzero(~clear(mask, kind, 5, 0)).tolist() == [0, 10, 20, 30, 40, 50, 70]


def test_a_quality_mask_of_venus_that_lacks_layers_is_refused() -> None:
    with pytest.raises(InputError, match="found 2 layers"):
        join(quality_layers()[:2], "venus_quality")


def test_given_clouds_and_shadows_stand_in_for_the_mask_s_and_are_not_widened() -> None:
    mask = np.full((1, 40), 4, np.uint8)
    mask[0, 5], mask[0, 20], mask[0, 30] = 9, 3, 0
    clouds, shadows = np.zeros((1, 40), bool), np.zeros((1, 40), bool)
    clouds[0, 10], shadows[0, 25] = True, True
    assert np.flatnonzero(~clear(mask, "scl", 20, 0, clouds=clouds)).tolist() == [10, 20, 30]
    assert np.flatnonzero(~clear(mask, "scl", 20, 30, clouds=clouds)).tolist() == [10, 19, 20, 21, 30]
    assert np.flatnonzero(~clear(mask, "scl", 20, 30, clouds=clouds, shadows=shadows)).tolist() == [10, 25, 30]


def test_a_scene_s_mask_names_its_aids_behind_what_it_requires() -> None:
    made = {"mask": {"band": "scl", "kind": "scl", "aids": {"saturation": "sat", "probability": "cloud"}}}
    assert mask_bands(made) == ["scl", "sat", "cloud"]
    assert required_bands(made) == ["scl"]
    # A sensor file only says what an aid would be called.
    assert mask_bands({"mask": {"band": "scl", "kind": "scl", "probability": "cloud"}}) == ["scl"]
