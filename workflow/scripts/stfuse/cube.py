"""Cubes of images through time in NetCDF by the CF conventions, for xarray, QGIS and the later stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.cube_writer import NETCDF, TILE, Blank, CubeFile, Layer, cube_file, write_cube
from stfuse.errors import InputError
from stfuse.raster import REMAKE
from stfuse.task import EVERYWHERE, Window

__all__ = ["TILE", "Blank", "Cube", "CubeFile", "Layer", "cube_file", "read_cube", "read_window", "write_cube"]

Dates = NDArray[np.datetime64]


@dataclass(frozen=True)
class Cube:
    """What `read_cube` returns: arrays by name, dates by axis, the grid and the file's attributes."""

    values: Mapping[str, NDArray[Any]]
    dates: Mapping[str, Dates]
    grid: GeoBox
    attrs: Mapping[str, Any]


def read_cube(path: str | Path, names: Sequence[str]) -> Cube:
    """Read layers of a file that `write_cube` made.

    Parameters
    ----------
    names : sequence of str
        The layers to read.

    Returns
    -------
    Cube
        Packed layers as float32 with NaN where nothing is stored.

    Raises
    ------
    InputError
        If the file is missing, damaged, or lacks a layer or its grid.
    """
    return read_window(path, names, EVERYWHERE)


def read_window(path: str | Path, names: Sequence[str], window: Window) -> Cube:
    """Read a window (rows, columns) of layers: of the file only the pieces that it touches; by one thread at a time.

    Parameters
    ----------
    names : sequence of str
        The layers to read; those of shape (axis,) are read whole.
    window : (slice, slice)

    Returns
    -------
    Cube
        Its values of shape (axis, y, x) are the window's; its grid is that of the whole file.

    Raises
    ------
    InputError
        If the file is missing, damaged, or lacks a layer or its grid.
    """
    try:
        with NETCDF, xr.open_dataset(path, engine="netcdf4", mask_and_scale=True, cache=False) as data:
            missing = [name for name in (*names, "crs") if name not in data]
            if missing:
                raise InputError(
                    f"{path} lacks the layers {missing}; it has {sorted(map(str, data.data_vars))}", REMAKE
                )
            part = data[list(names)].isel(y=window[0], x=window[1], missing_dims="ignore")
            values = {name: _plain(part[name].to_numpy()) for name in names}
            axes = [str(n) for n, c in data.coords.items() if c.attrs.get("axis") == "T"]
            dates = {axis: data[axis].to_numpy().astype("datetime64[D]") for axis in axes}
            mapping = data["crs"].attrs
            c, a, b, f, d, e = (float(v) for v in mapping["GeoTransform"].split())
            grid = GeoBox((data.sizes["y"], data.sizes["x"]), Affine(a, b, c, d, e, f), mapping["spatial_ref"])
            return Cube(values, dates, grid, dict(data.attrs))
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"{path} cannot be read as a cube ({error})", REMAKE) from error


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float32) if np.issubdtype(values.dtype, np.floating) else values
