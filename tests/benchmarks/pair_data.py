"""Two sets of real images of fine and coarse sensors, as `method_runs.Scene`s.

`irrigation` has one fine pair and no coarse sensor: its coarse images are block means of the fine ones.
`kranj` has both sensors. Its MODIS images come interpolated to 30 m; they are exactly the bilinear interpolation of
MODIS's own 463 m cells, which therefore can be had back: the methods get those.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.io import loadmat

from benchmarks.method_runs import Scene
from factory import days, make_grid
from stfuse.grid import coarser
from stfuse.task import FloatArray, Series

DATA = Path(__file__).parents[2] / "../shared/data"
IRRIGATION = DATA / "landsat-pair-irrigation-simulated-coarse/sample_data.mat"
KRANJ = DATA / "modis-landsat-kranj-2020"
BANDS = ("blue", "green", "red", "nir08", "swir16", "swir22")
CELL = 463.312716528
"""Metres: MODIS's 500 m cells in the sinusoidal projection."""
CORNER = (-20015109.354, 10007554.677)
"""Metres: top left corner of that grid."""
LANDSAT_SCALE = 1e-4


def scenes() -> list[Scene]:
    """The data sets that are here."""
    return [make() for path, make in ((IRRIGATION, irrigation), (KRANJ, kranj)) if path.exists()]


def targets(scene: Scene) -> list[str]:
    """Every fine date with a coarse image that has another such date to be predicted from.

    Of `irrigation` the second date alone: the first one's coarse image is no more observed than its own.
    """
    known = [d for d in scene.fine.dates.astype(str) if d in scene.coarse.dates.astype(str) and scene.usable(d)]
    return known if scene.references is None else [d for d in known if d not in scene.references]


def irrigation() -> Scene:
    """One pair of Landsat images of irrigated fields, 400 x 400 pixels; place, dates and scale are not known."""
    data = loadmat(IRRIGATION)
    fine, coarse = (
        np.stack([data[key].transpose(2, 0, 1) for key in keys]).astype(np.float32)
        for keys in (("Hr_GT", "Ht_GT"), ("Lr_GT", "Lt_GT"))
    )
    grid, dates = make_grid(fine.shape[-2:], 30), days("2018-01-01", "2018-02-01")
    ratio = fine.shape[-1] / coarse.shape[-1]
    pair = Series(fine, dates, BANDS, grid), Series(coarse, dates, BANDS, coarser(grid, ratio))
    return Scene("irrigation", *pair, ratio, references=("2018-01-01",))


def kranj() -> Scene:
    """Landsat-8 and MODIS near Kranj in March and April 2020, 44 x 45 pixels; what clouds hid is missing."""
    fine, dates, grid = read_images("landsat_unfilled", LANDSAT_SCALE)
    delivered, modis_dates, _ = read_images("modis_filled", 1.0)
    cells, small = native_cells(delivered, grid)
    ratio = float(np.sqrt(CELL * CELL / abs(grid.affine.a * grid.affine.e)))
    return Scene("kranj", Series(fine, dates, BANDS, grid), Series(cells, modis_dates, BANDS, small), ratio)


def read_images(folder: str, scale: float) -> tuple[FloatArray, np.ndarray, GeoBox]:
    """Images of a folder, shape (time, band, y, x), their dates and their grid."""
    images, dates = [], []
    for path in sorted((KRANJ / folder).glob("*.tif")):
        with rasterio.open(path) as source:
            image = source.read(masked=True).astype(np.float64).filled(np.nan) * scale
            grid = GeoBox(source.shape, source.transform, source.crs.to_wkt())
        images.append(image)
        year, day = int(path.name[:4]), int(path.name[4:7])
        dates.append(np.datetime64(f"{year}-01-01") + np.timedelta64(day - 1, "D"))
    return np.stack(images).astype(np.float32), np.array(dates, "datetime64[D]"), grid


def native_cells(values: FloatArray, grid: GeoBox) -> tuple[FloatArray, GeoBox]:
    """MODIS's own cells, of which images on a fine grid of the same projection are the bilinear interpolation.

    Parameters
    ----------
    values : ndarray, shape (time, band, y, x)
    grid : GeoBox

    Returns
    -------
    ndarray, shape (time, band, cell y, cell x), float32
        Least squares; exact where `values` are such an interpolation.
    GeoBox
        The cells.
    """
    down, top = _weights(grid.affine.f, grid.affine.e, grid.height, CORNER[1], -CELL)
    across, left = _weights(grid.affine.c, grid.affine.a, grid.width, CORNER[0], CELL)
    cells = np.linalg.pinv(down) @ values.astype(np.float64) @ np.linalg.pinv(across).T
    small = GeoBox(cells.shape[-2:], Affine(CELL, 0, left, 0, -CELL, top), grid.crs)
    return cells.astype(np.float32), small


def _weights(start: float, step: float, count: int, corner: float, cell: float) -> tuple[np.ndarray, float]:
    """Bilinear weights of cells in pixels along one axis, shape (pixel, cell), and where the first cell begins."""
    place = (start + step * (np.arange(count) + 0.5) - corner) / cell - 0.5  # in cells, 0 = the first one's centre
    first = int(np.floor(place.min()))
    cells = np.arange(first, int(np.ceil(place.max())) + 1)
    return np.clip(1 - np.abs(place[:, None] - cells), 0, None), corner + first * cell
