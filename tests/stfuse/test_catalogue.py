"""Searching catalogues: what is asked of them, and which of their answers count."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from stac_server import Answer, faulty_api, make_item
from stfuse.acquisition import catalogue, patience
from stfuse.acquisition.patience import ArchiveDownError
from stfuse.errors import InputError
from tiny_archive import SITE

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures"
AREA = catalogue.site_area(SITE["crs"], tuple(SITE["bounds"]))
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
TILE = 1111950.5197665554  # metres; Belgium lies in h18v03
WIDER = {"modis-43A4-061": {"wider": {"degrees": 1, "days": 16}}}


def test_an_api_is_asked_for_each_collection_it_has_and_what_does_not_fit_is_dropped() -> None:
    away = {**make_item("away", "2020-05-01T10:00:00Z"), "geometry": None, "bbox": [7, 50, 8, 51]}
    here = {**make_item("x", "2020-05-01T10:00:00Z"), "links": [{"rel": "self", "href": "https://example.org/x"}]}
    unknown = {**make_item("unknown", "2020-05-01T10:00:00Z"), "geometry": None, "bbox": None}
    features = [here, away, unknown, make_item("late", "2021-01-02T00:00:00Z")]
    page = {"type": "FeatureCollection", "features": features, "links": []}
    wanted: dict[str, dict[str, Any]] = {"sentinel-2-l2a": {}, "absent": {}}
    with faulty_api(lambda *_: page) as api:
        source = catalogue.Source("a", api.url, page=50)
        items, looked = catalogue.search(source, wanted, AREA, ("2020-01-01", "2020-12-31"))
        assert ([i["id"] for i in items], items[0]["links"]) == (["x", "unknown"], [])
        assert looked == "the API was asked for ['sentinel-2-l2a']"
        assert catalogue.search(source, {"absent": {}}, AREA, ("2020-01-01", "2020-12-31")) == (
            [],
            "the API has none of the collections ['absent']",
        )
    assert [(q["collections"], q["limit"]) for q in api.asked] == [(["sentinel-2-l2a"], 50)]
    assert api.asked[0]["bbox"] == pytest.approx(AREA.boundingbox.bbox)


def test_a_collection_is_searched_as_much_more_widely_as_its_outlines_and_dates_are_off() -> None:
    wanted = {"sentinel-2-l2a": {"wider": {"degrees": 1, "days": 16}}}
    with faulty_api(lambda *_: {"type": "FeatureCollection", "features": [], "links": []}) as api:
        catalogue.search(catalogue.Source("a", api.url, months=24), wanted, AREA, ("2020-01-01", "2020-12-31"))
    assert api.asked[0]["datetime"] == "2019-12-16T00:00:00Z/2021-01-16T23:59:59Z"
    west, south, east, north = AREA.boundingbox.bbox
    side = 1 / math.cos(math.radians(north))
    assert api.asked[0]["bbox"] == pytest.approx((west - side, south - 1, east + side, north + 1))


def test_a_wider_box_stays_on_the_globe() -> None:
    area = catalogue.site_area("EPSG:32601", (300000, 5000000, 301000, 5001000))
    west, _, east, _ = catalogue._box_around(area, 4)
    assert (west, east < 180) == (-180, True)
    assert catalogue._box_around(catalogue.site_area("EPSG:3413", (0, 0, 1000, 1000)), 1)[3] == 90


def test_an_api_may_be_asked_for_named_items_of_a_collection() -> None:
    page = {"type": "FeatureCollection", "features": [make_item("x", "2020-05-01T10:00:00Z")], "links": []}
    wanted: dict[str, dict[str, Any]] = {"sentinel-2-l2a": {}}
    with faulty_api(lambda *_: page) as api:
        source = catalogue.Source.of(api.url)
        items, _ = catalogue.search(source, wanted, AREA, ("2020-01-01", "2020-12-31"), {"sentinel-2-l2a": ["x", "y"]})
    assert [item["id"] for item in items] == ["x"]
    assert [sorted(query) for query in api.asked] == [["collections", "ids", "limit"]]


def test_items_outside_the_collections_of_a_sensor_do_not_count(tmp_path: Path) -> None:
    item = {**make_item("x", "2020-05-01T10:00:00Z", "other"), "links": []}
    (tmp_path / "x.json").write_text(json.dumps(item))
    entry = {"type": "Catalog", "id": "c", "description": "c", "stac_version": "1.0.0"}
    (tmp_path / "c.json").write_text(json.dumps({**entry, "links": [{"rel": "item", "href": "./x.json"}]}))
    year = ("2020-01-01", "2020-12-31")
    assert catalogue.search(str(tmp_path / "c.json"), {"sentinel-2-l2a": {}}, AREA, year)[0] == []
    assert len(catalogue.search(str(tmp_path / "c.json"), {"other": {}}, AREA, year)[0]) == 1


def test_a_static_catalogue_on_the_net_is_read_again_when_that_may_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BACKOFF", 0.0)
    monkeypatch.setattr(patience, "TRIES", 2)
    with faulty_api(lambda *_: Answer({}, 503)) as api:
        with pytest.raises(ArchiveDownError, match="HTTP 503"):
            catalogue.read_root(f"{api.url}/search")
        assert len(api.asked) == 3
    with faulty_api(lambda *_: Answer({}, 404)) as api:
        with pytest.raises(InputError, match=r"Catalogue http.* was not found \(HTTP 404\)") as error:
            catalogue.read_root(f"{api.url}/search")
        assert not isinstance(error.value, ArchiveDownError)
        assert len(api.asked) == 1
    with faulty_api(lambda *_: Answer(b"<html>")) as api, pytest.raises(InputError, match="is no STAC catalogue"):
        catalogue.read_root(f"{api.url}/search")


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
