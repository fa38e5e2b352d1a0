"""STAC documents of the simulated archive, in the words of the live ones: pure JSON, no files.

What is common to all sensors; each sensor's file adds the fields of its own archive. Tiles and paths are made up, so
that no real scene can be meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry, polygon

from stfuse.simulated.delivery import Item
from stfuse.simulated.instruments import Channel

VERSION = "1.0.0"
MARK = {"stfuse:simulated": True}
NOTE = "Simulated: made by stfuse, no satellite took these images."
EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("eo/v1.1.0", "projection/v1.1.0", "raster/v1.1.0", "view/v1.0.0", "grid/v1.1.0")
)
WAVELENGTHS = {
    "blue": 0.49, "green": 0.56, "red": 0.665, "nir": 0.842, "nir08": 0.865, "swir16": 1.61, "swir22": 2.19,
    "pan": 0.59,
}  # fmt: skip
"""Micrometres."""
TIFF = "image/tiff; application=geotiff"

Edge = tuple[float, float, float] | None
"""Where a scene ends: data lie where east * x + north * y <= distance, in metres from the site's centre."""


def make_item(
    collection: str,
    name: str,
    time: datetime | None,
    outline: Geometry,
    properties: Mapping[str, Any],
    assets: Mapping[str, Mapping[str, Any]],
    grid: GeoBox | None = None,
    extensions: Sequence[str] = EXTENSIONS,
) -> Item:
    """A STAC item, for ``{collection}/{name}/{name}.json``.

    Parameters
    ----------
    collection, name : str
    time : datetime or None
        UTC; for None, `properties` must have start and end.
    outline : Geometry
        In longitude and latitude.
    properties, assets : mapping
        The mark of the simulated is added.
    grid : GeoBox, optional
        Whose CRS the item states.
    extensions : sequence of str
        Schemas that it follows.
    """
    own: dict[str, Any] = {"datetime": None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"}
    if grid is not None:
        own["proj:epsg"] = grid.crs.epsg if grid.crs is not None else None
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(extensions),
        "id": name,
        "collection": collection,
        "geometry": outline.json,
        "bbox": list(outline.boundingbox.bbox),
        "properties": {**own, **properties, **MARK},
        "assets": {key: dict(asset) for key, asset in assets.items()},
        "links": [
            {"rel": "root", "href": "../../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../collection.json", "type": "application/json"},
            {"rel": "collection", "href": "../collection.json", "type": "application/json"},
        ],
    }


def make_asset(file: str, title: str, roles: Sequence[str], **fields: Any) -> dict[str, Any]:
    """An asset that is a GeoTIFF beside the item."""
    return {"href": f"./{file}", "type": TIFF, "title": title, "roles": list(roles), **fields}


def band_asset(channel: Channel, file: str, scaling: tuple[float, float] | None) -> dict[str, Any]:
    """An asset of one band of reflectance, 16 bits without sign, 0 = no data.

    Parameters
    ----------
    channel : Channel
    file : str
    scaling : (scale, offset) or None
        None where the archive's items do not state it.
    """
    band = {"name": channel.label, "common_name": channel.band, "center_wavelength": WAVELENGTHS[channel.band]}
    asset = make_asset(file, f"{channel.band} - {channel.pixel:g} m", ("data", "reflectance"))
    asset["eo:bands"] = [band]
    if scaling is not None:
        pixel = int(channel.pixel) if float(channel.pixel).is_integer() else channel.pixel
        layer = {"nodata": 0, "data_type": "uint16", "spatial_resolution": pixel}
        asset["raster:bands"] = [{**layer, "scale": scaling[0], "offset": scaling[1]}]
    return asset


def grid_fields(grid: GeoBox) -> dict[str, Any]:
    """Shape and transform, for the properties of an item or for an asset."""
    return {"proj:shape": list(grid.shape), "proj:transform": list(grid.affine)[:6]}


def sun_fields(angles: tuple[float, float]) -> dict[str, float]:
    """Elevation and azimuth of the sun as items state them."""
    return {"view:sun_elevation": round(angles[0], 8), "view:sun_azimuth": round(angles[1], 8)}


def utm_zone(grid: GeoBox) -> str:
    """Two digits, 00 where the grid lies in no UTM zone."""
    found = grid.crs.proj.utm_zone if grid.crs is not None else None
    return f"{int(found[:-1]):02d}" if found else "00"


def footprint(grid: GeoBox, edge: Edge = None, centre: Sequence[float] = (0.0, 0.0)) -> Geometry:
    """Outline of the pixels that a scene has, in longitude and latitude.

    Parameters
    ----------
    grid : GeoBox
        What is delivered.
    edge : (east, north, distance) or None
        Data lie where east * x + north * y <= distance, in metres from `centre`.
    centre : (x, y)
    """
    left, bottom, right, top = grid.extent.boundingbox.bbox
    corners = [(left, top), (left, bottom), (right, bottom), (right, top)]
    if edge is not None:
        corners = _cut(corners, edge, centre)
    return polygon([*corners, corners[0]], grid.crs).to_crs("EPSG:4326")


def _cut(
    corners: list[tuple[float, float]], edge: tuple[float, float, float], centre: Sequence[float]
) -> list[tuple[float, float]]:
    """The part of a convex polygon on one side of a line (one step of Sutherland & Hodgman's clipping)."""
    kept = []
    for here, following in zip(corners, [*corners[1:], corners[0]], strict=True):
        a, b = (edge[0] * (x - centre[0]) + edge[1] * (y - centre[1]) - edge[2] for x, y in (here, following))
        if a <= 0:
            kept.append(here)
        if (a <= 0) != (b <= 0):
            share = a / (a - b)
            kept.append((here[0] + share * (following[0] - here[0]), here[1] + share * (following[1] - here[1])))
    return kept


def collection_document(name: str, title_text: tuple[str, str], items: Sequence[Item]) -> dict[str, Any]:
    """The STAC collection of some items, for ``{name}/collection.json``.

    Parameters
    ----------
    name : str
    title_text : (title, what the numbers mean)
    items : sequence of item
        At least one.
    """
    title, text = title_text
    boxes = np.array([item["bbox"] for item in items])
    spans = [item["properties"] for item in items]
    starts = sorted(p["datetime"] or p["start_datetime"] for p in spans)
    ends = sorted(p["datetime"] or p["end_datetime"] for p in spans)
    links = [{"rel": r, "href": "../../catalog.json", "type": "application/json"} for r in ("root", "parent")]
    links += [
        {"rel": "item", "href": f"./{item['id']}/{item['id']}.json", "type": "application/geo+json"} for item in items
    ]
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": name,
        "title": title,
        "description": f"{NOTE} {text}",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [[*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]]},
            "temporal": {"interval": [[starts[0], ends[-1]]]},
        },
        **MARK,
        "links": links,
    }


def catalog_document(site: str, collections: Sequence[str], checksum: str) -> dict[str, Any]:
    """The root catalogue, for ``catalog.json`` beside the folder ``scenes``."""
    links = [{"rel": "root", "href": "./catalog.json", "type": "application/json"}]
    links += [
        {"rel": "child", "href": f"./scenes/{name}/collection.json", "type": "application/json"} for name in collections
    ]
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": f"simulated-{site}",
        "description": f"{NOTE} Synthetic world of site {site}.",
        # Scenes that are other than before make another catalogue, by which whoever made something of them knows.
        "stfuse:checksum": checksum,
        **MARK,
        "links": links,
    }
