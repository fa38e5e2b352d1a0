"""The list of items: written once, read by every scene's job."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stfuse.acquisition.manifest import find_item, read_items, write_items
from stfuse.acquisition.scenes import Scene
from stfuse.errors import InputError


def scene(name: str, sensor: str, archive: str, **hrefs: str) -> Scene:
    item = {"id": name, "collection": "c", "properties": {}, "links": []}
    item["assets"] = {key: {"href": href} for key, href in hrefs.items()}
    return Scene(sensor, name, "2020-01-01T10:00:00Z", "2020-01-01", "p", "c", item, archive)


def entry(name: str) -> dict[str, Any]:
    return {"name": name, "collections": {"c": {}}}


def test_local_links_survive_a_move_and_others_stay_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "red.tif").write_text("red")
    hrefs = {"red": str(folder / "data" / "red.tif"), "net": "https://e.org/b.tif", "zip": "/vsizip//d/a.zip/b.tif"}
    write_items(folder / "raw" / "items.json", [scene("x", "s", "a", **hrefs)])
    assert str(tmp_path) not in (folder / "raw" / "items.json").read_text()
    shutil.move(folder, tmp_path / "two")
    assets = find_item(read_items(tmp_path / "two" / "raw" / "items.json"), "x", entry("s"))["assets"]
    assert Path(assets["red"]["href"]).read_text() == "red"
    assert (assets["net"]["href"], assets["zip"]["href"]) == (hrefs["net"], hrefs["zip"])


def test_signatures_are_not_written(tmp_path: Path) -> None:
    signed = "https://x.blob.core.windows.net/c/b.tif?se=2026-01-01&sig=SECRET"
    write_items(tmp_path / "items.json", [scene("x", "s", "a", red=signed)])
    assert "SECRET" not in (tmp_path / "items.json").read_text()


def test_an_item_that_sensors_share_is_listed_once_and_copies_of_archives_each(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    shared = [scene("x", sensor, "one", red="https://one.org/r.tif") for sensor in ("s", "pan")]
    write_items(path, [*shared, scene("x", "other", "two", red="https://two.org/r.tif")])
    found = {tuple(item["stfuse:sensors"]): item["stfuse:archive"] for item in read_items(path)}
    assert found == {("s", "pan"): "one", ("other",): "two"}
    listed = read_items(path)
    links = {name: find_item(listed, "x", entry(name))["assets"]["red"]["href"] for name in ("s", "pan", "other")}
    assert links == {"s": "https://one.org/r.tif", "pan": "https://one.org/r.tif", "other": "https://two.org/r.tif"}


@pytest.mark.parametrize("kept", ["one", "two"])
def test_of_copies_with_one_name_the_one_that_was_kept_is_found(tmp_path: Path, kept: str) -> None:
    path = tmp_path / "items.json"
    copies = {name: scene("x", "s", "a", red=f"https://{name}.org/r.tif") for name in ("one", "two")}
    copies = {name: replace(copy, archive=name) for name, copy in copies.items()}
    # The same item serves another sensor, which keeps the other copy.
    pan = {name: replace(copy, sensor="pan") for name, copy in copies.items()}
    (other,) = {"one", "two"} - {kept}
    write_items(path, [*copies.values(), *pan.values()], [copies[kept], pan[other]])
    listed = read_items(path)
    assert len(listed) == 2
    assert find_item(listed, "x", entry("s"))["assets"]["red"]["href"] == f"https://{kept}.org/r.tif"
    assert find_item(listed, "x", entry("pan"))["assets"]["red"]["href"] == f"https://{other}.org/r.tif"


def test_a_list_that_was_written_before_there_were_archives_is_read(tmp_path: Path) -> None:
    item = {"id": "x", "collection": "c", "properties": {}, "assets": {"red": {"href": "r.tif"}}}
    (tmp_path / "items.json").write_text(json.dumps({"features": [item]}))
    listed = read_items(tmp_path / "items.json")
    assert find_item(listed, "x", entry("s"))["assets"]["red"]["href"] == str(tmp_path / "r.tif")


@pytest.mark.parametrize("text", ["", "{}", "<html>"])
def test_a_damaged_list_is_refused_with_the_cure(tmp_path: Path, text: str) -> None:
    (tmp_path / "items.json").write_text(text)
    with pytest.raises(InputError, match=r"items\.json cannot be read.*delete it"):
        read_items(tmp_path / "items.json")


def test_a_scene_that_is_not_listed_is_named(tmp_path: Path) -> None:
    write_items(tmp_path / "items.json", [scene("x", "s", "a")])
    for name, sensor in (("y", entry("s")), ("x", entry("t")), ("x", {"name": "s", "collections": {"d": {}}})):
        with pytest.raises(InputError, match=f"has no scene {name} of {sensor['name']}"):
            find_item(read_items(tmp_path / "items.json"), name, sensor)
