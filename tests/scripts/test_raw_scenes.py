"""The search: what it keeps, what it says, and how it fails."""

from __future__ import annotations

import csv
import json
import shutil
import threading
from collections.abc import Iterator
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse.acquisition import patience
from stfuse.errors import InputError
from tiny_archive import BANDS, SENSORS, SITE, add_item, make_archive, sentinel2_bands, write_catalog, write_tif

SENTINEL2 = {"sentinel2": SENSORS["sentinel2"]}


def run(
    catalog: str, folder: Path, site: dict[str, Any] = SITE, sensors: dict[str, dict[str, Any]] = SENSORS
) -> dict[str, dict[str, str]]:
    find_scenes(catalog, site, sensors, folder / "scenes.csv", folder / "items.json")
    with (folder / "scenes.csv").open() as table:
        return {row["scene"]: row for row in csv.DictReader(table)}


def fails(catalog: str, folder: Path, site: dict[str, Any] = SITE, sensors: dict[str, dict[str, Any]] = SENSORS) -> str:
    """The message of the failed search, which must have left nothing behind."""
    with pytest.raises(InputError) as error:
        run(catalog, folder / "out", site, sensors)
    assert not (folder / "out").exists() or not list((folder / "out").iterdir())
    return str(error.value)


def test_rows_tell_shares_over_the_site_and_why_a_scene_is_not_kept(tmp_path: Path) -> None:
    rows = run(str(make_archive(tmp_path / "a")), tmp_path)
    assert {s: (r["covered"], r["clear"], r["kept"]) for s, r in rows.items()} == {
        "S2_A": ("1.0000", "1.0000", "1"),
        "S2_B": ("1.0000", "0.7500", "1"),
        "S2_C": ("1.0000", "0.0000", "0"),
        "L8_A": ("1.0000", "1.0000", "1"),
    }
    assert rows["S2_C"]["reason"] == "clear over 0% of the site, min_clear is 50%"
    assert rows["L8_A"]["platform"] == "landsat-8"
    assert rows["S2_A"]["date"] == "2020-03-01"


def test_tile_cloud_cover_plays_no_part(tmp_path: Path) -> None:
    root = tmp_path / "a"
    make_archive(root)
    add_item(
        root,
        "sentinel-2-l2a",
        "S2_D",
        "2020-05-01T10:50:00Z",
        sentinel2_bands(),
        {"eo:cloud_cover": 99.0, "platform": "S2A"},
    )
    assert run(str(write_catalog(root)), tmp_path)["S2_D"]["kept"] == "1"


def test_of_two_processings_the_highest_baseline_stays(tmp_path: Path) -> None:
    root = tmp_path / "a"
    make_archive(root)
    old = {"platform": "sentinel-2b", "s2:processing_baseline": "02.12", "s2:mgrs_tile": "31UDS"}
    add_item(root, "sentinel-2-l2a", "S2_old", "2020-03-01T10:50:00.900Z", sentinel2_bands(offset=0), old)
    rows = run(str(write_catalog(root)), tmp_path)
    assert rows["S2_old"]["reason"] == "replaced by another processing, S2_A"
    assert rows["S2_A"]["kept"] == "1"


def add_half(root: Path, name: str, when: str, columns: slice, rows: slice = slice(0)) -> None:
    """A Sentinel-2 scene that holds only some columns of its files (20 m, site = 4..16), with cloud on some rows."""
    bands = sentinel2_bands()
    scl = np.zeros_like(bands["scl"][0])
    scl[:, columns] = bands["scl"][0][:, columns]
    scl[rows, columns] = 9
    tile = "31UDS" if columns.start is None else "31UES"
    facts = {"platform": "Sentinel-2B", "s2:processing_baseline": "05.10", "s2:mgrs_tile": tile}
    add_item(root, "sentinel-2-l2a", name, when, {**bands, "scl": (scl, 20.0)}, facts)


def test_scenes_that_meet_on_the_site_are_judged_by_their_day(tmp_path: Path) -> None:
    root = tmp_path / "a"
    # Two tiles of one pass, the seam through the site's middle; the second tile is half cloud.
    add_half(root, "West", "2020-05-01T10:50:00Z", slice(None, 10))
    add_half(root, "East", "2020-05-01T10:50:00Z", slice(10, None), slice(0, 10))
    rows = run(str(write_catalog(root)), tmp_path, {**SITE, "min_clear": 0.7}, SENTINEL2)
    facts = ("covered", "clear", "day_clear", "kept", "reason")
    assert {name: tuple(row[fact] for fact in facts) for name, row in rows.items()} == {
        "West": ("0.5000", "0.5000", "0.7500", "1", ""),
        "East": ("0.5000", "0.2500", "0.7500", "1", ""),
    }


