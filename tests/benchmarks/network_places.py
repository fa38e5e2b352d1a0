"""Simulated places as sensors see them: all images of a place that `networks` trains on and predicts.

Nothing is hidden by clouds and all images are registered, as the papers' are; noise, blur, bands and what atmospheric
correction leaves behind stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from benchmarks.method_runs import pick
from benchmarks.simulated_cases import BANDS, QUIET, fine_grid, true_images, world_of
from factory import days
from preset_sites import SETTINGS, sensor
from stfuse import cases
from stfuse.crops import Known
from stfuse.grid import coarser, degrade, regrid
from stfuse.needs import Needs
from stfuse.simulated.instruments import gather
from stfuse.simulated.sensors.landsat8 import OLI_OF_MSI
from stfuse.simulated.surface import World
from stfuse.task import FloatArray, Series, Task

WU_SIDE, MICHEL_SIDE = 2160.0, 1800.0
"""Metres: 216 x 216 pixels of 10 m or 72 x 72 of 30 m, and 360 x 360 of 5 m."""
WU_WORLD, MICHEL_WORLD = 5.0, 2.5
"""Metres: pixels of the truth."""
FOUR = ("blue", "green", "red", "nir08")
NATIVE, GUIDE = ("nir08", "swir16", "swir22"), ("blue", "green", "red", "nir")
"""Sentinel-2's bands of 20 m that the experiments use, and those of 10 m."""
WU_RATIO, WU_PIXELS = 3, {"30 m from 90 m": 30.0, "10 m from 30 m": 10.0}


@dataclass(frozen=True, eq=False)
class Place:
    """All images of a place at one scale.

    Attributes
    ----------
    fine, coarse : Series
        The sensors' images; which of the fine ones may be references, each task says.
    truth : Series
        On the fine grid, of the dates that are predicted or learned from.
    ratio : float
        Coarse pixel / fine pixel.
    aux : mapping of str to Series
        Images of the coarse dates.
    beside : mapping of str to Series
        Images of the fine dates, in pixels of their own.
    """

    fine: Series
    coarse: Series
    truth: Series
    ratio: float
    aux: Mapping[str, Series] = field(default_factory=dict)
    beside: Mapping[str, Series] = field(default_factory=dict)

    def goal(self, target: str) -> FloatArray:
        """The true fine image of a date, shape (band, y, x)."""
        return self.truth.values[self.truth.dates.astype(str).tolist().index(target)]

    def task(self, needs: Needs, target: str, usable: Sequence[str]) -> Task | None:
        """What a method with these needs sees to predict a date; None where it lacks references or series."""
        chosen = cases.references(needs, target, [d for d in usable if d != target])
        if chosen is None or not set(needs.aux) <= set(self.aux):
            return None
        seen = [target] * needs.coarse + list(chosen) * needs.pairs
        more = {name: pick(self.aux[name], seen) for name in {*needs.aux, *needs.uses} & set(self.aux)}
        more |= {name: pick(self.beside[name], chosen) for name in set(needs.beside) & set(self.beside)}
        return Task(pick(self.fine, chosen), pick(self.coarse, seen), self.ratio, days(target), more)

    def known(self, needs: Needs, target: str, usable: Sequence[str]) -> Known | None:
        """The same with its truth, to learn from."""
        task = self.task(needs, target, usable)
        return None if task is None else Known(task, self.goal(target)[None])

    def with_bands(self, bands: Sequence[str]) -> Place:
        """The same place seen in some of its bands."""

        def of(series: Series) -> Series:
            wanted = [series.bands.index(b) for b in bands]
            return replace(series, values=series.values[:, wanted], bands=tuple(bands))

        return replace(self, fine=of(self.fine), coarse=of(self.coarse), truth=of(self.truth))


@dataclass(frozen=True, eq=False)
class Eye:
    """One instrument over a world; every day is acquired once."""

    name: str
    optics: Any

    @cache  # noqa: B019 - lives as long as the place is made
    def measured(self, day: str) -> dict[str, tuple[FloatArray, GeoBox]]:
        """Values and grid of every band."""
        return dict(self.optics.acquire(date.fromisoformat(day)).measured)

    def images(self, dates: Sequence[str], bands: Sequence[str], grid: GeoBox) -> FloatArray:
        """Images on a grid, shape (time, band, y, x): area means of smaller pixels, else bicubic convolution."""

        def one(values: FloatArray, source: GeoBox) -> FloatArray:
            if source.resolution.x < grid.resolution.x * (1 - 1e-6):
                return gather(values, source, grid)
            return regrid(values, source, grid, "cubic")

        return np.stack([np.stack([one(*self.measured(d)[b]) for b in bands]) for d in dates])

    def series(self, dates: Sequence[str], bands: Sequence[str], grid: GeoBox) -> Series:
        """The same as a series."""
        return Series(self.images(dates, bands, grid), days(*dates), tuple(bands), grid)


