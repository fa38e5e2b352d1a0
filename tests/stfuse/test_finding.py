"""Items that another sensor's metadata name: Landsat's level 1 by level 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from searching import page_of, run, served
from stac_server import Json, faulty_api
from stfuse.acquisition import links
from stfuse.acquisition.archives import Source
from tiny_archive import LANDSAT8, add_item, landsat8_bands

PAN = {
    **{"name": "pan", "resolution": 15, "platforms": ["landsat-8"], "bands": {"pan": 15}},
    "mask": {"band": "qa_pixel", "kind": "qa_pixel"},
    "collections": {
        "landsat-c2l1": {
            **{"encoding": "landsat_c2_l1_toa", "ids_from": ["landsat8"]},
            "assets": {"pan": ["pan"], "qa_pixel": ["qa_pixel"]},
        }
    },
}
LEVEL1 = "LC08_L1TP_199025_20200301_20200313_02_T1"


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The items of a server on loopback may lead to files of this machine."""
    monkeypatch.setattr(links, "of_the_net", dict)


def landsat(root: Path, made: str = LEVEL1, says: str = LEVEL1) -> list[Json]:
    """Level 2 of two days, one of them cloudy, and level 1 of the same; `made` is what the archive has of the first."""
    mtl = {"LANDSAT_METADATA_FILE": {"LEVEL1_PROCESSING_RECORD": {"LANDSAT_PRODUCT_ID": says}}}
    (root / "mtl").mkdir(parents=True)
    (root / "mtl" / "mtl.json").write_text(json.dumps(mtl))
    cloudy = LEVEL1.replace("20200301_20200313", "20200317_20200326")
    for when, name, cloud in (("2020-03-01", made, 0.0), ("2020-03-17", cloudy, 1.0)):
        facts = {"platform": "landsat-8", "view:sun_elevation": 40}
        add_item(root, "landsat-c2-l2", f"L2_{when}", f"{when}T10:40:00Z", landsat8_bands(cloud), facts)
        add_item(root, "landsat-c2l1", name, f"{when}T10:40:00Z", landsat8_bands(cloud), facts)
    items = served(root)
    for item in items:
        if item["collection"] == "landsat-c2-l2":
            item["assets"]["mtl.json"] = {"href": str(root / "mtl" / "mtl.json")}
    return items


def search_pan(folder: Path, items: list[Json], *sensors: dict[str, Any]) -> tuple[list[dict[str, str]], list[Json]]:
    """Rows of the pan sensor, and what was asked for its collection."""
    with faulty_api(page_of(items), ["landsat-c2-l2", "landsat-c2l1"]) as api:
        every = {sensor["name"]: sensor for sensor in (PAN, *sensors)}
        rows = run(folder, {name: [Source("usgs", api.url)] for name in every}, every)
    return [r for r in rows if r["sensor"] == "pan"], [q for q in api.asked if q["collections"] == ["landsat-c2l1"]]


def test_level_1_is_looked_up_by_what_the_kept_scenes_of_level_2_were_made_from(tmp_path: Path) -> None:
    rows, asked = search_pan(tmp_path, landsat(tmp_path / "a"), LANDSAT8)
    assert [(row["scene"], row["kept"]) for row in rows] == [(LEVEL1, "1")]
    assert [query["ids"] for query in asked] == [[LEVEL1]]


def test_level_1_that_was_made_anew_is_found_by_its_acquisition(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    anew = LEVEL1.replace("20200313", "20240101").replace("L1TP", "L1GT")
    rows, asked = search_pan(tmp_path, landsat(tmp_path / "a", anew), LANDSAT8)
    assert [row["scene"] for row in rows] == [anew]
    assert ["ids" in query for query in asked] == [True, False]
    assert "made anew" in caplog.text


def test_without_level_2_or_its_metadata_level_1_is_searched_plainly(tmp_path: Path) -> None:
    rows, asked = search_pan(tmp_path / "x", landsat(tmp_path / "a"))
    assert ([row["kept"] for row in rows], len(asked), "ids" in asked[0]) == (["1", "0"], 1, False)
    items = landsat(tmp_path / "b")
    (tmp_path / "b" / "mtl" / "mtl.json").write_text("<html>log in</html>")
    rows, asked = search_pan(tmp_path / "y", items, LANDSAT8)
    assert ([row["kept"] for row in rows], len(asked), "ids" in asked[0]) == (["1", "0"], 1, False)
