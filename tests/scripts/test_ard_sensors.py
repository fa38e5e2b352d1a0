"""The sensors beside Sentinel-2 and Landsat on the road from the search to the image, by their own sensor files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from scripts.ard import make_ard
from scripts.ard_bandpass import fit_bandpass
from scripts.ard_quality import collect
from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse.checks import unregistered
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.products.sensors import read_sensors
from stfuse.raster import read_image, write_image
from stfuse.raster_stored import read_stored, write_stored
from tiny_archive import MARGIN, SITE, add_item, landscape, write_catalog

ROOT = Path(__file__).parents[2]
BELGIUM = ROOT.parent / "shared" / "data" / "belgium-31UDS-2018"
SENSORS = read_sensors(ROOT / "config/sensors")
FINE = site_grid(SITE["crs"], tuple(SITE["bounds"]), 10)
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"


def search(root: Path, sensor: dict[str, Any], site: dict[str, Any] = SITE) -> dict[str, dict[str, str]]:
    """Rows of scenes.csv by scene; the tables lie beside the archive."""
    tables = root.parent / "scenes.csv", root.parent / "items.json"
    find_scenes(str(root / "catalog.json"), site, {sensor["name"]: sensor}, *tables)
    with tables[0].open() as table:
        return {row["scene"]: row for row in csv.DictReader(table)}


def prepare(
    folder: Path, scenes: list[str], sensor: dict[str, Any], bands: list[str], site: dict[str, Any] = SITE, **more: Any
) -> tuple[Any, dict[str, str], Path]:
    """The day's image and its quality row, of scenes that were found before."""
    for scene in scenes:
        fetch(folder / "items.json", scene, sensor, site, bands, folder / scene)
    image, quality = folder / "2020-03-01.tif", folder / "2020-03-01.csv"
    reference = more.get("reference")
    alone = unregistered(sensor, {"resolution": 10})
    make_ard([folder / s for s in scenes], sensor, site, bands, image, quality, reference, None, alone)
    with quality.open() as table:
        (row,) = csv.DictReader(table)
    return read_image(image)[0], row, image


def add_radar(root: Path, name: str, power: Any, state: str, orbit: int, bands: tuple[str, ...] = ("vv", "vh")) -> None:
    facts = {"platform": "SENTINEL-1A", "sat:orbit_state": state, "sat:relative_orbit": orbit}
    values = {band: (np.asarray(power / (1 + i), np.float32), 10.0) for i, band in enumerate(bands)}
    when = f"2020-03-01T{'05' if state == 'descending' else '17'}:40:0{len(name) % 10}Z"
    add_item(root, "sentinel-1-rtc", name, when, values, facts, {"nodata": -32768, "data_type": "float32"})


@pytest.fixture
def power() -> Any:
    side = 24 + 2 * MARGIN
    return np.random.default_rng(0).gamma(4.4, 0.1 / 4.4, (side, side)).astype(np.float32)


def test_backscatter_becomes_decibels_without_mask_registration_or_bandpass(tmp_path: Path, power: Any) -> None:
    add_radar(tmp_path / "a", "S1", power, "ascending", 88)
    write_catalog(tmp_path / "a")
    rows = search(tmp_path / "a", SENSORS["sentinel1"])
    assert (rows["S1"]["clear"], rows["S1"]["kept"], rows["S1"]["platform"]) == ("1.0000", "1", "sentinel-1a")
    values, row, image = prepare(tmp_path, ["S1"], SENSORS["sentinel1"], ["vv", "vh"])
    seen = power[MARGIN:-MARGIN, MARGIN:-MARGIN]
    np.testing.assert_allclose(values, 10 * np.log10(np.stack([seen, seen / 2])), atol=1e-4)
    assert row["notes"] == ("not compared with the reference: backscatter has no band in common with the reference")
    assert (row["clear"], row["brightness"], row["bandpass"], row["invalid"]) == ("1.0000", "", "none", "0.0000")
    with rasterio.open(image) as stored:
        assert (stored.dtypes[0], stored.tags()["UNIT"]) == ("float32", "dB")
    facts = json.loads((tmp_path / "S1" / "scene.json").read_text())
    assert (facts["mask"], facts["orbit"], facts["relative_orbit"]) == (None, "ascending", 88)


