"""What a method sees and what it is measured by, read from the files that the workflow names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.crops import covering
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster import read_series
from stfuse.task import EVERYWHERE, FloatArray, Series, Task, Window

__all__ = ["SampleFiles", "TaskFiles", "grid_of", "read_task"]


def grid_of(entry: Mapping[str, Any]) -> GeoBox:
    """The grid that a sample describes by its ``crs``, ``bounds`` and ``resolution``."""
    left, bottom, right, top = (float(edge) for edge in entry["bounds"])
    return site_grid(entry["crs"], (left, bottom, right, top), float(entry["resolution"]))


@dataclass(frozen=True)
class TaskFiles:
    """A case that stays on disk and is read window by window; see `stfuse.task.Scene`. The truth is not opened.

    Attributes
    ----------
    sample : mapping
        ``date`` (ISO, the target), ``fine`` and ``coarse`` (paths named ``{date}.tif``), ``aux``
        (name -> paths), ``aux_bands`` (name -> bands) and ``grids`` (``fine``, ``coarse`` and ``aux`` by
        name, each with ``crs``, ``bounds``, ``resolution``).
    wanted : sequence of str
        STAC common names; for ``ndvi`` the red and the near-infrared band.
    variable : {"reflectance", "ndvi"}
    """

    sample: Mapping[str, Any]
    wanted: Sequence[str]
    variable: str

    @property
    def grid(self) -> GeoBox:
        """The fine grid."""
        return grid_of(self.sample["grids"]["fine"])

    @property
    def grids(self) -> list[GeoBox]:
        """The grids of the coarse and the auxiliary series."""
        grids = self.sample["grids"]
        return [grid_of(grids["coarse"]), *(grid_of(entry) for entry in grids.get("aux", {}).values())]

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the prediction."""
        return ("ndvi",) if self.variable == "ndvi" else tuple(self.wanted)

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """The date to predict."""
        return np.array([self.sample["date"]], dtype="datetime64[D]")

    @property
    def ratio(self) -> float:
        """Coarse pixel / fine pixel."""
        grids = self.sample["grids"]
        return float(grids["coarse"]["resolution"]) / float(grids["fine"]["resolution"])

    def crop(self, window: Window) -> Task:
        """Read the task for a window (rows, columns) of the fine grid.

        Raises
        ------
        InputError
            If an image cannot be read, lacks a band or lies on another grid.
        """
        fine, sample, grids = self.grid, self.sample, self.sample["grids"]
        part = fine if window == EVERYWHERE else fine[window]

        def read(paths: Sequence[str], bands: Sequence[str], variable: str, grid: GeoBox) -> Series:
            over = EVERYWHERE if window == EVERYWHERE else covering(grid, part)
            return read_series(paths, bands, variable, grid, over)

        return Task(
            fine=read_series(sample["fine"], self.wanted, self.variable, fine, window),
            coarse=read(sample["coarse"], self.wanted, self.variable, grid_of(grids["coarse"])),
            ratio=self.ratio,
            dates=self.dates,
            # As they are: their bands are never turned into the experiment's variable.
            aux={
                name: read(paths, sample["aux_bands"][name], "reflectance", grid_of(grids["aux"][name]))
                for name, paths in sample.get("aux", {}).items()
            },
        )


def read_task(sample: Mapping[str, Any], bands: Sequence[str], variable: str) -> Task:
    """Read what a method may see of one case, all of it; see `TaskFiles`.

    Raises
    ------
    InputError
        If an image cannot be read, lacks a band or lies on another grid.
    """
    return TaskFiles(sample, bands, variable).crop(EVERYWHERE)


@dataclass(frozen=True)
class SampleFiles(TaskFiles):
    """A case with the path of its ``truth``, to learn from window by window; see `stfuse.task.Sample`.

    Raises
    ------
    InputError
        If there is no truth.
    """

    def __post_init__(self) -> None:
        if not self.sample.get("truth"):
            raise InputError(
                f"The sample of {self.sample['date']} has no truth to learn from or to compare with",
                "use a protocol that observes its targets (reduced or withheld)",
            )

    def truth(self, window: Window) -> FloatArray:
        """Read the truth of a window of the fine grid, shape (1, band, y, x).

        Raises
        ------
        InputError
            If the image cannot be read, lacks a band or lies on another grid.
        """
        return read_series([self.sample["truth"]], self.wanted, self.variable, self.grid, window).values
