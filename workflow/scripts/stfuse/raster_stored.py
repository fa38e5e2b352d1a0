"""Rasters in the type they are stored in, unscaled: as archives deliver them and the stage `raw` keeps them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.warp
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window

from stfuse.errors import InputError
from stfuse.job import whole
from stfuse.raster import REMAKE


def read_window(
    href: str, bounds: tuple[float, float, float, float], crs: str, margin: int
) -> tuple[NDArray[Any], GeoBox, dict[str, Any]]:
    """Read, as delivered, the part of an archive's single-band raster that covers a box.

    Parameters
    ----------
    href : str
        Path or URL of the raster.
    bounds : (left, bottom, right, top)
        In units of `crs`; turned into the raster's own CRS.
    margin : int
        Extra pixels on every side, as far as the raster reaches.

    Returns
    -------
    values : ndarray, shape (y, x), in the stored type
    grid : GeoBox
    profile : dict
        dtype, nodata, scale and offset as the file states them.

    Raises
    ------
    InputError
        If the raster is missing, damaged, without CRS, or does not touch the box.
    """
    try:
        with rasterio.open(href) as source:
            if source.crs is None:
                raise InputError(
                    f"{href} has no coordinate reference system", "ask the archive, or set it with gdal_edit.py -a_srs"
                )
            box = rasterio.warp.transform_bounds(crs, source.crs, *bounds)
            window = _pixel_window(source, box, margin)
            if window is None:
                raise InputError(
                    f"{href} does not cover the site: bounds {tuple(source.bounds)}, site {box} in {source.crs}",
                    "correct the site's bounds or CRS, or take another tile",
                )
            values = source.read(1, window=window)
            grid = GeoBox(values.shape, source.window_transform(window), _name_of(source.crs.to_wkt()))
            stated = {
                "dtype": source.dtypes[0],
                "nodata": source.nodata,
                "scale": source.scales[0],
                "offset": source.offsets[0],
            }
            return values, grid, stated
    except RasterioError as error:
        raise InputError(
            f"{href} cannot be read ({error})", "fetch the file again; if it is the archive's own, report it there"
        ) from error


@lru_cache
def _name_of(wkt: str) -> str:
    """What a CRS is called, once each: to find it out takes milliseconds for one without a code, as MODIS has."""
    return str(CRS.from_wkt(wkt))


def _pixel_window(source: Any, box: tuple[float, float, float, float], margin: int) -> Window | None:
    left, bottom, right, top = box
    inverse = ~source.transform
    columns, rows = zip(inverse * (left, top), inverse * (right, bottom), strict=True)
    # Half a hundredth of a pixel: a box that ends on a pixel edge does not take the next pixel.
    first_col, last_col = int(np.floor(min(columns) + 0.005)) - margin, int(np.ceil(max(columns) - 0.005)) + margin
    first_row, last_row = int(np.floor(min(rows) + 0.005)) - margin, int(np.ceil(max(rows) - 0.005)) + margin
    first_col, last_col = max(first_col, 0), min(last_col, source.width)
    first_row, last_row = max(first_row, 0), min(last_row, source.height)
    if first_col >= last_col or first_row >= last_row:
        return None
    return Window(first_col, first_row, last_col - first_col, last_row - first_row)


def write_stored(path: str | Path, values: NDArray[Any], grid: GeoBox, nodata: float | None) -> None:
    """Write one band in its stored type, unscaled: what `raw` keeps and the simulated archive delivers."""
    with whole(path) as part:
        write_into(part, values, grid, nodata)


def write_into(path: str | Path, values: NDArray[Any], grid: GeoBox, nodata: float | None) -> None:
    """The same, into a folder that takes its name only when it is whole: no need to write beside each file."""
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": grid.height,
        "width": grid.width,
        "count": 1,
        "dtype": values.dtype,
        "crs": str(grid.crs),
        "transform": grid.affine,
        "nodata": nodata,
        "compress": "DEFLATE",
    }
    with rasterio.open(path, "w", **profile) as out:
        out.write(values, 1)


def read_stored(path: str | Path) -> tuple[NDArray[Any], GeoBox]:
    """Read one band in its stored type, unscaled, shape (y, x).

    Raises
    ------
    InputError
        If the file is missing, damaged or without CRS.
    """
    try:
        with rasterio.open(path) as source:
            if source.crs is None:
                raise InputError(f"{path} has no coordinate reference system", REMAKE)
            return source.read(1), GeoBox.from_rio(source)
    except RasterioError as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error