def test_images_without_a_brightness_stand_out_of_nothing(tmp_path: Path) -> None:
    for day in range(1, 10):
        (tmp_path / f"{day}.csv").write_text(f"sensor,date,brightness\nsentinel1,2020-01-0{day},\n")
    collect([tmp_path / f"{day}.csv" for day in range(1, 10)], tmp_path / "quality.csv")
    with (tmp_path / "quality.csv").open() as table:
        assert {row["suspect"] for row in csv.DictReader(table)} == {""}


def test_what_radar_did_not_see_is_not_covered(tmp_path: Path, power: Any) -> None:
    power[:, : MARGIN + 6] = -32768
    add_radar(tmp_path / "a", "S1", power, "ascending", 88)
    write_catalog(tmp_path / "a")
    assert search(tmp_path / "a", SENSORS["sentinel1"])["S1"]["covered"] == "0.7500"
    values, row, _ = prepare(tmp_path, ["S1"], SENSORS["sentinel1"], ["vv", "vh"])
    assert np.isnan(values[:, :, :6]).all() and np.isfinite(values[:, :, 6:]).all()
    assert row["clear"] == "0.7500"


def test_of_two_orbits_on_one_day_the_one_that_covers_more_stays(tmp_path: Path, power: Any) -> None:
    half, rest = power.copy(), power.copy()
    half[:, MARGIN + 12 :], rest[:, : MARGIN + 18] = -32768, -32768
    add_radar(tmp_path / "a", "Up", half, "ascending", 88)
    add_radar(tmp_path / "a", "Up_next", rest, "ascending", 88)
    add_radar(tmp_path / "a", "Down", half, "descending", 110)
    write_catalog(tmp_path / "a")
    rows = search(tmp_path / "a", SENSORS["sentinel1"])
    # The two slices of one pass count together.
    assert {name: row["kept"] for name, row in rows.items()} == {"Up": "1", "Up_next": "1", "Down": "0"}
    assert rows["Down"]["reason"] == "another orbit of the day, ascending 88"
    assert {row["day_clear"] for row in rows.values()} == {"0.7500"}


def test_the_sensor_file_may_ask_for_one_direction(tmp_path: Path, power: Any) -> None:
    add_radar(tmp_path / "a", "Up", power, "ascending", 88)
    add_radar(tmp_path / "a", "Down", power, "descending", 110)
    write_catalog(tmp_path / "a")
    rows = search(tmp_path / "a", SENSORS["sentinel1"] | {"orbit": "descending"})
    assert {name: row["kept"] for name, row in rows.items()} == {"Up": "0", "Down": "1"}
    assert rows["Up"]["reason"] == "ascending orbit, the sensor file asks for descending"


def test_a_scene_of_one_polarisation_is_refused_and_does_not_stop_the_search(tmp_path: Path, power: Any) -> None:
    add_radar(tmp_path / "a", "Both", power, "ascending", 88)
    add_radar(tmp_path / "a", "Single", power, "ascending", 88, ("vv",))
    write_catalog(tmp_path / "a")
    rows = search(tmp_path / "a", SENSORS["sentinel1"])
    assert {name: row["kept"] for name, row in rows.items()} == {"Both": "1", "Single": "0"}
    assert "lacks band vh" in rows["Single"]["reason"]


NAME = "MCD43A4.A2020061.h18v03.061.2020070035331"  # 2020-03-01


