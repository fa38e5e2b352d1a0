"""The only module that opens rasters: images in and out of Cloud-Optimised GeoTIFFs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from stfuse.grid import ndvi
from stfuse.job import whole
from stfuse.task import FloatArray, Series

SCALE = 1e-4
NODATA = -32768
REMAKE = "delete the file and run again so that it is made anew"


def write_image(
    path: str | Path,
    values: FloatArray,
    bands: Sequence[str],
    grid: GeoBox,
    tags: Mapping[str, str] | None = None,
    packed: bool = True,
) -> None:
    """Write one image as a COG with band names, nodata, scale and provenance tags.

    Parameters
    ----------
    values : ndarray, shape (band, y, x), float32
        NaN = not observed. Packed values are clipped to -3.2767..3.2767.
    packed : bool
        True stores int16 with scale 1e-4 (reflectance, NDVI), False float32 (dates, dB).

    Raises
    ------
    ValueError
        If the values do not have the shape that bands and grid ask for.
    """
    if values.shape != (len(bands), *grid.shape):
        raise ValueError(f"{path}: expected shape {(len(bands), *grid.shape)}, found {values.shape}.")
    if packed:
        scaled = np.clip(np.rint(values / SCALE), -32767, 32767)
        stored: NDArray[Any] = np.where(np.isfinite(values), scaled, NODATA).astype(np.int16)
    else:
        stored = values.astype(np.float32)
    profile: dict[str, Any] = {
        "driver": "COG",
        "height": grid.height,
        "width": grid.width,
        "count": len(bands),
        "dtype": stored.dtype,
        "crs": str(grid.crs),
        "transform": grid.affine,
        "nodata": NODATA if packed else np.nan,
        "compress": "DEFLATE",
        "predictor": "YES",
        "blocksize": 512,
    }
    with whole(path) as part, rasterio.open(part, "w", **profile) as out:
        out.write(stored)
        out.descriptions = tuple(bands)
        if packed:
            out.scales = (SCALE,) * len(bands)
            out.offsets = (0.0,) * len(bands)
        out.update_tags(**(tags or {}))


def read_image(path: str | Path, bands: Sequence[str] | None = None) -> tuple[FloatArray, tuple[str, ...], GeoBox]:
    """Read one image written by `write_image`.

    Parameters
    ----------
    bands : sequence of str, optional
        The bands to read, in this order; all by default.

    Returns
    -------
    values : ndarray, shape (band, y, x), float32
        In physical units, NaN = not observed.
    bands : tuple of str
    grid : GeoBox

    Raises
    ------
    InputError
        If the file is missing or damaged, has no CRS, or lacks a band.
    """
    try:
        with rasterio.open(path) as source:
            if source.crs is None:
                raise InputError(f"{path} has no coordinate reference system", "write the file again with its CRS")
            names = tuple(d or f"band{i}" for i, d in enumerate(source.descriptions, 1))
            wanted = tuple(bands or names)
            missing = [b for b in wanted if b not in names]
            if missing:
                raise InputError(
                    f"{path} lacks the bands {missing}; it has {list(names)}",
                    "delete it so that it is made anew, or correct `bands:` of the experiment",
                )
            raw = source.read([names.index(b) + 1 for b in wanted])
            values = raw.astype(np.float32) * np.float32(source.scales[0]) + np.float32(source.offsets[0])
            if source.nodata is not None and not np.isnan(source.nodata):
                values[raw == source.nodata] = np.nan
            return values, wanted, GeoBox.from_rio(source)
    except RasterioError as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error


def read_variable(path: str | Path, bands: Sequence[str], variable: str) -> tuple[FloatArray, tuple[str, ...], GeoBox]:
    """Read an image as the experiment's variable: the bands themselves, or NDVI made of them.

    Parameters
    ----------
    bands : sequence of str
        For ``ndvi``: the red and the near-infrared band, in this order.
    variable : {"reflectance", "ndvi"}
    """
    values, names, grid = read_image(path, bands)
    if variable == "ndvi":
        return ndvi(values[0], values[1])[None], ("ndvi",), grid
    return values, names, grid


def read_series(paths: Sequence[str | Path], bands: Sequence[str], variable: str, grid: GeoBox) -> Series:
    """Read images named ``{date}.tif`` as one series, ordered by date.

    Parameters
    ----------
    grid : GeoBox
        Where the images lie; it also gives an empty series its shape.

    Raises
    ------
    InputError
        If an image cannot be read, lacks a band or lies on another grid.
    """
    ordered = sorted(paths, key=lambda p: Path(p).stem)
    names = ("ndvi",) if variable == "ndvi" else tuple(bands)
    values = np.full((len(ordered), len(names), *grid.shape), np.nan, np.float32)
    for i, path in enumerate(ordered):
        image, _, found = read_variable(path, bands, variable)
        if found.shape != grid.shape or not found.affine.almost_equals(grid.affine, 1e-6) or found.crs != grid.crs:
            raise InputError(f"{path} lies on {found}, not on the site's grid {grid}", REMAKE)
        values[i] = image
    dates = np.array([Path(p).stem for p in ordered], dtype="datetime64[D]")
    return Series(values, dates, names, grid)


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
