"""Stage `degraded` on files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import naive
from factory import CRS, make_grid, make_scene, punch
from scripts.degraded import degrade_image
from stfuse.errors import InputError
from stfuse.raster import read_image, write_image
from task_files import grid_entry

GRID = make_grid((64, 60))
SITE: dict[str, Any] = {"name": "here", "crs": CRS, "bounds": grid_entry(GRID)["bounds"]}


def write_scene(
    folder: Path, bands: tuple[str, ...] = ("red", "nir08"), packed: bool = True, scale: float = 1.0
) -> Path:
    path = folder / "2018-05-01.tif"
    values = punch(make_scene((64, 60), len(bands), "2018-05-01")[None], 0.1, seed=1)[0] * np.float32(scale)
    write_image(path, values, bands, GRID, packed=packed)
    return path


def test_pixels_are_block_means_on_the_sites_coarser_grid(tmp_path: Path) -> None:
    image, out = write_scene(tmp_path), tmp_path / "out" / "2018-05-01.tif"
    degrade_image(image, SITE, 30.0, out)
    values, bands, grid = read_image(out)
    assert bands == ("red", "nir08")
    assert grid.shape == (22, 20) and grid.affine.a == 30
    assert grid.boundingbox.left == GRID.boundingbox.left and grid.boundingbox.top == GRID.boundingbox.top
    expected = naive.block_mean(read_image(image)[0][1], 3)
    np.testing.assert_allclose(values[1], expected, rtol=0, atol=5.1e-5)


def test_the_image_says_where_it_comes_from(tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    degrade_image(write_scene(tmp_path), SITE, 25.0, out)
    with rasterio.open(out) as image:
        assert image.tags()["source"] == "2018-05-01.tif" and image.tags()["resolution"] == "25"


def test_backscatter_keeps_its_decibels(tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    degrade_image(write_scene(tmp_path, ("vv", "vh"), packed=False, scale=-50.0), SITE, 30.0, out)
    assert np.nanmin(read_image(out)[0]) < -4  # beyond what integers of 1e-4 hold


def test_backscatter_is_averaged_as_power(tmp_path: Path) -> None:
    values = np.full((1, 64, 60), -20, np.float32)
    values[:, :, ::2] = -10
    write_image(tmp_path / "2018-05-01.tif", values, ("vv",), GRID, packed=False)
    degrade_image(tmp_path / "2018-05-01.tif", SITE, 20.0, tmp_path / "out.tif")
    np.testing.assert_allclose(read_image(tmp_path / "out.tif")[0], 10 * np.log10((0.1 + 0.01) / 2), atol=1e-4)


def test_a_finer_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be degraded to 5"):
        degrade_image(write_scene(tmp_path), SITE, 5.0, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.tif cannot be read"):
        degrade_image(tmp_path / "gone.tif", SITE, 30.0, tmp_path / "out.tif")
