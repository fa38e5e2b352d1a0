"""Real items of all archives, served by a real server: each is found at its own place and on its own day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from odc.geo.geom import Geometry, box

from stac_server import rustac_serving
from stfuse.acquisition.archives import Source
from stfuse.acquisition.catalogue import search
from stfuse.acquisition.scenes import acquired, cloud_cover, make_scene, superseded

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures"
pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="no ../shared/stac-fixtures here")
WIDER = {"modis-43A4-061": {"wider": {"degrees": 1, "days": 16}}}


def real(name: str) -> dict[str, Any]:
    return dict(json.loads((FIXTURES / name).read_text()))


def expected() -> list[dict[str, Any]]:
    return list(json.loads((FIXTURES / "expected.json").read_text()))


def found(url: str, item: dict[str, Any], area: Geometry, day: str) -> list[str]:
    name = item["collection"]
    items, _ = search(Source("a", url, page=2), {name: WIDER.get(name, {})}, area, (day, day))
    return [one["id"] for one in items]


def test_every_real_item_is_found_where_and_when_it_was_taken_and_nowhere_else(tmp_path: Path) -> None:
    items = [real(entry["file"]) for entry in expected()]
    modern = [item for item in items if item["stac_version"] >= "1.0.0"]  # one is of STAC 0.7, from a bucket
    assert len(modern) == 27
    away = box(-31.0, -31.0, -30.9, -30.9, "EPSG:4326")  # the South Atlantic
    with rustac_serving(tmp_path, modern) as url:
        for item in modern:
            here = Geometry(item["geometry"], "EPSG:4326").centroid.buffer(0.01)
            day = acquired(item)[:10]
            assert found(url, item, here, day) == [item["id"]]
            assert found(url, item, away, day) == []
            assert found(url, item, here, "1999-12-31") == []


def test_days_and_cloud_cover_of_real_items_are_as_stated() -> None:
    for entry in expected():
        item = real(entry["file"])
        assert acquired(item)[:10] == entry.get("nominal_date", entry["acquired"])[:10], entry["file"]
        stated = entry.get("cloud_cover")
        assert cloud_cover(item) == (None if stated is None or stated < 0 else stated), entry["file"]


def test_of_one_acquisition_in_two_real_collections_the_plainer_stays() -> None:
    names = ("sentinel-2-l2a/S2B_20EPT_20250731_0_L2A", "sentinel-2-c1-l2a/S2B_T20EPT_20250731T131905_L2A")
    scenes = [make_scene(real(f"earth-search/{name}.json"), {"name": "sentinel2"}) for name in names]
    gone = superseded([s for s in scenes if s], ["sentinel-2-c1-l2a", "sentinel-2-l2a"])
    assert {key[1]: best.collection for key, best in gone.items()} == {"sentinel-2-l2a": "sentinel-2-c1-l2a"}
