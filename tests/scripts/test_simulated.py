import csv
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pystac
import pytest

import small_world
from scripts.simulated import EVENT_COLUMNS, SEASON_COLUMNS, Outputs, simulate
from stfuse.errors import InputError
from stfuse.fields import patches
from stfuse.grid import degrade, site_grid
from stfuse.products.encodings import decode, find_encoding
from stfuse.raster_stored import read_stored, write_stored
from stfuse.simulated.sensors import SENSORS
from stfuse.truth import read_truth

FILES = {
    "catalog": "catalog.json",
    "truth": "truth.nc",
    "fields": "fields.tif",
    "phenology": "phenology.csv",
    "events": "events.csv",
    "event_map": "events.tif",
    "scenes": "scenes",
}
OPTICAL = {"sentinel-2-c1-l2a", "landsat-c2-l2"}


def outputs(folder):
    return Outputs(**{name: folder / file for name, file in FILES.items()})


def run(folder, collections=None, threads=1, land_map=None, period=None, **simulated):
    site = small_world.site(**simulated)
    site |= {"period": period} if period else {}
    simulate(site, outputs(folder), collections, land_map, threads)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(tmp_path_factory.mktemp("made"), **small_world.OFF)


def checksums(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def items(folder):
    found = [(path, json.loads(path.read_text())) for path in sorted((folder / "scenes").glob("*/*/*.json"))]
    return [(path, item) for path, item in found if item.get("type") == "Feature"]


def test_every_collection_of_every_sensor_is_in_the_catalogue_and_every_file_is_there(made):
    catalog = pystac.Catalog.from_file(str(made / "catalog.json"))
    assert {c.id for c in catalog.get_children()} == {name for s in SENSORS for name in s.collections}
    assert all("imulated" in c.description for c in catalog.get_children())
    for item in catalog.get_items(recursive=True):
        assert item.properties["stfuse:simulated"] is True
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href()).exists()
            assert not Path(asset.href).is_absolute()
        west, south, east, north = item.bbox
        assert 2.9 < west < east < 3.1 and 50.7 < south < north < 50.9


def test_the_package_decodes_every_band_to_the_truth_with_all_nuisances_off(made):
    site = small_world.site()
    grid = site_grid(site["crs"], tuple(site["bounds"]), 5)
    rules = {"sentinel-2-c1-l2a": "sentinel2_l2a", "landsat-c2-l2": "landsat_c2_sr"}
    looked = set()
    for path, item in items(made):
        rule = rules.get(item["collection"])
        for band, asset in item["assets"].items() if rule else []:
            if band in ("scl", "qa_pixel"):
                continue
            numbers, own = read_stored(path.parent / asset["href"])
            found = decode(numbers, find_encoding(rule, item, asset, {}))
            day = item["properties"]["datetime"][:10]
            known = degrade(read_truth(made / "truth.nc", day, [band], "reflectance"), grid, own, min_valid=1.0)[0]
            inside = np.isfinite(known)
            assert inside.sum() > 100
            np.testing.assert_allclose(found[inside], known[inside], atol=1.1e-4)
            looked.add((rule, band))
    assert len(looked) == 7 + 6


def test_only_the_collections_asked_for_are_made(tmp_path):
    run(tmp_path, {"landsat-c2-l2"})
    made = {path.name for path in (tmp_path / "scenes").iterdir()}
    assert made == {"landsat-c2-l2", "landsat-c2-l1"}  # one sensor's two products


def test_fields_and_phenology_belong_together(made):
    numbers, grid = read_stored(made / "fields.tif")
    assert numbers.dtype == np.int32 and grid.shape == (96, 96)
    # The stage `ard` finds the very same fields in the map.
    np.testing.assert_array_equal(patches(numbers), numbers)
    rows = list(csv.DictReader((made / "phenology.csv").open()))
    assert tuple(rows[0]) == SEASON_COLUMNS
    assert {int(r["field"]) for r in rows} == set(np.unique(numbers)) - {0}
    for row in rows:
        assert int(row["n_pixels"]) == (numbers == int(row["field"])).sum()
        assert row["date2"] < row["date5"]


