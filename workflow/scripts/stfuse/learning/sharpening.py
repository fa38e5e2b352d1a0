"""The first stage of DSTFN and ESRCNN: the fine sensor's coarser bands come to the pixels of its finest ones.

Wu et al. 2022, section 3.2, after Shao et al. 2019: with Wald's protocol, Sentinel-2's 20 m bands are the truth, what
they are averaged over 40 m the coarse image, its 10 m bands averaged over 20 m the fine one; what was learnt there is
used at 20 and 10 m. Both images are of one day: each stage is a task as any other, with one date.

In the methods' second stage it is the references of predictions that are sharpened, not those of training. Where
training degrades them to pixels of 30 m, these are larger than 20 m and hold all that the bands saw themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.channels import alike, has
from stfuse.crops import covering
from stfuse.grid import coarser, degrade, regrid
from stfuse.learning.weights import part, staged
from stfuse.task import FloatArray, Sample, Scene, Series, State, Task, Window

__all__ = ["GUIDE", "GUIDES", "NATIVE", "NativeSample", "fit_stages", "native_samples", "predict_stages", "sharpened"]

NATIVE, GUIDE = "native", "guide"
"""The auxiliary series: the fine sensor's coarser bands in their own pixels, and its bands in the finest pixels."""

GUIDES = ("blue", "green", "red", "nir")
"""Bands of `GUIDE` that were seen in such pixels (10 m); the others were only resampled to them."""

Edges = tuple[int, int, int, int]


def _usable(task: Task) -> bool:
    """Whether there is something to sharpen, and something finer to sharpen it with."""
    if not (has(task, NATIVE) and has(task, GUIDE)):
        return False
    native, guide = task.aux[NATIVE], task.aux[GUIDE]
    finer = abs(guide.grid.affine.a) < 0.99 * abs(native.grid.affine.a)
    return finer and set(GUIDES) <= set(guide.bands) and bool(set(native.bands) & set(task.fine.bands))


def _image(series: Series, date: np.datetime64, bands: tuple[str, ...]) -> Series:
    """Bands of one date, which the series has."""
    chosen = [series.bands.index(band) for band in bands]
    values = series.values[np.flatnonzero(series.dates == date)[:1]][:, chosen]
    return Series(values, np.array([date], "datetime64[D]"), bands, series.grid)


def _dates(task: Task) -> list[np.datetime64]:
    """Days of which both series have an image."""
    return sorted(set(task.aux[NATIVE].dates) & set(task.aux[GUIDE].dates))


@dataclass(frozen=True)
class NativeSample:
    """A reference date of a sample, degraded to learn sharpening from; see `stfuse.task.Sample`.

    Attributes
    ----------
    sample : Scene
        With `NATIVE` and `GUIDE` beside its fine images.
    date : datetime64[D]
    grid : GeoBox
        The pixels of `NATIVE`, all of them.
    factor : float
        How much both are degraded: 20 m / 10 m.
    bands : tuple of str
        Those of `NATIVE`.
    """

    sample: Scene
    date: np.datetime64
    grid: GeoBox
    factor: float
    bands: tuple[str, ...]

    @cached_property
    def grids(self) -> list[GeoBox]:
        """The grid of the degraded bands."""
        return [coarser(self.grid, self.factor)]

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """The one date."""
        return np.array([self.date], "datetime64[D]")

    def _seen(self, part: GeoBox) -> Task:
        return self.sample.crop(covering(self.sample.grid, part))

    def crop(self, window: Window) -> Task:
        """The task for a window of the native grid: guides of its pixels, bands of larger ones."""
        part, (wide,) = self.grid[window], self.grids
        small = wide[covering(wide, part)]
        task = self._seen(small)
        native = _image(task.aux[NATIVE], self.date, self.bands)
        guide = _image(task.aux[GUIDE], self.date, GUIDES)
        fine = Series(degrade(guide.values, guide.grid, part), self.dates, GUIDES, part)
        coarse = Series(degrade(native.values, native.grid, small), self.dates, self.bands, small)
        return Task(fine, coarse, self.factor, self.dates)

    def truth(self, window: Window) -> FloatArray:
        """What the bands were seen to be, shape (1, band, y, x)."""
        part = self.grid[window]
        native = _image(self._seen(part).aux[NATIVE], self.date, self.bands)
        return native.values[..., *_window(native.grid, part)]


def _window(grid: GeoBox, part: GeoBox) -> Window:
    """Rows and columns of a grid that are another's, which lies within it pixel on pixel."""
    to_grid = ~grid.affine @ part.affine
    row, column = round(to_grid.f), round(to_grid.c)
    return slice(row, row + part.height), slice(column, column + part.width)


