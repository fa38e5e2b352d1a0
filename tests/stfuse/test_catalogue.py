"""Searching catalogues: what is asked of them, and which of their answers count."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stfuse import catalogue
from tiny_archive import SITE

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures"
AREA = catalogue.site_area(SITE["crs"], tuple(SITE["bounds"]))
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
TILE = 1111950.5197665554  # metres; Belgium lies in h18v03
WIDER = {"modis-43A4-061": {"wider": {"degrees": 1, "days": 16}}}


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
            late = {"datetime": "2021-01-02T00:00:00Z"}
            yield {"id": "late", "geometry": None, "bbox": [3, 50, 4, 51], "properties": late, "links": []}

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
    wanted: dict[str, dict[str, Any]] = {"sentinel-2-l2a": {}, "absent": {}}
    items, _ = catalogue.search("https://example.org", wanted, AREA, ("2020-01-01", "2020-12-31"))
    assert [i["id"] for i in items] == ["x"]
    assert [(q["collections"], q["datetime"], q["limit"]) for q in asked] == [
        (["sentinel-2-l2a"], "2020-01-01/2020-12-31", 100)
    ]
    asked.clear()
    wanted = {"sentinel-2-l2a": {"wider": {"degrees": 1, "days": 16}}}
    catalogue.search("https://example.org", wanted, AREA, ("2020-01-01", "2020-12-31"))
    assert asked[0]["datetime"] == "2019-12-16/2021-01-16"
    west, south, east, north = AREA.boundingbox.bbox
    side = 1 / math.cos(math.radians(north))
    assert asked[0]["bbox"] == pytest.approx((west - side, south - 1, east + side, north + 1))


def modis_item(name: str, column: int, row: int, box: tuple[float, float, float, float]) -> dict[str, Any]:
    """An item of a tile of the sinusoidal grid with an outline in degrees of its own."""
    west, south, east, north = box
    outline = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    left, top = (column - 18) * TILE, (9 - row) * TILE
    grid = {"proj:wkt2": SINUSOIDAL, "proj:shape": [2400, 2400]}
    transform = [TILE / 2400, 0, left, 0, -TILE / 2400, top]
    when = {"datetime": "2020-03-05T23:59:59Z", "start_datetime": "2020-03-02T00:00:00Z"}
    return {
        **{"type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "modis-43A4-061", "bbox": list(box)},
        "geometry": {"type": "Polygon", "coordinates": [outline]},
        "properties": {**when, **grid, "proj:transform": transform},
        **{"assets": {}, "links": []},
    }


def found(folder: Path, items: list[dict[str, Any]], collections: Any, period: tuple[str, str]) -> list[str]:
    links = []
    for item in items:
        (folder / f"{item['id']}.json").write_text(json.dumps(item))
        links.append({"rel": "item", "href": f"./{item['id']}.json"})
    extent = {"spatial": {"bbox": [[0, 0, 1, 1]]}, "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]}}
    entry = {"type": "Collection", "id": "modis-43A4-061", "description": "x", "license": "other", "extent": extent}
    (folder / "collection.json").write_text(json.dumps({**entry, "stac_version": "1.0.0", "links": links}))
    return [i["id"] for i in catalogue.search(str(folder / "collection.json"), collections, AREA, period)[0]]


HERE, AWAY = (3.0, 50.0, 4.0, 51.0), (7.0, 50.0, 9.0, 51.0)
MARCH = ("2020-03-01", "2020-03-04")


def test_a_tile_is_found_by_its_grid_where_outlines_are_coarse(tmp_path: Path) -> None:
    items = [
        modis_item("MCD43A4.A2020062.h18v03.061.1", 18, 3, AWAY),
        modis_item("MCD43A4.A2020062.h19v03.061.1", 19, 3, HERE),
    ]
    assert found(tmp_path, items, WIDER, MARCH) == ["MCD43A4.A2020062.h18v03.061.1"]
    assert found(tmp_path, items, {"modis-43A4-061": {}}, MARCH) == ["MCD43A4.A2020062.h19v03.061.1"]


def test_an_item_without_a_grid_is_found_within_the_wider_outline(tmp_path: Path) -> None:
    near, far = (modis_item(f"{n}", 18, 3, (w, 50.0, w + 0.5, 51.0)) for n, w in (("near", 3.9), ("far", 4.1)))
    for item in (near, far):
        del item["properties"]["proj:transform"]
    assert found(tmp_path, [near, far], WIDER, MARCH) == ["near"]


@pytest.mark.parametrize(("last", "kept"), [("2020-03-02", True), ("2020-03-01", False)])
def test_the_nominal_day_decides_whether_an_item_is_in_the_period(tmp_path: Path, last: str, kept: bool) -> None:
    # Its `datetime`, four days later, lies in neither period.
    item = modis_item("MCD43A4.A2020062.h18v03.061.1", 18, 3, HERE)
    assert bool(found(tmp_path, [item], WIDER, ("2020-02-01", last))) == kept


@pytest.mark.skipif(not FIXTURES.exists(), reason="no ../shared/stac-fixtures here")
def test_the_grid_of_a_real_modis_item_is_understood(tmp_path: Path) -> None:
    (path,) = (FIXTURES / "planetary-computer" / "modis-43A4-061").glob("MCD43A4*.json")
    item = json.loads(path.read_text())
    assert found(tmp_path, [item], WIDER, ("2025-03-01", "2025-03-03")) == []
    # The same tile moved to h18v03 by its grid alone: the outline stays in the Pacific.
    item["properties"]["proj:transform"][2], item["properties"]["proj:transform"][5] = 0.0, 6 * TILE
    assert found(tmp_path, [item], WIDER, ("2025-03-01", "2025-03-03")) == [item["id"]]
