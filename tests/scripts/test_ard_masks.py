"""Cloud probability on its way from the archive into the mask of an image."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.ard import make_ard
from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse.raster import read_image
from stfuse.raster_stored import read_stored
from tiny_archive import SENTINEL2, SITE, add_item, sentinel2_bands, write_catalog, write_tif

FAR = 110  # pixels of 20 m that the probability reaches over the site
NAME = "S2_A"
ASSETS = SENTINEL2["collections"]["sentinel-2-l2a"]["assets"]
MORE = {"swir16": ["swir16"], "swir22": ["swir22"], "cloud": ["cloud"]}
SENSOR: dict[str, Any] = {
    **SENTINEL2,
    "mask": {"band": "scl", "kind": "scl", "probability": "cloud"},
    "bands": {**SENTINEL2["bands"], "swir16": 20, "swir22": 20},
    "collections": {"sentinel-2-l2a": {"encoding": "sentinel2_l2a", "assets": {**ASSETS, **MORE}}},
}
WISH = {**SITE, "cloud_masks": "probability", "nbar": "none"}
FACTS = {"platform": "Sentinel-2B", "s2:processing_baseline": "05.10", "s2:mgrs_tile": "31UDS", "view:sun_azimuth": 135}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A cloud 1 km south-east of the site, dark ground in its north-west, and in the mask a cloud that is none."""
    bands = sentinel2_bands()
    for name, level in (("nir08", 0.3), ("swir16", 0.2), ("swir22", 0.1)):
        values = np.full((20, 20), round(level * 1e4) + 1000, np.uint16)
        values[4:9, 4:9] = 500 + 1000  # 100 m at the corner of the site: three bands of 0.05
        bands[name] = (values, 20.0)
    bands["scl"][0][12:16, 12:16] = 9
    folder = add_item(tmp_path / "a", "sentinel-2-l2a", NAME, "2020-03-01T10:50:00Z", bands, FACTS)
    cloud = np.zeros((12 + 2 * FAR, 12 + 2 * FAR), np.uint8)
    cloud[FAR + 40 : FAR + 60, FAR + 40 : FAR + 60] = 95
    write_tif(folder / "cloud.tif", cloud, 20.0, margin=FAR)
    path = folder / f"{NAME}.json"
    item = json.loads(path.read_text())
    item["assets"]["cloud"] = {"href": "./cloud.tif", "raster:bands": [{"nodata": 0}]}
    path.write_text(json.dumps(item))
    return write_catalog(tmp_path / "a")


def prepared(archive: Path, site: dict[str, Any]) -> tuple[Any, dict[str, str], dict[str, str], Path]:
    """The image of red alone, its quality row, its row among the scenes, and its raw folder."""
    root = archive.parents[1]
    find_scenes(str(archive), site, {"sentinel2": SENSOR}, root / "scenes.csv", root / "items.json")
    fetch(root / "items.json", NAME, SENSOR, site, ["red"], root / NAME)
    make_ard([root / NAME], SENSOR, site, ["red"], root / "2020-03-01.tif", root / "q.csv", None, None)
    rows = []
    for name in ("q.csv", "scenes.csv"):
        with (root / name).open() as table:
            rows += list(csv.DictReader(table))
    return read_image(root / "2020-03-01.tif")[0][0], rows[0], rows[1], root / NAME


def test_a_cloud_far_outside_the_site_shades_it_and_what_the_archive_took_for_cloud_is_clear(archive: Path) -> None:
    red, row, scene, folder = prepared(archive, WISH)
    assert read_stored(folder / "cloud.tif")[0].max() == 95
    assert np.isnan(red[:10, :10]).all()
    assert np.isfinite(red[16:, 16:]).all()
    assert row["masks"] == "cloud probability over 40 %, shadows of the sun at 135"
    # The search reads no reflectance: no cloud over the site by its probability, no shadow by the archive.
    assert scene["clear"] == "1.0000"
    assert float(row["clear"]) < 0.9


def test_by_default_the_archive_s_mask_counts_and_nothing_else_is_fetched(archive: Path) -> None:
    red, row, scene, folder = prepared(archive, {**WISH, "cloud_masks": "archive"})
    assert {path.name for path in folder.glob("*.tif")} == {"red.tif", "scl.tif"}
    assert np.isnan(red[16:, 16:]).all()
    assert np.isfinite(red[:16]).all()
    assert row["masks"] == "scl"
    assert float(scene["clear"]) == float(row["clear"]) == pytest.approx(1 - 64 / 576, abs=1e-4)


def test_where_an_item_lacks_the_probability_the_archive_s_mask_counts_and_the_row_says_so(archive: Path) -> None:
    path = archive.parent / "sentinel-2-l2a" / NAME / f"{NAME}.json"
    item = json.loads(path.read_text())
    del item["assets"]["cloud"]
    path.write_text(json.dumps(item))
    red, row, _, folder = prepared(archive, WISH)
    assert not (folder / "cloud.tif").exists()
    assert np.isnan(red[16:, 16:]).all()
    assert row["masks"] == "scl"


def test_snow_is_kept_where_the_site_says_so(archive: Path) -> None:
    scl = archive.parent / "sentinel-2-l2a" / NAME / "scl.tif"
    write_tif(scl, np.full((20, 20), 11, np.uint8), 20.0)
    red, row, scene, _ = prepared(archive, {**WISH, "cloud_masks": "archive", "snow": "keep"})
    assert np.isfinite(red).all()
    assert row["masks"] == "scl, snow kept"
    assert scene["kept"] == "1"
