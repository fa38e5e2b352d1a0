"""Facts read from items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from stfuse.acquisition.scenes import (
    acquired,
    cloud_cover,
    find_asset,
    make_scene,
    normal_platform,
    orbit,
    platform,
    superseded,
    tile,
    track,
)
from stfuse.errors import InputError


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


def gone(*items: dict[str, Any], archives: Sequence[str] = ("", "")) -> dict[str, str]:
    """Ids of what goes and of what stays instead; of the archives the first is preferred."""
    scenes = [make_scene(item, {"name": "s"}, item.get("archive", archives[0])) for item in items]
    return {key[2]: best.id for key, best in superseded([s for s in scenes if s], ["a", "b"], archives).items()}


def test_the_highest_baseline_stays() -> None:
    old = make_item("old", **{"s2:processing_baseline": "03.01"})
    new = make_item("new", **{"s2:processing_baseline": "05.00", "datetime": "2020-03-01T10:50:00.999Z"})
    assert gone(old, new) == {"old": "new"}


def test_of_equal_baselines_the_collection_named_first_stays_then_the_latest_made() -> None:
    assert gone(make_item("x", "b"), make_item("y", "a")) == {"x": "y"}
    early, late = (make_item(n, updated=f"2021-01-0{n}") for n in "12")
    assert gone(early, late) == {"1": "2"}


def test_a_copy_in_another_archive_goes_unless_it_is_the_better_processing() -> None:
    first, second = make_item("x"), {**make_item("y"), "archive": "two"}
    assert gone(second, first, archives=["one", "two"]) == {"y": "x"}
    # Neither the collection's place in the sensor file nor a later make counts for more than the archive's place.
    late = make_item("x", "b", updated="2020-01-01")
    assert gone({**second, "updated": "2024-01-01"}, late, archives=["one", "two"]) == {"y": "x"}
    second["properties"]["s2:processing_baseline"] = "05.00"
    assert gone(first, second, archives=["one", "two"]) == {"x": "y"}


def test_the_same_name_in_two_archives_is_told_apart() -> None:
    scenes = [make_scene(make_item("x"), {"name": "s"}, archive) for archive in ("two", "one")]
    found = superseded([s for s in scenes if s], ["a"], ["one", "two"])
    assert {key: best.archive for key, best in found.items()} == {("two", "a", "x"): "one"}


def strip(name: str, when: str, begun: str, **properties: Any) -> dict[str, Any]:
    """A Sentinel-2 item of the pass that began at 10:46:21."""
    stated = {"s2:datastrip_id": f"S2A_OPER_MSI_L2A_DS_X_20200301T120000_S{begun}_N02.14"}
    return make_item(
        name, datetime=when, **stated, **{"s2:datatake_id": "GS2A_20200301T104621_024_N02.14"}, **properties
    )


def test_archives_that_state_the_moment_of_the_pass_and_of_the_tile_mean_one_acquisition() -> None:
    tile_time, pass_time = "2020-03-01T10:50:00.123Z", "2020-03-01T10:46:21.024Z"
    one, other = strip("x", tile_time, "20200301T104900"), strip("y", pass_time, "20200301T104902")
    assert gone(one, {**other, "archive": "two"}, archives=["one", "two"]) == {"y": "x"}
    # A minute on begins the next datastrip: the other part of the tile.
    part = strip("y", pass_time, "20200301T105000")
    assert gone(one, {**part, "archive": "two"}, archives=["one", "two"]) == {}


def test_two_parts_of_a_tile_stay_though_both_state_the_moment_of_the_pass() -> None:
    parts = [
        strip(name, "2020-03-01T10:46:21.024Z", begun)
        for name, begun in (("x", "20200301T104900"), ("y", "20200301T105000"))
    ]
    assert gone(*parts) == {}
    again = strip("z", "2020-03-01T10:46:21.024Z", "20200301T105001", updated="2021-01-01")
    assert gone(*parts, again) == {"y": "z"}


def test_cloud_cover_is_a_percentage_or_unknown() -> None:
    said = [0, 12.5, "7", 100, -1, 101, None, "cloudy"]
    assert [cloud_cover(make_item("x", **{"eo:cloud_cover": value})) for value in said] == [
        *(0.0, 12.5, 7.0, 100.0),
        *(None, None, None, None),
    ]
    assert cloud_cover(make_item("x")) is None


def test_a_moment_may_be_rounded_across_a_second() -> None:
    one, other = (make_item(n, datetime=f"2020-03-01T10:50:{s}") for n, s in (("x", "00.9996Z"), ("y", "01Z")))
    assert gone(one, {**other, "archive": "two"}, archives=["one", "two"]) == {"y": "x"}


def test_other_tiles_platforms_and_times_are_other_acquisitions() -> None:
    base = make_item("x")
    for change in ({"grid:code": "MGRS-31UES"}, {"platform": "S2B"}, {"datetime": "2020-03-01T10:50:14Z"}):
        assert gone(base, make_item("y", **change)) == {}


def test_tiles_are_found_wherever_they_are_named() -> None:
    assert tile(make_item("x")) == "31UDS"
    assert tile({"id": "x", "properties": {"s2:mgrs_tile": "31UDS"}}) == "31UDS"
    assert tile({"id": "x", "properties": {"landsat:wrs_path": "199", "landsat:wrs_row": "025"}}) == "199025"
    assert tile({"id": "x", "properties": {"landsat:wrs_path": "5", "landsat:wrs_row": "9"}}) == "005009"
    assert (
        tile(make_item("x", **{"grid:code": "MGRS-6VVN"})) == tile(make_item("x", **{"grid:code": "06VVN"})) == "06VVN"
    )
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
    with pytest.raises(InputError, match="Item x has the datetime 'yesterday'"):
        acquired(make_item("x", datetime="yesterday"))


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


def test_assets_may_be_known_by_the_names_of_their_files_after_their_keys() -> None:
    sensor = {"name": "s", "collections": {"a": {"assets": {"red": ["*_B3.tif"]}}}}
    item = {**make_item("x"), "assets": {"one": {"href": "https://h/x_B3.tif?sig=1"}, "two": {"href": "/d/y_B4.tif"}}}
    assert find_asset(item, sensor, "red")["href"].startswith("https://h/x_B3")
    item["assets"]["z_B3.tif"] = {"href": "key"}
    assert find_asset(item, sensor, "red")["href"] == "key"


def test_a_band_in_a_layer_of_its_file_says_which() -> None:
    sensor = {"name": "s", "collections": {"a": {"assets": {"red": ["m"], "cloud": ["m"]}, "layers": {"cloud": 2}}}}
    item = {**make_item("x"), "assets": {"m": {"href": "m.tif"}}}
    assert find_asset(item, sensor, "cloud") == {"href": "m.tif", "stfuse:band": 2}
    assert find_asset(item, sensor, "red") == {"href": "m.tif"}


def test_assets_are_found_by_the_sensor_s_table_of_keys() -> None:
    sensor = {"name": "s", "collections": {"a": {"assets": {"red": ["red", "B04"], "blue": ["blue"]}}}}
    assert find_asset(make_item("x"), sensor, "red")["href"] == "r"
    with pytest.raises(InputError, match="Item x of a lacks band blue"):
        find_asset(make_item("x"), sensor, "blue")
    with pytest.raises(InputError, match="no band pan in collection a"):
        find_asset(make_item("x"), sensor, "pan")
