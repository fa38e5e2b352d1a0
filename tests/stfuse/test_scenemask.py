"""A scene's mask by its item, its aids and the site's wishes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from stfuse.ard import RawScene, to_physical
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.harmonisation.scenemask import (
    Aids,
    aids_of,
    ground_bands,
    margin_of,
    mask_of,
    recipe,
    scene_over_site,
    usable,
)
from stfuse.products.sensors import read_sensors
from stfuse.products.stored import Encoding

CRS = "EPSG:32631"
SITE: dict[str, Any] = {"crs": CRS, "bounds": (0.0, 0.0, 800.0, 800.0), "mask_dilation_m": 40}
PROBABILITY = {**SITE, "cloud_masks": "probability"}
GRID = site_grid(CRS, (-80.0, -80.0, 880.0, 880.0), 20)  # the site with a margin of four pixels
WIDE = site_grid(CRS, (-2080.0, -2080.0, 2880.0, 2880.0), 20)
SENSOR: dict[str, Any] = {
    "name": "sentinel2",
    "mask": {"band": "scl", "kind": "scl", "probability": "cloud"},
    "bands": {"red": 10, "nir": 10, "swir16": 20, "swir22": 20},
    "collections": {
        "c1": {"encoding": "sentinel2_l2a", "assets": {"red": ["red"], "scl": ["scl"], "cloud": ["cloud"]}},
        "old": {"encoding": "sentinel2_l2a", "assets": {"red": ["red"], "scl": ["scl"]}},
    },
}
ONE = (np.zeros((1, 1)), GRID)
CONFIG = Path(__file__).parents[2] / "config/sensors"
FIXTURES = Path(__file__).parents[3] / "shared/stac-fixtures"


def item(collection: str, *assets: str) -> dict[str, Any]:
    return {
        "id": "one",
        "collection": collection,
        "properties": {},
        "assets": {a: {"href": f"{a}.tif"} for a in assets},
    }


def at(grid: GeoBox, east: float, north: float) -> tuple[int, int]:
    """Row and column of a place."""
    column, row = ~grid.affine * (east, north)
    return int(row), int(column)


def painted(grid: GeoBox, fill: float, value: float, box: tuple[float, float, float, float]) -> np.ndarray:
    """A raster of one value with a box (left, bottom, right, top) of another."""
    raster = np.full(grid.shape, fill, np.float32)
    (top, left), (bottom, right) = at(grid, box[0] + 1, box[3] - 1), at(grid, box[2] - 1, box[1] + 1)
    raster[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = value
    return raster


def test_the_probability_is_used_where_the_site_asks_and_the_item_has_it() -> None:
    made = mask_of(item("c1", "red", "scl", "cloud"), SENSOR, PROBABILITY)
    assert made is not None
    assert made["aids"] == {"probability": "cloud"}
    assert ground_bands({"mask": made}) == ["nir", "swir16", "swir22"]
    for scene, site in (
        (item("c1", "red", "scl"), PROBABILITY),
        (item("old", "red", "scl", "cloud"), PROBABILITY),
        (item("c1", "red", "scl", "cloud"), SITE),
    ):
        assert mask_of(scene, SENSOR, site) == {"band": "scl", "kind": "scl", "aids": {}}
    assert mask_of(item("c1"), {**SENSOR, "mask": None}, PROBABILITY) is None


def test_narrow_near_infrared_stands_in_and_a_sensor_without_short_waves_is_refused() -> None:
    scene = item("c1", "scl", "cloud")
    narrow = {**SENSOR, "bands": {"nir08": 20, "swir16": 20, "swir22": 20}}
    assert ground_bands({"mask": mask_of(scene, narrow, PROBABILITY)}) == ["nir08", "swir16", "swir22"]
    with pytest.raises(InputError, match="no swir16 to find shadows by"):
        mask_of(scene, {**SENSOR, "bands": {"nir": 10}}, PROBABILITY)


def test_saturation_is_used_wherever_it_is() -> None:
    sensor = {**SENSOR, "mask": {"band": "scl", "kind": "scl", "saturation": "cloud"}}
    assert mask_of(item("c1", "scl", "cloud"), sensor, SITE)["aids"] == {"saturation": "cloud"}  # type: ignore[index]
    assert mask_of(item("old", "scl"), sensor, SITE)["aids"] == {}  # type: ignore[index]


def test_only_the_probability_is_read_over_two_kilometres_around() -> None:
    made = mask_of(item("c1", "scl", "cloud"), SENSOR, PROBABILITY)
    assert margin_of("cloud", made, 4) == 103
    assert margin_of("scl", made, 4) == margin_of("cloud", {"aids": {}}, 4) == margin_of("cloud", None, 4) == 4


def test_a_cloud_outside_the_mask_s_window_casts_its_shadow_into_it() -> None:
    scl = np.full(GRID.shape, 5, np.uint8)
    cloud = painted(WIDE, 0, 100, (1100, -800, 1600, -300))  # south-east of the site
    ground = painted(GRID, 0.6, 0.1, (300, 300, 500, 500))
    aids = Aids((cloud.astype(np.uint8), WIDE), sun_azimuth=135)
    good = usable((scl, GRID), "scl", aids, 40, ground=(ground, GRID))
    assert not good[at(GRID, 400, 400)]
    assert good[at(GRID, 50, 700)]
    # The square of 200 m, 40 m taken off on every side and 100 m put on, with round corners.
    assert (~good).sum() * 400 == pytest.approx(120**2 + 4 * 120 * 100 + np.pi * 100**2, rel=0.1)
    # With the sun on the other side, without its azimuth or without the ground there is none.
    assert usable((scl, GRID), "scl", Aids(aids.probability, sun_azimuth=315), 40, ground=(ground, GRID)).all()
    assert usable((scl, GRID), "scl", Aids(aids.probability), 40, ground=(ground, GRID)).all()
    assert usable((scl, GRID), "scl", aids, 40).all()
    scl[:] = 6
    assert usable((scl, GRID), "scl", aids, 40, ground=(ground, GRID)).all()


def test_the_probability_replaces_the_archive_s_clouds_and_the_archive_s_shadows_stay_until_there_is_ground() -> None:
    scl = painted(GRID, 4, 9, (0, 0, 200, 200)).astype(np.uint8)
    scl[at(GRID, 600, 600)] = 3
    probability = (np.zeros(WIDE.shape, np.uint8), WIDE)
    good = usable((scl, GRID), "scl", Aids(probability, sun_azimuth=150), 0)
    assert np.argwhere(~good).tolist() == [list(at(GRID, 600, 600))]
    bright = (np.full(GRID.shape, 0.7, np.float32), GRID)
    assert usable((scl, GRID), "scl", Aids(probability, sun_azimuth=150), 0, ground=bright).all()


def test_zero_is_a_probability_and_not_a_gap_but_no_data_of_the_mask_is_one() -> None:
    scl = np.full(GRID.shape, 4, np.uint8)
    scl[:, :20] = 0
    cloud = np.full(GRID.shape, 0, np.uint8)
    cloud[:, 20:22] = 90
    good = usable((scl, GRID), "scl", Aids((cloud, GRID)), 0)
    # At the rim of the gap most of what is known is cloud; were 0 unknown, it would be so everywhere.
    assert not good[24, 20:23].any()
    assert good[24, 26:].all()


def test_saturated_pixels_go_and_only_those() -> None:
    qa = np.full(GRID.shape, 21824, np.uint16)
    bits = np.zeros(GRID.shape, np.uint16)
    bits[3, 4], bits[5, 6] = 1 << 3, 1 << 11
    good = usable((qa, GRID), "qa_pixel", Aids(saturation=(bits, GRID)))
    assert np.argwhere(~good).tolist() == [[3, 4], [5, 6]]


def test_shares_before_reflectance_is_read_take_clouds_from_the_probability_and_shadows_from_the_archive() -> None:
    scl = painted(GRID, 4, 9, (0, 0, 800, 400)).astype(np.uint8)
    cloud = painted(WIDE, 0, 100, (-2080, 600, 2880, 2880)).astype(np.uint8)
    made = mask_of(item("c1", "scl", "cloud"), SENSOR, PROBABILITY)
    assert made is not None
    covered, clear = scene_over_site(made, {"scl": (scl, GRID), "cloud": (cloud, WIDE)}, PROBABILITY)
    assert covered.all()
    # 200 m of 800 m are cloud; the averaged edge stays, 20 m are added.
    assert clear.mean() == pytest.approx(580 / 800, abs=0.03)
    plain = mask_of(item("c1", "scl", "cloud"), SENSOR, SITE)
    assert plain is not None
    assert scene_over_site(plain, {"scl": (scl, GRID)}, SITE)[1].mean() == pytest.approx(360 / 800, abs=0.03)
    snow = (np.full(GRID.shape, 11, np.uint8), GRID)
    assert scene_over_site(plain, {"scl": snow}, {**SITE, "snow": "keep"})[1].all()
    assert not scene_over_site(plain, {"scl": snow}, SITE)[1].any()


def test_an_analysis_ready_scene_is_masked_by_the_recipe() -> None:
    fine = site_grid(CRS, (-40.0, -40.0, 840.0, 840.0), 10)
    encoding = Encoding(1e-4, 0.0, 0, None, "plain")
    levels = {"red": 500, "nir": 3500, "swir16": 2500, "swir22": 1500}
    stored = {band: (np.full((fine if band in ("red", "nir") else GRID).shape, n, np.uint16), g)
              for band, n in levels.items() for g in [fine if band in ("red", "nir") else GRID]}  # fmt: skip
    for values, grid in stored.values():
        values[painted(grid, 0, 1, (300, 300, 500, 500)) == 1] //= 6
    probability = painted(WIDE, 0, 100, (1200, -600, 1500, -300)).astype(np.uint8)
    scl = np.full(GRID.shape, 4, np.uint8)
    scene = RawScene(
        "one", stored, dict.fromkeys(levels, encoding), (scl, GRID), "scl",
        Aids((probability, WIDE), sun_azimuth=135), ("nir", "swir16", "swir22"),
    )  # fmt: skip
    ((red, grid),) = to_physical(scene, ["red"], 40).bands
    assert np.isnan(red[at(grid, 400, 400)])
    assert np.isfinite(red[at(grid, 100, 100)])
    plain = RawScene("one", stored, scene.encodings, scene.mask, "scl")
    assert np.isfinite(to_physical(plain, ["red"], 40).bands[0][0]).all()


@pytest.mark.parametrize(
    ("kind", "aids", "rest", "words"),
    [
        ("scl", Aids(), (), "scl widened 40 m"),
        ("modis_quality", Aids(), (), "modis_quality"),
        (None, Aids(), (), "none"),
        ("qa_pixel", Aids(saturation=ONE), (30, "keep"), "qa_pixel widened 30 m, saturation, snow kept"),
        ("scl", Aids(ONE, sun_azimuth=135.2), (), "cloud probability over 40 %, shadows of the sun at 135"),
        ("scl", Aids(ONE), (), "cloud probability over 40 %, shadows scl widened 40 m"),
    ],
)
def test_a_recipe_says_what_was_done(kind: Any, aids: Aids, rest: tuple[Any, ...], words: str) -> None:
    assert recipe(kind, aids, *rest) == words


def test_aids_are_found_among_the_files_of_a_scene() -> None:
    facts = {"mask": mask_of(item("c1", "scl", "cloud"), SENSOR, PROBABILITY), "sun_azimuth": 150}
    read = {"cloud": (np.zeros((1, 1)), GRID), "scl": (np.ones((1, 1)), GRID)}
    assert aids_of(facts, read) == Aids(read["cloud"], None, 150.0)
    assert aids_of({"mask": None}, read) == Aids()


@pytest.mark.parametrize("sensor", ["sentinel2", "sentinel2_20m"])
@pytest.mark.skipif(not FIXTURES.exists(), reason=f"the real items are not at {FIXTURES}")
def test_of_real_items_only_collection_1_has_a_probability_that_can_be_read(sensor: str) -> None:
    settings = read_sensors(CONFIG)[sensor]
    found = {path: json.loads(path.read_text()) for path in sorted(FIXTURES.glob("*/*sentinel-2-*l2a/*.json"))}
    items = {path: item for path, item in found.items() if item.get("type") == "Feature"}
    assert len(items) > 6
    for path, one in items.items():
        made = mask_of(one, settings, PROBABILITY)
        assert made is not None
        assert ("probability" in made["aids"]) == (path.parent.name == "sentinel-2-c1-l2a"), path


@pytest.mark.skipif(not FIXTURES.exists(), reason=f"the real items are not at {FIXTURES}")
def test_real_landsat_items_have_their_saturation() -> None:
    settings = read_sensors(CONFIG)["landsat8"]
    items = [json.loads(p.read_text()) for p in sorted(FIXTURES.glob("*/landsat-c2*l2*/LC*.json"))]
    assert len(items) > 3
    for one in items:
        if "qa_pixel" in one["assets"]:
            assert mask_of(one, settings, SITE)["aids"] == {"saturation": "qa_radsat"}, one["id"]  # type: ignore[index]
