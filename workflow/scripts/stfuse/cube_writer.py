"""Writing cubes of images through time, whole or window by window; `stfuse.cube` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from netCDF4 import Dataset
from numpy.typing import DTypeLike, NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS

from stfuse.job import whole
from stfuse.raster import NODATA, SCALE
from stfuse.task import EVERYWHERE, Window

Dates = NDArray[np.datetime64]

TILE = 64
"""Pixels a side of the pieces that a file is stored in: whole series of a few pixels are what is read most. Windows
of whole pieces are written once; a window that ends within a piece has it packed again."""

NETCDF = RLock()
"""The NetCDF library is not to be called by two threads at a time."""


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
class Blank:
    """A variable of shape (axis, y, x) that is still to be filled, window by window; the words are those of `Layer`."""

    axis: str
    long_name: str
    units: str = "1"
    packed: bool = False
    attrs: Mapping[str, Any] = field(default_factory=dict)
    dtype: DTypeLike = np.float32


class CubeFile:
    """A cube that is being written window by window; see `cube_file`."""

    def __init__(self, data: Any, blanks: Mapping[str, Blank], shape: tuple[int, int]) -> None:
        self._data, self._blanks, self._shape = data, blanks, shape
        self._missing = dict.fromkeys(blanks, shape[0] * shape[1])

    def put(self, window: Window, values: Mapping[str, NDArray[Any]]) -> None:
        """Write a window (rows, columns) of one or more layers, each shape (axis, y, x).

        Raises
        ------
        ValueError
            If values do not have the window's shape.
        """
        rows, columns = (part.indices(n)[:2] for part, n in zip(window, self._shape, strict=True))
        side = (rows[1] - rows[0], columns[1] - columns[0])
        for name, block in values.items():
            blank, variable = self._blanks[name], self._data[name]
            expected = (variable.shape[0], *side)
            if block.shape != expected:
                raise ValueError(f"Layer {name} has shape {block.shape} in {window}, expected {expected}.")
            stored = _packed(block) if blank.packed else block.astype(blank.dtype, copy=False)
            with NETCDF:
                variable[:, rows[0] : rows[1], columns[0] : columns[1]] = stored
            self._missing[name] -= side[0] * side[1]

    def close(self) -> None:
        """Make sure that every pixel was put.

        Raises
        ------
        ValueError
            If windows did not cover each layer once.
        """
        if wrong := {name: n for name, n in self._missing.items() if n}:
            raise ValueError(f"Every pixel of a cube is put once; still missing (below 0: put twice): {wrong}.")


def _packed(values: NDArray[Any]) -> NDArray[np.int16]:
    stored = np.full(values.shape, NODATA, np.int16)
    seen = np.isfinite(values)
    stored[seen] = np.clip(np.rint(values[seen] / SCALE), -32767, 32767)
    return stored


@contextmanager
def cube_file(
    path: str | Path,
    layers: Mapping[str, Blank | Layer],
    dates: Mapping[str, Dates],
    grid: GeoBox,
    attrs: Mapping[str, Any],
) -> Iterator[CubeFile]:
    """Write a NetCDF-4 file window by window: memory is bounded by the window.

    Parameters
    ----------
    layers : mapping of name to Blank or Layer
        A `Layer` here is one of shape (axis,) and is written at once.
    dates : mapping of axis to ndarray, shape (axis,), datetime64[D]
    grid : GeoBox
        North up.
    attrs : mapping
        Provenance: what made the file of what.

    Yields
    ------
    CubeFile
        Every pixel of every `Blank` must be put once. The file is there when the block ends without an error.

    Raises
    ------
    ValueError
        If a layer's shape does not fit its axis and the grid, or windows are missing at the end.
    """
    for name, layer in layers.items():
        expected = (len(dates[layer.axis]),)
        if isinstance(layer, Layer) and layer.values.shape != expected:
            full = (*expected, *grid.shape)
            raise ValueError(f"{path}: layer {name} has shape {layer.values.shape}, expected {full} or {expected}.")
    height, width = grid.shape
    with whole(path) as part:
        with NETCDF:
            data = Dataset(part, "w", format="NETCDF4")
        try:
            with NETCDF:
                data.set_auto_maskandscale(False)
                _frame(data, dates, grid, {"Conventions": "CF-1.10", **attrs})
                for name, layer in layers.items():
                    _declare(data, name, layer, (height, width))
            blanks = {name: layer for name, layer in layers.items() if isinstance(layer, Blank)}
            out = CubeFile(data, blanks, (height, width))
            yield out
            out.close()
        finally:
            with NETCDF:
                data.close()


def write_cube(
    path: str | Path, layers: Mapping[str, Layer], dates: Mapping[str, Dates], grid: GeoBox, attrs: Mapping[str, Any]
) -> None:
    """Write layers that are in memory; half-written files never take the place of whole ones. See `cube_file`.

    Raises
    ------
    ValueError
        If a layer's shape does not fit its axis and the grid.
    """
    declared: dict[str, Blank | Layer] = dict(layers)
    images = {}
    for name, layer in layers.items():
        if layer.values.shape == (len(dates[layer.axis]), *grid.shape):
            kind = layer.values.dtype
            declared[name] = Blank(layer.axis, layer.long_name, layer.units, layer.packed, layer.attrs, kind)
            images[name] = layer.values
    with cube_file(path, declared, dates, grid, attrs) as out:
        out.put(EVERYWHERE, images)


def _frame(data: Any, dates: Mapping[str, Dates], grid: GeoBox, attrs: Mapping[str, Any]) -> None:
    """Dimensions, coordinates, the grid mapping and the file's attributes."""
    data.setncatts(attrs)
    a = grid.affine
    for axis, days in dates.items():
        data.createDimension(axis, len(days))
        time = data.createVariable(axis, "i4", (axis,))
        time.setncatts({"standard_name": "time", "long_name": "date", "axis": "T", "calendar": "standard"})
        time.units = "days since 1970-01-01"
        time[:] = days.astype("datetime64[D]").astype(np.int32)
    for name, first, step, size, word in (
        ("y", a.f, a.e, grid.shape[0], "north"),
        ("x", a.c, a.a, grid.shape[1], "east"),
    ):
        data.createDimension(name, size)
        place = data.createVariable(name, "f8", (name,))
        place.setncatts({"standard_name": f"projection_{name}_coordinate", "long_name": word, "units": "m"})
        place.axis = name.upper()
        place[:] = first + step * (np.arange(size) + 0.5)
    data.createVariable("crs", "i4", ()).setncatts(grid_mapping(grid))


