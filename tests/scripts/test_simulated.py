import csv
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pystac
import pytest

import small_world
from scripts.simulated import COLUMNS, simulate
from stfuse.encodings import decode, find_encoding
from stfuse.errors import InputError
from stfuse.fields import patches
from stfuse.grid import degrade, site_grid
from stfuse.raster import read_stored
from stfuse.truth import read_truth

OUTPUTS = {
    "catalog": "catalog.json",
    "truth": "truth.nc",
    "fields": "fields.tif",
    "phenology": "p.csv",
    "scenes": "scenes",
}


def run(folder, **simulated):
    paths = {name: folder / file for name, file in OUTPUTS.items()}
    simulate(site=small_world.site(**simulated), **paths)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(tmp_path_factory.mktemp("made"), **small_world.OFF)


def checksums(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_pystac_reads_the_catalogue_and_every_file_is_there(made):
    catalog = pystac.Catalog.from_file(str(made / "catalog.json"))
    items = list(catalog.get_items(recursive=True))
    assert {c.id for c in catalog.get_children()} == {"sentinel-2-c1-l2a", "landsat-c2-l2", "landsat-c2-l1"}
    assert all("imulated" in c.description for c in catalog.get_children())
    for item in items:
        assert item.properties["stfuse:simulated"] is True
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href()).exists()
            assert not Path(asset.href).is_absolute()
        if item.collection_id != "landsat-c2-l1":
            _, grid = read_stored(item.assets["red"].get_absolute_href())
            assert grid.crs.epsg == 32631
        west, south, east, north = item.bbox
        assert 2.9 < west < east < 3.1 and 50.7 < south < north < 50.9


def test_the_package_decodes_every_band_to_the_truth_with_all_nuisances_off(made):
    site = small_world.site()
    grid = site_grid(site["crs"], tuple(site["bounds"]), 10)
    rules = {"sentinel-2-c1-l2a": "sentinel2_l2a", "landsat-c2-l2": "landsat_c2_sr"}
    looked = set()
    for path in sorted((made / "scenes").glob("*/*/*.json")):
        item = json.loads(path.read_text())
        rule = rules.get(item.get("collection"))
        for band, asset in item.get("assets", {}).items() if rule else []:
            if band in ("scl", "qa_pixel"):
                continue
            numbers, own = read_stored(path.parent / asset["href"])
            found = decode(numbers, find_encoding(rule, item, asset, {}))
            date = item["properties"]["datetime"][:10]
            known = degrade(read_truth(made / "truth.nc", date, [band], "reflectance"), grid, own, min_valid=1.0)[0]
            inside = np.isfinite(known)
            assert inside.sum() > 100
            np.testing.assert_allclose(found[inside], known[inside], atol=1.1e-4)
            looked.add((rule, band))
    assert len(looked) == 7 + 6


def test_pan_is_decoded_by_its_metadata_file(made):
    (path,) = (made / "scenes" / "landsat-c2-l1").glob("*/*_T1.json")
    item = json.loads(path.read_text())
    mtl = json.loads((path.parent / item["assets"]["MTL.json"]["href"]).read_text())
    numbers, own = read_stored(path.parent / item["assets"]["pan"]["href"])
    encoding = find_encoding("landsat_c2_l1_toa", item, item["assets"]["pan"], {"mtl": mtl})
    assert encoding.rule.startswith("metadata file")
    truth = read_truth(made / "truth.nc", item["properties"]["datetime"][:10], ["blue", "green", "red"], "reflectance")
    grid = site_grid(small_world.CRS, small_world.BOUNDS, 10)
    known = degrade(np.tensordot(np.float32([0.1, 0.5, 0.4]), truth, 1)[None], grid, own, min_valid=1.0)[0]
    inside = np.isfinite(known)
    step = 2e-5 / math.sin(math.radians(item["properties"]["view:sun_elevation"]))
    np.testing.assert_allclose(decode(numbers, encoding)[inside], known[inside], atol=6e-5 + step)


def test_fields_and_phenology_belong_together(made):
    numbers, grid = read_stored(made / "fields.tif")
    assert numbers.dtype == np.int32 and grid.shape == (48, 48)
    # The stage `ard` finds the very same fields in the map.
    np.testing.assert_array_equal(patches(numbers), numbers)
    rows = list(csv.DictReader((made / "p.csv").open()))
    assert tuple(rows[0]) == COLUMNS
    assert {int(r["field"]) for r in rows} == set(np.unique(numbers)) - {0}
    for row in rows:
        assert int(row["n_pixels"]) == (numbers == int(row["field"])).sum()
        assert row["date2"][:4] == "2023" and row["date2"] < row["date5"]
        assert (row["class"] in ("grassland", "alfalfa")) or row["harvest"] > row["date2"]


def test_same_seed_same_bytes_and_another_seed_another_world(tmp_path):
    one, two, other = (run(tmp_path / name, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    assert checksums(one) == checksums(two)
    assert checksums(one)["truth.nc"] != checksums(other)["truth.nc"]
    assert sorted(p.name for p in one.iterdir()) == sorted(OUTPUTS.values())


def test_a_wrong_setting_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError, match="colour"):
        run(tmp_path, colour=1)
    site = small_world.site() | {"bounds": [500010, 5630760, 500110, 5630860]}
    with pytest.raises(InputError, match="bounds"):
        simulate(site=site, **{name: tmp_path / file for name, file in OUTPUTS.items()})
    assert not list(tmp_path.iterdir())


def test_a_period_without_an_overpass_leaves_nothing_behind(tmp_path):
    lonely = ["2023-06-09", "2023-06-09"]
    with pytest.raises(InputError, match=r"No sensor passes over site small.*widen `period:`"):
        simulate(
            site=small_world.site() | {"period": lonely}, **{name: tmp_path / file for name, file in OUTPUTS.items()}
        )
    assert not list(tmp_path.iterdir())
