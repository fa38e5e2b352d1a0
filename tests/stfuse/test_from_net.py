"""Items of a catalogue on the net lead to no file of this machine, from the search to the fetch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixel_server import serving
from scripts.raw import fetch
from searching import local, page_of, run, served
from stac_server import faulty_api
from stfuse.acquisition.archives import Source
from stfuse.acquisition.catalogue import search, site_area
from stfuse.acquisition.links import FROM_NET
from stfuse.errors import InputError
from tiny_archive import SENTINEL2, SITE, add_item, sentinel2_bands

S2 = {"platform": "Sentinel-2B", "s2:processing_baseline": "05.10", "s2:mgrs_tile": "31UDS"}


def make(root: Path, name: str = "s1") -> None:
    add_item(root, "sentinel-2-l2a", name, "2020-03-01T10:50:00Z", sentinel2_bands(), S2)


def test_a_mask_on_this_machine_is_not_looked_at_for_an_api(tmp_path: Path) -> None:
    make(tmp_path / "a")
    with faulty_api(page_of(served(tmp_path / "a"))) as api, pytest.raises(InputError) as error:
        run(tmp_path, {"sentinel2": [Source("A", api.url)]}, {"sentinel2": SENTINEL2})
    assert "refused" in str(error.value) or "not to files of this machine" in str(error.value)
    assert run(tmp_path, {"sentinel2": [local("a", tmp_path / "a")]}, {"sentinel2": SENTINEL2})[0]["kept"] == "1"


def test_a_band_on_this_machine_is_not_fetched_for_an_api(tmp_path: Path) -> None:
    make(tmp_path / "a")
    listed = tmp_path / "items.json"
    with serving(tmp_path) as pixels:
        items = served(tmp_path / "a")
        for band, asset in items[0]["assets"].items():
            if band != "red":
                asset["href"] = asset["href"].replace(str(tmp_path), pixels.url)
        with faulty_api(page_of(items)) as api:
            run(tmp_path, {"sentinel2": [Source("A", api.url)]}, {"sentinel2": SENTINEL2})
        with pytest.raises(InputError, match=r"red\.tif, which is not read: a catalogue on the net"):
            fetch(listed, "s1", SENTINEL2, SITE, ["red"], tmp_path / "raw/s1")
        assert not (tmp_path / "raw/s1").exists()
        found = json.loads(listed.read_text())
        found["features"][0]["assets"]["red"]["href"] = f"{pixels.url}/a/sentinel-2-l2a/s1/red.tif"
        listed.write_text(json.dumps(found))
        fetch(listed, "s1", SENTINEL2, SITE, ["red"], tmp_path / "raw/s1")
    assert FROM_NET not in (tmp_path / "raw/s1/item.json").read_text(), "its files lie beside it now"


def test_a_part_on_the_net_of_a_catalogue_on_this_machine_counts_as_the_net(tmp_path: Path) -> None:
    make(tmp_path / "a", "here")
    make(tmp_path / "b", "there")
    root = Path(local("a", tmp_path / "a").href)
    local("b", tmp_path / "b")
    with serving(tmp_path / "b") as pixels:
        catalog = json.loads(root.read_text())
        catalog["links"].append({"rel": "child", "href": f"{pixels.url}/sentinel-2-l2a/collection.json"})
        root.write_text(json.dumps(catalog))
        area = site_area(SITE["crs"], tuple(SITE["bounds"]))
        found, _ = search(str(root), {"sentinel-2-l2a": {}}, area, ("2020-03-01", "2020-03-31"))
    assert {item["id"]: item.get(FROM_NET, False) for item in found} == {"here": False, "there": True}
