"""The known truth of a simulated site: any day at any resolution, from one formula and its arrays.

The land lies on cells, each of one object. A pixel's reflectance, free of noise and seen from the zenith, is

    reflectance[t, b, y, x] = mean over the pixel's cells c of
                              sum over a of texture[a, y, x] * spectrum[t, label[c], a, b]

with texture[0] = 1. The file holds label, texture and spectrum by CF conventions: every day of a year at 5 m in a tenth
of the space that ten-metre images of it would take.
"""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
from affine import Affine
from netCDF4 import Dataset
from numba import njit
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.grid import coarser, degrade, ndvi
from stfuse.task import FloatArray

CURE = "delete it so that the simulated site is made anew"
FORMULA = (
    "reflectance[t, b, y, x] = mean over the pixel's cells c of sum over a of "
    "texture[a, y, x] * spectrum[t, label[c], a, b]"
)
ANSWER_NAMES = ("mean", "grain", "brighter_soil", "thicker_stand", "later_stand")


def render(labels: NDArray[np.int32], textures: FloatArray, spectra: FloatArray) -> FloatArray:
    """The formula at the head of this file, for one day.

    Parameters
    ----------
    labels : ndarray, shape (y * n, x * n), int32
        Object of each cell, n cells along a pixel's side.
    textures : ndarray, shape (answer, y, x)
    spectra : ndarray, shape (object, answer, band)
        Reflectance 0..1 (the first answer), and changes of it.

    Returns
    -------
    ndarray, shape (band, y, x), float32
    """
    out = np.empty((spectra.shape[2], *textures.shape[1:]), np.float32)
    flat = np.ascontiguousarray(spectra.reshape(len(spectra), -1), np.float32)
    _render(labels, np.ascontiguousarray(textures, np.float32), flat, out)
    return out


