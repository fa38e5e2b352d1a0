"""Simulated places as sensors see them: all images of a place that `networks` trains on and predicts.

Nothing is hidden by clouds and all images are registered, as the papers' are; noise, blur, bands and what atmospheric
correction leaves behind stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from benchmarks.method_runs import pick
from benchmarks.simulated_cases import BANDS, QUIET, YANG_PIXEL, YANG_RATIO, fine_grid, true_images, world_of
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
FOUR = ("blue", "green", "red", "nir")
"""Sentinel-2's bands of 10 m; Venus's near-infrared band stands beside the last."""
OF_VENUS = ("blue", "green", "red", "nir08")
NATIVE, GUIDE = ("nir08", "swir16", "swir22"), FOUR
"""Of Sentinel-2: bands of 20 m and of 10 m."""
WU_RATIO, REDUCED, ORIGINAL = 3.0, "reduced, 30 m from 90 m", "original, 10 m from 30 m"


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

    optics: Any
    days: dict[str, dict[str, tuple[FloatArray, GeoBox]]] = field(default_factory=dict)

    def measured(self, day: str) -> dict[str, tuple[FloatArray, GeoBox]]:
        """Values and grid of every band."""
        if day not in self.days:
            self.days[day] = self.optics.acquire(date.fromisoformat(day)).measured
        return self.days[day]

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
    quiet: dict[str, Any] = QUIET | {"resolution": world.pixel, "misregistration": 0.0}
    observer: Any = sensor(instrument).observer(world, replace(SETTINGS[site], **quiet))
    return Eye(observer.optics)


def wu_places(
    site: str, landsat_dates: Sequence[str], sentinel_dates: Sequence[str], side: float = WU_SIDE
) -> dict[str, Place]:
    """A place of Wu et al. 2022 on a square of this side, metres, in both settings.

    `REDUCED` is the paper's reduced scale: what Landsat-8 saw is the truth, its mean over 90 m the coarse image,
    the mean of its panchromatic image over 45 m comes with it, Sentinel-2's mean over 30 m is the reference.
    `ORIGINAL` is the original scale: the truth is that of the world.
    """
    world = world_of(site, side, WU_WORLD)
    landsat, sentinel = (eye(site, world, name) for name in ("landsat8", "sentinel2"))
    slopes, offsets = np.array([OLI_OF_MSI[b] for b in BANDS], np.float32).T[:, :, None, None]
    dates, middle, narrow = days(*landsat_dates), fine_grid(world, 30.0), fine_grid(world, 15.0)
    seen = (landsat.images(landsat_dates, BANDS, middle) - offsets) / slopes  # in Sentinel-2's bands
    pan = landsat.series(landsat_dates, ("pan",), narrow)
    own = {"native": (NATIVE, 20.0), "guide": (GUIDE, 10.0)}
    beside = {k: sentinel.series(sentinel_dates, b, fine_grid(world, m)) for k, (b, m) in own.items()}

    def place(fine: GeoBox, truth: FloatArray, coarse: Series, pan: Series) -> Place:
        references = sentinel.series(sentinel_dates, BANDS, fine)
        return Place(references, coarse, Series(truth, dates, BANDS, fine), WU_RATIO, {"pan": pan}, beside)

    wide = _coarser(Series(seen, dates, BANDS, middle), WU_RATIO)
    small = fine_grid(world, 10.0)
    return {
        REDUCED: place(middle, seen, wide, _coarser(pan, WU_RATIO)),
        ORIGINAL: place(small, true_images(world, small, landsat_dates), Series(seen, dates, BANDS, middle), pan),
    }


def _coarser(series: Series, ratio: float) -> Series:
    grid = coarser(series.grid, ratio)
    return Series(degrade(series.values, series.grid, grid), series.dates, series.bands, grid)


def michel_places(
    site: str, ratios: Sequence[float], guides: Sequence[str], targets: Sequence[str], side: float = MICHEL_SIDE
) -> dict[float, Place]:
    """A place of Michel et al. 2022 by ratio: 5 m from Sentinel-2 at 25 m or 12.5 m, with guides of Venus.

    As in the paper, a line for each date and band brings Sentinel-2 to Venus; here it is fitted to what Venus sees of
    the same day, averaged over the coarse pixels.
    """
    world = world_of(site, side, MICHEL_WORLD)
    venus, sentinel = (eye(site, world, name) for name in ("venus", "sentinel2"))
    fine, every = fine_grid(world, 5.0), sorted({*guides, *targets})
    truth = Series(venus.images(every, OF_VENUS, fine), days(*every), FOUR, fine)
    places = {}
    for ratio in ratios:
        means = _coarser(truth, ratio)
        seen = [np.stack([gather(*sentinel.measured(d)[b], means.grid) for b in FOUR]) for d in every]
        fitted = np.stack([_fitted(*images) for images in zip(seen, means.values, strict=True)])
        places[ratio] = Place(pick(truth, guides), replace(means, values=fitted), truth, ratio)
    return places


def _fitted(images: FloatArray, others: FloatArray) -> FloatArray:
    """Images (band, y, x), each band on the line that brings it nearest to other ones."""
    out = np.empty_like(images)
    for image, other, made in zip(images, others, out, strict=True):
        slope, offset = np.polyfit(image.ravel().astype(np.float64), other.ravel(), 1)
        made[:] = slope * image + offset
    return out


def yang_place(site: str, resolution: float, dates: Sequence[str], side: float) -> Place:
    """A place of Yang et al. 2021: truth at 30 m, and its area means over 480 m, of every date."""
    world = world_of(site, side, resolution)
    grid = fine_grid(world, YANG_PIXEL)
    fine = Series(true_images(world, grid, dates), days(*dates), BANDS, grid)
    return Place(fine, _coarser(fine, YANG_RATIO), fine, YANG_RATIO)
