"""Cubes of images through time in NetCDF by the CF conventions, for xarray, QGIS and the later stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS

from stfuse.errors import InputError
from stfuse.job import whole
from stfuse.raster import NODATA, REMAKE, SCALE

Dates = NDArray[np.datetime64]
_TILE = 64  # pixels; whole series of a few pixels are what is read most


@dataclass(frozen=True)
class Layer:
    """One variable of a cube.

    Attributes
    ----------
    values : ndarray, shape (axis, y, x) or (axis,)
        The first dimension is the time axis named `axis`.
    axis : str
        Name of the time axis.
    long_name : str
    units : str
        CF units; "1" for ratios such as NDVI.
    packed : bool
        Floats within -3.2767..3.2767 are stored as int16 of 1e-4, NaN as the fill value.
    attrs : mapping
        Further attributes, e.g. flag_values and flag_meanings.
    """

    values: NDArray[Any]
    axis: str
    long_name: str
    units: str = "1"
    packed: bool = False
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cube:
    """What `read_cube` returns: arrays by name, dates by axis, the grid and the file's attributes."""

    values: Mapping[str, NDArray[Any]]
    dates: Mapping[str, Dates]
    grid: GeoBox
    attrs: Mapping[str, Any]


def write_cube(
    path: str | Path, layers: Mapping[str, Layer], dates: Mapping[str, Dates], grid: GeoBox, attrs: Mapping[str, Any]
) -> None:
    """Write layers on one grid as a NetCDF-4 file; half-written files never take the place of whole ones.

    Parameters
    ----------
    layers : mapping of name to Layer
    dates : mapping of axis to ndarray, shape (axis,), datetime64[D]
    grid : GeoBox
        North up.
    attrs : mapping
        Provenance: what made the file of what.

    Raises
    ------
    ValueError
        If a layer's shape does not fit its axis and the grid.
    """
    variables: dict[str, Any] = {"crs": ((), np.int32(0), _grid_mapping(grid))}
    encoding: dict[str, dict[str, Any]] = {}
    for name, layer in layers.items():
        full = (len(dates[layer.axis]), *grid.shape)
        if layer.values.shape not in (full, full[:1]):
            raise ValueError(f"{path}: layer {name} has shape {layer.values.shape}, expected {full} or {full[:1]}.")
        spatial = layer.values.ndim == 3
        named = {"long_name": layer.long_name, "units": layer.units, **layer.attrs}
        mapped = {"grid_mapping": "crs"} if spatial else {}
        variables[name] = ((layer.axis, "y", "x") if spatial else (layer.axis,), layer.values, named | mapped)
        encoding[name] = _encoding(layer, full)
    for axis in dates:
        encoding[axis] = {"units": "days since 1970-01-01", "calendar": "standard", "dtype": "int32"}
    data = xr.Dataset(variables, _coordinates(dates, grid), {"Conventions": "CF-1.10", **attrs})
    with whole(path) as part:
        data.to_netcdf(part, engine="netcdf4", encoding=encoding)


def _encoding(layer: Layer, full: tuple[int, ...]) -> dict[str, Any]:
    if layer.values.ndim != 3:
        return {"_FillValue": None}
    encoding: dict[str, Any] = {"zlib": True, "complevel": 1, "shuffle": True}
    encoding["chunksizes"] = (full[0], min(full[1], _TILE), min(full[2], _TILE))
    if layer.packed:
        return encoding | {"dtype": "int16", "scale_factor": SCALE, "add_offset": 0.0, "_FillValue": NODATA}
    return encoding | {"_FillValue": np.nan if np.issubdtype(layer.values.dtype, np.floating) else None}


def _grid_mapping(grid: GeoBox) -> dict[str, Any]:
    """CF grid mapping with the well-known text and GDAL's transform besides, which readers prefer."""
    wkt = str(grid.crs.to_wkt()) if grid.crs is not None else ""
    a = grid.affine
    transform = " ".join(repr(float(v)) for v in (a.c, a.a, a.b, a.f, a.d, a.e))
    return {**CRS.from_wkt(wkt).to_cf(), "spatial_ref": wkt, "GeoTransform": transform}


def _coordinates(dates: Mapping[str, Dates], grid: GeoBox) -> dict[str, Any]:
    a = grid.affine
    x = a.c + a.a * (np.arange(grid.shape[1]) + 0.5)
    y = a.f + a.e * (np.arange(grid.shape[0]) + 0.5)
    places = {
        "x": ("x", x, {"standard_name": "projection_x_coordinate", "long_name": "easting", "units": "m", "axis": "X"}),
        "y": ("y", y, {"standard_name": "projection_y_coordinate", "long_name": "northing", "units": "m", "axis": "Y"}),
    }
    times = {
        axis: (axis, days.astype("datetime64[ns]"), {"standard_name": "time", "long_name": "date", "axis": "T"})
        for axis, days in dates.items()
    }
    return {**times, **places}


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
    try:
        with xr.open_dataset(path, engine="netcdf4", mask_and_scale=True) as data:
            missing = [name for name in (*names, "crs") if name not in data]
            if missing:
                raise InputError(
                    f"{path} lacks the layers {missing}; it has {sorted(map(str, data.data_vars))}", REMAKE
                )
            values = {name: _plain(data[name].to_numpy()) for name in names}
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