def native_samples(samples: Iterable[Sample]) -> list[NativeSample]:
    """What sharpening is learnt from: each reference date of each place once; empty where there is nothing.

    Parameters
    ----------
    samples : iterable of Sample
        Of any training; their own truth is not looked at.
    """
    found: dict[tuple[GeoBox, str], NativeSample] = {}
    for sample in samples:
        height, width = sample.grid.shape
        first = sample.crop((slice(0, 1), slice(0, 1)))
        if not _usable(first):
            continue
        last = sample.crop((slice(height - 1, height), slice(width - 1, width))).aux[NATIVE].grid
        native, guide = first.aux[NATIVE], first.aux[GUIDE]
        # Both crops end where the series' own grid does.
        end = ~native.grid.affine @ last.affine
        grid = GeoBox((round(end.f) + last.height, round(end.c) + last.width), native.grid.affine, native.grid.crs)
        factor = abs(native.grid.affine.a / guide.grid.affine.a)
        for date in _dates(first):
            found.setdefault((grid, str(date)), NativeSample(sample, date, grid, factor, native.bands))
    return list(found.values())


def sharpened(task: Task, sharpen: Callable[[Task, Edges], FloatArray], around: int) -> Task:
    """The task with the bands of its fine images sharpened that were seen in larger pixels than theirs.

    Parameters
    ----------
    sharpen : callable
        (task of one date, on the guide's grid with the native bands as its coarse image; first row, row after the
        last, first and last column of what is asked for) -> bands (band, y, x) on the guide's grid.
    around : int
        Fine pixels around the core that are looked at; further out nothing is sharpened.

    Returns
    -------
    Task
        Where the native image or the guide has gaps, and at dates that have none, bands stay as they are; gaps of
        the fine images stay gaps.
    """
    if not (_usable(task) and abs(task.fine.grid.affine.a) < 0.99 * abs(task.aux[NATIVE].grid.affine.a)):
        return task
    fine, native, guide = task.fine, task.aux[NATIVE], task.aux[GUIDE]
    top, bottom, left, right = task.edges
    rows = slice(max(top - around, 0), min(bottom + around, fine.grid.height))
    columns = slice(max(left - around, 0), min(right + around, fine.grid.width))
    asked = covering(guide.grid, fine.grid[rows, columns])
    edges = (asked[0].start, asked[0].stop, asked[1].start, asked[1].stop)
    bands = tuple(band for band in native.bands if band in fine.bands)
    values = fine.values.copy()
    for date in _dates(task):
        coarse = _image(native, date, native.bands)
        one = Task(_image(guide, date, GUIDES), coarse, native.grid.affine.a / guide.grid.affine.a, coarse.dates)
        said = _onto(sharpen(one, edges), guide.grid, fine.grid)
        for i in np.flatnonzero(fine.dates == date):
            for band in bands:
                old = values[i, fine.bands.index(band)][rows, columns]
                new = said[native.bands.index(band)][rows, columns]
                old[:] = np.where(np.isfinite(old) & np.isfinite(new), new, old)
    return replace(task, fine=replace(fine, values=values))


def _onto(values: FloatArray, grid: GeoBox, fine: GeoBox) -> FloatArray:
    """Sharpened bands on the fine grid: the same pixels where they are the same."""
    size = abs(fine.affine.a / grid.affine.a)
    return regrid(values, grid, fine, "nearest" if abs(size - 1) < 1e-6 else "average" if size > 1 else "cubic")


def fit_stages(
    samples: Iterable[Sample], sharpen: bool, learn: Callable[[Sequence[Sample], str], State], name: str
) -> State:
    """Train a method in two stages where the samples hold what the first needs, else in the second alone.

    Parameters
    ----------
    sharpen : bool
        Whether a first stage is wanted.
    learn : callable
        (samples, name of the training) -> the state of one stage.

    Returns
    -------
    State
        Of the one training, or of two (``sharpen``, ``fuse``).
    """
    kept = alike(samples, "pan")
    native = native_samples(kept) if sharpen else []
    first = learn(native, f"{name}, sharpening") if native else {}
    second = learn(kept, name)
    return staged(sharpen=first, fuse=second) if first else second


def predict_stages(
    task: Task, state: State, said: Callable[[Task, State, Edges], FloatArray], around: int
) -> FloatArray:
    """Predict each date of a task with what `fit_stages` learned.

    Parameters
    ----------
    said : callable
        (task of one date, state of one stage, core) -> bands (band, y, x).
    around : int
        Fine pixels around the core that the second stage looks at.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
    """
    fuse = state
    if any(name.startswith("sharpen.") for name in state):
        first, fuse = part(state, "sharpen"), part(state, "fuse")
        task = sharpened(task, lambda one, core: said(one, first, core), around)
    dates = [task.dates[i : i + 1] for i in range(len(task.dates))]
    return np.stack([said(replace(task, dates=date), fuse, task.edges) for date in dates])
