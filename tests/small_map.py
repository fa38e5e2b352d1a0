"""A small land-cover map as an archive has it: tiles of 30 m in the map's own projection, in a static catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from stfuse.raster_stored import write_stored

LEFT, TOP = 660000.0, 4348000.0
SITE: dict[str, Any] = {
    "name": "kansas",
    "crs": "EPSG:32614",
    "bounds": [LEFT, TOP - 1500, LEFT + 1500, TOP],
    "period": ["2021-04-01", "2021-10-31"],
    "catalog": "earth-search",
    "fields": {"sensor": "usda_cdl", "year": 2021},
}
NAMES = {1: "Corn", 5: "Soybeans", 111: "Open Water"}
PIXEL = 30.0


def corner() -> tuple[float, float]:
    """Where, in the map's own projection, the middle of the site lies; on the map's grid of whole pixels."""
    x, y = Transformer.from_crs(SITE["crs"], "EPSG:5070", always_xy=True).transform(LEFT + 750, TOP - 750)
    return round(x / PIXEL) * PIXEL + 15, round(y / PIXEL) * PIXEL + 15


def codes(columns: slice, seed: int = 3) -> Any:
    """The map around the site, 200 x 200 pixels of 30 m, in blocks of crops with odd pixels between; no data on top."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.choice([1, 5, 111], (40, 40)), np.ones((5, 5))).astype(np.uint8)
    odd = rng.random(blocks.shape) < 0.03
    blocks[odd] = rng.choice([1, 5, 111], int(odd.sum()))
    blocks[:80] = 0
    return blocks[:, columns]


def geobox(columns: slice) -> GeoBox:
    x, y = corner()
    affine = Affine(PIXEL, 0, x - 100 * PIXEL + columns.start * PIXEL, 0, -PIXEL, y + 100 * PIXEL)
    return GeoBox((200, columns.stop - columns.start), affine, "EPSG:5070")


def write_item(folder: Path, name: str, kind: str, columns: slice, year: int = 2021) -> dict[str, Any]:
    grid = geobox(columns)
    write_stored(folder / f"{name}.tif", codes(columns), grid, 0)
    outline = grid.extent.to_crs("EPSG:4326")
    classes = [{"value": value, "description": text} for value, text in NAMES.items()]
    asset = {"href": f"./{name}.tif", "raster:bands": [{"nodata": 0, "data_type": "uint8"}]}
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "usda-cdl",
        "bbox": list(outline.boundingbox.bbox),
        "geometry": outline.json,
        "properties": {
            "datetime": None,
            "start_datetime": f"{year}-01-01T00:00:00Z",
            "end_datetime": f"{year}-12-31T23:59:59Z",
            "usda_cdl:type": kind,
        },
        "assets": {kind: {**asset, "classification:classes": classes}},
        "links": [],
    }
    (folder / f"{name}.json").write_text(json.dumps(item))
    return item


def write_archive(folder: Path) -> Path:
    """Two tiles of 2021 that meet within the site, one of 2020, and an item of another type; returns the collection."""
    folder.mkdir()
    west, east = slice(0, 100), slice(100, 200)
    write_item(folder, "cropland_2021_-1_1_1", "cropland", west)
    write_item(folder, "cropland_2021_0_1_1", "cropland", east)
    write_item(folder, "cropland_2020_0_1_1", "cropland", east, 2020)
    write_item(folder, "cultivated_2021_0_1_1", "cultivated", east)
    extent = {"spatial": {"bbox": [[-100, 30, -90, 45]]}, "temporal": {"interval": [["2008-01-01T00:00:00Z", None]]}}
    links = [{"rel": "item", "href": f"./{path.name}"} for path in sorted(folder.glob("*.json"))]
    entry = {"type": "Collection", "id": "usda-cdl", "description": "x", "license": "other", "extent": extent}
    (folder / "collection.json").write_text(json.dumps({**entry, "stac_version": "1.0.0", "links": links}))
    return folder / "collection.json"
