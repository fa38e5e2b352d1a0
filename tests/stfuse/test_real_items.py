"""Real items of the archives, each read as it should be, or refused in words that help."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stfuse.acquisition.catalogue import search, site_area
from stfuse.acquisition.links import kind_of
from stfuse.acquisition.scenes import acquired, cloud_cover, find_asset, make_scene, platform
from stfuse.errors import InputError
from stfuse.fields import legend
from stfuse.harmonisation.masks import carry, mask_bands, observed
from stfuse.products.encodings import LookAtPixels, decode, find_encoding
from stfuse.products.sensors import read_sensors
from stfuse.products.stored import projection, stated

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT.parent / "shared" / "stac-fixtures"
SENSORS = read_sensors(ROOT / "config/sensors")
ACCESS = {
    "free-https": "open",
    "s3-requester-pays": "requester-pays",
    "sas-token": "signed",
    "usgs-ers-login (or alternate.s3 requester pays)": "requester-pays",
}
MASKS = {"scl", "qa_pixel"}

PLATFORMS = {
    **{"S1A": "sentinel-1a", "S2A": "sentinel-2a", "S2B": "sentinel-2b", "MCD": "modis"},
    **{"LC08": "landsat-8", "LC09": "landsat-9", "LE07": "landsat-7", "LT05": "landsat-5", "LM05": "landsat-5"},
    "LM01": "landsat-1",
}
"""By the beginning of the id: archives write them in four ways."""

# Products that no fusion can use: the rule that a user's sensor file would ask for them with, and what it says.
REFUSED = {
    "sentinel-2-l1c": ("sentinel2_l2a", "is level 1C: reflectance at the top of the atmosphere.*sentinel-2-c1-l2a"),
    "sentinel-1-grd": ("sentinel1_rtc", "(GRD in ground range|states uint16 numbers).*sentinel-1-rtc"),
    "landsat-c2-l1": ("landsat_c2_l1_toa", "of landsat-5 does not state a reflectance scale.*landsat-c2-l2"),
    "landsat-c2l1": ("landsat_c2_l1_toa", "of LANDSAT_[15] does not state a reflectance scale.*landsat-c2-l2"),
}


def entries() -> list[dict[str, Any]]:
    if not (FIXTURES / "expected.json").exists():
        return []
    return list(json.loads((FIXTURES / "expected.json").read_text()))


def item_at(file: str) -> dict[str, Any]:
    if not (FIXTURES / file).exists():
        pytest.skip("no ../shared/stac-fixtures here")
    return dict(json.loads((FIXTURES / file).read_text()))


def takers(item: dict[str, Any]) -> list[dict[str, Any]]:
    """The sensors of ours that take an item for theirs."""
    ours = [s for s in SENSORS.values() if item["collection"] in s["collections"]]
    return [sensor for sensor in ours if make_scene(item, sensor) is not None]


def over(chosen: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", chosen, ids=lambda entry: entry["file"].replace("/", ":"))


@pytest.mark.skipif(not entries(), reason="no ../shared/stac-fixtures here")
def test_the_list_has_28_items_and_each_is_taken_by_a_sensor_or_refused() -> None:
    assert len(entries()) == 28
    for entry in entries():
        if entry["bands"]:
            assert bool(takers(item_at(entry["file"]))) != (entry["collection"] in REFUSED), entry["file"]


@over(entries())
def test_what_the_item_says_of_itself(entry: dict[str, Any]) -> None:
    item = item_at(entry["file"])
    assert (item["id"], item["collection"]) == (entry["id"], entry["collection"])
    if "nominal_date" in entry:
        assert acquired(item)[:10] == entry["nominal_date"] != entry["acquired"][:10]
    else:
        assert datetime.fromisoformat(acquired(item)) == datetime.fromisoformat(entry["acquired"])
    assert cloud_cover(item) == entry["cloud_cover"]
    (whose,) = (name for start, name in PLATFORMS.items() if item["id"].startswith(start))
    assert platform(item) == (whose if entry["bands"] else "")
    stated_crs = projection(item)
    assert (int(stated_crs[5:]) if stated_crs.startswith("EPSG:") else None) == entry["epsg"]


@over(entries())
def test_what_each_band_declares_and_how_it_is_reached(entry: dict[str, Any]) -> None:
    item = item_at(entry["file"])
    for band in entry["bands"].values():
        asset = item["assets"][band["asset"]]
        says = {key: value for key, value in stated(asset).items() if value is not None}
        declared = band["declared"] or {}
        assert {key: says.get(key) for key in declared} == declared
        assert bool(says) == bool(declared)
        if "data_type" in declared:
            assert declared["data_type"] == band["use"]["dtype"]
        assert kind_of(asset, item) == ACCESS[band["access"]]
        shape = asset.get("proj:shape", item["properties"].get("proj:shape"))
        # An item of GRD states a grid that is made up, one archive's none at all.
        assert shape == band.get("shape")


@over([entry for entry in entries() if entry["bands"] and entry["collection"] not in REFUSED])
def test_each_sensor_of_ours_finds_its_bands_and_reads_their_numbers(entry: dict[str, Any]) -> None:
    item = item_at(entry["file"])
    for sensor in takers(item):
        rule = sensor["collections"][item["collection"]]["encoding"]
        bands = [band for band in sensor["bands"] if band in entry["bands"]]
        assert bands
        for band in bands:
            known = entry["bands"][band]
            asset = find_asset(item, sensor, band)
            assert asset == item["assets"][known["asset"]]
            found, use = find_encoding(rule, item, asset, {}), known["use"]
            assert (found.scale, found.offset, found.nodata) == (use["scale"], use["offset"], use["nodata"])
            numbers = np.array([use["nodata"], 5000], use["dtype"])
            np.testing.assert_allclose(
                decode(numbers, found), [np.nan, 5000 * use["scale"] + use["offset"]], rtol=1e-5, equal_nan=True
            )
        for band in mask_bands(sensor):
            asset = find_asset(item, sensor, band)
            if band in MASKS:
                known = entry["bands"][band]
                assert asset == item["assets"][known["asset"]]
                fill = np.full((1, 1), known["use"]["nodata"], known["use"]["dtype"])
                assert not observed(fill, sensor["mask"]["kind"]).any()


@over([entry for entry in entries() if entry["collection"] in REFUSED])
def test_a_product_that_no_fusion_can_use_is_refused_with_what_to_take_instead(entry: dict[str, Any]) -> None:
    item = item_at(entry["file"])
    assert takers(item) == []
    rule, says = REFUSED[entry["collection"]]
    for name, band in entry["bands"].items():
        if name not in MASKS:
            with pytest.raises(InputError, match=says):
                find_encoding(rule, item, item["assets"][band["asset"]], {})


@over([entry for entry in entries() if not entry["bands"]])
def test_an_item_without_bands_is_passed_over_and_says_what_it_lacks(entry: dict[str, Any]) -> None:
    item = item_at(entry["file"])
    assert item["stac_version"] == "0.7.0"
    # Its platform stands under a key of its time, so that no sensor takes it for its own.
    assert takers(item) == []
    with pytest.raises(InputError, match=r"lacks band red: looked for \['red'\], found .*SR_B4.TIF"):
        find_asset(item, SENSORS["landsat8"], "red")


def test_masks_are_carried_without_being_averaged() -> None:
    from odc.geo.geobox import GeoBox

    coarse = GeoBox.from_bbox((0, 0, 40, 40), "EPSG:32631", resolution=20)
    fine = GeoBox.from_bbox((0, 0, 40, 40), "EPSG:32631", resolution=10)
    flags = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(carry(flags, coarse, fine), np.kron(flags, np.ones((2, 2), bool)))


# The case of which no real item was found: flag false from baseline 04.00 on.


def test_the_2025_item_with_its_flag_turned_false_sends_the_job_to_the_pixels() -> None:
    item = item_at("earth-search/sentinel-2-l2a/S2B_20EPT_20250731_0_L2A.json")
    item["properties"]["earthsearch:boa_offset_applied"] = False
    sensor = SENSORS["sentinel2"]
    for band in sensor["bands"]:
        asset = find_asset(item, sensor, band)
        with pytest.raises(LookAtPixels):
            find_encoding("sentinel2_l2a", item, asset, {})
        chosen = [
            find_encoding("sentinel2_l2a", item, asset, {"sentinel2_offset": c}).offset for c in ("apply", "none")
        ]
        assert chosen == [-0.1, 0.0]


# Items beyond the list.


def test_the_retired_first_version_of_earth_search_is_read_by_its_product_s_name() -> None:
    item = item_at("earth-search/v0-sentinel-s2-l2a-cogs/S2A_28QCH_20200714_0_L2A.json")
    sensor = SENSORS["sentinel2"]
    assert acquired(item) == "2020-07-14T11:55:52Z"
    assert (platform(item), cloud_cover(item), projection(item)) == ("sentinel-2a", 2.36, "EPSG:32628")
    for band, key in (("red", "B04"), ("nir08", "B8A"), ("swir22", "B12"), ("scl", "SCL")):
        assert find_asset(item, sensor, band) == item["assets"][key]
    found = find_encoding("sentinel2_l2a", item, item["assets"]["B04"], {})
    assert (found.scale, found.offset, found.nodata) == (1e-4, 0.0, 0)
    assert "02.14" in found.rule


@pytest.mark.parametrize(
    ("file", "day", "cloud", "whose"),
    [
        ("THEIA_VENUS_VM1_L1C/VENUS-XS_20200103-110008-000_L1C_ES-LTERA_D.json", "2020-01-03", None, "venus"),
        ("THEIA_VENUS_VM1_L1C/VENUS-XS_20200105-110006-000_L1C_ES-LTERA_D.json", "2020-01-05", None, "venus"),
        (
            "THEIA_REFLECTANCE_SENTINEL2_L2A/SENTINEL2B_20200106-105907-758_L2A_T31TCH_C.json",
            "2020-01-06",
            0,
            "sentinel-2b",
        ),
        (
            "THEIA_REFLECTANCE_LANDSAT8_L2A/LANDSAT8-OLITIRS-XS_20200112-104236-573_L2A_T31TCH_D.json",
            "2020-01-12",
            0,
            "landsat-8",
        ),
    ],
)
def test_geodes_items_bear_the_day_of_the_catalogue_and_unknown_cloud(
    file: str, day: str, cloud: float | None, whose: str
) -> None:
    item = item_at(f"geodes/{file}")
    assert item["properties"]["datetime"][:10] > day
    assert (acquired(item)[:10], cloud_cover(item), platform(item)) == (day, cloud, whose)
    (data,) = (asset for asset in item["assets"].values() if asset["roles"] == ["data"])
    assert (data["type"], kind_of(data, item)) == ("application/zip", "login")


@pytest.mark.parametrize(
    ("file", "sensor", "day"),
    [
        ("landsat-c2-l2/LC08_L2SP_047027_20201204_02_T1.json", "landsat", "2020-12-04"),
        ("landsat-c2-l2/LE07_L2SP_021030_20100109_02_T1.json", "landsat7", "2010-01-09"),
        ("landsat-c2-l2/LT05_L2SP_010067_19860424_02_T2.json", "landsat5", "1986-04-24"),
        ("modis-43A4-061/MCD43A4.A2022032.h14v10.061.json", "modis", "2022-02-01"),
    ],
)
def test_items_as_the_providers_own_packages_make_them(file: str, sensor: str, day: str) -> None:
    item, settings = item_at(f"stactools-examples/{file}"), SENSORS[sensor]
    item.setdefault("collection", next(iter(settings["collections"])))
    assert make_scene(item, settings) is not None
    others = {"landsat", "landsat5", "landsat7", "landsat8", "modis"} - {sensor, "modis_480"}
    assert [s["name"] for s in takers(item) if s["name"] in others] == (["landsat8"] if sensor == "landsat" else [])
    assert acquired(item)[:10] == day
    rule = settings["collections"][item["collection"]]["encoding"]
    scale, offset = (1e-4, 0.0) if sensor == "modis" else (2.75e-5, -0.2)
    for band in settings["bands"]:
        found = find_encoding(rule, item, find_asset(item, settings, band), {})
        assert (found.scale, found.offset) == (scale, offset)


def test_a_map_s_items_have_no_datetime_and_relative_links(tmp_path: Path) -> None:
    folder = FIXTURES / "stactools-examples/usda-cdl"
    items = [item_at(str(path.relative_to(FIXTURES))) for path in sorted(folder.glob("*.json"))]
    sensor = SENSORS["usda_cdl"]
    entry = {"type": "Collection", "id": "usda-cdl", "description": "x", "license": "other", "stac_version": "1.0.0"}
    extent = {"spatial": {"bbox": [[-98, 39, -97, 40]]}, "temporal": {"interval": [["2008-01-01T00:00:00Z", None]]}}
    links = [{"rel": "item", "href": f"./items/{item['id']}.json"} for item in items]
    (tmp_path / "items").mkdir()
    for item in items:
        own = {**item, "collection": "usda-cdl", "links": []}
        (tmp_path / "items" / f"{item['id']}.json").write_text(json.dumps(own))
    (tmp_path / "collection.json").write_text(json.dumps({**entry, "extent": extent, "links": links}))
    area = site_area("EPSG:32614", (655000, 4336000, 656000, 4337000))
    found, _ = search(str(tmp_path / "collection.json"), sensor["collections"], area, ("2021-01-01", "2021-12-31"))
    assert all(item["properties"]["datetime"] is None for item in items)
    assert {item["id"].split("_")[0] for item in found} == {"cropland", "cultivated"}
    (crops,) = (item for item in found if item["id"].startswith("cropland"))
    assert (acquired(crops)[:10], cloud_cover(crops), projection(crops)) == ("2021-01-01", None, "EPSG:5070")
    asset = find_asset(crops, sensor, "classes")
    assert Path(asset["href"]).is_absolute()
    assert legend(asset)[5] == "Soybeans"
    found_rule = find_encoding("classes", crops, asset, {})
    np.testing.assert_array_equal(decode(np.array([0, 1, 254], np.uint8), found_rule), [np.nan, 1, 254])
    (other,) = (item for item in found if item["id"].startswith("cultivated"))
    with pytest.raises(InputError, match="lacks band classes"):
        find_asset(other, sensor, "classes")
