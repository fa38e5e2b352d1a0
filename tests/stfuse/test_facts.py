"""What is known of a scene: which source states the directions most finely, and what happens if it fails."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError, NotNowError
from stfuse.products.facts import facts_of, stated_angles
from stfuse.products.sensors import read_sensors

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT.parent / "shared" / "stac-fixtures"
SENSORS = read_sensors(ROOT / "config" / "sensors")
UTM10 = {"crs": "EPSG:32610", "bounds": [470000, 5253000, 474000, 5257000]}
GRANULE = "metadata/sentinel-2-safe/S2A_MSIL2A_20230625T234621_N0509_R073_T01WCS_20230626T022157/MTD_TL.xml"
ORBIT = "metadata/landsat-c2/LC08_L2SP_047027_20201204_20210313_02_T1_ANG.txt"
MTL = "metadata/landsat-c2/LC08_L2SP_005009_20150710_20200908_02_T2_MTL.json"
SCENE = "stactools-examples/landsat-c2-l2/LC08_L2SP_047027_20201204_02_T1.json"
DIRECTIONS = ("sun_elevation", "sun_azimuth", "view_zenith", "view_azimuth")


def fixture(path: str) -> str:
    if not (FIXTURES / path).exists():
        pytest.skip("the STAC fixtures are not here (../shared)")
    return (FIXTURES / path).read_text()


def item(collection: str, *assets: str, **properties: Any) -> dict[str, Any]:
    facts = {"datetime": "2023-06-25T23:46:21Z", "platform": "sentinel-2a", **properties}
    return {
        "id": "x", "collection": collection, "geometry": None, "properties": facts,
        "assets": {name: {"href": f"./{name}"} for name in assets},
    }  # fmt: skip


def landsat(**properties: Any) -> dict[str, Any]:
    found = json.loads(fixture(SCENE))
    found["properties"] |= properties
    return dict(found)


def test_an_item_s_numbers_are_taken_whatever_they_are_called() -> None:
    stated = {"view:sun_elevation": 50, "view:sun_azimuth": -160, "view:incidence_angle": 8, "view:azimuth": 104}
    found = stated_angles(item("c", **stated))
    assert found == {"sun_elevation": 50, "sun_azimuth": 200, "view_zenith": 8, "view_azimuth": 104}
    other = item("c", **{"s2:mean_solar_zenith": 30, "s2:mean_solar_azimuth": 150, "view:off_nadir": 0})
    assert stated_angles(other) == {"sun_elevation": 60, "sun_azimuth": 150}
    beside = item("c", **{"view:azimuth": 281, "view:off_nadir": 5.2})
    assert stated_angles(beside) == {"view_zenith": 5.2, "view_azimuth": 281}
    assert stated_angles(item("c", **{"eo:sun_elevation": 40, "eo:sun_azimuth": 177})) == {
        "sun_elevation": 40, "sun_azimuth": 177,
    }  # fmt: skip


def test_without_a_reader_the_item_s_numbers_count() -> None:
    stated = {"view:sun_elevation": 50, "view:sun_azimuth": 160, "view:incidence_angle": 8, "view:azimuth": 104}
    s2 = item("sentinel-2-c1-l2a", "granule_metadata", **stated)
    site = {"crs": "EPSG:32601", "bounds": [380000, 7640000, 385000, 7645000]}
    assert "angles" not in facts_of(s2, SENSORS["sentinel2"])
    found = facts_of(s2, SENSORS["sentinel2"], site=site)
    assert found["angles"]["source"] == "item"
    assert found["angles"]["view"]["*"] == {"zenith": ["8.00"], "azimuth": ["104.00"]}
    assert {name: found[name] for name in DIRECTIONS} == {
        "sun_elevation": 50, "sun_azimuth": 160, "view_zenith": 8, "view_azimuth": 104,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("collection", "asset"), [("sentinel-2-c1-l2a", "granule_metadata"), ("sentinel-2-l2a", "granule-metadata")]
)
def test_the_granule_metadata_count_before_the_item_s_numbers(collection: str, asset: str) -> None:
    # The tile's corner is (300000, 7700040): nodes 18 and 19 of the fourth and fifth row lie around the site.
    site = {"crs": "EPSG:32601", "bounds": [391000, 7681000, 394000, 7684000]}
    s2 = item(collection, asset, **{"view:incidence_angle": 1, "view:azimuth": 1, "view:sun_elevation": 2})
    asked = []

    def read(asset: dict[str, Any], scene: dict[str, Any]) -> str:
        asked.append((asset["href"], scene["id"]))
        return fixture(GRANULE)

    found = facts_of(s2, SENSORS["sentinel2"], site=site, read=read)
    assert asked == [(f"./{asset}", "x")]
    angles = found["angles"]
    assert (angles["source"], angles["first"]) == ("granule metadata", [390000, 7685040])
    assert len(angles["sun"]["zenith"]) == 2 and len(angles["sun"]["zenith"][0].split()) == 2
    assert set(angles["view"]) == {"blue", "green", "red", "nir", "nir08", "swir16", "swir22"}
    assert 44 < found["sun_elevation"] < 45 and 10 < found["view_zenith"] < 12


def test_a_document_that_cannot_be_read_makes_way_for_the_next(caplog: pytest.LogCaptureFixture) -> None:
    texts = {"ang": InputError("gone", "wait"), "mtl.json": fixture(MTL)}

    def read(asset: dict[str, Any], scene: dict[str, Any]) -> str:
        name = next(key for key, value in scene["assets"].items() if value["href"] == asset["href"])
        found = texts[name]
        if isinstance(found, InputError):
            raise found
        return found

    with caplog.at_level(logging.WARNING):
        found = facts_of(landsat(), SENSORS["landsat8"], site=UTM10, read=read)
    assert found["angles"]["source"] == "footprint"
    assert "gone" in caplog.text
    # The sun as the item states it, as the MTL (here of another scene) is asked only where the item is silent.
    assert found["sun_elevation"] == pytest.approx(18.81, abs=0.01)
    silent = landsat(**{"view:sun_elevation": None})
    found = facts_of(silent, SENSORS["landsat8"], site=UTM10, read=read)
    assert found["sun_elevation"] == pytest.approx(40.0, abs=0.01)


def test_a_source_that_cannot_be_read_now_is_no_reason_for_a_lesser_one() -> None:
    def busy(asset: dict[str, Any], scene: dict[str, Any]) -> Any:
        raise NotNowError("busy", "wait")

    stated = {"view:sun_elevation": 50, "view:sun_azimuth": 160, "view:incidence_angle": 8, "view:azimuth": 104}
    s2 = item("sentinel-2-c1-l2a", "granule_metadata", **stated)
    silent = landsat(**{"view:sun_elevation": None})
    for scene, sensor in ((s2, "sentinel2"), (landsat(), "landsat8"), (silent, "landsat8")):
        with pytest.raises(NotNowError, match="busy"):
            facts_of(scene, SENSORS[sensor], site=UTM10, read=busy)
    assert facts_of(s2, SENSORS["sentinel2"], site=UTM10)["angles"]["source"] == "item"


@pytest.mark.parametrize("broken", ["<html>log in</html>", "", "EPHEMERIS_ECEF_X = (1, two)", "<Tile_Angles>"])
def test_nonsense_in_place_of_a_document_is_no_reason_to_fail(broken: str) -> None:
    found = facts_of(landsat(), SENSORS["landsat8"], site=UTM10, read=lambda asset, scene: broken)
    assert found["angles"]["source"] == "footprint"


def test_a_document_in_an_unknown_place_makes_way(caplog: pytest.LogCaptureFixture) -> None:
    stated = {"view:sun_elevation": 50, "view:sun_azimuth": 160, "view:incidence_angle": 8, "view:azimuth": 104}
    s2 = item("sentinel-2-c1-l2a", "granule_metadata", **stated)
    text = fixture(GRANULE).replace("EPSG:32601", "EPSG:1")
    found = facts_of(s2, SENSORS["sentinel2"], site=UTM10, read=lambda asset, scene: text)
    assert found["angles"]["source"] == "item"
    assert "cannot be used" in caplog.text


def test_landsat_s_orbit_counts_before_its_footprint() -> None:
    found = facts_of(landsat(), SENSORS["landsat8"], site=UTM10, read=lambda asset, scene: fixture(ORBIT))
    assert found["angles"]["source"] == "orbit data"
    assert found["view_zenith"] < 1


def test_the_satellite_s_roll_is_no_view_direction() -> None:
    outlined = landsat()
    del outlined["geometry"]["coordinates"][0][1]  # three corners left: too narrow to be a scene
    outlined["geometry"]["coordinates"][0][1] = outlined["geometry"]["coordinates"][0][0]
    found = facts_of(outlined, SENSORS["landsat8"], site=UTM10)
    assert "angles" not in found and "view_zenith" not in found
    assert found["sun_elevation"] == pytest.approx(18.81, abs=0.01)


def level1(scene: dict[str, Any], **changes: Any) -> dict[str, Any]:
    assets = {name: {"href": f"./{name}.TIF"} for name in ("SZA", "SAA", "VZA", "VAA")}
    return {**scene, "id": "L1", "collection": "landsat-c2-l1", "assets": assets,
            "properties": {**scene["properties"], **changes}}  # fmt: skip


def window(asset: dict[str, Any], scene: dict[str, Any]) -> tuple[Any, GeoBox]:
    numbers = {"SZA": 4000, "SAA": -17000, "VZA": 512, "VAA": 9800}
    grid = GeoBox((100, 100), Affine(30, 0, 470000, 0, -30, 5257000), "EPSG:32610")
    return np.full((100, 100), numbers[asset["href"][2:5]], np.int16), grid


def test_rasters_of_angles_are_lent_by_the_level_1_product() -> None:
    scene = landsat()
    found = facts_of(scene, SENSORS["landsat8"], site=UTM10, window=window, others=[scene, level1(scene)])
    assert found["angles"]["source"] == "angle bands of L1"
    assert {name: found[name] for name in DIRECTIONS} == {
        "sun_elevation": 50, "sun_azimuth": 190, "view_zenith": 5.12, "view_azimuth": 98,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes", [{"platform": "landsat-9"}, {"datetime": "2020-12-04T19:05:00Z"}, {"landsat:wrs_row": "028"}]
)
def test_another_acquisition_s_rasters_are_not_taken(changes: dict[str, Any]) -> None:
    scene = landsat()
    other = level1(scene, **changes)
    found = facts_of(scene, SENSORS["landsat8"], site=UTM10, window=window, others=[other])
    assert found["angles"]["source"] == "footprint"


def test_rasters_that_cannot_be_read_make_way(caplog: pytest.LogCaptureFixture) -> None:
    def broken(asset: dict[str, Any], scene: dict[str, Any]) -> Any:
        raise InputError("cut off", "again")

    scene = landsat()
    found = facts_of(scene, SENSORS["landsat8"], site=UTM10, window=broken, others=[level1(scene)])
    assert found["angles"]["source"] == "footprint"
    assert "cut off" in caplog.text


@pytest.mark.parametrize("sensor", ["landsat8_pan", "modis", "sentinel1"])
def test_what_cannot_be_corrected_asks_for_no_document(sensor: str) -> None:
    def never(asset: dict[str, Any], scene: dict[str, Any]) -> Any:
        raise AssertionError

    collection = next(iter(SENSORS[sensor]["collections"]))
    scene = {**item(collection, "granule_metadata", "SZA", "SAA", "VZA", "VAA"), "collection": collection}
    found = facts_of(scene, SENSORS[sensor], site=UTM10, read=never, window=never)
    assert "angles" not in found


def test_every_real_item_has_facts_and_optical_ones_directions_where_their_items_tell() -> None:
    told = {}
    for path in sorted(FIXTURES.glob("*/*/*.json")):
        scene = json.loads(path.read_text())
        fits = [s for s in SENSORS.values() if scene.get("collection") in s["collections"]]
        if scene.get("type") == "Feature" and fits:
            left, bottom, right, top = scene["bbox"]
            middle = ((left + right) / 2, (bottom + top) / 2)
            site = {"crs": "EPSG:4326", "bounds": [middle[0], middle[1], middle[0] + 0.01, middle[1] + 0.01]}
            found = facts_of(scene, fits[0], site=site)
            told[path.stem] = found.get("angles", {}).get("source")
    if not told:
        pytest.skip("the STAC fixtures are not here (../shared)")
    # An item of STAC 0.7 does not say that it is Landsat's.
    no_platform = "LC08_L2SP_005009_20150710_20200908_02_T2"
    assert {s for name, s in told.items() if name.startswith("LC") and name != no_platform} == {"footprint"}
    assert told["S2B_T20EPT_20250731T131905_L2A"] == "item"
    assert told["S2A_13SCA_20200403_0_L2A"] is None