def test_events_have_their_dates_within_the_period_and_their_place_on_the_map(tmp_path):
    run(tmp_path, {"landsat-c2-l2"}, period=["2023-05-01", "2023-10-31"])
    rows = list(csv.DictReader((tmp_path / "events.csv").open()))
    assert tuple(rows[0]) == EVENT_COLUMNS
    assert {"harvest", "cut"} <= {r["kind"] for r in rows}
    numbers, _ = read_stored(tmp_path / "events.tif")
    areas = {int(r["event"]): int(r["n_pixels"]) for r in rows if r["kind"] in ("flood", "building")}
    assert set(np.unique(numbers)) - {0} <= set(areas)
    for row in rows:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["first"])
        assert row["last"] == "" or row["first"] <= row["last"]


def test_same_seed_same_bytes_on_any_number_of_cores_and_another_seed_another_world(tmp_path):
    one, two, other = (
        run(tmp_path / name, seed=seed, threads=threads)
        for name, seed, threads in (("a", 3, 1), ("b", 3, 3), ("c", 4, 1))
    )
    assert checksums(one) == checksums(two)
    # The catalogue too: Snakemake compares small files by their content, and fetches scenes again only if it changed.
    for file in ("truth.nc", "catalog.json"):
        assert checksums(one)[file] != checksums(other)[file]
    assert sorted(p.name for p in one.iterdir()) == sorted(FILES.values())


def test_a_scene_does_not_depend_on_which_others_are_made(made, tmp_path):
    few = run(tmp_path, {"landsat-c2-l2"}, **small_world.OFF)
    of_all, of_few = (
        {k: v for k, v in checksums(folder).items() if k.startswith("scenes/landsat-c2-l2/LC")}
        for folder in (made, few)
    )
    assert of_few and of_all == of_few


def test_a_real_land_cover_map_takes_the_place_of_the_drawn_land(tmp_path):
    codes = np.ones((24, 24), np.uint8)
    codes[:, 12:] = 5
    write_stored(tmp_path / "cdl.tif", codes, site_grid(small_world.CRS, small_world.BOUNDS, 20), 0)
    entry = {"path": "cdl.tif", "classes": {1: "maize", 5: "soybean"}}
    run(tmp_path / "made", {"landsat-c2-l2"}, land_map=tmp_path / "cdl.tif", map=entry)
    rows = list(csv.DictReader((tmp_path / "made" / "phenology.csv").open()))
    assert {r["class"] for r in rows} == {"maize", "soybean"}
    numbers, _ = read_stored(tmp_path / "made" / "fields.tif")
    assert len(np.unique(numbers[:, :46])) == 1 and numbers[0, 0] != numbers[0, 60]


def test_of_a_map_only_the_surroundings_of_the_site_count_and_no_data_is_no_code(tmp_path):
    left, bottom, right, top = small_world.BOUNDS
    wide = site_grid(small_world.CRS, (left - 12000, bottom - 12000, right + 12000, top + 12000), 60)
    codes = np.full(wide.shape, 1, np.uint8)
    codes[:40] = 99  # far away, and in no legend
    codes[200:204, 200:204] = 255
    write_stored(tmp_path / "map.tif", codes, wide, 255)
    run(tmp_path / "made", {"landsat-c2-l2"}, land_map=tmp_path / "map.tif", map={"path": "map.tif", "classes": "cdl"})
    rows = list(csv.DictReader((tmp_path / "made" / "phenology.csv").open()))
    assert {r["class"] for r in rows} == {"maize"}
    elsewhere = site_grid(small_world.CRS, (left + 9000, bottom, right + 9000, top), 60)
    write_stored(tmp_path / "far.tif", np.ones(elsewhere.shape, np.uint8), elsewhere, 255)
    with pytest.raises(InputError, match=r"far\.tif does not cover the site"):
        run(tmp_path / "far", land_map=tmp_path / "far.tif", map={"path": "far.tif", "classes": "cdl"})


def test_a_wrong_setting_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError, match="colour"):
        run(tmp_path, colour=1)
    with pytest.raises(InputError, match="landsat_8"):
        run(tmp_path, clear={"landsat_8": ["2023-06-09"]})
    site = small_world.site() | {"bounds": [500010, 5630760, 500110, 5630860]}
    with pytest.raises(InputError, match="bounds"):
        simulate(site, outputs(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_period_without_an_overpass_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError, match=r"No sensor passes over site small.*widen `period:`"):
        run(tmp_path, {"landsat-c2-l2"}, period=["2023-06-11", "2023-06-11"])
    assert not list(tmp_path.iterdir())
