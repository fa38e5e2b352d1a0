"""The search over several archives and of the user's own files: what it looks at, and how much at a time."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from scripts import raw_scenes
from searching import kept, local, page_of, run, served
from stac_server import Answer, faulty_api, rustac_serving
from stfuse.acquisition import links, patience
from stfuse.acquisition.archives import Source
from stfuse.acquisition.manifest import find_item, read_items
from stfuse.errors import InputError, NotNowError
from tiny_archive import (
    LANDSAT8,
    SENTINEL2,
    SITE,
    add_item,
    make_archive,
    sentinel2_bands,
    write_catalog,
    write_tif,
)

S2 = {"platform": "Sentinel-2B", "s2:processing_baseline": "05.10", "s2:mgrs_tile": "31UDS"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses before retries; and the items of a server on loopback may lead to files of this machine."""
    monkeypatch.setattr(links, "of_the_net", dict)
    monkeypatch.setattr(patience, "BACKOFF", 0.0)
    monkeypatch.setattr(patience, "TRIES", 1)


def test_all_archives_are_searched_and_copies_and_older_processings_go(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    add_item(one, "sentinel-2-l2a", "same", "2020-03-01T10:50:00Z", sentinel2_bands(), S2)
    add_item(two, "sentinel-2-l2a", "same", "2020-03-01T10:50:00.4Z", sentinel2_bands(0.5), S2)
    add_item(
        one,
        "sentinel-2-l2a",
        "old",
        "2020-03-11T10:50:00Z",
        sentinel2_bands(),
        {**S2, "s2:processing_baseline": "02.14"},
    )
    add_item(two, "sentinel-2-l2a", "new", "2020-03-11T10:50:00Z", sentinel2_bands(), S2)
    add_item(two, "sentinel-2-l2a", "more", "2020-03-21T10:50:00Z", sentinel2_bands(), S2)
    rows = run(tmp_path, {"sentinel2": [local("one", one), local("two", two)]}, {"sentinel2": SENTINEL2})
    assert kept(rows) == {"same": "one", "new": "two", "more": "two"}
    gone = {(row["scene"], row["archive"]): row["reason"] for row in rows if row["kept"] == "0"}
    assert gone == {
        ("same", "two"): "in another archive too, same in one",
        ("old", "one"): "in another archive too, new in two",
    }


def test_sensors_with_archives_of_their_own_keep_them_apart_in_the_list_of_items(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        add_item(root, "sentinel-2-l2a", "same", "2020-03-01T10:50:00Z", sentinel2_bands(), S2)
    sensors = {"sentinel2": SENTINEL2, "again": {**SENTINEL2, "name": "again"}}
    run(tmp_path, {"sentinel2": [local("one", one)], "again": [local("two", two)]}, sensors)
    listed = read_items(tmp_path / "items.json")
    links = {name: find_item(listed, "same", sensors[name])["assets"]["red"]["href"] for name in sensors}
    assert "/one/" in str(Path(links["sentinel2"]).resolve())
    assert "/two/" in str(Path(links["again"]).resolve())


def test_an_archive_that_is_down_fails_the_search_also_where_another_answers(tmp_path: Path) -> None:
    make_archive(tmp_path / "a")
    there, sensors = local("there", tmp_path / "a"), {"sentinel2": SENTINEL2}
    with faulty_api(lambda *_: Answer({}, 503)) as api:
        down = Source("down", api.url)
        with pytest.raises(NotNowError, match=r"Archive down \(http.* did not answer the search: HTTP 503"):
            run(tmp_path / "out", {"sentinel2": [down]}, sensors)
        with pytest.raises(NotNowError, match=r"Archive down .*HTTP 503.*there did, but may lack.*another archive"):
            run(tmp_path / "out", {"sentinel2": [down, there]}, sensors)
    assert not (tmp_path / "out").exists()


def test_a_catalogue_that_is_not_there_is_no_archive_that_is_down(tmp_path: Path) -> None:
    make_archive(tmp_path / "a")
    sources = {"sentinel2": [Source.of(str(tmp_path / "none.json")), local("there", tmp_path / "a")]}
    with pytest.raises(InputError, match=r"none\.json was not found"):
        run(tmp_path, sources, {"sentinel2": SENTINEL2})


def test_scenes_cloudier_as_a_whole_than_the_site_wants_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, stated in ((1, 60), (2, 61), (3, -1), (4, None)):
        cover = {} if stated is None else {"eo:cloud_cover": stated}
        add_item(
            tmp_path / "a", "sentinel-2-l2a", f"S{day}", f"2020-03-0{day}T10:50:00Z", sentinel2_bands(), {**S2, **cover}
        )
    looked: list[str] = []
    look = raw_scenes._look
    monkeypatch.setattr(raw_scenes, "_look", lambda scene, *rest: looked.append(scene.id) or look(scene, *rest))
    rows = run(
        tmp_path, {"sentinel2": [local("a", tmp_path / "a")]}, {"sentinel2": SENTINEL2}, {**SITE, "max_cloud": 60}
    )
    assert {row["scene"]: (row["kept"], row["cloud_cover"], row["reason"]) for row in rows} == {
        "S1": ("1", "60.00", ""),
        "S2": ("0", "61.00", "cloudy as a whole: 61% by the archive, max_cloud is 60%"),
        "S3": ("1", "", ""),
        "S4": ("1", "", ""),
    }
    assert sorted(looked) == ["S1", "S3", "S4"]


def test_a_name_that_cannot_be_a_folders_is_refused_and_a_second_of_one_name_too(tmp_path: Path) -> None:
    make_archive(tmp_path / "a")
    items = [item for item in served(tmp_path / "a") if item["id"] in ("S2_A", "S2_B")]
    items[0]["id"] = "../../S2_A"
    other = {
        **items[1],
        "properties": {**items[1]["properties"], "datetime": "2020-03-12T10:50:00Z"},
        "collection": "b",
    }
    sensor = {**SENTINEL2, "collections": SENTINEL2["collections"] | {"b": SENTINEL2["collections"]["sentinel-2-l2a"]}}
    with faulty_api(page_of([*items, other]), ["sentinel-2-l2a", "b"]) as api:
        rows = run(tmp_path, {"sentinel2": [Source("a", api.url)]}, {"sentinel2": sensor})
    assert [(row["scene"], row["kept"], row["reason"]) for row in rows] == [
        ("../../S2_A", "0", "its name cannot be a folder's"),
        ("S2_B", "1", ""),
        ("S2_B", "0", "another scene has the same name"),
    ]


def test_no_more_masks_are_read_at_once_than_each_archive_bears_and_rows_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: dict[int, list[Source]] = {1: [], 3: []}
    for number, name in enumerate("ab" * 6, start=1):
        when = f"2020-03-{number:02d}T10:50:00Z"
        add_item(tmp_path / name, "sentinel-2-l2a", f"S{number}", when, sentinel2_bands(), S2)
    for most_of_b, own in sources.items():
        for name, bears in (("a", 1), ("b", most_of_b)):
            own.append(Source(name, str(write_catalog(tmp_path / name)), at_once=bears))
    plain = run(tmp_path / "one", {"sentinel2": sources[1]}, {"sentinel2": SENTINEL2})
    now, most, lock, look = Counter[str](), Counter[str](), threading.Lock(), raw_scenes._look

    def slowly(scene: Any, *rest: Any) -> Any:
        with lock:
            now[scene.archive] += 1
            most[scene.archive] = max(most[scene.archive], now[scene.archive])
        time.sleep(0.15 if scene.id == "S1" else 0.03)
        with lock:
            now[scene.archive] -= 1
        return look(scene, *rest)

    monkeypatch.setattr(raw_scenes, "_look", slowly)
    assert run(tmp_path / "two", {"sentinel2": sources[3]}, {"sentinel2": SENTINEL2}) == plain
    assert most == {"a": 1, "b": 3}


def test_own_files_go_the_same_road(tmp_path: Path) -> None:
    fine, coarse = sentinel2_bands(0.25)["red"], sentinel2_bands(0.25)["scl"]
    write_tif(tmp_path / "red.tif", *fine)
    write_tif(tmp_path / "scl.tif", *coarse)
    header = "site\tsensor\tdate\tpath\tband\tscale\toffset"
    lines = [f"tiny\tsentinel2\t2020-03-05\t{band}.tif\t{band}\t0.0001\t-0.1" for band in ("red", "scl")]
    (tmp_path / "scenes.tsv").write_text("\n".join([header, *lines]))
    make_archive(tmp_path / "a")
    sources = [{"name": "sheet", "href": str(tmp_path / "scenes.tsv"), "kind": "sheet"}, local("a", tmp_path / "a")]
    rows = run(tmp_path / "out", {"sentinel2": sources}, {"sentinel2": SENTINEL2})
    assert kept(rows) == {"S2_A": "a", "S2_B": "a", "sentinel2_2020-03-05": "sheet"}
    (own,) = [row for row in rows if row["archive"] == "sheet"]
    assert (own["clear"], own["collection"], own["date"]) == ("0.7500", "own", "2020-03-05")


def test_an_own_file_without_a_mask_counts_where_it_has_data(tmp_path: Path) -> None:
    values = np.ones((32, 32), np.float32)
    values[:16] = np.nan
    write_tif(tmp_path / "red.tif", values, 10.0)
    with rasterio.open(tmp_path / "red.tif", "r+") as out:
        out.nodata = np.nan
    (tmp_path / "scenes.tsv").write_text("site\tsensor\tdate\tpath\ntiny\tmine\t2020-03-05\tred.tif\n")
    sensor = {"name": "mine", "resolution": 10, "bands": {"red": 10}, "collections": {}}
    sheet = {"name": "sheet", "href": str(tmp_path / "scenes.tsv"), "kind": "sheet"}
    (row,) = run(tmp_path / "out", {"mine": [sheet]}, {"mine": sensor})
    assert (row["covered"], row["kept"]) == ("0.5000", "1")


def test_a_real_server_and_a_static_catalogue_of_the_same_items_are_judged_alike(tmp_path: Path) -> None:
    make_archive(tmp_path / "a")
    for path in (tmp_path / "a").rglob("S2_B.json"):
        item = json.loads(path.read_text())
        path.write_text(json.dumps({**item, "properties": {**item["properties"], "eo:cloud_cover": 25.0}}))
    sensors = {"sentinel2": SENTINEL2, "landsat8": LANDSAT8}
    site = {**SITE, "max_cloud": 20}
    disk = run(tmp_path / "disk", {name: [local("a", tmp_path / "a")] for name in sensors}, sensors, site)
    with rustac_serving(tmp_path / "server", served(tmp_path / "a")) as url:
        net = run(tmp_path / "net", {name: [Source("a", url, page=1)] for name in sensors}, sensors, site)
    assert net == disk
    assert {row["scene"]: row["reason"][:18] for row in net if row["kept"] == "0"} == {
        "S2_B": "cloudy as a whole:",
        "S2_C": "clear over 0% of t",
    }


def test_an_item_without_its_mask_costs_itself_only_where_it_is_an_archives(tmp_path: Path) -> None:
    make_archive(tmp_path / "a")
    items = served(tmp_path / "a")
    (bare,) = [item for item in items if item["id"] == "S2_B"]
    del bare["assets"]["scl"]
    with faulty_api(page_of(items)) as api:
        bare["assets"]["red"]["href"] = f"{api.url}/red.tif"
        rows = run(tmp_path, {"sentinel2": [Source("a", api.url)]}, {"sentinel2": SENTINEL2})
        assert kept(rows) == {"S2_A": "a"}
        assert "Item S2_B of sentinel-2-l2a lacks band scl" in {row["scene"]: row["reason"] for row in rows}["S2_B"]
        bare["assets"]["red"]["href"] = items[-1]["assets"]["red"]["href"]
        with pytest.raises(InputError, match="Item S2_B of sentinel-2-l2a lacks band scl"):
            run(tmp_path, {"sentinel2": [Source("a", api.url)]}, {"sentinel2": SENTINEL2})


def test_an_item_that_a_server_got_wrong_costs_itself_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_archive(tmp_path / "a")
    items = served(tmp_path / "a")
    bad = {**items[-1], "id": "bad", "properties": {"datetime": None}}
    with faulty_api(page_of([bad, *items])) as api:
        rows = run(tmp_path, {"sentinel2": [Source("a", api.url)]}, {"sentinel2": SENTINEL2})
    assert "bad" not in {row["scene"] for row in rows}
    assert "Item bad has no datetime" in caplog.text


@pytest.mark.parametrize("first", ["one", "two"])
def test_the_copy_that_was_kept_is_the_one_that_a_job_finds_though_all_are_listed(tmp_path: Path, first: str) -> None:
    # Archives state one moment a little differently, so the preferred copy may come second in the list.
    roots = {name: tmp_path / name for name in ("one", "two")}
    for name, second in (("one", "00.4"), ("two", "00.1")):
        add_item(roots[name], "sentinel-2-l2a", "same", f"2020-03-01T10:50:{second}Z", sentinel2_bands(), S2)
    order = sorted(roots, key=lambda name: name != first)
    rows = run(tmp_path, {"sentinel2": [local(name, roots[name]) for name in order]}, {"sentinel2": SENTINEL2})
    assert kept(rows) == {"same": first}
    listed = read_items(tmp_path / "items.json")
    assert {item["stfuse:archive"] for item in listed} == {"one", "two"}
    assert find_item(listed, "same", SENTINEL2)["stfuse:archive"] == first