def _declare(data: Any, name: str, layer: Blank | Layer, shape: tuple[int, int]) -> None:
    words = {"long_name": layer.long_name, "units": layer.units, **layer.attrs}
    if isinstance(layer, Layer):
        variable = data.createVariable(name, layer.values.dtype, (layer.axis,), fill_value=False)
        variable.setncatts(words)
        variable[:] = layer.values
        return
    kind = np.dtype(np.int16 if layer.packed else layer.dtype)
    fill: Any = NODATA if layer.packed else np.nan if np.issubdtype(kind, np.floating) else False
    chunks = (max(len(data.dimensions[layer.axis]), 1), min(shape[0], TILE), min(shape[1], TILE))
    packing = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": chunks}
    variable = data.createVariable(name, kind, (layer.axis, "y", "x"), fill_value=fill, **packing)
    variable.setncatts(words | {"grid_mapping": "crs"})
    if layer.packed:
        variable.setncatts({"scale_factor": SCALE, "add_offset": 0.0})
    variable.set_auto_maskandscale(False)


def grid_mapping(grid: GeoBox) -> dict[str, Any]:
    """CF grid mapping with the well-known text and GDAL's transform besides, which readers prefer."""
    wkt = str(grid.crs.to_wkt()) if grid.crs is not None else ""
    a = grid.affine
    transform = " ".join(repr(float(v)) for v in (a.c, a.a, a.b, a.f, a.d, a.e))
    return {**CRS.from_wkt(wkt).to_cf(), "spatial_ref": wkt, "GeoTransform": transform}
