"""Facts read from items."""

from __future__ import annotations

from typing import Any

import pytest

from stfuse.errors import InputError
from stfuse.scenes import acquired, find_asset, make_scene, normal_platform, orbit, platform, superseded, tile, track


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Sentinel-2B", "sentinel-2b"),
        ("sentinel-2b", "sentinel-2b"),
        ("S2B", "sentinel-2b"),
        ("LANDSAT_8", "landsat-8"),
        ("landsat-8", "landsat-8"),
        ("Landsat 9", "landsat-9"),
        ("SENTINEL-1A", "sentinel-1a"),
        ("VM1", "venus"),
        ("VENµS", "venus"),
        (None, ""),
    ],
)
def test_platforms_get_one_spelling(said: str | None, meant: str) -> None:
    assert normal_platform(said) == meant


def make_item(name: str, collection: str = "a", **properties: Any) -> dict[str, Any]:
    when = {"datetime": "2020-03-01T10:50:00.123Z", "platform": "S2A", "grid:code": "MGRS-31UDS"}
    return {
        "id": name,
        "collection": collection,
        "properties": {**when, **properties},
        "assets": {"B04": {"href": "r"}},
    }


def gone(*items: dict[str, Any]) -> dict[str, str]:
    scenes = [make_scene(item, {"name": "sentinel2"}) for item in items]
    return superseded([s for s in scenes if s], ["a", "b"])


def test_the_highest_baseline_stays() -> None:
    old = make_item("old", **{"s2:processing_baseline": "03.01"})
    new = make_item("new", **{"s2:processing_baseline": "05.00", "datetime": "2020-03-01T10:50:00.999Z"})
    assert gone(old, new) == {"old": "new"}


def test_of_equal_baselines_the_collection_named_first_stays_then_the_latest_made() -> None:
    assert gone(make_item("x", "b"), make_item("y", "a")) == {"x": "y"}
    early, late = (make_item(n, updated=f"2021-01-0{n}") for n in "12")
    assert gone(early, late) == {"1": "2"}


def test_other_tiles_platforms_and_times_are_other_acquisitions() -> None:
    base = make_item("x")
    for change in ({"grid:code": "MGRS-31UES"}, {"platform": "S2B"}, {"datetime": "2020-03-01T10:50:14Z"}):
        assert gone(base, make_item("y", **change)) == {}


def test_tiles_are_found_wherever_they_are_named() -> None:
    assert tile(make_item("x")) == "31UDS"
    assert tile({"id": "x", "properties": {"s2:mgrs_tile": "31UDS"}}) == "31UDS"
    assert tile({"id": "x", "properties": {"landsat:wrs_path": "199", "landsat:wrs_row": "025"}}) == "199025"
    assert tile({"id": "S2A_MSIL2A_x_T31UDS_y", "properties": {}}) == "31UDS"
    assert tile({"id": "MCD43A4.A2025061.h35v10.061.2025070035331", "properties": {}}) == "h35v10"
    assert tile({"id": "x", "properties": {}}) == ""


def test_other_platforms_are_left_out_where_the_sensor_names_its_own() -> None:
    sensor = {"name": "landsat8", "platforms": ["landsat-8"]}
    assert make_scene(make_item("x", platform="LANDSAT_9"), sensor) is None
    assert make_scene(make_item("x", platform="LANDSAT_8"), sensor) is not None


def test_a_null_datetime_falls_back_to_the_start() -> None:
    assert acquired(make_item("x", datetime=None, start_datetime="2021-01-01T00:00:00Z"))[:10] == "2021-01-01"
    with pytest.raises(InputError, match="Item x has no datetime"):
        acquired(make_item("x", datetime=None))


COMPOSITE = {
    "datetime": "2025-03-05T23:59:59.999500Z",
    "start_datetime": "2025-03-02T00:00:00Z",
    "end_datetime": "2025-03-09T23:59:59.999000Z",
}
CATALOGUED = {
    "datetime": "2024-11-22T15:04:40.036000Z",
    "start_datetime": "2020-01-03T11:00:08Z",
    "end_datetime": "2020-01-03T11:00:08Z",
}
RADAR = {
    "datetime": "2024-04-19T04:58:01.720055Z",
    "start_datetime": "2024-04-19 04:57:49.220673+00:00",
    "end_datetime": "2024-04-19 04:58:14.219437+00:00",
}


@pytest.mark.parametrize(
    ("name", "stated", "day"),
    [
        ("MCD43A4.A2025061.h35v10.061.2025070035331", COMPOSITE, "2025-03-02"),
        # Made by another archive: the start is the window's, and the id alone tells the nominal day.
        ("MCD43A4.A2022032.h14v10.061", {"start_datetime": "2022-01-24T00:00:00Z"}, "2022-02-01"),
        ("a composite without a day in its id", COMPOSITE, "2025-03-02"),
        ("VENUS-XS", CATALOGUED, "2020-01-03"),
        ("S1A", RADAR, "2024-04-19"),
    ],
)
def test_the_day_meant_is_found_whatever_datetime_says(name: str, stated: dict[str, Any], day: str) -> None:
    assert acquired(make_item(name, **stated))[:10] == day


def test_a_moment_within_its_acquisition_is_kept_to_the_second() -> None:
    assert acquired(make_item("S1A", **RADAR)) == RADAR["datetime"]


def test_products_of_terra_and_aqua_together_are_modis() -> None:
    for said in ("", None, "terra,aqua"):
        assert platform(make_item("MCD43A4.A2025061.h35v10.061.1", platform=said)) == "modis"
    assert platform(make_item("x", platform="VENUS")) == "venus"


def test_of_two_productions_of_a_modis_day_the_latest_stays_and_tiles_are_apart() -> None:
    old, new = (make_item(f"MCD43A4.A2025061.h35v10.061.{n}", updated=f"2025-03-1{n}") for n in (1, 2))
    other = make_item("MCD43A4.A2025061.h35v11.061.3", **{"grid:code": None})
    for item in (old, new):
        item["properties"]["grid:code"] = None
    assert gone(old, new, other) == {old["id"]: new["id"]}


def test_the_orbit_is_its_direction_and_number() -> None:
    item = make_item("x", **{"sat:orbit_state": "ASCENDING", "sat:relative_orbit": 88})
    assert (orbit(item), track(item)) == ("ascending", "ascending 88")
    assert (orbit(make_item("x")), track(make_item("x"))) == ("", "")


def test_asset_keys_may_be_patterns_of_which_an_exact_one_wins() -> None:
    sensor = {"name": "s", "collections": {"a": {"assets": {"red": ["*_B3*"], "nir": ["B11", "*_B11*"]}}}}
    item = {**make_item("x"), "assets": {k: {"href": k} for k in ("X_B11.tif", "B11", "X_B3.tif", "X_B30")}}
    assert find_asset(item, sensor, "red")["href"] == "X_B3.tif"
    assert find_asset(item, sensor, "nir")["href"] == "B11"


def test_assets_are_found_by_the_sensor_s_table_of_keys() -> None:
    sensor = {"name": "s", "collections": {"a": {"assets": {"red": ["red", "B04"], "blue": ["blue"]}}}}
    assert find_asset(make_item("x"), sensor, "red")["href"] == "r"
    with pytest.raises(InputError, match="Item x of a lacks band blue"):
        find_asset(make_item("x"), sensor, "blue")
    with pytest.raises(InputError, match="no band pan in collection a"):
        find_asset(make_item("x"), sensor, "pan")
