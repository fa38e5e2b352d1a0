"""What series are made of, read by windows: inside the grid, all of it once; other grids are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from factory import make_grid
from stfuse.cube import Layer, write_cube
from stfuse.errors import InputError
from stfuse.raster import write_image
from stfuse.series_files import SAMPLED, STRIP, FilledFiles, ImageFiles, sampled, strips
from stfuse.task import Window

GRID = make_grid((70, 90))
STEPS = np.arange("2023-01-01", "2023-03-01", 5, dtype="datetime64[D]")
sides = st.integers(1, 700)


def counted(windows: list[Window], shape: tuple[int, int]) -> np.ndarray:
    times = np.zeros(shape, int)
    for rows, columns in windows:
        assert 0 <= rows.start < rows.stop <= shape[0] and 0 <= columns.start < columns.stop <= shape[1]
        times[rows, columns] += 1
    return times


@given(sides, sides)
def test_sampled_windows_lie_inside_the_grid_and_apart(height: int, width: int) -> None:
    windows = sampled(make_grid((height, width)))
    assert 1 <= len(windows) <= SAMPLED
    assert counted(windows, (height, width)).max() == 1


def test_sampled_windows_cover_a_small_grid_and_are_spread_over_a_large_one() -> None:
    assert counted(sampled(make_grid((50, 61))), (50, 61)).min() == 1
    rows = sorted({rows.start for rows, _ in sampled(make_grid((1000, 999)))})
    assert len(rows) == 3 and rows[0] == 0 and rows[-1] >= 1000 - 2 * STRIP


@given(sides, sides, st.integers(0, 300), st.integers(0, 300))
def test_strips_cover_a_window_once(height: int, width: int, top: int, left: int) -> None:
    tile = (slice(top, top + height), slice(left, left + width))
    parts = list(strips(tile))
    times = counted(parts, (top + height, left + width))
    assert times.sum() == height * width and times[tile].min() == 1
    assert all(rows.stop - rows.start <= STRIP for rows, _ in parts)


def moved(grid: GeoBox, crs: str) -> GeoBox:
    return GeoBox(grid.shape, grid.affine, crs)


def index_image(path: Path, grid: GeoBox) -> np.ndarray:
    values = np.random.default_rng(0).uniform(0, 0.9, (1, *grid.shape)).astype(np.float32)
    write_image(path, values, ["ndvi"], grid)
    return values[0]


def test_images_are_read_by_date_and_window(tmp_path: Path) -> None:
    paths = [tmp_path / "2023-05-01.tif", tmp_path / "2023-02-01.tif"]
    values = index_image(paths[0], GRID)
    index_image(paths[1], GRID)
    files, window = ImageFiles(paths, ["ndvi"], GRID), (slice(3, 41), slice(17, 90))
    assert files.dates.astype(str).tolist() == ["2023-02-01", "2023-05-01"]
    np.testing.assert_allclose(files.read(window)[1], values[window], atol=5.1e-5)
    with pytest.raises(InputError, match="has no date"):
        ImageFiles([tmp_path / "first.tif"], ["ndvi"], GRID)


def filled(path: Path, grid: GeoBox, days: list[str]) -> Path:
    values = np.arange(len(days) * 70 * 90, dtype=np.float32).reshape(len(days), 70, 90) / 1e5
    layers = {name: Layer(values, "time", name) for name in ("ndvi", "uncertainty")}
    write_cube(path, layers, {"time": np.array(days, "datetime64[D]")}, grid, {})
    return path


def test_filled_values_are_those_nearest_to_the_steps(tmp_path: Path) -> None:
    days = ["2023-01-01", "2023-01-03", "2023-01-07", "2023-06-01"]
    files = FilledFiles(filled(tmp_path / "a.nc", GRID, days), STEPS, GRID)
    assert files.dates.astype(str).tolist() == ["2023-01-01", "2023-01-07"]
    read = files.read((slice(1, 4), slice(2, 9)))
    assert read is not None
    assert read[0].shape == (2, 3, 7) and read[0][0, 0, 0] == pytest.approx(92 / 1e5)
    assert FilledFiles(None, STEPS, GRID).read((slice(0, 1), slice(0, 1))) is None


def test_filled_values_of_another_grid_or_zone_are_refused(tmp_path: Path) -> None:
    zone = "EPSG:32632" if GRID.crs != "EPSG:32632" else "EPSG:32633"
    for name, other in {"zone": moved(GRID, zone), "shift": GRID.translate_pix(1, 0)}.items():
        with pytest.raises(InputError, match=rf"{name}\.nc lies on"):
            FilledFiles(filled(tmp_path / f"{name}.nc", other, ["2023-01-01"]), STEPS, GRID)
