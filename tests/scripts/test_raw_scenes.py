"""The search: what it keeps, what it says, and how it fails."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse import catalogue
from stfuse.errors import InputError
from tiny_archive import BANDS, SENSORS, SITE, add_item, make_archive, sentinel2_bands, write_catalog, write_tif


def run(catalog: str, folder: Path, site: dict[str, Any] | None = None) -> dict[str, dict[str, str]]:
    find_scenes(catalog, site or SITE, SENSORS, folder / "scenes.csv", folder / "items.json")
    with (folder / "scenes.csv").open() as table:
        return {row["scene"]: row for row in csv.DictReader(table)}


def fails(catalog: str, folder: Path, site: dict[str, Any] | None = None) -> str:
    """The message of the failed search, which must have left nothing behind."""
    with pytest.raises(InputError) as error:
        run(catalog, folder / "out", site)
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
    site = {**SITE, "sensors": ["sentinel2"]}
    message = fails(str(write_catalog(root)), tmp_path, site)
    assert "All 2 scenes of sentinel2" in message
    assert "S1, is clear over 25% of the site" in message
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
    assert run(f"{url}/catalog.json", tmp_path / "net") == run(str(root / "catalog.json"), tmp_path / "disk")
    for where in ("net", "disk"):
        fetch(tmp_path / where / "items.json", "S2_A", SENSORS["sentinel2"], SITE, BANDS, tmp_path / where / "S2_A")
    for band in BANDS:
        net, disk = (tmp_path / where / "S2_A" / f"{band}.tif" for where in ("net", "disk"))
        assert net.read_bytes() == disk.read_bytes()


def test_a_dead_link_on_the_net_costs_one_scene_only(tmp_path: Path, served: tuple[Path, str]) -> None:
    root, url = served
    (root / "sentinel-2-l2a" / "S2_B" / "scl.tif").unlink()
    rows = run(f"{url}/catalog.json", tmp_path)
    assert rows["S2_B"]["reason"].startswith("its mask cannot be read")
    assert rows["S2_A"]["kept"] == "1"


def test_an_unreachable_address_is_named(tmp_path: Path, served: tuple[Path, str]) -> None:
    url = served[1]
    assert f"Catalogue {url}/nowhere.json was not found" in fails(f"{url}/nowhere.json", tmp_path)
    assert "Catalogue http://127.0.0.1:9/catalog.json" in fails("http://127.0.0.1:9/catalog.json", tmp_path)


def test_only_one_archive_is_signed_and_only_when_read(monkeypatch: pytest.MonkeyPatch) -> None:
    planetary_computer = pytest.importorskip("planetary_computer")
    monkeypatch.setattr(planetary_computer, "sign", lambda href: href + "?token")
    asset = {"href": "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/B04.tif"}
    assert catalogue.readable(asset, {}).endswith("B04.tif?token")
    assert asset["href"].endswith("B04.tif")
    assert catalogue.readable({"href": "https://example.org/B04.tif"}, {}) == "https://example.org/B04.tif"


def test_an_api_is_searched_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Collection:
        id = "sentinel-2-l2a"

    class Found:
        def items_as_dicts(self) -> Iterator[dict[str, Any]]:
            yield {"id": "x", "geometry": None, "bbox": [3, 50, 4, 51], "properties": {}, "links": [{"rel": "self"}]}

    class Client:
        @staticmethod
        def open(href: str) -> Client:
            return Client()

        def get_collections(self) -> list[type[Collection]]:
            return [Collection]

        def search(self, **query: object) -> Found:
            asked.append(query)
            return Found()

    monkeypatch.setattr("pystac_client.Client", Client)
    monkeypatch.setattr(catalogue, "read_json", lambda href: {"conformsTo": []})
    area = catalogue.site_area(SITE["crs"], tuple(SITE["bounds"]))
    items, _ = catalogue.search("https://example.org", ["sentinel-2-l2a", "absent"], area, ("2020-01-01", "2020-12-31"))
    assert [i["id"] for i in items] == ["x"]
    assert [(q["collections"], q["datetime"], q["limit"]) for q in asked] == [
        (["sentinel-2-l2a"], "2020-01-01/2020-12-31", 100)
    ]