def eye(site: str, world: World, instrument: str) -> Eye:
    """An instrument over a site's world without clouds or displacement."""
    settings = replace(SETTINGS[site], resolution=world.pixel, **QUIET, misregistration=0.0)
    observer = sensor(instrument).observer(world, settings)
    return Eye(instrument, getattr(observer, "fine", observer).optics)


def wu_place(site: str, setting: str, landsat_dates: Sequence[str], sentinel_dates: Sequence[str]) -> Place:
    """A place of Wu et al. 2022 in one of `WU_PIXELS`.

    30 m from 90 m is the paper's reduced scale: what Landsat-8 saw is the truth, its mean over 90 m the coarse image,
    the mean of its panchromatic image over 45 m comes with it, Sentinel-2's mean over 30 m is the reference.
    10 m from 30 m is the original scale: the truth is that of the world.
    """
    world = world_of(site, WU_SIDE, WU_WORLD)
    landsat, sentinel = (eye(site, world, name) for name in ("landsat8", "sentinel2"))
    fine, middle = fine_grid(world, WU_PIXELS[setting]), fine_grid(world, 30.0)
    slopes, offsets = np.array([OLI_OF_MSI[b] for b in BANDS], np.float32).T[:, :, None, None]
    seen = (landsat.images(landsat_dates, BANDS, middle) - offsets) / slopes  # in Sentinel-2's bands
    pan = landsat.series(landsat_dates, ("pan",), fine_grid(world, 15.0))
    dates = days(*landsat_dates)
    if fine == middle:
        small, half = coarser(fine, WU_RATIO), coarser(pan.grid, WU_RATIO)
        pan = Series(degrade(pan.values, pan.grid, half), dates, pan.bands, half)
        truth, coarse = seen, Series(degrade(seen, fine, small), dates, BANDS, small)
    else:
        truth, coarse = true_images(world, fine, landsat_dates), Series(seen, dates, BANDS, middle)
    own = {"native": (NATIVE, 20.0), "guide": (GUIDE, 10.0)}
    beside = {k: sentinel.series(sentinel_dates, b, fine_grid(world, m)) for k, (b, m) in own.items()}
    references = sentinel.series(sentinel_dates, BANDS, fine)
    return Place(references, coarse, Series(truth, dates, BANDS, fine), WU_RATIO, {"pan": pan}, beside)


def michel_place(site: str, ratio: float, guides: Sequence[str], targets: Sequence[str]) -> Place:
    """A place of Michel et al. 2022: 5 m from Sentinel-2 at 25 m or 12.5 m, with guides of Venus.

    As in the paper, a line for each date and band brings Sentinel-2 to Venus; here it is fitted to what Venus sees of
    the same day, averaged over the coarse pixels.
    """
    world = world_of(site, MICHEL_SIDE, MICHEL_WORLD)
    venus, sentinel = (eye(site, world, name) for name in ("venus", "sentinel2"))
    fine = fine_grid(world, 5.0)
    small, every = coarser(fine, ratio), sorted({*guides, *targets})
    truth = venus.series(every, FOUR, fine)
    seen = np.stack(
        [np.stack([gather(*sentinel.measured(d)[b], small) for b in FOUR]) for d in every]
    )
    means = degrade(truth.values, fine, small)
    coarse = Series(np.stack([_fitted(*images) for images in zip(seen, means, strict=True)]), truth.dates, FOUR, small)
    return Place(pick(truth, guides), coarse, truth, ratio)


def _fitted(images: FloatArray, means: FloatArray) -> FloatArray:
    """Images (band, y, x), each band on the line that brings it nearest to other ones."""
    lines = [np.polyfit(one.ravel().astype(np.float64), other.ravel(), 1) for one, other in zip(images, means, strict=True)]
    return np.stack([slope * one + offset for (slope, offset), one in zip(lines, images, strict=True)]).astype(np.float32)
