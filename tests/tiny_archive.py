"""A tiny archive: a static STAC catalogue with two sensors over a site of 24 x 24 fine pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

LEFT, TOP = 501360.0, 5629680.0
SITE: dict[str, Any] = {
    "name": "tiny",
    "crs": "EPSG:32631",
    "bounds": [LEFT, TOP - 240, LEFT + 240, TOP],
    "period": ["2020-01-01", "2020-12-31"],
    "sensors": ["sentinel2", "landsat8"],
    "reference": "sentinel2",
    "min_clear": 0.5,
    "bandpass": "fit",
    "mask_dilation_m": 0,
}
SENTINEL2: dict[str, Any] = {
    "name": "sentinel2",
    "resolution": 10,
    "mask": {"band": "scl", "kind": "scl"},
    "bands": {"blue": 10, "red": 10, "nir08": 20},
    "collections": {
        "sentinel-2-l2a": {
            "encoding": "sentinel2_l2a",
            "assets": {
                "blue": ["blue", "B02"],
                "red": ["red", "B04"],
                "nir08": ["nir08", "B8A"],
                "scl": ["scl", "SCL"],
            },
        }
    },
}
LANDSAT8: dict[str, Any] = {
    "name": "landsat8",
    "resolution": 30,
    "platforms": ["landsat-8"],
    "mask": {"band": "qa_pixel", "kind": "qa_pixel"},
    "bands": {"blue": 30, "red": 30, "nir08": 30},
    "collections": {
        "landsat-c2-l2": {
            "encoding": "landsat_c2_sr",
            "assets": {b: [b] for b in ("blue", "red", "nir08", "qa_pixel")},
        }
    },
    "bandpass": {"blue": [1.02, 0.004], "red": [1.02, -0.001]},
}
SENSORS = {"sentinel2": SENTINEL2, "landsat8": LANDSAT8}
BANDS = ["blue", "red", "nir08"]
MARGIN = 4  # pixels that the archive's files reach over the site


def write_tif(path: Path, values: Any, pixel: float, crs: str | None = "EPSG:32631", margin: int = MARGIN) -> None:
    """One band with its top left corner `margin` pixels outside the site."""
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = Affine(pixel, 0, LEFT - margin * pixel, 0, -pixel, TOP + margin * pixel)
    height, width = values.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": values.dtype, "crs": crs, "transform": transform}
    with rasterio.open(path, "w", height=height, width=width, **profile) as out:
        out.write(values, 1)


def landscape(pixel: float, seed: int = 0) -> Any:
    """Reflectance of three bands, shape (3, y, x), over the site and margin: the area mean of one 5 m pattern."""
    rng = np.random.default_rng(seed)
    reach = 240 + 2 * MARGIN * 30
    cells = int(reach / 60)
    fine = np.kron(rng.uniform(0.05, 0.4, (3, cells, cells)), np.ones((1, 12, 12)))
    factor = int(pixel / 5)
    cut = int((MARGIN * 30 - MARGIN * pixel) / 5)
    fine = fine[:, cut : fine.shape[1] - cut, cut : fine.shape[2] - cut] if cut else fine
    side = fine.shape[1] // factor
    return fine.reshape(3, side, factor, side, factor).mean((2, 4))


def add_item(
    root: Path,
    collection: str,
    name: str,
    when: str,
    bands: dict[str, tuple[Any, float]],
    properties: dict[str, Any],
    stated: dict[str, Any] | None = None,
) -> Path:
    """Write an item's files and its JSON; the catalogue is made by `write_catalog`."""
    folder = root / collection / name
    assets = {}
    for band, (values, pixel) in bands.items():
        write_tif(folder / f"{band}.tif", values, pixel)
        assets[band] = {"href": f"./{band}.tif", **({"raster:bands": [stated]} if stated else {})}
    outline = [[3.019, 50.812], [3.029, 50.812], [3.029, 50.82], [3.019, 50.82], [3.019, 50.812]]
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "bbox": [3.019, 50.812, 3.029, 50.82],
        "geometry": {"type": "Polygon", "coordinates": [outline]},
        "properties": {"datetime": when, **properties},
        "assets": assets,
        "links": [],
    }
    (folder / f"{name}.json").write_text(json.dumps(item))
    return folder


def write_catalog(root: Path) -> Path:
    """Make root and collections list the items that are there."""
    names = sorted(p.name for p in root.iterdir() if p.is_dir())
    for name in names:
        items = sorted(p.name for p in (root / name).iterdir() if p.is_dir())
        extent = {"spatial": {"bbox": [[3, 50, 4, 51]]}, "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]}}
        links = [{"rel": "item", "href": f"./{i}/{i}.json"} for i in items]
        entry = {"type": "Collection", "id": name, "description": name, "license": "other", "extent": extent}
        (root / name / "collection.json").write_text(json.dumps({**entry, "stac_version": "1.0.0", "links": links}))
    root_entry = {
        "type": "Catalog",
        "id": "tiny",
        "description": "tiny",
        "stac_version": "1.0.0",
        "links": [{"rel": "child", "href": f"./{name}/collection.json"} for name in names],
    }
    (root / "catalog.json").write_text(json.dumps(root_entry))
    return root / "catalog.json"


def sentinel2_bands(cloud: float = 0.0, seed: int = 0, offset: int = 1000) -> dict[str, tuple[Any, float]]:
    """Stored bands and SCL; the northern share `cloud` of the site is cloud."""
    fine, coarse = landscape(10, seed), landscape(20, seed)
    bands = {b: (np.rint(fine[i] * 1e4 + offset).astype(np.uint16), 10.0) for i, b in enumerate(("blue", "red"))}
    bands["nir08"] = (np.rint(coarse[2] * 1e4 + offset).astype(np.uint16), 20.0)
    scl = np.full(coarse.shape[1:], 4, np.uint8)
    scl[: MARGIN + round(cloud * 12)] = 9 if cloud else 4
    bands["scl"] = (scl, 20.0)
    return bands


def landsat8_bands(cloud: float = 0.0, seed: int = 0) -> dict[str, tuple[Any, float]]:
    """Stored bands in Collection 2's scale and QA_PIXEL."""
    values = landscape(30, seed)
    bands = {b: (np.rint((values[i] + 0.2) / 2.75e-5).astype(np.uint16), 30.0) for i, b in enumerate(BANDS)}
    mask = np.full(values.shape[1:], 0b1000000, np.uint16)
    mask[: MARGIN + round(cloud * 8)] = 0b1000 if cloud else 0b1000000
    bands["qa_pixel"] = (mask, 30.0)
    return bands


def make_archive(root: Path) -> Path:
    """Two clear and one cloudy Sentinel-2 scene, and a clear Landsat-8 scene on the first one's day."""
    s2 = {"platform": "Sentinel-2B", "s2:processing_baseline": "05.10", "s2:mgrs_tile": "31UDS"}
    for name, day, cloud in (("S2_A", "2020-03-01", 0.0), ("S2_B", "2020-03-11", 0.25), ("S2_C", "2020-03-21", 1.0)):
        add_item(root, "sentinel-2-l2a", name, f"{day}T10:50:00Z", sentinel2_bands(cloud), s2)
    l8 = {"platform": "LANDSAT_8"}
    add_item(root, "landsat-c2-l2", "L8_A", "2020-03-01T10:40:00Z", landsat8_bands(), l8)
    add_item(root, "landsat-c2-l2", "L9_A", "2020-03-02T10:40:00Z", landsat8_bands(), {"platform": "landsat-9"})
    return write_catalog(root)
