"""STAC documents of the simulated archive, in the words of the live ones: pure JSON, no files.

Sentinel-2 follows Earth Search's `sentinel-2-c1-l2a`, Landsat level 2 its `landsat-c2-l2`, level 1 USGS's collection.
Tile and path/row are made up, so that no real scene can be meant: tile `SIM`, path and row 000.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.simulated.instruments import SENTINEL2, Channel
from stfuse.simulated.scenes import Acquisition, footprint

VERSION = "1.0.0"
MARK = {"stfuse:simulated": True}
NOTE = "Simulated: made by stfuse, no satellite took these images."
BASELINE = "05.09"
EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("eo/v1.1.0", "projection/v1.1.0", "raster/v1.1.0", "view/v1.0.0", "grid/v1.1.0")
]
COLLECTIONS = {
    "sentinel-2-c1-l2a": (
        "Sentinel-2 Level-2A, simulated",
        "Surface reflectance = number * 1e-4 - 0.1, 0 = no data; 20 m bands and SCL on their own grid.",
    ),
    "landsat-c2-l2": (
        "Landsat-8 Collection 2 Level-2, simulated",
        "Surface reflectance = number * 2.75e-5 - 0.2, 0 = no data; QA_PIXEL in bits, 1 = fill.",
    ),
    "landsat-c2-l1": (
        "Landsat-8 Collection 2 Level-1, panchromatic band, simulated",
        "Top-of-atmosphere reflectance = (number * 2e-5 - 0.1) / sine of the sun's elevation, 0 = no data.",
    ),
}
WAVELENGTHS = {
    "blue": 0.49, "green": 0.56, "red": 0.665, "nir": 0.842, "nir08": 0.865, "swir16": 1.61, "swir22": 2.19,
    "pan": 0.59,
}  # fmt: skip
TIFF = "image/tiff; application=geotiff"


@dataclass(frozen=True)
class Product:
    """One item to write, with what its assets hold.

    Attributes
    ----------
    item : dict
        The STAC item; links to its collection are relative to ``{collection}/{id}/{id}.json``.
    files : mapping of file name to key
        ``mask``, or a band of the acquisition.
    documents : mapping of file name to dict
        JSON files that belong to it.
    """

    item: dict[str, Any]
    files: dict[str, str]
    documents: dict[str, dict[str, Any]]


def products(scene: Acquisition) -> list[Product]:
    """The products in which an archive delivers an acquisition: one of Sentinel-2, levels 2 and 1 of Landsat."""
    if scene.instrument is SENTINEL2:
        return [_sentinel2(scene)]
    return [_landsat_level2(scene), _landsat_level1(scene)]


def _sentinel2(scene: Acquisition) -> Product:
    zone = _zone(scene.mask[1])
    satellite = scene.platform[-1].upper()
    name = f"S2{satellite}_T{zone}SIM_{scene.time:%Y%m%dT%H%M%S}_L2A"
    properties = {
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "grid:code": f"MGRS-{zone}SIM",
        "view:incidence_angle": 4.2,
        "view:azimuth": 104.0,
        "s2:processing_baseline": BASELINE,
        "s2:product_type": "S2MSI2A",
    }
    files = {f"{c.label}.tif": c.band for c in scene.instrument.channels}
    assets = {}
    for channel in scene.instrument.channels:
        own = _grid_fields(scene.stored[channel.band][1])
        facts = {"scale": 1e-4, "offset": -0.1}
        assets[channel.band] = {**_asset(channel, f"{channel.label}.tif", facts), "gsd": int(channel.pixel), **own}
    layer = {"nodata": 0, "data_type": "uint8", "spatial_resolution": 20}
    assets["scl"] = {
        "href": "./SCL.tif", "type": TIFF, "title": "Scene classification map (SCL)", "roles": ["data"],
        "raster:bands": [layer], **_grid_fields(scene.mask[1]),
    }  # fmt: skip
    item = _item(scene, "sentinel-2-c1-l2a", name, properties, assets, scene.mask[1])
    return Product(item, {**files, "SCL.tif": "mask"}, {})


def _landsat_level2(scene: Acquisition) -> Product:
    name = f"LC08_L2SP_000000_{scene.day:%Y%m%d}_02_T1"
    bands = [c for c in scene.instrument.channels if c.band != "pan"]
    facts = {"scale": 2.75e-5, "offset": -0.2}
    assets = {c.band: _asset(c, f"{name}_{c.label}.TIF", facts) for c in bands}
    layer = {"nodata": 1, "data_type": "uint16", "spatial_resolution": 30, "unit": "bit index"}
    assets["qa_pixel"] = {**_qa_asset(name), "raster:bands": [layer]}
    properties = {**_landsat_properties(scene, "L2SP"), **_grid_fields(scene.mask[1])}
    item = _item(scene, "landsat-c2-l2", name, properties, assets, scene.mask[1])
    files = {f"{name}_{c.label}.TIF": c.band for c in bands}
    return Product(item, {**files, f"{name}_QA_PIXEL.TIF": "mask"}, {})


def _landsat_level1(scene: Acquisition) -> Product:
    name = f"LC08_L1TP_000000_{scene.day:%Y%m%d}_02_T1"
    pan = next(c for c in scene.instrument.channels if c.band == "pan")
    # Level-1 items state neither scale nor nodata; the metadata file does.
    asset = _asset(pan, f"{name}_B8.TIF", None)
    assets = {
        "pan": {**asset, **_grid_fields(scene.stored["pan"][1])},
        "qa_pixel": _qa_asset(name),
        "MTL.json": {"href": f"./{name}_MTL.json", "type": "application/json", "roles": ["metadata"]},
    }
    properties = {**_landsat_properties(scene, "L1TP"), **_grid_fields(scene.mask[1])}
    item = _item(scene, "landsat-c2-l1", name, properties, assets, scene.mask[1])
    return Product(
        item, {f"{name}_B8.TIF": "pan", f"{name}_QA_PIXEL.TIF": "mask"}, {f"{name}_MTL.json": _metadata(scene, name)}
    )


def _metadata(scene: Acquisition, name: str) -> dict[str, Any]:
    return {
        "LANDSAT_METADATA_FILE": {
            "PRODUCT_CONTENTS": {"ORIGIN": NOTE, "LANDSAT_PRODUCT_ID": name, "FILE_NAME_BAND_8": f"{name}_B8.TIF"},
            "IMAGE_ATTRIBUTES": {
                "SPACECRAFT_ID": "LANDSAT_8",
                "DATE_ACQUIRED": f"{scene.day}",
                "SUN_ELEVATION": f"{scene.sun[0]:.8f}",
                "SUN_AZIMUTH": f"{scene.sun[1]:.8f}",
            },
            "LEVEL1_RADIOMETRIC_RESCALING": {
                "REFLECTANCE_MULT_BAND_8": "2.0000E-05",
                "REFLECTANCE_ADD_BAND_8": "-0.100000",
            },
        }
    }


def _landsat_properties(scene: Acquisition, correction: str) -> dict[str, Any]:
    return {
        "instruments": ["oli", "tirs"],
        "gsd": 30,
        "view:off_nadir": 0,
        "landsat:correction": correction,
        "landsat:wrs_type": "2",
        "landsat:wrs_path": "000",
        "landsat:wrs_row": "000",
        "landsat:collection_category": "T1",
        "landsat:collection_number": "02",
        "landsat:cloud_cover_land": round(scene.cloud_cover, 2),
        "grid:code": "WRS2-000000",
    }


def _qa_asset(name: str) -> dict[str, Any]:
    return {
        "href": f"./{name}_QA_PIXEL.TIF", "type": TIFF, "title": "Pixel Quality Assessment Band",
        "roles": ["cloud", "cloud-shadow", "snow-ice", "water-mask"],
    }  # fmt: skip


def _asset(channel: Channel, file: str, scaling: dict[str, float] | None) -> dict[str, Any]:
    band = {"name": channel.label, "common_name": channel.band, "center_wavelength": WAVELENGTHS[channel.band]}
    asset: dict[str, Any] = {"href": f"./{file}", "type": TIFF, "title": f"{channel.band} - {channel.pixel:g} m"}
    asset |= {"eo:bands": [band], "roles": ["data", "reflectance"]}
    if scaling is not None:
        layer = {"nodata": 0, "data_type": "uint16", "spatial_resolution": int(channel.pixel), **scaling}
        asset["raster:bands"] = [layer]
    return asset


def _grid_fields(grid: GeoBox) -> dict[str, Any]:
    return {"proj:shape": list(grid.shape), "proj:transform": list(grid.affine)[:6]}


def _zone(grid: GeoBox) -> str:
    found = grid.crs.proj.utm_zone if grid.crs is not None else None
    return f"{int(found[:-1]):02d}" if found else "00"


def _item(
    scene: Acquisition,
    collection: str,
    name: str,
    properties: dict[str, Any],
    assets: dict[str, Any],
    grid: GeoBox,
) -> dict[str, Any]:
    outline = footprint(grid, scene.edge, scene.centre)
    own = {
        "datetime": f"{scene.time:%Y-%m-%dT%H:%M:%SZ}",
        "platform": scene.platform,
        "eo:cloud_cover": round(scene.cloud_cover, 2),
        "view:sun_elevation": round(scene.sun[0], 8),
        "view:sun_azimuth": round(scene.sun[1], 8),
        "proj:epsg": grid.crs.epsg if grid.crs is not None else None,
        **properties,
        **MARK,
    }
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": EXTENSIONS,
        "id": name,
        "collection": collection,
        "geometry": outline.json,
        "bbox": list(outline.boundingbox.bbox),
        "properties": own,
        "assets": assets,
        "links": [
            {"rel": "root", "href": "../../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../collection.json", "type": "application/json"},
            {"rel": "collection", "href": "../collection.json", "type": "application/json"},
        ],
    }


def collection_document(name: str, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The STAC collection of some items, for ``{name}/collection.json``."""
    title, text = COLLECTIONS[name]
    boxes = np.array([item["bbox"] for item in items])
    times = sorted(item["properties"]["datetime"] for item in items)
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
            "temporal": {"interval": [[times[0], times[-1]]]},
        },
        **MARK,
        "links": links,
    }


def catalog_document(site: str, collections: Sequence[str]) -> dict[str, Any]:
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
        **MARK,
        "links": links,
    }
