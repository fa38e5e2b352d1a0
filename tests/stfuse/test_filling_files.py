"""Series at full resolution, read from images and guide cubes by window: all on the fine grid, pixel for pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factory import make_grid
from stfuse.cube import Layer, read_window, write_cube
from stfuse.errors import InputError
from stfuse.filling.files import SeriesFiles
from stfuse.grid import coarser, regrid
from stfuse.raster import write_image
from stfuse.task import EVERYWHERE, Series
from task_files import grid_entry, write_series

GRID = make_grid((90, 80))
OPTICAL = np.array(["2020-05-01", "2020-05-11", "2020-06-02"], "datetime64[D]")
RADAR = np.array(["2020-05-03", "2020-05-09"], "datetime64[D]")
WINDOW = (slice(20, 61), slice(13, 47))


def images(bands: tuple[str, ...], dates: Any, low: float, high: float, grid: Any = GRID, seed: int = 0) -> Series:
    rng = np.random.default_rng(seed)
    values = rng.uniform(low, high, (len(dates), len(bands), *grid.shape)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    return Series(values, dates, bands, grid)


def write_guide(path: Path, values: np.ndarray, dates: Any = RADAR, grid: Any = GRID) -> str:
    write_cube(path, {"ndvi": Layer(values, "time", "NDVI", packed=True)}, {"time": dates}, grid, {})
    return str(path)


def made(folder: Path) -> tuple[dict[str, Any], Series, list[np.ndarray], Series]:
    """A sample with two seeds of a guide; what the images and the cubes hold."""
    optical, radar = images(("red", "nir"), OPTICAL, 0.02, 0.6), images(("vv", "vh"), RADAR, -2, 2, seed=1)
    seeds = [images(("ndvi",), RADAR, -1, 1, seed=seed).values[:, 0] for seed in (2, 3)]
    sample = {
        "dates": ["2020-05-01", "2020-05-03"],
        "fine": write_series(folder / "fine", optical),
        "guides": {"sar": [write_guide(folder / f"seed{i}.nc", values) for i, values in enumerate(seeds)]},
        "aux": {"sar": write_series(folder / "sar", radar)},
        "aux_bands": {"sar": ["vv", "vh"]},
        "grids": {"fine": grid_entry(GRID), "aux": {"sar": grid_entry(GRID)}},
    }
    return sample, optical, seeds, radar


def test_every_series_has_the_windows_pixels_and_its_own_dates(tmp_path: Path) -> None:
    sample, optical, seeds, radar = made(tmp_path)
    scene = SeriesFiles(sample, ["red", "nir"])
    task = scene.crop(WINDOW)
    red, nir = optical.values[:, 0], optical.values[:, 1]
    expected = ((nir - red) / (nir + red))[..., *WINDOW]
    np.testing.assert_allclose(
        task.fine.values[:, 0], expected, atol=4e-3
    )  # reflectance in steps of 1e-4, from 0.04 on
    np.testing.assert_array_equal(np.isnan(task.fine.values[:, 0]), np.isnan(expected))
    np.testing.assert_allclose(task.aux["sar"].values, radar.values[..., *WINDOW], atol=5.1e-5)
    with np.errstate(invalid="ignore"):
        both = np.stack(seeds)[..., *WINDOW]
        count = np.isfinite(both).sum(axis=0)
        mean = np.where(count, np.nansum(both, axis=0) / np.maximum(count, 1), np.nan)
    assert {0, 1, 2} <= set(np.unique(count))  # a seed that says nothing leaves it to the other
    np.testing.assert_allclose(task.coarse.values[:, 0], mean, atol=5.1e-5)
    assert task.coarse.bands == task.fine.bands == scene.bands == ("ndvi",)
    assert task.ratio == 1.0
    assert task.fine.grid == task.coarse.grid == task.aux["sar"].grid == scene.grid[WINDOW]
    np.testing.assert_array_equal(task.fine.dates, OPTICAL)
    np.testing.assert_array_equal(task.coarse.dates, RADAR)
    np.testing.assert_array_equal(task.dates, np.array(sample["dates"], "datetime64[D]"))


def test_a_window_is_that_part_of_the_whole(tmp_path: Path) -> None:
    scene = SeriesFiles(made(tmp_path)[0], ["red", "nir"])
    whole, part = scene.crop(EVERYWHERE), scene.crop(WINDOW)
    for one, other in ((whole.fine, part.fine), (whole.coarse, part.coarse), (whole.aux["sar"], part.aux["sar"])):
        np.testing.assert_array_equal(one.values[..., *WINDOW], other.values)


def test_without_guide_or_radar_the_task_has_the_optical_series_alone(tmp_path: Path) -> None:
    sample = made(tmp_path)[0] | {"guides": {}, "aux": {}, "aux_bands": {}}
    task = SeriesFiles(sample, ["red", "nir"]).crop(WINDOW)
    assert task.coarse.values.shape == (0, 1, 41, 34) and task.coarse.grid == task.fine.grid
    assert dict(task.aux) == {}


def test_other_guides_are_auxiliary_series(tmp_path: Path) -> None:
    sample = made(tmp_path)[0]
    sample["guides"]["landsat"] = sample["guides"]["sar"][:1]
    task = SeriesFiles(sample, ["red", "nir"]).crop(WINDOW)
    assert task.aux["landsat"].bands == ("ndvi",) and set(task.aux) == {"sar", "landsat"}
    assert not np.array_equal(task.aux["landsat"].values, task.coarse.values, equal_nan=True)


def test_a_sensor_with_other_pixels_is_brought_to_the_fine_grid_and_windows_agree(tmp_path: Path) -> None:
    sample, grid = made(tmp_path)[0], coarser(GRID, 2)
    radar = images(("vv", "vh"), RADAR, -2, 2, grid, 7)
    sample["aux"] = {"sar": write_series(tmp_path / "other", radar)}
    sample["grids"] = sample["grids"] | {"aux": {"sar": grid_entry(grid)}}
    scene = SeriesFiles(sample, ["red", "nir"])
    whole, part = scene.crop(EVERYWHERE).aux["sar"], scene.crop(WINDOW).aux["sar"]
    assert part.grid == GRID[WINDOW]
    np.testing.assert_allclose(whole.values, regrid(radar.values, grid, GRID, "bilinear"), atol=1e-4)
    np.testing.assert_allclose(part.values, whole.values[..., *WINDOW], atol=1e-5)


def test_cubes_of_other_grids_or_dates_and_missing_ones_are_named(tmp_path: Path) -> None:
    sample, _, seeds, _ = made(tmp_path)
    other = write_guide(tmp_path / "other.nc", seeds[0][:, :60], grid=make_grid((60, 80)))
    late = write_guide(tmp_path / "late.nc", seeds[0], RADAR + 1)
    first = sample["guides"]["sar"][0]
    for paths, words in (
        ([first, other], r"other\.nc lies on"),
        ([first, late], r"late\.nc has other dates than"),
        ([str(tmp_path / "none.nc")], r"none\.nc cannot be read as a cube"),
        ([], "names no cube"),
    ):
        with pytest.raises(InputError, match=words):
            SeriesFiles(sample | {"guides": {"sar": paths}}, ["red", "nir"]).crop((slice(0, 20), slice(0, 20)))


def test_an_image_of_another_grid_is_named(tmp_path: Path) -> None:
    sample = made(tmp_path)[0]
    write_image(tmp_path / "2020-07-01.tif", np.zeros((2, 9, 9), np.float32), ["red", "nir"], make_grid((9, 9)))
    sample["fine"].append(str(tmp_path / "2020-07-01.tif"))
    with pytest.raises(InputError, match=r"2020-07-01\.tif lies on"):
        SeriesFiles(sample, ["red", "nir"]).crop(EVERYWHERE)


def test_of_a_cube_no_more_than_the_window_is_read(tmp_path: Path) -> None:
    values = images(("ndvi",), RADAR, -1, 1).values[:, 0]
    path = write_guide(tmp_path / "cube.nc", values)
    cube = read_window(path, ["ndvi"], WINDOW)
    np.testing.assert_allclose(cube.values["ndvi"], values[..., *WINDOW], atol=5.1e-5)
    assert cube.grid.shape == GRID.shape
    with pytest.raises(InputError, match="lacks the layers"):
        read_window(path, ["sigma"], WINDOW)
