"""What series are filled from, at full resolution: images and guide cubes that stay on disk and are read by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.crops import covering
from stfuse.cube import read_window
from stfuse.errors import InputError
from stfuse.grid import regrid_series, same_grid
from stfuse.inputs import grid_of
from stfuse.raster import REMAKE, read_series
from stfuse.task import EVERYWHERE, FloatArray, Series, Task, Window

__all__ = ["GUIDE", "SeriesFiles", "guided"]

GUIDE = "sar"
"""Name of the guide that stands in a task as its coarse series; others are auxiliary series."""


@dataclass(frozen=True)
class SeriesFiles:
    """The series of a site, read window by window; see `stfuse.task.Scene`.

    Every series of its tasks lies on the fine grid and has the window's pixels and no more: what an auxiliary sensor
    with other pixels saw is interpolated bilinearly.

    Attributes
    ----------
    sample : mapping
        ``dates`` (ISO, those to predict), ``fine`` (paths named ``{date}.tif``), ``guides`` (name -> paths of NDVI
        cubes, one a seed, on the fine grid), ``aux`` (name -> paths), ``aux_bands`` (name -> bands) and ``grids``
        (``fine``, and ``aux`` by name, each with ``crs``, ``bounds``, ``resolution``).
    wanted : sequence of str
        The red and the near-infrared band.
    variable : {"ndvi"}
    """

    sample: Mapping[str, Any]
    wanted: Sequence[str]
    variable: str = "ndvi"

    @property
    def grid(self) -> GeoBox:
        """The fine grid."""
        return grid_of(self.sample["grids"]["fine"])

    @property
    def grids(self) -> list[GeoBox]:
        """None beside the fine grid: other series are brought to it, with what they need around a window."""
        return []

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the prediction."""
        return ("ndvi",) if self.variable == "ndvi" else tuple(self.wanted)

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """The dates to predict."""
        return np.array(self.sample["dates"], dtype="datetime64[D]")

    def crop(self, window: Window) -> Task:
        """Read the task for a window (rows, columns) of the fine grid; its coarse series is the guide `GUIDE`.

        Raises
        ------
        InputError
            If an image or a guide cannot be read, lacks a band or lies on another grid.
        """
        fine, sample = self.grid, self.sample
        guides = {name: self._guide(paths, window) for name, paths in sample.get("guides", {}).items()}
        aux = {name: self._aux(name, paths, window) for name, paths in sample.get("aux", {}).items()}
        return guided(read_series(sample["fine"], self.wanted, self.variable, fine, window), guides, aux, self.dates)

    def _aux(self, name: str, paths: Sequence[str], window: Window) -> Series:
        """An auxiliary series on the fine grid."""
        fine, bands, grid = self.grid, self.sample["aux_bands"][name], grid_of(self.sample["grids"]["aux"][name])
        if same_grid(grid, fine):
            return read_series(paths, bands, "reflectance", fine, window)
        part = fine if window == EVERYWHERE else fine[window]
        return regrid_series(read_series(paths, bands, "reflectance", grid, covering(grid, part)), part, "bilinear")

    def _guide(self, paths: Sequence[str], window: Window) -> Series:
        """A guide's series: the mean over its seeds of what they predicted."""
        total, count, dates = np.zeros(1, np.float32), np.zeros(1, np.int16), None
        for path in paths:
            cube = read_window(path, ["ndvi"], window)
            if not same_grid(cube.grid, self.grid):
                raise InputError(f"{path} lies on {cube.grid}, not on the site's grid {self.grid}", REMAKE)
            if dates is not None and not np.array_equal(dates, cube.dates["time"]):
                raise InputError(f"{path} has other dates than {paths[0]}", REMAKE)
            dates, seen = cube.dates["time"], np.isfinite(cube.values["ndvi"])
            total = total + np.where(seen, cube.values["ndvi"], np.float32(0))
            count = count + seen.astype(np.int16)
        if dates is None:
            raise InputError("A guide names no cube", "give its method seeds, or leave it out of `guides:`")
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
        part = self.grid if window == EVERYWHERE else self.grid[window]
        return Series(mean[:, None], dates, ("ndvi",), part)


def guided(
    fine: Series, guides: Mapping[str, Series], aux: Mapping[str, Series], dates: NDArray[np.datetime64]
) -> Task:
    """The task of filling `fine` on `dates`: the guide `GUIDE` is its coarse series, empty where there is none."""
    values: FloatArray = np.empty((0, 1, *fine.grid.shape), np.float32)
    none = Series(values, np.array([], "datetime64[D]"), ("ndvi",), fine.grid)
    others = {name: series for name, series in guides.items() if name != GUIDE}
    if both := sorted(set(others) & set(aux)):
        raise InputError(f"{both} name guides and auxiliary series alike", "give the guides other names")
    return Task(fine, guides.get(GUIDE, none), 1.0, dates, {**aux, **others})
