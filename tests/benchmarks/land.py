"""The land of the benchmarks: fields, woods and water of any size, any part of it made on its own.

Every pixel follows from its place and the seed alone, so a window of a scene that was never made as a whole
has the very values the whole would have. Values are those that an image keeps on disk (steps of 1e-4).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.crops import covering
from stfuse.grid import coarser, site_grid
from stfuse.needs import Needs
from stfuse.raster import NODATA, SCALE
from stfuse.task import FloatArray, Series, Task, Window

BANDS = ("red", "nir08", "green", "blue", "swir16", "swir22")
AUX_BANDS = {"sar": ("vv", "vh")}
TARGET = np.datetime64("2023-06-20")
REFERENCES = {"none": (), "nearest": (-15,), "bracketing": (-15, 20), "all": (-47, -15, 20, 52)}
"""Days from the target to the reference images of each choice."""
CORNER, RESOLUTION, CRS = (499980.0, 5600040.0), 10.0, "EPSG:32631"
PARCEL = 22
"""Fine pixels between the middles of neighbouring parcels."""
ZONE, CLOUD = 9, 200
"""Parcels a side of a zone of one land cover; fine pixels a side of a square with at most one cloud."""
LEVEL = np.array([[0.12, 0.22, 0.11, 0.09, 0.22, 0.17], [0.03, 0.24, 0.05, 0.03, 0.14, 0.07],
                  [0.03, 0.02, 0.04, 0.04, 0.01, 0.01], [0.15, 0.23, 0.13, 0.11, 0.21, 0.18]])  # fmt: skip
GREEN = np.array([[-0.08, 0.28, -0.04, -0.05, -0.07, -0.09], [-0.01, 0.12, 0.01, 0.0, -0.01, -0.02],
                  [0.0, 0.0, 0.005, 0.0, 0.0, 0.0], [-0.02, 0.04, -0.01, -0.01, -0.01, -0.02]])  # fmt: skip
"""Reflectance of bare fields, woods, water and towns, and what full leaf adds to it."""


def mixed(*keys: Any) -> NDArray[np.float32]:
    """A number in 0..1 that looks random and depends on whole numbers alone; arrays broadcast."""
    value: Any = np.uint32(0x9E3779B9)
    with np.errstate(over="ignore"):  # it is meant to
        for key in keys:
            value = (value ^ np.asarray(key).astype(np.uint32)) * np.uint32(0x85EBCA6B)
            value = (value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35)
            value = value ^ (value >> np.uint32(16))
    return (value >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def real(stored: NDArray[np.int16]) -> FloatArray:
    """What a reader makes of stored numbers."""
    return np.where(stored == NODATA, np.float32(np.nan), stored.astype(np.float32) * np.float32(SCALE))


@dataclass(frozen=True)
class Land:
    """A square scene and the images that a method asks for; one of `stfuse.task.Scene`.

    Attributes
    ----------
    size : int
        Fine pixels a side.
    count : int
        Bands, 1..6.
    ratio : int
        Coarse pixel / fine pixel.
    needs : Needs
        What the method takes.
    references : str
        Which fine images there are, of `REFERENCES`.
    gaps : bool
        Whether there are clouds.
    """

    size: int
    count: int = 3
    ratio: int = 3
    needs: Needs = Needs()  # noqa: RUF009 - frozen
    references: str = "none"
    gaps: bool = True
    seed: int = 1

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands."""
        return BANDS[: self.count]

    @cached_property
    def grid(self) -> GeoBox:
        """The fine grid."""
        (left, top), metres = CORNER, self.size * RESOLUTION
        return site_grid(CRS, (left, top - metres, left + metres, top), RESOLUTION)

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """The date to predict."""
        return np.array([TARGET])

    @cached_property
    def factors(self) -> dict[str, int]:
        """Pixel size of each series over the fine one: auxiliary ones lie half-way to the coarse."""
        names = ("coarse", *self.needs.aux)
        return {"fine": 1, **{name: self.ratio if name == "coarse" else max(self.ratio // 2, 1) for name in names}}

    def grid_of(self, role: str) -> GeoBox:
        """The grid of ``fine``, ``coarse`` or an auxiliary series."""
        return self.grid if role == "fine" else coarser(self.grid, self.factors[role])

    @property
    def grids(self) -> Iterable[GeoBox]:
        """The grids of all series but the fine one."""
        return [self.grid_of(role) for role in self.factors if role != "fine"]

    def bands_of(self, role: str) -> tuple[str, ...]:
        """Names of the bands of a series."""
        return self.bands if role in ("fine", "coarse") else AUX_BANDS.get(role, (role,))

    def days_of(self, role: str) -> Sequence[int]:
        """Days from the target to each image of a series."""
        asked = REFERENCES[self.references]
        if role == "fine":
            return asked
        wanted = role != "coarse" or self.needs.coarse
        return sorted({*((0,) if wanted else ()), *(asked if self.needs.pairs and role == "coarse" else ())})

    def crop(self, window: Window) -> Task:
        """The task for a window of the fine grid."""
        part = self.grid[window]
        # As `stfuse.crops.crop` has it: what lies on the fine grid goes by its pixels.
        grids = {role: self.grid_of(role) for role in self.factors}
        windows = {role: window if grid == self.grid else covering(grid, part) for role, grid in grids.items()}
        series = {role: self._series(role, cut) for role, cut in windows.items()}
        fine = self._series("fine", window)
        aux = {name: series[name] for name in self.needs.aux}
        return Task(fine, series["coarse"], float(self.ratio), self.dates, aux)

    def whole(self) -> Task:
        """The task for the whole scene."""
        return self.crop((slice(0, self.size), slice(0, self.size)))

    def truth(self) -> FloatArray:
        """What a prediction of the whole scene should be, shape (1, band, y, x)."""
        everything = slice(0, self.size), slice(0, self.size)
        return real(self._surface(0, everything))[None]

    def _series(self, role: str, window: Window) -> Series:
        days, grid = self.days_of(role), self.grid_of(role)[window]
        images = [self.real_image(role, day, window) for day in days]
        values = np.stack(images) if images else np.empty((0, len(self.bands_of(role)), *grid.shape), np.float32)
        return Series(values, TARGET + np.array(days, "timedelta64[D]"), self.bands_of(role), grid)

    def real_image(self, role: str, day: int, window: Window) -> FloatArray:
        """One image as a reader gives it, shape (band, y, x), NaN = not observed; see `image`."""
        return real(self.image(role, day, window))

    def image(self, role: str, day: int, window: Window) -> NDArray[np.int16]:
        """One image as it is stored, shape (band, y, x): the surface, or its mean over larger pixels.

        Parameters
        ----------
        role : str
            ``fine``, ``coarse`` or an auxiliary series.
        day : int
            Days from the target.
        window : (slice, slice)
            Rows and columns of the series' own grid.
        """
        factor = self.factors[role]
        rows, columns = (slice(part.start * factor, min(part.stop * factor, self.size)) for part in window)
        stored = self._surface(day, (rows, columns))
        if self.gaps:
            stored[:, self._clouded(day, rows, columns)] = NODATA
        if role not in ("fine", "coarse"):
            mean = np.where((stored == NODATA).any(axis=0), NODATA, stored.mean(axis=0)).astype(np.int16)
            stored = np.repeat(mean[None], len(self.bands_of(role)), axis=0)
        return stored if factor == 1 else means(stored, factor)

    def _surface(self, day: int, window: Window) -> NDArray[np.int16]:
        """The ground without clouds, in stored numbers, shape (band, y, x)."""
        rows, columns = (np.arange(part.start, part.stop, dtype=np.int32) for part in window)
        first, cells = self._cells(rows, columns)
        chosen = self._parcels(rows, columns, first, cells)
        (y, x), s = np.meshgrid(*cells, indexing="ij"), self.seed
        zone = mixed(s, 1, y // ZONE, x // ZONE)
        cover = np.digitize(np.where(mixed(s, 2, y, x) < 0.9, zone, mixed(s, 3, y, x)), (0.68, 0.88, 0.94))
        # Crops are at their greenest in early or in late summer, each field some days off.
        crop = np.where(mixed(s, 4, y, x) < 0.5, -35.0, 45.0) + 30 * mixed(s, 5, y, x)
        leaf = np.where(cover == 0, np.exp(-(((day - crop) / 40) ** 2)), 0.8 + 0.2 * np.exp(-((day / 60) ** 2)))
        slope = np.sin(rows / 170)[:, None] * np.cos(columns / 230)
        out = np.empty((self.count, len(rows), len(columns)), np.int16)
        for b in range(self.count):
            own = 1 + 0.24 * (mixed(s, 6 + b, y, x) - 0.5)
            parcel = (((LEVEL[cover, b] + GREEN[cover, b] * leaf) * own) / SCALE).astype(np.float32).ravel()
            grain = mixed(s, 20 + b, rows[:, None], columns) * np.float32(0.14)
            value = parcel[chosen] * (np.float32(0.93) + grain + np.float32(0.04) * slope.astype(np.float32))
            out[b] = np.rint(np.clip(value, 1, 10000))
        return out

    def _cells(self, rows: NDArray[np.int32], columns: NDArray[np.int32]) -> tuple[tuple[int, int], list[Any]]:
        """First parcel and all parcels, by row and column, that may reach into a window."""
        cells = [np.arange(part[0] // PARCEL - 1, part[-1] // PARCEL + 2) for part in (rows, columns)]
        return (int(cells[0][0]), int(cells[1][0])), cells

    def _parcels(
        self, rows: NDArray[np.int32], columns: NDArray[np.int32], first: tuple[int, int], cells: list[Any]
    ) -> NDArray[np.int32]:
        """Which parcel each pixel lies in: that of the nearest middle, the larger of two distances counting."""
        y, x = np.meshgrid(*cells, indexing="ij")
        middle_y = ((y + 0.1 + 0.8 * mixed(self.seed, 30, y, x)) * PARCEL).astype(np.float32)
        middle_x = ((x + 0.1 + 0.8 * mixed(self.seed, 31, y, x)) * PARCEL).astype(np.float32)
        # Fields are longer one way than the other.
        longer = np.where(mixed(self.seed, 32, y, x) < 0.5, 0.6, 1.0).astype(np.float32)
        wide = len(cells[1])
        near_y, near_x = rows // PARCEL - first[0], columns // PARCEL - first[1]
        best = np.full((len(rows), len(columns)), np.inf, np.float32)
        chosen = np.zeros(best.shape, np.int32)
        for j in (-1, 0, 1):
            for i in (-1, 0, 1):
                at = (near_y[:, None] + j) * wide + (near_x + i)[None]
                long = longer.ravel()[at]
                away = np.abs(rows[:, None].astype(np.float32) - middle_y.ravel()[at]) * long
                across = np.abs(columns[None].astype(np.float32) - middle_x.ravel()[at]) * (np.float32(1.6) - long)
                distance = np.maximum(away, across)
                nearer = distance < best
                best[nearer], chosen[nearer] = distance[nearer], at[nearer]
        return chosen

    def _clouded(self, day: int, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Where clouds of a date hide the ground."""
        hidden = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
        for y, x, radius in self._clouds(day, rows, columns):
            down, across = (touched(*at, radius) for at in ((rows, y), (columns, x)))
            away = np.add.outer((np.arange(*down) + rows.start - y) ** 2, (np.arange(*across) + columns.start - x) ** 2)
            hidden[slice(*down), slice(*across)] |= away < radius**2
        return hidden

    def _clouds(self, day: int, rows: slice, columns: slice) -> Iterator[tuple[float, float, float]]:
        """Middles and radii, in fine pixels, of the clouds that may touch a window."""
        for y in range(rows.start // CLOUD - 1, (rows.stop - 1) // CLOUD + 2):
            for x in range(columns.start // CLOUD - 1, (columns.stop - 1) // CLOUD + 2):
                key = (self.seed, 40, day, y, x)
                if mixed(*key) < 0.3:
                    middle = (y + float(mixed(*key, 1))) * CLOUD, (x + float(mixed(*key, 2))) * CLOUD
                    yield *middle, 20 + 60 * float(mixed(*key, 3))


def touched(part: slice, middle: float, radius: float) -> tuple[int, int]:
    """First pixel of `part`, counted from its start, within `radius` of a middle, and the one after the last."""
    first = min(max(math.floor(middle - radius), part.start), part.stop)
    last = max(min(math.ceil(middle + radius) + 1, part.stop), first)
    return first - part.start, last - part.start


def means(stored: NDArray[np.int16], factor: int) -> NDArray[np.int16]:
    """Means over larger pixels of which at least half is seen; sums of whole numbers, so of the same bits always."""
    height, width = stored.shape[1:]
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)

    def sums(values: NDArray[Any]) -> NDArray[np.int64]:
        down = np.add.reduceat(values, rows, axis=1, dtype=np.int64)
        return np.asarray(np.add.reduceat(down, columns, axis=2), np.int64)

    seen = stored != NODATA
    count = sums(seen)
    area = np.minimum(factor, height - rows)[:, None] * np.minimum(factor, width - columns)
    mean = np.rint(sums(np.where(seen, stored, 0)) / np.maximum(count, 1))
    return np.where(2 * count >= area, mean, NODATA).astype(np.int16)