def test_the_union_counts_a_pixel_once_and_takes_only_scenes_with_clear_pixels(tmp_path: Path) -> None:
    root = tmp_path / "a"
    add_half(root, "West", "2020-05-01T10:50:00Z", slice(None, 10))
    add_half(root, "Again", "2020-05-01T10:50:25Z", slice(None, 10))
    add_half(root, "Cloud", "2020-05-01T10:50:00Z", slice(10, None), slice(None))
    rows = run(str(write_catalog(root)), tmp_path, SITE, SENTINEL2)
    assert {row["day_clear"] for row in rows.values()} == {"0.5000"}
    assert {name: row["kept"] for name, row in rows.items()} == {"West": "1", "Again": "1", "Cloud": "0"}
    assert rows["Cloud"]["reason"] == "no clear pixel over the site"
    message = fails(str(write_catalog(root)), tmp_path, {**SITE, "min_clear": 0.6}, SENTINEL2)
    assert "clear over 50% of the site by the 3 scenes of the day, min_clear is 60%" in message


def test_other_days_and_replaced_scenes_take_no_part_in_a_day(tmp_path: Path) -> None:
    root = tmp_path / "a"
    add_half(root, "West", "2020-05-01T10:50:00Z", slice(None, 12))
    add_half(root, "East", "2020-05-02T10:50:00Z", slice(12, None))
    old = {"platform": "sentinel-2b", "s2:processing_baseline": "02.12", "s2:mgrs_tile": "31UDS"}
    add_item(root, "sentinel-2-l2a", "Old", "2020-05-01T10:50:00Z", sentinel2_bands(offset=0), old)
    rows = run(str(write_catalog(root)), tmp_path, SITE, SENTINEL2)
    assert rows["West"]["day_clear"] == rows["West"]["clear"] == "0.6667"
    assert (rows["East"]["day_clear"], rows["East"]["kept"]) == ("0.3333", "0")
    assert rows["Old"]["reason"] == "replaced by another processing, West"


def test_only_the_sensors_given_are_searched_for(tmp_path: Path) -> None:
    root = tmp_path / "a"
    make_archive(root)
    shutil.rmtree(root / "landsat-c2-l2")
    rows = run(str(write_catalog(root)), tmp_path, SITE, SENTINEL2)
    assert {row["sensor"] for row in rows.values()} == {"sentinel2"}


@pytest.mark.parametrize("day", ["2020-03-01", date(2020, 3, 1)])
def test_scenes_that_the_site_file_excludes_are_never_kept(tmp_path: Path, day: object) -> None:
    rows = run(str(make_archive(tmp_path / "a")), tmp_path, {**SITE, "exclude": {"sentinel2": [day]}})
    assert (rows["S2_A"]["kept"], rows["S2_A"]["reason"]) == ("0", "excluded by the site file")
    assert rows["S2_B"]["kept"] == rows["L8_A"]["kept"] == "1"


def test_a_date_to_exclude_without_a_scene_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(str(make_archive(tmp_path / "a")), tmp_path, {**SITE, "exclude": {"sentinel2": ["2020-03-02"]}})
    assert "2020-03-02 of sentinel2" in caplog.text


def test_an_unknown_crs_is_named_before_the_catalogue_is_searched(tmp_path: Path) -> None:
    assert "CRS EPSG:999999 is unknown" in fails(str(tmp_path / "none.json"), tmp_path, {**SITE, "crs": "EPSG:999999"})


def test_links_to_local_files_are_relative_to_the_manifest(tmp_path: Path) -> None:
    run(str(make_archive(tmp_path / "a")), tmp_path / "out")
    items = json.loads((tmp_path / "out" / "items.json").read_text())["features"]
    assert {i["id"]: i["assets"] for i in items}["S2_A"]["red"]["href"] == "../a/sentinel-2-l2a/S2_A/red.tif"


def test_a_missing_catalogue_is_named(tmp_path: Path) -> None:
    assert f"Catalogue {tmp_path}/none.json was not found" in fails(f"{tmp_path}/none.json", tmp_path)


