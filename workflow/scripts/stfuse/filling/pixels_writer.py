"""Writing the data set of a gap experiment: whole series of every so many pixels, in Zarr. See `stfuse.filling.pixels`.

Rossberg and Schmitt (2024, section III) keep every fifth row and column of their images, because neighbours tell the
same. A store has the optical NDVI, each guide and each band of backscatter as an array (time, y, x) with dates of its
own, in pieces that hold whole series of 64 x 64 pixels: what is learned from and scored is series, and a window of them
is read without the rest. xarray opens it with coordinates and CRS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from tqdm import tqdm
from zarr.codecs import BloscCodec

from stfuse.cube_writer import grid_mapping
from stfuse.errors import InputError
from stfuse.filling.files import GUIDE
from stfuse.job import whole
from stfuse.raster import NODATA, SCALE
from stfuse.task import FloatArray, Scene, Series, Task, Window

__all__ = ["PIECE", "Part", "lattice_grid", "unpacked", "write_pixels"]

PIECE = 64
"""Pixels of the lattice a side of the pieces that a store is made of: windows of whole pieces are read once."""

_HELD = 128_000_000
"""Most values of images that are in memory at a time while a store is written: half a gigabyte."""


def lattice_grid(grid: GeoBox, lattice: int) -> tuple[GeoBox, tuple[int, int]]:
    """The grid whose pixels' centres are every so many rows' and columns', and the first of them.

    Parameters
    ----------
    grid : GeoBox
        The fine grid.
    lattice : int
        Fine pixels from one to the next.

    Returns
    -------
    grid : GeoBox
    offset : (row, column)
        Of the first on the fine grid: the middle one of its cell.

    Raises
    ------
    InputError
        If no pixel lies on the lattice.
    """
    start = lattice // 2
    height, width = (len(range(start, n, lattice)) for n in grid.shape)
    if not height or not width:
        raise InputError(
            f"No pixel of {grid.shape[0]} x {grid.shape[1]} lies on a lattice of every {lattice} rows and columns",
            "take a smaller `lattice:` for the experiment, or a larger site",
        )
    corner = start + 0.5 - lattice / 2
    affine = grid.affine @ Affine.translation(corner, corner) @ Affine.scale(lattice)
    return GeoBox((height, width), affine, grid.crs), (start, start)


@dataclass(frozen=True)
class Part:
    """One array of a store: a band of one of the series of its tasks."""

    array: str
    role: str  # fine, coarse, or the name of an auxiliary series
    band: str
    axis: str

    def of(self, task: Task) -> FloatArray:
        """Its values in a task, shape (time, y, x)."""
        series = roles_of(task)[self.role]
        return series.values[:, series.bands.index(self.band)]


def roles_of(task: Task) -> dict[str, Series]:
    """The series of a task by the role that they have in it."""
    return {"fine": task.fine, "coarse": task.coarse, **task.aux}


def _parts(task: Task) -> list[Part]:
    """The arrays that a store of such tasks has; none of a series without dates."""
    found = [Part("ndvi", "fine", "ndvi", "time")]
    if len(task.coarse.dates):
        found.append(Part(f"guide_{GUIDE}", "coarse", "ndvi", f"time_guide_{GUIDE}"))
    for name, series in task.aux.items():
        if len(series.dates):
            found += [Part(f"{name}_{band}", name, band, f"time_{name}") for band in series.bands]
    return found


def write_pixels(path: str | Path, scene: Scene, lattice: int, attrs: Mapping[str, Any] | None = None) -> None:
    """Write the series of every so many pixels of a scene, piece by piece: memory is bounded by a window's images.

    Parameters
    ----------
    path : path
        The folder ``{site}.zarr``; half-written ones never take the place of whole ones.
    scene : Scene
        Series on one grid, such as `stfuse.filling.files.SeriesFiles`.
    lattice : int
        Fine pixels from one row or column to the next.
    attrs : mapping, optional
        Provenance.

    Raises
    ------
    InputError
        If the scene cannot be read, has no optical image, or no pixel lies on the lattice.
    """
    grid, (start, _) = lattice_grid(scene.grid, lattice)
    probe = scene.crop((slice(0, 1), slice(0, 1)))
    if not len(probe.fine.dates):
        raise InputError(f"{path}: there is no optical image", "lower `min_clear:`, or widen the site's period")
    parts, images = _parts(probe), sum(len(s.dates) * len(s.bands) for s in roles_of(probe).values())
    with whole(path) as folder:
        store = zarr.open_group(folder, mode="w", zarr_format=3)
        about: dict[str, Any] = {"lattice": lattice, "offset": [start, start], "shape": list(scene.grid.shape)}
        store.attrs.update({"Conventions": "CF-1.10", "title": "NDVI series of pixels", **(attrs or {})})
        store.attrs["stfuse"] = about | {"transform": list(scene.grid.affine)[:6], "parts": [vars(p) for p in parts]}
        arrays = _declare(store, probe, parts, grid)
        bar = tqdm(total=math.prod(grid.shape), unit="series", unit_scale=True, disable=None)
        for rows in _steps(grid.shape[0]):
            for columns in _steps(grid.shape[1]):
                for name, values in _piece(scene, parts, lattice, start, (rows, columns), images).items():
                    arrays[name][:, rows, columns] = values
                bar.update((rows.stop - rows.start) * (columns.stop - columns.start))
        bar.close()


def _steps(length: int) -> list[slice]:
    return [slice(first, min(first + PIECE, length)) for first in range(0, length, PIECE)]


def _piece(
    scene: Scene, parts: list[Part], lattice: int, start: int, window: Window, images: int
) -> dict[str, NDArray[Any]]:
    """A piece's arrays as they are stored, read strip by strip where its images are many."""
    rows, columns = window
    across = slice(start + lattice * columns.start, start + lattice * (columns.stop - 1) + 1)
    least = max(1, _HELD // (images * lattice * (across.stop - across.start)))
    strips: list[dict[str, NDArray[Any]]] = []
    for first in range(rows.start, rows.stop, least):
        last = min(first + least, rows.stop) - 1
        task = scene.crop((slice(start + lattice * first, start + lattice * last + 1), across))
        strips.append({part.array: _packed(part, part.of(task)[:, ::lattice, ::lattice]) for part in parts})
    return {part.array: np.concatenate([strip[part.array] for strip in strips], axis=1) for part in parts}


def _packed(part: Part, values: FloatArray) -> NDArray[Any]:
    """NDVI as int16 of 1e-4, decibels as they are."""
    if part.band != "ndvi":
        return np.ascontiguousarray(values, np.float32)
    seen = np.isfinite(values)
    return np.where(seen, np.rint(np.where(seen, values, 0) / SCALE), NODATA).astype(np.int16)


def unpacked(stored: NDArray[Any]) -> FloatArray:
    """Values as float32, NaN where nothing is stored."""
    if stored.dtype != np.int16:
        return stored.astype(np.float32, copy=False)
    values = stored.astype(np.float32) * np.float32(SCALE)
    values[stored == NODATA] = np.nan
    return values


def _declare(store: zarr.Group, task: Task, parts: list[Part], grid: GeoBox) -> dict[str, Any]:
    """Coordinates, CRS and empty arrays, in the words that xarray reads; the arrays by name."""
    made: dict[str, Any] = {}
    said: dict[str, Any]
    for part in parts:
        series, packed = roles_of(task)[part.role], part.band == "ndvi"
        words: dict[str, Any] = {"long_name": f"{part.role} {part.band}", "units": "1" if packed else "dB"}
        words |= {"scale_factor": SCALE, "add_offset": 0.0, "_FillValue": NODATA} if packed else {}
        made[part.array] = store.create_array(
            part.array,
            shape=(len(series.dates), *grid.shape),
            chunks=(len(series.dates), min(PIECE, grid.shape[0]), min(PIECE, grid.shape[1])),
            dtype="int16" if packed else "float32",
            fill_value=NODATA if packed else np.nan,
            compressors=BloscCodec(cname="zstd", clevel=3),
            dimension_names=(part.axis, "y", "x"),
            attributes=words | {"grid_mapping": "spatial_ref"},
            config={"write_empty_chunks": True},  # a piece that is not there is damage
        )
        if part.axis not in store:
            days = series.dates.astype("datetime64[D]").astype(np.int32)
            said = {"standard_name": "time", "axis": "T", "units": "days since 1970-01-01", "calendar": "standard"}
            store.create_array(part.axis, data=days, chunks=days.shape, dimension_names=(part.axis,), attributes=said)
    a = grid.affine
    for name, first, step, size in (("y", a.f, a.e, grid.shape[0]), ("x", a.c, a.a, grid.shape[1])):
        centres = first + step * (np.arange(size) + 0.5)
        said = {"standard_name": f"projection_{name}_coordinate", "units": "m", "axis": name.upper()}
        store.create_array(name, data=centres, chunks=centres.shape, dimension_names=(name,), attributes=said)
    mapping = {key: value for key, value in grid_mapping(grid).items() if value is not None}
    store.create_array("spatial_ref", data=np.array(0, np.int32), dimension_names=(), attributes=mapping)
    return made
