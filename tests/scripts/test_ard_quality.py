"""The table of all images, and those among them that stand out of their season."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.ard_quality import collect
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster import read_image, write_image

CRS, BOUNDS = "EPSG:32631", (501360.0, 5629440.0, 501600.0, 5629680.0)
BANDS = {"sentinel2": ("red", "blue", "nir"), "landsat8": ("blue", "red", "nir", "swir16"), "sentinel1": ("vv", "vh")}
LEVEL = {"blue": 0.05, "red": 0.06, "nir": 0.3, "swir16": 0.2, "vv": -12.0, "vh": -18.0}
PIXEL = {"sentinel2": 10, "landsat8": 30, "sentinel1": 10, "modis": 480}


def add(folder: Path, sensor: str, day: int, more: float = 0.0, bands: tuple[str, ...] | None = None) -> Path:
    """An image and its row; `more` is added to all of its bands over the left half. Its table's path is returned."""
    date = f"2020-01-{day:02d}"
    names = bands or BANDS[sensor]
    grid = site_grid(CRS, BOUNDS, PIXEL[sensor])
    values = np.stack([np.full(grid.shape, LEVEL[band], np.float32) for band in names])
    values[:, :, : max(grid.shape[1] // 2, 1)] += more
    (folder / sensor).mkdir(parents=True, exist_ok=True)
    write_image(folder / sensor / f"{date}.tif", values, names, grid, packed=sensor != "sentinel1")
    table = folder / sensor / f"{date}.csv"
    table.write_text(f"site,sensor,date,brightness\nplace,{sensor},{date},0.05\n")
    return table


def collected(tables: list[Path], images: bool = True) -> dict[tuple[str, int], dict[str, str]]:
    out = tables[0].parents[1] / "quality.csv"
    collect(tables, out, [path.with_suffix(".tif") for path in tables] if images else [])
    with out.open() as table:
        return {(row["sensor"], int(row["date"][-2:])): row for row in csv.DictReader(table)}


def test_a_hazy_image_is_marked_with_its_reason_and_the_line_that_drops_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tables = [add(tmp_path, "sentinel2", day, 0.1 if day == 10 else 0) for day in range(20, 0, -2)]
    found = collected(tables)
    assert [day for _, day in found] == list(range(2, 21, 2))
    assert {day for (_, day), row in found.items() if row["suspect"]} == {10}
    row = found["sentinel2", 10]
    assert row["suspect"] == (
        "cloud or haze over 50% of its pixels (visible +0.100, near infrared +0.100 against the dates around); "
        'to drop it: exclude: {sentinel2: ["2020-01-10"]}'
    )
    assert float(row["doubtful"]) == pytest.approx(0.5, abs=0.07)
    assert float(found["sentinel2", 8]["doubtful"]) == 0
    assert 'exclude:\n  sentinel2: ["2020-01-10"]' in caplog.text


def test_a_sensor_with_few_dates_is_judged_by_the_other_s(tmp_path: Path) -> None:
    tables = [add(tmp_path, "sentinel2", day) for day in range(2, 21, 2)]
    tables.append(add(tmp_path, "landsat8", 11, 0.1))
    assert collected(tables)["landsat8", 11]["suspect"]
    # By itself it cannot be told, nor by images that lack a band.
    alone = collected([add(tmp_path / "alone", "landsat8", 11, 0.1)])["landsat8", 11]
    assert (alone["suspect"], alone["doubtful"]) == ("", "")
    fewer = [add(tmp_path / "fewer", "sentinel2", day, bands=("red", "nir")) for day in range(2, 21, 2)]
    assert collected([*fewer, add(tmp_path / "fewer", "landsat8", 11, 0.1)])["landsat8", 11]["doubtful"] == ""


def test_coarser_pixels_do_not_judge_finer_ones(tmp_path: Path) -> None:
    bands = BANDS["landsat8"]
    tables = [add(tmp_path, "modis", day, bands=bands) for day in range(2, 21, 2)]
    found = collected([*tables, add(tmp_path, "landsat8", 11, 0.1)])
    assert found["landsat8", 11]["doubtful"] == ""
    assert found["modis", 10]["doubtful"] == "0.0000"


def test_backscatter_and_rows_without_images_stand_out_of_nothing(tmp_path: Path) -> None:
    tables = [add(tmp_path, "sentinel1", day, 5.0 if day == 10 else 0) for day in range(2, 21, 2)]
    assert {(row["suspect"], row["doubtful"]) for row in collected(tables).values()} == {("", "")}
    hazy = [add(tmp_path, "sentinel2", day, 0.1 if day == 10 else 0) for day in range(2, 21, 2)]
    assert {row["suspect"] for row in collected(hazy, images=False).values()} == {""}


def test_no_table_and_a_missing_image_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image to collect"):
        collect([], tmp_path / "quality.csv")
    table = add(tmp_path, "sentinel2", 2)
    table.with_suffix(".tif").unlink()
    with pytest.raises(InputError, match=r"2020-01-02\.tif cannot be read"):
        collected([table])


def test_each_image_is_read_once_whatever_the_number_of_sensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [add(tmp_path, "sentinel2", day) for day in range(2, 21, 2)]
    tables += [add(tmp_path, "landsat8", day, 0.1 if day == 11 else 0) for day in (3, 11)]
    whole: list[Path] = []

    def counted(path: Path, *bands: Any, **window: Any) -> Any:
        whole.extend([] if window else [path])
        return read_image(path, *bands, **window)

    monkeypatch.setattr("scripts.ard_quality.read_image", counted)
    assert collected(tables)["landsat8", 11]["suspect"]
    assert sorted(whole) == sorted(path.with_suffix(".tif") for path in tables)