def test_what_is_no_catalogue_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("<html>")
    assert "a.json is no STAC catalogue" in fails(f"{tmp_path}/a.json", tmp_path)


def test_no_scene_in_the_period_says_what_there_is(tmp_path: Path) -> None:
    message = fails(str(make_archive(tmp_path / "a")), tmp_path, {**SITE, "period": ["2021-01-01", "2021-12-31"]})
    assert "run from 2020-03-01 to 2020-03-21" in message
    assert "correct `period:`" in message


def test_a_site_outside_the_scenes_says_where_they_are(tmp_path: Path) -> None:
    message = fails(str(make_archive(tmp_path / "a")), tmp_path, {**SITE, "bounds": [600000, 5000000, 600240, 5000240]})
    assert "site outside the scenes: they lie within (3.019, 50.812" in message


def test_all_scenes_cloudy_names_the_best(tmp_path: Path) -> None:
    root = tmp_path / "a"
    for i, cloud in enumerate((1.0, 0.75)):
        when = f"2020-04-0{i + 1}T10:50:00Z"
        add_item(root, "sentinel-2-l2a", f"S{i}", when, sentinel2_bands(cloud), {"platform": "sentinel-2a"})
    message = fails(str(write_catalog(root)), tmp_path, SITE, SENTINEL2)
    assert "All 2 scenes of sentinel2" in message
    assert "the best is S1: clear over 25% of the site" in message
    assert "lower `min_clear:`" in message


def test_a_sensor_without_scenes_is_named(tmp_path: Path) -> None:
    root = tmp_path / "a"
    make_archive(root)
    message = fails(str(root / "sentinel-2-l2a" / "collection.json"), tmp_path)
    assert "no scene of landsat8" in message
    assert "no items in the collections ['landsat-c2-l2']" in message


def test_a_mask_without_crs_is_named(tmp_path: Path) -> None:
    catalog = make_archive(tmp_path / "a")
    values, pixel = sentinel2_bands()["scl"]
    write_tif(tmp_path / "a" / "sentinel-2-l2a" / "S2_B" / "scl.tif", values, pixel, crs=None)
    assert "S2_B/scl.tif has no coordinate reference system" in fails(str(catalog), tmp_path)


def test_a_truncated_mask_is_named(tmp_path: Path) -> None:
    catalog = make_archive(tmp_path / "a")
    path = tmp_path / "a" / "sentinel-2-l2a" / "S2_B" / "scl.tif"
    path.write_bytes(path.read_bytes()[:40])
    assert "S2_B/scl.tif cannot be read" in fails(str(catalog), tmp_path)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, with the byte ranges that GDAL asks for left to whole files, and without talk."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An archive's folder and its URL."""
    make_archive(tmp_path / "served")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield tmp_path / "served", f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_catalogue_on_the_net_gives_the_same_as_its_files(tmp_path: Path, served: tuple[Path, str]) -> None:
    root, url = served
    net, disk = run(f"{url}/catalog.json", tmp_path / "net"), run(str(root / "catalog.json"), tmp_path / "disk")
    assert {row.pop("archive") for row in net.values()} == {f"{url}/catalog.json"}
    assert {row.pop("archive") for row in disk.values()} == {str(root / "catalog.json")}
    assert net == disk
    for where in ("net", "disk"):
        fetch(tmp_path / where / "items.json", "S2_A", SENSORS["sentinel2"], SITE, BANDS, tmp_path / where / "S2_A")
    for band in BANDS:
        files = [tmp_path / where / "S2_A" / f"{band}.tif" for where in ("net", "disk")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_dead_link_on_the_net_costs_one_scene_only(tmp_path: Path, served: tuple[Path, str]) -> None:
    root, url = served
    (root / "sentinel-2-l2a" / "S2_B" / "scl.tif").unlink()
    rows = run(f"{url}/catalog.json", tmp_path)
    assert rows["S2_B"]["reason"].startswith("its mask cannot be read")
    assert rows["S2_A"]["kept"] == "1"


def test_an_unreachable_address_is_named(
    tmp_path: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = served[1]
    assert f"Catalogue {url}/nowhere.json was not found" in fails(f"{url}/nowhere.json", tmp_path)
    monkeypatch.setattr(patience, "TRIES", 1)
    message = fails("http://127.0.0.1:9/catalog.json", tmp_path)
    assert "Archive http://127.0.0.1:9/catalog.json did not answer the search: Failed to establish" in message
