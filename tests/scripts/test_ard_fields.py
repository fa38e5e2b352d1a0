"""A land-cover map of an archive: found, fetched and made into a site's fields with the names of their crops."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import rasterio
import yaml
from pyproj import Transformer

from scripts.ard_fields import make_fields
from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from small_map import NAMES, SITE, codes, geobox, write_archive
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.products.sensors import map_settings, read_sensors
from stfuse.raster_stored import read_stored, write_stored

ROOT = Path(__file__).parents[2]
FIELDS = yaml.safe_load((ROOT / "config/schemas/sites.schema.yaml").read_text())["properties"]["fields"]
SENSOR = read_sensors(ROOT / "config/sensors")["usda_cdl"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("cdl") / "usda-cdl")


@pytest.fixture(scope="module")
def pieces(archive: Path) -> list[Path]:
    """The kept pieces as stage `raw` leaves them."""
    settings = map_settings({**SITE, "catalog": str(archive)})
    site = {key: SITE[key] for key in ("name", "crs", "bounds")} | {"period": settings["period"], "min_clear": 0}
    tables = archive.parent / "maps.csv", archive.parent / "maps.json"
    find_scenes(settings["catalog"], site, {"usda_cdl": SENSOR}, *tables)
    with tables[0].open() as table:
        rows = list(csv.DictReader(table))
    kept = {row["scene"] for row in rows if row["kept"] == "1"}
    assert kept == {"cropland_2021_-1_1_1", "cropland_2021_0_1_1"}
    assert {row["date"] for row in rows if row["scene"] in kept} == {"2021-01-01"}
    (other,) = (row["reason"] for row in rows if row["scene"].startswith("cultivated"))
    assert "lacks band classes" in other
    out = [archive.parent / "raw" / name for name in sorted(kept)]
    for folder in out:
        fetch(tables[1], folder.name, SENSOR, site, ["classes"], folder)
    return out


def expected(resolution: float) -> Any:
    """The code of the map's pixel that the centre of each of the site's pixels lies in."""
    grid = site_grid(SITE["crs"], tuple(SITE["bounds"]), resolution)
    rows, columns = np.indices(grid.shape)
    x, y = grid.affine * (columns + 0.5, rows + 0.5)
    there = Transformer.from_crs(SITE["crs"], "EPSG:5070", always_xy=True).transform(x, y)
    column, row = ~geobox(slice(0, 200)).affine * there
    return codes(slice(0, 200))[np.floor(row).astype(int), np.floor(column).astype(int)]


def test_fields_are_patches_of_the_map_and_keep_its_classes(pieces: list[Path], tmp_path: Path) -> None:
    make_fields(SITE, None, [], 10, tmp_path / "fields.tif", pieces, tmp_path / "fields.csv")
    fields, grid = read_stored(tmp_path / "fields.tif")
    assert grid == site_grid(SITE["crs"], tuple(SITE["bounds"]), 10)
    with (tmp_path / "fields.csv").open() as file:
        rows = {int(row["field"]): row for row in csv.DictReader(file)}
    assert set(rows) == set(np.unique(fields)) - {0}
    assert len(rows) > 10
    known = expected(10)
    # GDAL's warp finds its way within a tenth of a pixel: at the map's own edges that may decide.
    coded = np.vectorize({0: 0, **{n: int(row["code"]) for n, row in rows.items()}}.get)(fields)
    assert (coded == known)[fields > 0].mean() > 0.99
    assert set(np.unique(coded)) <= {0, *NAMES}
    for number, row in rows.items():
        assert row["name"] == NAMES[int(row["code"])]
        assert float(row["hectares"]) == pytest.approx((fields == number).sum() / 100)
        assert float(row["hectares"]) >= 1
    # What was left out: no data, and patches below a hectare.
    left_out = (fields == 0) & (known > 0)
    assert 0 < left_out.mean() < 0.15
    assert (fields[known == 0] == 0).mean() > 0.99


def test_pieces_in_any_order_make_the_same_map(pieces: list[Path], tmp_path: Path) -> None:
    for name, given in (("a", pieces), ("b", pieces[::-1])):
        make_fields(SITE, None, [], 30, tmp_path / f"{name}.tif", given)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    # Both tiles are in it: it reaches from the site's west to its east.
    fields = read_stored(tmp_path / "a.tif")[0]
    assert (fields[:, :10] > 0).any()
    assert (fields[:, -10:] > 0).any()


def test_a_map_without_any_class_over_the_site_is_refused(pieces: list[Path], tmp_path: Path) -> None:
    empty = []
    for piece in pieces:
        copy = tmp_path / piece.name
        copy.mkdir()
        for file in piece.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        with rasterio.open(copy / "classes.tif", "r+") as raster:
            raster.write(np.zeros_like(raster.read(1)), 1)
        empty.append(copy)
    with pytest.raises(InputError, match="does not cover site kansas"):
        make_fields(SITE, None, [], 10, tmp_path / "fields.tif", empty)


def test_a_site_says_where_its_map_comes_from() -> None:
    assert map_settings(SITE) == {
        "sensor": "usda_cdl",
        "period": ["2021-01-01", "2021-12-31"],
        "catalog": "earth-search",
    }
    assert map_settings({"fields": {"sensor": "x", "year": 2020, "catalog": "y"}, "catalog": "z"})["catalog"] == "y"
    assert map_settings({"fields": "map.tif"}) == {} == map_settings({})
    assert map_settings({"fields": NAMED}) == {}


def test_a_year_that_the_archive_lacks_is_told(archive: Path, tmp_path: Path) -> None:
    settings = map_settings({**SITE, "fields": {"sensor": "usda_cdl", "year": 1999}})
    site = {key: SITE[key] for key in ("name", "crs", "bounds")} | {"period": settings["period"], "min_clear": 0}
    with pytest.raises(
        InputError, match="no scene of usda_cdl over site kansas in the period 1999-01-01 to 1999-12-31"
    ):
        find_scenes(str(archive), site, {"usda_cdl": SENSOR}, tmp_path / "maps.csv", tmp_path / "maps.json")


NAMED = {"raster": "crops.tif", "names": {1110: "winter wheat"}}


@pytest.mark.parametrize("fields", ["map.tif", "simulated", {"sensor": "usda_cdl", "year": 2021}, NAMED])
def test_the_schema_knows_the_ways_to_say_where_fields_come_from(fields: object) -> None:
    jsonschema.validate(fields, FIELDS)


@pytest.mark.parametrize(
    "fields",
    [{"sensor": "usda_cdl"}, {"year": 2021}, {"sensor": "x", "year": 2021, "yaer": 1}, {"raster": "crops.tif"}, 3],
)
def test_the_schema_refuses_what_it_does_not_know(fields: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(fields, FIELDS)


def test_numbers_of_nine_digits_stay_apart(tmp_path: Path) -> None:
    grid = site_grid(SITE["crs"], tuple(SITE["bounds"]), 10)
    given = np.zeros(grid.shape, np.int32)
    given[:, :9], given[:, 9:20] = 20_000_000, 20_000_001
    write_stored(tmp_path / "map.tif", given, grid, 0)
    make_fields(SITE, tmp_path / "map.tif", [], 10, tmp_path / "fields.tif")
    np.testing.assert_array_equal(read_stored(tmp_path / "fields.tif")[0], given)


def test_raster_of_crop_codes_gives_fields_with_the_names_of_their_crops(tmp_path: Path) -> None:
    grid = site_grid(SITE["crs"], tuple(SITE["bounds"]), 10)
    codes = np.zeros(grid.shape, np.int32)
    codes[:10, :10], codes[:10, 12:20], codes[12:20, :8], codes[15:18, 12:18] = 1110, 1110, 1200, 1200
    codes[12:20, 20:24] = 9120
    write_stored(tmp_path / "crops.tif", codes, grid, 0)
    table = tmp_path / "fields.csv"
    names = {1110: "winter wheat", 1200: "maize"}
    make_fields(SITE, tmp_path / "crops.tif", [], 10, tmp_path / "fields.tif", (), table, names)
    with table.open() as file:
        rows = sorted((r["code"], r["name"], float(r["hectares"])) for r in csv.DictReader(file))
    # The patch of 18 pixels is smaller than a field, the crop without a name is one.
    assert rows == [
        ("1110", "winter wheat", 0.8),
        ("1110", "winter wheat", 1.0),
        ("1200", "maize", 0.64),
        ("9120", "", 0.32),
    ]


@pytest.mark.parametrize("name", ["belgium", "belgium_east"])
def test_every_labelled_field_of_the_real_patches_has_a_crop(name: str, tmp_path: Path) -> None:
    site = yaml.safe_load((ROOT / f"config/sites/{name}.yaml").read_text()) | {"name": name}
    raster = Path(site["fields"]["raster"].replace("{data}", str(ROOT / "../shared/data")))
    if not raster.exists():
        pytest.skip(f"needs {raster}")
    make_fields(site, raster, [], 10, tmp_path / "a.tif", (), tmp_path / "a.csv", site["fields"]["names"])
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 5
    assert [row for row in rows if not row["name"]] == []
    assert {"maize", "grassland"} <= {row["name"] for row in rows}