@njit(cache=True, nogil=True)
def _render(labels, textures, spectra, out):  # type: ignore[no-untyped-def]
    bands, rows, columns = out.shape
    n = labels.shape[0] // rows
    share = np.float32(1.0 / (n * n))
    mean = np.empty(spectra.shape[1], np.float32)
    for row in range(rows):
        for column in range(columns):
            mean[:] = 0.0
            # Neighbouring cells mostly are of one object: add it once, times their number.
            last, count = labels[row * n, column * n], 0
            for cell in range(n * n + 1):
                label = labels[row * n + cell // n, column * n + cell % n] if cell < n * n else -1
                if label != last:
                    for k in range(mean.size):
                        mean[k] += np.float32(count) * share * spectra[last, k]
                    last, count = label, 0
                count += 1
            for band in range(bands):
                total = np.float32(0.0)
                for answer in range(textures.shape[0]):
                    total += textures[answer, row, column] * mean[answer * bands + band]
                out[band, row, column] = total


def write_truth(
    path: str | Path,
    grid: GeoBox,
    dates: Sequence[date],
    bands: Sequence[str],
    labels: NDArray[np.int32],
    textures: FloatArray,
    spectra: FloatArray,
) -> None:
    """Write the truth by CF conventions, only the objects that lie in it.

    Parameters
    ----------
    path : path
    grid : GeoBox
        Pixels, as `textures`.
    dates : sequence of date
        Day after day, as `spectra`.
    bands : sequence of str
    labels : ndarray, shape (y * n, x * n), int32
    textures : ndarray, shape (answer, y, x)
    spectra : ndarray, shape (day, object, answer, band)
    """
    objects, own = np.unique(labels, return_inverse=True)
    with Dataset(path, "w", format="NETCDF4") as out:
        out.setncatts(
            {
                "Conventions": "CF-1.8",
                "title": "Simulated truth: noise-free and cloud-free surface reflectance, seen from the zenith",
                "comment": FORMULA,
            }
        )
        sizes = {
            "time": len(dates), "object": len(objects), "answer": spectra.shape[2], "band": len(bands),
            "y": grid.height, "x": grid.width, "cell_y": labels.shape[0], "cell_x": labels.shape[1],
        }  # fmt: skip
        for name, size in sizes.items():
            out.createDimension(name, size)
        _write_axes(out, grid, dates, bands)
        for name, kind, axes, values, about in (
            ("label", "i4", ("cell_y", "cell_x"), own.reshape(labels.shape).astype(np.int32), "object of each cell"),
            ("texture", "f4", ("answer", "y", "x"), textures, "how strongly a pixel shows each answer"),
            ("spectrum", "f4", ("time", "object", "answer", "band"), None, "what an object answers, reflectance"),
        ):
            shape = [sizes[axis] for axis in axes]
            chunks = [1, *shape[1:]] if len(axes) > 2 else shape
            stored = out.createVariable(name, kind, axes, zlib=True, complevel=1, shuffle=True, chunksizes=chunks)
            stored.setncatts({"long_name": about, "units": "1"})
            if values is not None:
                stored[:] = values
        for i in range(len(dates)):
            out["spectrum"][i] = spectra[i][objects]


def _write_axes(out: Dataset, grid: GeoBox, dates: Sequence[date], bands: Sequence[str]) -> None:
    time = out.createVariable("time", "i4", ("time",))
    time.setncatts({"units": f"days since {dates[0]}", "calendar": "standard", "standard_name": "time"})
    time[:] = [(day - dates[0]).days for day in dates]
    out.createVariable("band", str, ("band",))[:] = np.array(bands, dtype=object)
    out.createVariable("answer", str, ("answer",))[:] = np.array(ANSWER_NAMES[: len(out.dimensions["answer"])], object)
    for name, count, start, step in (
        ("y", grid.height, grid.affine.f, grid.affine.e),
        ("x", grid.width, grid.affine.c, grid.affine.a),
    ):
        axis = out.createVariable(name, "f8", (name,))
        axis.setncatts({"units": "m", "standard_name": f"projection_{name}_coordinate"})
        axis[:] = start + step * (np.arange(count) + 0.5)
    crs = out.createVariable("crs", "i4")
    transform = " ".join(f"{v:g}" if v == int(v) else repr(v) for v in grid.affine.to_gdal())
    assert grid.crs is not None
    crs.setncatts({**grid.crs.proj.to_cf(), "spatial_ref": grid.crs.to_wkt(), "GeoTransform": transform})


@dataclass(frozen=True)
class _Land:
    grid: GeoBox
    start: np.datetime64
    days: int
    bands: tuple[str, ...]
    labels: NDArray[np.int32]
    textures: FloatArray


@lru_cache(maxsize=2)
def _read_land(path: str, changed: int) -> _Land:
    """What is the same on all days; `changed` tells a file that was made anew."""
    with Dataset(path) as source:
        numbers = [float(word) for word in source["crs"].GeoTransform.split()]
        shape = source["texture"].shape[1:]
        return _Land(
            GeoBox(shape, Affine.from_gdal(*numbers), source["crs"].spatial_ref),
            np.datetime64(source["time"].units.split()[-1], "D"),
            len(source["time"]),
            tuple(str(b) for b in source["band"][:]),
            np.ma.getdata(source["label"][:]),
            np.ma.getdata(source["texture"][:]),
        )


def read_truth(
    path: str | Path,
    date: str | np.datetime64,
    bands: Sequence[str],
    variable: str,
    resolution: float | None = None,
) -> FloatArray:
    """Read one day of the truth.

    Parameters
    ----------
    path : path
    date : str or datetime64
        ISO date.
    bands : sequence of str
        For ``ndvi``: the red and the near-infrared band, in this order.
    variable : {"reflectance", "ndvi"}
    resolution : float, optional
        Metres; area means on the site's grid of that resolution. The truth's own pixels where left out.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        One band for ``ndvi``: that of the mean reflectance.

    Raises
    ------
    InputError
        If the file cannot be read, does not hold the day or a band, or is coarser than asked for.
    """
    try:
        land = _read_land(str(path), Path(path).stat().st_mtime_ns)
        index = int((np.datetime64(str(date), "D") - land.start).astype(int))
        _check(path, land, bands, index, date, resolution)
        with Dataset(path) as source:
            chosen = [land.bands.index(band) for band in bands]
            spectra = np.ma.getdata(source["spectrum"][index])[:, :, chosen]
    except (OSError, IndexError, RuntimeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read ({error})", CURE) from error
    values = render(land.labels, land.textures, spectra)
    own = abs(land.grid.resolution.x)
    if resolution is not None and resolution > own:
        values = degrade(values, land.grid, coarser(land.grid, resolution / own))
    return ndvi(values[0], values[1])[None] if variable == "ndvi" else values


def _check(
    path: str | Path,
    land: _Land,
    bands: Sequence[str],
    index: int,
    date: str | np.datetime64,
    resolution: float | None,
) -> None:
    missing = [b for b in bands if b not in land.bands]
    if missing:
        raise InputError(
            f"{path} lacks the bands {missing}; it has {list(land.bands)}", "correct `bands:` of the experiment"
        )
    if not 0 <= index < land.days:
        raise InputError(f"{path} begins on {land.start} and has no {date}", f"correct the site's `period:` and {CURE}")
    own = abs(land.grid.resolution.x)
    if resolution is not None and resolution < own - 1e-6:
        raise InputError(
            f"{path} has pixels of {own:g} m, {resolution:g} m were asked for",
            f"write `resolution: {resolution:g}` under `simulated:` of the site and {CURE}",
        )
