"""The only module that writes images and reads them again: Cloud-Optimised GeoTIFFs in physical units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
import rasterio.windows
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from stfuse.errors import InputError
from stfuse.grid import ndvi, same_grid
from stfuse.job import whole
from stfuse.task import EVERYWHERE, FloatArray, Series, Window

SCALE = 1e-4
NODATA = -32768
PIECE = 128
"""Pixels a side of what the plain file stores at a time: windows of whole pieces are written once, not filled up."""
REMAKE = "delete the file and run again so that it is made anew"


class ImageFile:
    """An image that is being written window by window; see `image_file`."""

    def __init__(self, out: Any, packed: bool) -> None:
        self._out, self._packed = out, packed

    def put(self, window: Window, values: FloatArray) -> None:
        """Write the values, shape (band, y, x), float32, NaN = not observed, of a window (rows, columns).

        Packed values are clipped to -3.2767..3.2767.
        """
        if self._packed:
            seen = np.isfinite(values)
            stored = np.full(values.shape, NODATA, np.int16)
            stored[seen] = np.clip(np.rint(values[seen] / SCALE), -32767, 32767)
        else:
            stored = values.astype(np.float32)
        self._out.write(stored, window=_rasterio_window(window))


@contextmanager
def image_file(
    path: str | Path,
    bands: Sequence[str],
    grid: GeoBox,
    tags: Mapping[str, str] | None = None,
    packed: bool = True,
) -> Iterator[ImageFile]:
    """Write one image, window by window, as a COG with band names, nodata, scale and provenance tags.

    A COG begins with its overviews, so it can only be made of an image that is whole: the windows
    go to a plain file beside it, of which nothing is stored where nothing is observed, which vanishes.

    Parameters
    ----------
    packed : bool
        True stores int16 with scale 1e-4 (reflectance, NDVI), False float32 (dates, dB).

    Yields
    ------
    ImageFile
        Windows that are never put stay empty. The file is there when the block ends without an error.
    """
    height, width = grid.shape
    profile: dict[str, Any] = {
        "height": height,
        "width": width,
        "count": len(bands),
        "dtype": "int16" if packed else "float32",
        "crs": str(grid.crs),
        "transform": grid.affine,
        "nodata": NODATA if packed else np.nan,
    }
    plainly: dict[str, Any] = {"tiled": True, "bigtiff": "IF_SAFER", "sparse_ok": True}
    plainly |= {"blockxsize": PIECE, "blockysize": PIECE}
    if not packed:  # The many bands of a tile's dates would be 13 GB; packed ones would take twice as long to write.
        plainly |= {"compress": "DEFLATE", "zlevel": 1}
    with whole(path) as part:
        plain = part.with_name("plain.tif")
        with rasterio.open(plain, "w", driver="GTiff", **plainly, **profile) as out:
            yield ImageFile(out, packed)
            out.descriptions = tuple(bands)
            if packed:
                out.scales = (SCALE,) * len(bands)
                out.offsets = (0.0,) * len(bands)
            out.update_tags(**(tags or {}))
        rasterio.shutil.copy(plain, part, driver="COG", compress="DEFLATE", predictor="YES", blocksize=512)
        plain.unlink()


def write_image(
    path: str | Path,
    values: FloatArray,
    bands: Sequence[str],
    grid: GeoBox,
    tags: Mapping[str, str] | None = None,
    packed: bool = True,
) -> None:
    """Write one image that is in memory; see `image_file`.

    Parameters
    ----------
    values : ndarray, shape (band, y, x), float32
        NaN = not observed.

    Raises
    ------
    ValueError
        If the values do not have the shape that bands and grid ask for.
    """
    if values.shape != (len(bands), *grid.shape):
        raise ValueError(f"{path}: expected shape {(len(bands), *grid.shape)}, found {values.shape}.")
    with image_file(path, bands, grid, tags, packed) as out:
        out.put(EVERYWHERE, values)


def _rasterio_window(window: Window) -> rasterio.windows.Window | None:
    """None = the whole image."""
    if window == EVERYWHERE:
        return None
    return rasterio.windows.Window.from_slices(*window)


def read_image(
    path: str | Path, bands: Sequence[str] | None = None, window: Window = EVERYWHERE
) -> tuple[FloatArray, tuple[str, ...], GeoBox]:
    """Read one image written by `write_image`, or a window of it.

    Parameters
    ----------
    bands : sequence of str, optional
        The bands to read, in this order; all by default.
    window : (slice, slice)
        Rows and columns.

    Returns
    -------
    values : ndarray, shape (band, y, x), float32
        In physical units, NaN = not observed.
    bands : tuple of str
    grid : GeoBox
        Of the whole image.

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
            raw = source.read([names.index(b) + 1 for b in wanted], window=_rasterio_window(window))
            values = raw.astype(np.float32)
            values *= np.float32(source.scales[0])
            values += np.float32(source.offsets[0])
            if source.nodata is not None and not np.isnan(source.nodata):
                values[raw == source.nodata] = np.nan
            return values, wanted, GeoBox.from_rio(source)
    except RasterioError as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error


def read_variable(
    path: str | Path, bands: Sequence[str], variable: str, window: Window = EVERYWHERE
) -> tuple[FloatArray, tuple[str, ...], GeoBox]:
    """Read an image as the experiment's variable: the bands themselves, or NDVI made of them.

    Parameters
    ----------
    bands : sequence of str
        For ``ndvi``: the red and the near-infrared band, in this order.
    variable : {"reflectance", "ndvi"}
    """
    values, names, grid = read_image(path, bands, window)
    if variable == "ndvi":
        return ndvi(values[0], values[1])[None], ("ndvi",), grid
    return values, names, grid


def read_series(
    paths: Sequence[str | Path], bands: Sequence[str], variable: str, grid: GeoBox, window: Window = EVERYWHERE
) -> Series:
    """Read images named ``{date}.tif``, or a window of them, as one series, ordered by date.

    Parameters
    ----------
    grid : GeoBox
        Where the images lie; it also gives an empty series its shape.
    window : (slice, slice)
        Rows and columns of that grid.

    Raises
    ------
    InputError
        If an image cannot be read, lacks a band or lies on another grid.
    """
    ordered = sorted(paths, key=lambda p: Path(p).stem)
    names = ("ndvi",) if variable == "ndvi" else tuple(bands)
    part = grid if window == EVERYWHERE else grid[window]
    values = np.empty((len(ordered), len(names), *part.shape), np.float32)
    for i, path in enumerate(ordered):
        image, _, found = read_variable(path, bands, variable, window)
        if not same_grid(found, grid):
            raise InputError(f"{path} lies on {found}, not on the site's grid {grid}", REMAKE)
        values[i] = image
    dates = np.array([Path(p).stem for p in ordered], dtype="datetime64[D]")
    return Series(values, dates, names, part)
