"""The pictures of a simulated site are drawn from its truth and its scenes."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from scripts.figures_year import draw_sensors, draw_year, middle_of, nearest_clear, spread_dates
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster_stored import write_stored
from stfuse.truth import write_truth

BOUNDS = (500010.0, 5629080.0, 500610.0, 5629680.0)
CRS = "EPSG:32631"
SITE = {"crs": CRS, "bounds": list(BOUNDS), "period": ["2023-06-01", "2023-07-31"]}
BANDS = ("blue", "green", "red", "nir")
COLLECTION = "sentinel-2-c1-l2a"
SENSOR: dict[str, Any] = {
    "name": "sentinel2",
    **yaml.safe_load((Path(__file__).parents[2] / "config/sensors/sentinel2.yaml").read_text()),
}


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two objects side by side, one of which greens."""
    path = tmp_path_factory.mktemp("truth") / "truth.nc"
    grid = site_grid(CRS, BOUNDS, 5.0)
    days = [date(2023, 6, 1) + timedelta(days=i) for i in range(61)]
    labels = np.zeros((240, 240), np.int32)
    labels[:, 120:] = 1
    spectra = np.full((61, 2, 1, 4), 0.1, np.float32)
    spectra[:, 1, 0, 3] = np.linspace(0.1, 0.5, 61)
    write_truth(path, grid, days, BANDS, labels, np.ones((1, 120, 120), np.float32), spectra)
    return path


def write_scene(scenes: Path, day: str, level: float, cloudy: bool) -> None:
    """A Sentinel-2 item like the archive's, with its bands and its SCL."""
    name = f"S2A_T31SIM_{day.replace('-', '')}"
    folder = scenes / COLLECTION / name
    folder.mkdir(parents=True)
    assets = {}
    for key in (*BANDS, "scl"):
        values = np.full((60, 60), round((level + 0.1) * 1e4), np.uint16)
        if key == "scl":
            values = np.full((60, 60), 9 if cloudy else 4, np.uint8)
        write_stored(folder / f"{key}.tif", values, site_grid(CRS, BOUNDS, 10.0), 0)
        assets[key] = {"href": f"./{key}.tif", "raster:bands": [{"scale": 1e-4, "offset": -0.1, "nodata": 0}]}
    properties = {"datetime": f"{day}T10:50:00Z", "platform": "sentinel-2a", "s2:processing_baseline": "05.09"}
    item = {"id": name, "collection": COLLECTION, "properties": properties, "assets": assets}
    (folder / f"{name}.json").write_text(json.dumps(item))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cloudy scene at the end of June and a clear one later."""
    folder = tmp_path_factory.mktemp("archive") / "scenes"
    write_scene(folder, "2023-06-30", 0.6, cloudy=True)
    write_scene(folder, "2023-07-10", 0.2, cloudy=False)
    write_scene(folder, "2023-07-20", 0.3, cloudy=False)
    return folder


def width_of(png: Path) -> int:
    with Image.open(png) as picture:
        picture.load()
        return int(picture.size[0])


def test_the_year_is_drawn_from_the_truth(truth: Path, tmp_path: Path) -> None:
    draw_year(truth, BOUNDS, (date(2023, 6, 1), date(2023, 7, 31)), "Mosaic | simulated", tmp_path / "year.png")
    assert width_of(tmp_path / "year.png") == 1650
    with pytest.raises(InputError, match="2023-08"):
        draw_year(truth, BOUNDS, (date(2023, 6, 1), date(2023, 12, 31)), "T", tmp_path / "late.png")
    assert [path.name for path in tmp_path.iterdir()] == ["year.png"]


def test_a_snowy_day_gives_way_to_one_near_it(tmp_path: Path) -> None:
    days = [date(2023, 1, 1) + timedelta(days=i) for i in range(120)]
    spectra = np.full((120, 1, 1, 4), 0.05, np.float32)
    spectra[0:8], spectra[20:30] = 0.8, 0.8  # two of the first three looked at; all of the third ten days
    grid = site_grid(CRS, BOUNDS, 30.0)
    land = np.zeros((20, 20), np.int32), np.ones((1, 20, 20), np.float32)
    write_truth(tmp_path / "truth.nc", grid, days, BANDS, *land, spectra)
    shown = spread_dates(tmp_path / "truth.nc", (days[0], days[-1]))
    assert shown[:4] == ["2023-01-09", "2023-01-16", "2023-01-26", "2023-02-05"]
    assert len(shown) == 12


def test_the_nearest_clear_scene_is_taken_and_the_clearest_where_none_is(scenes: Path, tmp_path: Path) -> None:
    found = nearest_clear(scenes, SENSOR, date(2023, 7, 1), CRS, BOUNDS)
    assert found is not None
    assert found[0].date == "2023-07-10"
    write_scene(tmp_path, "2023-06-30", 0.6, cloudy=True)
    found = nearest_clear(tmp_path, SENSOR, date(2023, 7, 1), CRS, BOUNDS)
    assert found is not None
    assert found[0].date == "2023-06-30"
    assert nearest_clear(tmp_path / "none", SENSOR, date(2023, 7, 1), CRS, BOUNDS) is None


def test_sensors_are_drawn_beside_the_truth(truth: Path, scenes: Path, tmp_path: Path) -> None:
    draw_sensors(truth, scenes, SITE, [SENSOR], "Mosaic | simulated", tmp_path / "sensors.png")
    draw_sensors(truth, tmp_path / "none", SITE, [SENSOR], "Mosaic | simulated", tmp_path / "alone.png")
    assert width_of(tmp_path / "sensors.png") == 1650
    assert (tmp_path / "sensors.png").read_bytes() != (tmp_path / "alone.png").read_bytes()


def test_a_damaged_item_is_named(truth: Path, scenes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scenes" / COLLECTION / "broken"
    folder.mkdir(parents=True)
    (folder / "broken.json").write_text("{")
    with pytest.raises(InputError, match=re.escape(str(folder / "broken.json"))):
        draw_sensors(truth, tmp_path / "scenes", SITE, [SENSOR], "T", tmp_path / "sensors.png")
    assert not (tmp_path / "sensors.png").exists()


def test_the_crop_is_the_middle_on_edges_of_pixels() -> None:
    assert middle_of((0.0, 0.0, 2160.0, 2160.0), 1020.0, 5.0) == (570.0, 570.0, 1590.0, 1590.0)
    assert middle_of((0.0, 0.0, 600.0, 480.0), 1020.0, 5.0) == (0.0, 0.0, 600.0, 480.0)
