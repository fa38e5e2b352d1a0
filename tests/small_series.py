"""Small simulated pixel series for tests: seasons of NDVI with cuts, seen through clouds, and what radar says of them.

Fields of 4 x 4 pixels share a season. Everything is drawn from the seed, so two calls with the same arguments give
the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from factory import make_grid
from stfuse.task import FloatArray, Series, Task, Window

FIELD = 4
"""Pixels a side of a field."""

BEGIN = np.datetime64("2021-01-01")


@dataclass(frozen=True)
class SmallSample:
    """Series in memory as `stfuse.task.Sample` shows them; `looked` remembers the windows that were read."""

    task: Task
    looked: list[Window] = field(default_factory=list)

    @property
    def grid(self) -> GeoBox:
        """Of all series."""
        return self.task.fine.grid

    @property
    def grids(self) -> Iterable[GeoBox]:
        """All are one."""
        return [series.grid for series in (self.task.coarse, *self.task.aux.values())]

    @property
    def bands(self) -> tuple[str, ...]:
        """NDVI."""
        return self.task.fine.bands

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """The optical dates."""
        return self.task.dates

    def crop(self, window: Window) -> Task:
        """The same window of every series."""
        self.looked.append(window)

        def cut(series: Series) -> Series:
            return Series(series.values[..., *window], series.dates, series.bands, series.grid[window])

        aux = {name: cut(series) for name, series in self.task.aux.items()}
        return replace(self.task, fine=cut(self.task.fine), coarse=cut(self.task.coarse), aux=aux)

    def truth(self, window: Window) -> FloatArray:
        """The optical values of a window, NaN = not observed."""
        return self.task.fine.values[..., *window]


def true_ndvi(shape: tuple[int, int], dates: NDArray[np.datetime64], seed: int = 0) -> FloatArray:
    """The NDVI of every pixel on any dates from 2021 on, shape (time, y, x): double logistics, a cut in half of them.

    Each year has the same season. A cut takes off up to 0.4 at once and is grown over within 40 days.
    """
    rng = np.random.default_rng([seed, 0])
    fields = -(-shape[0] // FIELD), -(-shape[1] // FIELD)
    draw = [rng.uniform(low, high, fields) for low, high in ((0.12, 0.3), (0.35, 0.6), (90, 150), (220, 290), (6, 20))]
    cut_day, depth = rng.uniform(150, 230, fields), rng.uniform(0.15, 0.4, fields) * (rng.random(fields) < 0.5)
    of_pixels = [np.kron(a, np.ones((FIELD, FIELD)))[: shape[0], : shape[1]] for a in (*draw, cut_day, depth)]
    base, height, up, down, slope, cut_day, depth = of_pixels
    base = base + rng.normal(0, 0.02, shape)
    day = ((dates - BEGIN).astype(float) % 365.25)[:, None, None]
    season = 1 / (1 + np.exp(-(day - up) / slope)) - 1 / (1 + np.exp(-(day - down) / slope))
    since = day - cut_day
    loss = np.where((since >= 0) & (since < 40), depth * (1 - since / 40), 0)
    return np.asarray(base + height * season - loss * season, np.float32)


def make_series(
    shape: tuple[int, int] = (12, 16),
    days: int = 365,
    cloud: float = 0.6,
    noise: float = 0.01,
    radar_noise: float = 0.1,
    seed: int = 0,
    dates: NDArray[np.datetime64] | None = None,
) -> SmallSample:
    """A sample: optical NDVI every fifth day with clouds, NDVI from radar and vv, vh every sixth.

    Parameters
    ----------
    days : int
        Length of the series, from 2021-01-01 on.
    cloud : float
        Share of fields that a cloud hides on each optical date, 0..1.
    noise, radar_noise : float
        Standard deviation of the errors of optical NDVI and of NDVI from radar.
    dates : ndarray of datetime64[D], optional
        Dates to predict; the optical ones, unless given. The truth of any: ``true_ndvi(shape, dates, seed)``.
    """
    rng, grid = np.random.default_rng([seed, 1]), make_grid(shape)
    optical, radar = BEGIN + np.arange(2, days, 5), BEGIN + np.arange(0, days, 6)
    seen = true_ndvi(shape, optical, seed) + rng.normal(0, noise, (len(optical), *shape))
    hidden = rng.random((len(optical), -(-shape[0] // FIELD), -(-shape[1] // FIELD))) < cloud
    seen[np.kron(hidden, np.ones((1, FIELD, FIELD), bool))[:, : shape[0], : shape[1]]] = np.nan
    below = true_ndvi(shape, radar, seed)
    guide = below + rng.normal(0, radar_noise, below.shape)
    level = np.array([-14.0, -23.0])[:, None, None] + np.array([5.0, 9.0])[:, None, None] * below[:, None]
    backscatter = level + rng.normal(0, 1.2, level.shape)
    task = Task(
        Series(seen[:, None].astype(np.float32), optical, ("ndvi",), grid),
        Series(guide[:, None].astype(np.float32), radar, ("ndvi",), grid),
        1.0,
        optical if dates is None else dates,
        {"sar": Series(backscatter.astype(np.float32), radar, ("vv", "vh"), grid)},
    )
    return SmallSample(task)


def without_radar(sample: SmallSample) -> SmallSample:
    """The same with optical series alone: a guide of no dates, no backscatter."""
    grid, none = sample.grid, np.empty(0, "datetime64[D]")
    guide = Series(np.empty((0, 1, *grid.shape), np.float32), none, ("ndvi",), grid)
    return SmallSample(replace(sample.task, coarse=guide, aux={}))
