"""The images of a simulated place beside its truth."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factory import write_images_as_truth
from scripts.ard_accuracy import compare_with_truth
from stfuse.errors import InputError
from stfuse.grid import degrade, site_grid
from stfuse.raster import write_image

BOUNDS = (500010, 5630760, 500130, 5630880)
FINE, COARSE = (site_grid("EPSG:32631", BOUNDS, pixel) for pixel in (10, 30))
DATES = [date(2023, 3, 1), date(2023, 3, 2)]
BANDS = ("red", "nir08")


def day(index: int) -> Any:
    return np.random.default_rng(index).uniform(0.05, 0.5, (2, *FINE.shape)).astype(np.float32)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Red is 0.01 too bright on both days, near infrared right on the first and 0.03 too dark on the second."""
    write_images_as_truth(tmp_path / "truth.nc", FINE, DATES, BANDS, day)
    found = []
    for index, when in enumerate(DATES):
        fine = day(index) + np.array([0.01, -0.03 * index], np.float32)[:, None, None]
        pan = fine[:1]  # no band of the truth's
        for sensor, grid in (("sentinel2", FINE), ("landsat8", COARSE)):
            values = np.concatenate([fine, pan]) if grid is FINE else degrade(np.concatenate([fine, pan]), FINE, grid)
            found.append(tmp_path / sensor / f"{when}.tif")
            found[-1].parent.mkdir(exist_ok=True)
            write_image(found[-1], values, [*BANDS, "pan"], grid)
    return found


def test_errors_are_told_per_sensor_date_and_band_on_the_image_s_own_grid(images: list[Path], tmp_path: Path) -> None:
    compare_with_truth(images, tmp_path / "truth.nc", "place", tmp_path / "accuracy.csv")
    with (tmp_path / "accuracy.csv").open() as table:
        rows = {(row["sensor"], row["date"], row["band"]): row for row in csv.DictReader(table)}
    assert {band for *_, band in rows} == set(BANDS)
    assert len(rows) == 2 * 3 * 2
    for sensor, n in (("sentinel2", 144), ("landsat8", 16)):
        for when in ("2023-03-01", "2023-03-02"):
            row = rows[sensor, when, "red"]
            assert (row["site"], row["n"]) == ("place", str(n))
            assert float(row["rmse"]) == pytest.approx(0.01, abs=1e-4)
            assert float(row["bias"]) == pytest.approx(0.01, abs=1e-4)
            assert float(row["r"]) == pytest.approx(1, abs=1e-4)
        both = rows[sensor, "all", "nir08"]
        assert both["n"] == str(2 * n)
        assert float(both["bias"]) == pytest.approx(-0.015, abs=1e-4)
        assert float(both["rmse"]) == pytest.approx(0.03 / np.sqrt(2), abs=1e-4)
        assert both["r"] == ""


def test_an_image_of_a_day_that_the_truth_lacks_is_named(images: list[Path], tmp_path: Path) -> None:
    late = images[0].with_name("2023-04-01.tif")
    images[0].rename(late)
    with pytest.raises(InputError, match="has no 2023-04-01"):
        compare_with_truth([late], tmp_path / "truth.nc", "place", tmp_path / "accuracy.csv")
    assert not (tmp_path / "accuracy.csv").exists()