def add_modis(root: Path, values: float = 0.3, bad: str = "") -> Path:
    """An item of even reflectance around the site, one band's quality that of a magnitude inversion."""
    pixel = 463.312716527917
    x, y = Transformer.from_crs(SITE["crs"], SINUSOIDAL, always_xy=True).transform(*SITE["bounds"][:2])
    left, top = math.floor(x / pixel) - 6, math.ceil(y / pixel) + 6
    grid = GeoBox((12, 12), Affine(pixel, 0, left * pixel, 0, -pixel, top * pixel), SINUSOIDAL)
    (root / "modis-43A4-061" / NAME).mkdir(parents=True)
    folder = add_item(root, "modis-43A4-061", NAME, "2020-03-04T23:59:59.9995Z", {}, {"platform": ""})
    item = json.loads((folder / f"{NAME}.json").read_text())
    item["properties"]["proj:wkt2"] = SINUSOIDAL
    item["properties"] |= {"proj:shape": list(grid.shape), "proj:transform": list(grid.affine[:6])}
    for key, (asset,) in SENSORS["modis"]["collections"]["modis-43A4-061"]["assets"].items():
        stored = np.full(grid.shape, round(values * 1e4), np.int16)
        if key.startswith("quality"):
            stored = np.full(grid.shape, int(key == f"quality_{bad}"), np.uint8)
        write_stored(folder / f"{asset}.tif", stored, grid, None)
        item["assets"][asset] = {"href": f"./{asset}.tif"}
    (folder / f"{NAME}.json").write_text(json.dumps(item))
    return write_catalog(root)


def test_modis_comes_on_the_site_s_grid_on_its_nominal_day(tmp_path: Path) -> None:
    add_modis(tmp_path / "a")
    sensor = SENSORS["modis"]
    rows = search(tmp_path / "a", sensor)
    assert (rows[NAME]["date"], rows[NAME]["platform"], rows[NAME]["clear"]) == ("2020-03-01", "modis", "1.0000")
    values, row, image = prepare(tmp_path, [NAME], sensor, ["red", "nir08"])
    # The site is 240 m wide: half a pixel.
    assert read_image(image)[2] == site_grid(SITE["crs"], tuple(SITE["bounds"]), 500)
    np.testing.assert_allclose(values, 0.3, atol=1e-6)
    assert row["notes"] == "not compared with the reference: its pixels are 50 times the reference's"
    assert (row["clear"], row["bandpass"], row["shift_accepted"]) == ("1.0000", "none", "")


def test_one_band_s_magnitude_inversion_refuses_the_pixel_unless_it_is_allowed(tmp_path: Path) -> None:
    add_modis(tmp_path / "a", bad="swir16")
    with pytest.raises(InputError, match="clear over 0% of the site"):
        search(tmp_path / "a", SENSORS["modis"])
    easy = SENSORS["modis"] | {"mask": {**SENSORS["modis"]["mask"], "kind": "modis_quality_any"}}
    assert search(tmp_path / "a", easy)[NAME]["clear"] == "1.0000"
    values, _, _ = prepare(tmp_path, [NAME], easy, ["red"])
    np.testing.assert_allclose(values, 0.3, atol=1e-6)


def add_venus(root: Path, name: str, seed: int, day: int) -> None:
    """Four bands at 5 m, the masks with a cloud over the site's first 50 m and no data over the last."""
    known = landscape(5, seed)
    bands = {f"SRE_B{n}": known[i] for n, i in ((3, 0), (4, 0), (7, 1), (11, 2))}
    files = {key: (np.rint((v + 0.1) * 1e4).astype(np.uint16), 5.0) for key, v in bands.items()}
    ground, edge = np.zeros(known.shape[1:], np.uint8), np.zeros(known.shape[1:], np.uint8)
    ground[:, : MARGIN + 10], edge[:, -MARGIN - 10 :] = 2, 1
    files |= {"MG2_XS": (ground, 5.0), "EDG_XS": (edge, 5.0)}
    when = f"2020-03-0{day}T10:30:00Z"
    add_item(root, "venus-l2a", name, when, files, {"platform": "VENUS"}, {"scale": 1e-4, "offset": -0.1, "nodata": 0})


