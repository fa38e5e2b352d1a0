"""Facts read from items."""

from __future__ import annotations

from typing import Any

import pytest

from stfuse.errors import InputError
from stfuse.scenes import acquired, find_asset, make_scene, normal_platform, superseded, tile


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Sentinel-2B", "sentinel-2b"),
        ("sentinel-2b", "sentinel-2b"),
        ("S2B", "sentinel-2b"),
        ("LANDSAT_8", "landsat-8"),
        ("landsat-8", "landsat-8"),
        ("Landsat 9", "landsat-9"),
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
    assert tile({"id": "x", "properties": {}}) == ""


def test_other_platforms_are_left_out_where_the_sensor_names_its_own() -> None:
    sensor = {"name": "landsat8", "platforms": ["landsat-8"]}
    assert make_scene(make_item("x", platform="LANDSAT_9"), sensor) is None
    assert make_scene(make_item("x", platform="LANDSAT_8"), sensor) is not None


def test_a_null_datetime_falls_back_to_the_start() -> None:
    assert acquired(make_item("x", datetime=None, start_datetime="2021-01-01T00:00:00Z"))[:10] == "2021-01-01"
    with pytest.raises(InputError, match="Item x has no datetime"):
        acquired(make_item("x", datetime=None))


def test_assets_are_found_by_the_sensor_s_table_of_keys() -> None:
    sensor = {"name": "s", "collections": {"a": {"assets": {"red": ["red", "B04"], "blue": ["blue"]}}}}
    assert find_asset(make_item("x"), sensor, "red")["href"] == "r"
    with pytest.raises(InputError, match="Item x of a lacks band blue"):
        find_asset(make_item("x"), sensor, "blue")
    with pytest.raises(InputError, match="no band pan in collection a"):
        find_asset(make_item("x"), sensor, "pan")
