"""The known truth of a simulated site: one NetCDF cube of every day, written and read a day at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from netCDF4 import Dataset
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.grid import ndvi
from stfuse.task import FloatArray

SCALE = 1e-4
CURE = "delete it so that the simulated site is made anew"


def write_truth(
    path: str | Path,
    grid: GeoBox,
    dates: Sequence[date],
    bands: Sequence[str],
    of_day: Callable[[int], FloatArray],
) -> None:
    """Write the cube by CF conventions: ``reflectance(time, band, y, x)`` as int16 of 1e-4.

    Parameters
    ----------
    path : path
    grid : GeoBox
    dates : sequence of date
    bands : sequence of str
    of_day : function of index
        Reflectance of the day with that index, shape (band, y, x), without gaps. Asked for in order, once each.
    """
    with Dataset(path, "w", format="NETCDF4") as out:
        out.setncatts(
            {"Conventions": "CF-1.8", "title": "Simulated truth: noise-free and cloud-free surface reflectance"}
        )
        sizes = {"time": len(dates), "band": len(bands), "y": grid.height, "x": grid.width}
        for name, size in sizes.items():
            out.createDimension(name, size)
        _write_axes(out, grid, dates, bands)
        values = out.createVariable(
            "reflectance", "i2", tuple(sizes), zlib=True, complevel=4, shuffle=True, chunksizes=(1, 1, *grid.shape)
        )
        values.setncatts(
            {"units": "1", "long_name": "surface reflectance", "scale_factor": SCALE, "grid_mapping": "crs"}
        )
        values.set_auto_maskandscale(False)
        for i in range(len(dates)):
            values[i] = np.rint(of_day(i) / np.float32(SCALE)).astype(np.int16)


def _write_axes(out: Dataset, grid: GeoBox, dates: Sequence[date], bands: Sequence[str]) -> None:
    time = out.createVariable("time", "i4", ("time",))
    time.setncatts({"units": f"days since {dates[0]}", "calendar": "standard", "standard_name": "time"})
    time[:] = [(day - dates[0]).days for day in dates]
    out.createVariable("band", str, ("band",))[:] = np.array(bands, dtype=object)
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


def read_truth(path: str | Path, date: str | np.datetime64, bands: Sequence[str], variable: str) -> FloatArray:
    """Read one day of the truth.

    Parameters
    ----------
    path : path
    date : str or datetime64
        ISO date.
    bands : sequence of str
        For ``ndvi``: the red and the near-infrared band, in this order.
    variable : {"reflectance", "ndvi"}

    Returns
    -------
    ndarray, shape (band, y, x), float32
        On the site's 10 m grid; one band for ``ndvi``.

    Raises
    ------
    InputError
        If the file cannot be read, or does not hold the day or a band.
    """
    try:
        with Dataset(path) as source:
            names = [str(b) for b in source["band"][:]]
            missing = [b for b in bands if b not in names]
            if missing:
                raise InputError(
                    f"{path} lacks the bands {missing}; it has {names}", "correct `bands:` of the experiment"
                )
            start = np.datetime64(source["time"].units.split()[-1], "D")
            index = int((np.datetime64(str(date), "D") - start).astype(int))
            if not 0 <= index < len(source["time"]):
                raise InputError(
                    f"{path} begins on {start} and has no {date}", f"correct the site's `period:` and {CURE}"
                )
            stored = source["reflectance"]
            stored.set_auto_maskandscale(False)
            read: NDArray[np.int16] = np.stack([stored[index, names.index(b)] for b in bands])
    except (OSError, IndexError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read ({error})", CURE) from error
    values = read.astype(np.float32) * np.float32(SCALE)
    return ndvi(values[0], values[1])[None] if variable == "ndvi" else values
