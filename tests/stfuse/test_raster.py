"""Images written window by window and read window by window are the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from factory import make_grid
from stfuse.errors import InputError
from stfuse.raster import image_file, read_image, read_series, write_image
from stfuse.task import FloatArray, Window
from stfuse.tiles import plan

BANDS = ("red", "nir08")
GRID = make_grid((70, 90))


def make_image(seed: int = 0) -> FloatArray:
    """Reflectance in steps of 1e-4 with gaps, shape (2, 70, 90)."""
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, 10000, (2, *GRID.shape)) / 10000).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    return values


@pytest.mark.parametrize("packed", [True, False])
def test_windows_make_the_image_that_is_written_at_once(tmp_path: Path, packed: bool) -> None:
    image, tags = make_image(), {"date": "2018-05-20"}
    write_image(tmp_path / "once.tif", image, BANDS, GRID, tags, packed)
    with image_file(tmp_path / "parts.tif", BANDS, GRID, tags, packed) as out:
        for tile in plan((70, 90), (32, 32), 0):
            out.put(tile.core, image[:, *tile.core])
    for name in ("once.tif", "parts.tif"):
        values, bands, grid = read_image(tmp_path / name)
        np.testing.assert_allclose(values, image, rtol=0, atol=1e-7)
        assert bands == BANDS and grid == GRID
        with rasterio.open(tmp_path / name) as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert file.tags()["date"] == "2018-05-20"
            assert file.scales == ((1e-4, 1e-4) if packed else (1.0, 1.0))


def test_what_was_never_put_is_not_observed(tmp_path: Path) -> None:
    with image_file(tmp_path / "one.tif", BANDS, GRID) as out:
        out.put((slice(10, 20), slice(30, 50)), np.full((2, 10, 20), 0.5, np.float32))
    values = read_image(tmp_path / "one.tif")[0]
    assert np.isfinite(values).sum() == 2 * 10 * 20
    assert (values[:, 10:20, 30:50] == 0.5).all()


def test_images_that_are_being_written_take_no_room_where_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, finish = [], rasterio.shutil.copy

    def measured(plain: Path, *args: object, **options: object) -> None:
        sizes.append(plain.stat().st_size)
        finish(plain, *args, **options)

    monkeypatch.setattr(rasterio.shutil, "copy", measured)
    nowhere = np.full((2, 512, 512), np.nan, np.float32)
    for packed in (True, False):
        write_image(tmp_path / f"{packed}.tif", nowhere, BANDS, make_grid((512, 512)), packed=packed)
    assert max(sizes) < 20_000 < nowhere.nbytes / 50
    nowhere[:, :100] = 120.5
    write_image(tmp_path / "dates.tif", nowhere, BANDS, make_grid((512, 512)), packed=False)
    assert sizes[-1] < nowhere.nbytes / 50  # a date is stored packed


def test_an_error_between_two_windows_leaves_nothing(tmp_path: Path) -> None:
    def stop_half_way() -> None:
        with image_file(tmp_path / "half.tif", BANDS, GRID) as out:
            out.put((slice(0, 10), slice(0, 90)), np.zeros((2, 10, 90), np.float32))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stop_half_way()
    assert [*tmp_path.iterdir()] == []


def test_nothing_but_the_image_stays(tmp_path: Path) -> None:
    write_image(tmp_path / "one.tif", make_image(), BANDS, GRID)
    assert [path.name for path in tmp_path.iterdir()] == ["one.tif"]


def test_values_beyond_the_packed_range_are_held_to_it_and_infinity_is_not_observed(tmp_path: Path) -> None:
    image = np.full((2, *GRID.shape), 9.0, np.float32)
    image[0, 0, :3] = -9, np.inf, np.nan
    write_image(tmp_path / "far.tif", image, BANDS, GRID)
    values = read_image(tmp_path / "far.tif")[0]
    np.testing.assert_allclose(values[0, 0, [0, 3]], [-3.2767, 3.2767], atol=1e-6)
    assert np.isnan(values[0, 0, 1:3]).all()


def test_a_window_is_read_as_cut_from_the_whole(tmp_path: Path) -> None:
    window: Window = (slice(13, 60), slice(5, 41))
    paths = [tmp_path / "2018-05-01.tif", tmp_path / "2018-05-20.tif"]
    for seed, path in enumerate(paths):
        write_image(path, make_image(seed), BANDS, GRID)
    for variable in ("reflectance", "ndvi"):
        whole, part = read_series(paths, BANDS, variable, GRID), read_series(paths, BANDS, variable, GRID, window)
        np.testing.assert_array_equal(part.values, whole.values[..., *window])
        assert part.grid == GRID[window]


def test_a_window_of_an_image_on_another_grid_is_refused(tmp_path: Path) -> None:
    larger = make_grid((70, 95))
    write_image(tmp_path / "2018-05-01.tif", np.zeros((2, 70, 95), np.float32), BANDS, larger)
    with pytest.raises(InputError, match=r"2018-05-01\.tif lies on"):
        read_series([tmp_path / "2018-05-01.tif"], BANDS, "reflectance", GRID, (slice(0, 9), slice(0, 9)))
