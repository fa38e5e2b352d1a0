"""Rasters in the type they are stored in, unscaled: as archives deliver them and the stage `raw` keeps them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import rasterio
import rasterio.warp
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from stfuse.acquisition.headers import complaints, require_whole
from stfuse.acquisition.links import gdal_options, href_of, kind_of
from stfuse.acquisition.objects import raw_image
from stfuse.errors import InputError
from stfuse.job import whole
from stfuse.raster import REMAKE
from stfuse.redaction import redacted

Json = Mapping[str, Any]
Result = TypeVar("Result")


def read_window(
    href: str, bounds: tuple[float, float, float, float], crs: str, margin: int, band: int = 1
) -> tuple[NDArray[Any], GeoBox, dict[str, Any]]:
    """Read, as delivered, the part of one band of an archive's raster that covers a box.

    Parameters
    ----------
    href : str
        Path or unsigned URL of the raster.
    bounds : (left, bottom, right, top)
        In units of `crs`; turned into the raster's own CRS.
    margin : int
        Extra pixels on every side, as far as the raster reaches.
    band : int
        Which of the raster's bands, from 1.

    Returns
    -------
    values : ndarray, shape (y, x), in the stored type
    grid : GeoBox
    profile : dict
        dtype, nodata, scale and offset as the file states them.

    Raises
    ------
    InputError
        If the raster is missing, damaged, without CRS or that band, or does not touch the box.
    """
    return read_asset({"href": href, "stfuse:band": band}, {}, bounds, crs, margin)


def read_asset(
    asset: Json,
    item: Json,
    bounds: tuple[float, float, float, float],
    crs: str,
    margin: int,
) -> tuple[NDArray[Any], GeoBox, dict[str, Any]]:
    """The same of what an asset of a STAC item links to, signed and paid for as its archive asks.

    Over the network only the header and the window's tiles are read, and read again as long as what failed may pass.
    ``stfuse:band`` of the asset tells which band of a file of several holds it, from 1.

    Parameters
    ----------
    asset, item : mapping
        STAC JSON, links unsigned.

    Raises
    ------
    InputError
        As `read_window`; the message holds no signature.
    """
    band = int(asset.get("stfuse:band", 1))
    where = redacted(href_of(asset))

    def attempt(link: str, again: bool) -> tuple[NDArray[Any], GeoBox, dict[str, Any]]:
        try:
            options = gdal_options(asset, item, again)
            with complaints() as lost, rasterio.Env(**options), _opened(link, asset, item) as source:
                require_whole(lost)
                read = _windowed(source, where, bounds, crs, margin, band)
                require_whole(lost)
                return read
        except RasterioError as error:
            raise OSError(_chain(error)) from error

    return _from_anywhere(attempt, asset, item)


def _opened(link: str, asset: Json, item: Json) -> Any:
    """The raster; one from the net only as what archives deliver, GeoTIFF or JPEG 2000.

    GDAL's other drivers may follow what a file says to further files, also to local ones.
    """
    if kind_of(asset, item) == "local":
        return rasterio.open(link)
    jp2 = "jp2" in str(asset.get("type")) or urlsplit(link).path.lower().endswith(".jp2")
    return rasterio.open(link, driver="JP2OpenJPEG" if jp2 else "GTiff")


def _from_anywhere(attempt: Callable[[str, bool], Result], asset: Json, item: Json) -> Result:
    """Read from the network as often as it takes, from a disk once."""
    if kind_of(asset, item) != "local":
        from stfuse.acquisition.asking import patiently  # only here: local files need not wait for its start

        return patiently(attempt, asset, item)
    try:
        return attempt(href_of(asset), False)
    except OSError as error:
        raise InputError(
            f"{href_of(asset)} cannot be read ({error})",
            "fetch the file again; if it is the archive's own, report it there",
        ) from error


def _chain(error: BaseException) -> str:
    """What an error says, with what it came of: GDAL's reason stands there."""
    return str(error) if error.__cause__ is None else f"{error} {_chain(error.__cause__)}"


def _windowed(
    source: Any, where: str, bounds: tuple[float, float, float, float], crs: str, margin: int, band: int
) -> tuple[NDArray[Any], GeoBox, dict[str, Any]]:
    if source.crs is None:
        raise InputError(
            f"{where} has no coordinate reference system", "ask the archive, or set it with gdal_edit.py -a_srs"
        )
    if band > source.count:
        raise InputError(f"{where} has no band {band}, it has {source.count}", "correct the band's number")
    box = rasterio.warp.transform_bounds(crs, source.crs, *bounds)
    window = _pixel_window(source, box, margin)
    if window is None:
        raise InputError(
            f"{where} does not cover the site: bounds {tuple(source.bounds)}, site {box} in {source.crs}",
            "correct the site's bounds or CRS, or take another tile",
        )
    values = source.read(band, window=window)
    grid = GeoBox(values.shape, source.window_transform(window), _name_of(source.crs.to_wkt()))
    stated = {
        "dtype": source.dtypes[band - 1],
        "nodata": source.nodatavals[band - 1],
        "scale": source.scales[band - 1],
        "offset": source.offsets[band - 1],
    }
    return values, grid, stated


def read_bytes(asset: Json, item: Json, largest: int) -> bytes:
    """A small document in an object store, read by GDAL: it signs and pays as for the rasters beside it.

    GDAL takes the bytes for an image without a header (`raw_image`), filled up with zeros behind the file's end.

    Parameters
    ----------
    asset, item : mapping
        STAC JSON; the link begins with ``s3://``.
    largest : int
        Bytes.

    Raises
    ------
    InputError
        If it cannot be read, or is larger.
    """
    from stfuse.acquisition.asking import patiently
    from stfuse.acquisition.patience import PassingError

    where = redacted(href_of(asset))
    image, settings = raw_image(href_of(asset), largest)

    def attempt(_: str, again: bool) -> bytes:
        try:
            with warnings.catch_warnings(), rasterio.Env(**gdal_options(asset, item, again), **settings):
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                with rasterio.open(image, driver="VRT") as source:
                    content = bytes(source.read(1).tobytes().rstrip(b"\0"))
        except RasterioError as error:
            raise OSError(_chain(error).replace(image, where)) from error
        if not content or b"\0" in content:
            raise PassingError("the document did not come whole")
        return content

    content = patiently(attempt, asset, item)
    if len(content) > largest:
        raise InputError(f"{where} is larger than {largest} bytes", "see that the link leads to a document")
    return content


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


def describe(href: str) -> list[dict[str, Any]]:
    """What a raster file of the user's says of each of its bands.

    Parameters
    ----------
    href : str
        Path or URL.

    Returns
    -------
    list of dict
        In the file's order: description (empty where it has none), dtype, nodata, scale, offset.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    asset = {"href": href}

    def attempt(link: str, again: bool) -> list[dict[str, Any]]:
        try:
            with rasterio.Env(**gdal_options(asset, {}, again)), _opened(link, asset, {}) as source:
                parts = (source.descriptions, source.dtypes, source.nodatavals, source.scales, source.offsets)
                names = ("description", "dtype", "nodata", "scale", "offset")
                return [dict(zip(names, (of[0] or "", *of[1:]), strict=True)) for of in zip(*parts, strict=True)]
        except RasterioError as error:
            raise OSError(_chain(error)) from error

    return _from_anywhere(attempt, asset, {})