def test_venus_is_registered_to_and_fitted_on_a_coarser_reference(tmp_path: Path) -> None:
    bands, sensor, pairs = ["blue", "red", "nir08"], SENSORS["venus"], []
    for day in (1, 2, 3):
        add_venus(tmp_path / "a", f"V{day}", day, day)
        known = landscape(10, day)[:, MARGIN:-MARGIN, MARGIN:-MARGIN] * 1.05 - 0.01
        write_image(tmp_path / f"2020-03-0{day}.tif", known.astype(np.float32), bands, FINE)
        pairs.append({"scenes": [tmp_path / f"V{day}"], "reference": tmp_path / f"2020-03-0{day}.tif"})
    write_catalog(tmp_path / "a")
    rows = search(tmp_path / "a", sensor, {**SITE, "mask_dilation_m": 0})
    assert (rows["V1"]["covered"], rows["V1"]["clear"]) == ("0.7917", "0.5833")
    for day in (2, 3):
        fetch(tmp_path / "items.json", f"V{day}", sensor, SITE, bands, tmp_path / f"V{day}")
    (tmp_path / "2020-03-01.tif").rename(tmp_path / "known.tif")
    pairs[0]["reference"] = (tmp_path / "known.tif").rename(tmp_path / "2020-03-09.tif")
    values, row, _ = prepare(tmp_path, ["V1"], sensor, bands, reference=pairs[0]["reference"])
    inner = landscape(5, 1)[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert np.isnan(values[:, :, :10]).all() and np.isnan(values[:, :, 38:]).all()
    assert not row["notes"].startswith("not compared")
    assert float(row["match_before"]) > 0.9
    np.testing.assert_allclose(values[:, :, 10:38], inner[:, :, 10:38], atol=6e-5)
    fit_bandpass(pairs, sensor, SITE, bands, tmp_path / "b.json")
    for line in json.loads((tmp_path / "b.json").read_text()).values():
        assert (line["rule"], line["slope"]) == ("fit", pytest.approx(1.05, abs=0.005))
        assert line["offset"] == pytest.approx(-0.01, abs=0.002)


@pytest.mark.skipif(not BELGIUM.exists(), reason="no ../shared/data here")
def test_real_backscatter_of_belgium_keeps_its_decibels(tmp_path: Path) -> None:
    site = {
        **{"name": "belgium", "crs": "EPSG:32631", "bounds": [501370, 5629070, 501970, 5629670], "min_clear": 0.5},
        **{"period": ["2018-06-01", "2018-06-12"]},
    }
    sensor = SENSORS["sentinel1"]
    find_scenes(
        str(BELGIUM / "catalog.json"), site, {"sentinel1": sensor}, tmp_path / "scenes.csv", tmp_path / "items.json"
    )
    with (tmp_path / "scenes.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) >= 2
    assert {(row["kept"], row["clear"], row["platform"]) for row in rows} == {("1", "1.0000", "sentinel-1")}
    scene = rows[0]["scene"]
    values, row, _ = prepare(tmp_path, [scene], sensor, ["vv", "vh"], site)
    assert values.shape == (2, 60, 60)
    assert np.isfinite(values).all()
    stored, _ = read_stored(tmp_path / scene / "vv.tif")
    power = 10 ** (stored[2:-2, 2:-2].astype(float) * 1e-5)
    # Interpolation moves power about, and neither makes nor loses much of it.
    assert (10 ** (values[0].astype(float) / 10)).mean() == pytest.approx(power.mean(), rel=0.15)
    assert -20 < np.median(values[0]) < 0 and np.median(values[1]) < np.median(values[0]) - 3
    assert row["encoding"] == "decibels, averaged as power"
