"""What dense series are made of, read from files window by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.crops import covering
from stfuse.cube import read_cube, read_window
from stfuse.errors import InputError
from stfuse.grid import ndvi, regrid, same_grid
from stfuse.raster import REMAKE, read_image
from stfuse.series import Dates, Dense, SeriesSettings, assemble
from stfuse.task import FloatArray, Window

STRIP = 64
"""Rows worked on at a time."""
SAMPLED = 9
"""Places of a site at which uncertainties are measured, `STRIP` pixels a side."""


class ImageFiles:
    """NDVI of images that stay on disk, by windows of the fine grid."""

    def __init__(self, paths: list[Path], names: list[str], grid: GeoBox) -> None:
        self.paths, self.names, self.grid = sorted(paths, key=lambda path: path.stem), names, grid
        try:
            self.dates: Dates = np.array([path.stem for path in self.paths], dtype="datetime64[D]")
        except ValueError as error:
            shown = [str(p) for p in self.paths]
            raise InputError(f"An image among {shown} has no date", "name images YYYY-MM-DD.tif") from error
        corner = (slice(0, 1), slice(0, 1))
        self.grids = [read_image(path, names, corner)[2] for path in self.paths]

    def read(self, window: Window) -> FloatArray:
        """Shape (time, y, x)."""
        part = self.grid[window]
        out = np.full((len(self.paths), *part.shape), np.nan, np.float32)
        for i, (path, own) in enumerate(zip(self.paths, self.grids, strict=True)):
            same = same_grid(own, self.grid)
            over = window if same else covering(own, part)
            values = read_image(path, self.names, over)[0]
            index = values[0] if self.names == ["ndvi"] else ndvi(values[0], values[1])
            out[i] = index if same else regrid(index[None], own[over], part, "bilinear")[0]
        return out


class FilledFiles:
    """The filled values nearest to the steps of the curve: what lies between them tells nothing else."""

    def __init__(self, path: Path | None, steps: Dates, grid: GeoBox) -> None:
        self.path, self.dates, self._at = path, np.zeros(0, "datetime64[D]"), np.zeros(0, np.intp)
        if path is None:
            return
        cube = read_cube(path, [])
        if not same_grid(cube.grid, grid):
            raise InputError(f"{path} lies on {cube.grid}, the series on {grid}", REMAKE)
        days = cube.dates["time"]
        apart = np.abs((days[:, None] - steps[None]).astype(int))
        near = apart.argmin(axis=0)
        step = int((steps[1] - steps[0]).astype(int)) if len(steps) > 1 else 1
        self._at = np.unique(near[2 * apart.min(axis=0) <= step])
        self.dates = days[self._at]

    def read(self, window: Window) -> tuple[FloatArray, FloatArray, Dates] | None:
        """Values, their standard deviations and dates; None without a cube."""
        if self.path is None:
            return None
        cube = read_window(self.path, ["ndvi", "uncertainty"], window)
        return cube.values["ndvi"][self._at], cube.values["uncertainty"][self._at], self.dates


@dataclass(frozen=True)
class SeriesParts:
    """What a series is made of."""

    observed: ImageFiles
    fused: ImageFiles
    filled: FilledFiles
    settings: SeriesSettings

    @property
    def dates(self) -> Dates:
        """Every date that has a value from any of them."""
        return np.unique(np.concatenate([self.observed.dates, self.fused.dates, self.filled.dates]))

    def images(self, tile: Window) -> tuple[Window, FloatArray, FloatArray]:
        """A block of the images, read by several threads at a time; NetCDF is not for threads."""
        return tile, self.observed.read(tile), self.fused.read(tile)

    def dense(self, window: Window, block: tuple[Window, FloatArray, FloatArray] | None) -> Dense:
        """The series of a window, of a block that holds it or read for itself."""
        tile, observed, fused = block or self.images(window)
        inner = [slice(w.start - t.start, w.stop - t.start) for w, t in zip(window, tile, strict=True)]
        seen, made = observed[:, *inner], fused[:, *inner]
        filled = self.filled.read(window)
        return assemble((seen, self.observed.dates), (made, self.fused.dates), self.settings, filled)


def strips(tile: Window) -> Iterator[Window]:
    """The rows of a window, `STRIP` at a time."""
    rows, columns = tile
    for start in range(rows.start, rows.stop, STRIP):
        yield slice(start, min(start + STRIP, rows.stop)), columns


def sampled(grid: GeoBox) -> list[Window]:
    """Windows of up to `SAMPLED` places spread over the grid."""
    side = int(np.sqrt(SAMPLED))

    def starts(length: int) -> list[slice]:
        at = np.unique(np.linspace(0, max(length - STRIP, 0), side).astype(int) // STRIP * STRIP)
        return [slice(int(start), min(int(start) + STRIP, length)) for start in at]

    return [(rows, columns) for rows in starts(grid.shape[0]) for columns in starts(grid.shape[1])]
