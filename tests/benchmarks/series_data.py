"""Real pixel series as samples in memory, and how each set is split for training and test.

`flanders_10d`, `flanders_monthly`, `uganda_monthly`: one pixel of each parcel, composites of Sentinel-2 and Sentinel-1;
folds of whole parcels, in Uganda of whole cells of a tenth of a degree. `slovenia`: every second pixel of a square
kilometre, Sentinel-2 alone; folds of quarters, and 2017 after 2015 and 2016. `fields`: every second pixel of a field in
Spain and of one in Belgium; trained on one, tested on the other. `bolivia`: one forest pixel of Landsat, cleared in
the end; nothing to train on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from factory import days, make_grid
from small_series import SmallSample
from stfuse.task import FloatArray, Series, Task

DATA = Path(__file__).parents[2] / "../shared/data"
WORLDCEREAL = DATA / "s2-s1-pixel-series-worldcereal"
SLOVENIA = DATA / "s2-ndvi-slovenia-eolearn"
FIELDS = DATA / "s2-ndvi-fields-fusets"
BOLIVIA = DATA / "s1-landsat-ndvi-pixel-bolivia-bayts"
MISSING = 65535


@dataclass(frozen=True)
class Pixels:
    """Series of pixels side by side.

    Attributes
    ----------
    ndvi : ndarray, shape (time, pixel), float32
        NaN = not observed.
    dates : ndarray, shape (time,), datetime64[D]
    backscatter : ndarray, shape (time, 2, pixel), float32, optional
        vv and vh in dB, of the same dates.
    """

    ndvi: FloatArray
    dates: NDArray[np.datetime64]
    backscatter: FloatArray | None = None

    def of(self, pixels: NDArray[Any]) -> Pixels:
        """Some of the pixels, by number or mask."""
        radar = None if self.backscatter is None else self.backscatter[..., pixels]
        return replace(self, ndvi=self.ndvi[:, pixels], backscatter=radar)

    def between(self, first: str, last: str) -> Pixels:
        """The dates from the first to the last."""
        own = (self.dates >= days(first)[0]) & (self.dates <= days(last)[0])
        radar = None if self.backscatter is None else self.backscatter[own]
        return Pixels(self.ndvi[own], self.dates[own], radar)

    def sample(self, guide: FloatArray | None = None) -> SmallSample:
        """A sample of them on a nearly square lattice, filled up with series of nothing.

        Parameters
        ----------
        guide : ndarray, shape (time, pixel), float32, optional
            NDVI from radar.
        """
        count = self.ndvi.shape[1]
        height = max(1, int(np.sqrt(count)))
        width = -(-count // height)
        grid = make_grid((height, width))

        def series(values: FloatArray, dates: NDArray[np.datetime64], bands: tuple[str, ...]) -> Series:
            room = np.full((len(dates), len(bands), height * width), np.nan, np.float32)
            room[..., :count] = values.reshape(len(dates), len(bands), count)
            return Series(room.reshape(len(dates), len(bands), height, width), dates, bands, grid)

        seen = guide if guide is not None else np.empty((0, count), np.float32)
        coarse = series(seen, self.dates if guide is not None else days(), ("ndvi",))
        aux = {} if self.backscatter is None else {"sar": series(self.backscatter, self.dates, ("vv", "vh"))}
        return SmallSample(Task(series(self.ndvi, self.dates, ("ndvi",)), coarse, 1.0, self.dates, aux))


@dataclass(frozen=True)
class Fold:
    """One training and the test of it.

    Attributes
    ----------
    data_set, split, name : str
        ``space``, ``time`` or (one series, many draws of what is hidden) ``draw`` is the split.
    train : Pixels or None
        None: there is nothing to train on.
    test : Pixels
        Other parcels, other ground or other years.
    months : (float, float)
        Shortest and longest sequence that networks are trained on.
    """

    data_set: str
    split: str
    name: str
    train: Pixels | None
    test: Pixels
    months: tuple[float, float] = (1.0, 6.0)


def folds() -> Iterator[Fold]:
    """Those of every data set that is here."""
    sets: list[tuple[Path, Callable[[], Iterator[Fold]]]] = [
        (WORLDCEREAL / "worldcereal_dataset_10D.parquet", flanders_10d),
        (WORLDCEREAL / "worldcereal_dataset.parquet", flanders_monthly),
        (WORLDCEREAL / "test_public_extractions.parquet", uganda_monthly),
        (SLOVENIA, slovenia),
        (FIELDS, fields),
        (BOLIVIA, bolivia),
    ]
    for path, made in sets:
        if path.exists():
            yield from made()


def flanders_10d() -> Iterator[Fold]:
    """Fifty parcels, 49 steps of a third of a month from 2020-08-01."""
    table = pd.read_parquet(WORLDCEREAL / "worldcereal_dataset_10D.parquet")
    months = np.arange(np.datetime64("2020-08"), np.datetime64("2022-01"))
    # The steps are the 1st, 11th and 21st; of what they hold the middle days are taken.
    steps = (months.astype("datetime64[D]")[:, None] + np.array([4, 14, 24])).ravel()
    pixels = worldcereal(table, steps)
    yield from _parcels("flanders_10d", pixels, np.arange(len(table)), 5, (1.0, 6.0))


def flanders_monthly() -> Iterator[Fold]:
    """Fifty other parcels, 16 months."""
    table = pd.read_parquet(WORLDCEREAL / "worldcereal_dataset.parquet")
    months = np.arange(np.datetime64("2020-08"), np.datetime64("2022-12")).astype("datetime64[D]") + 14
    yield from _parcels("flanders_monthly", worldcereal(table, months), np.arange(len(table)), 3, (6.0, 18.0))


def uganda_monthly() -> Iterator[Fold]:
    """Five hundred points in Uganda and South Sudan, 12 months."""
    table = pd.read_parquet(WORLDCEREAL / "test_public_extractions.parquet")
    months = np.arange(np.datetime64("2016-12"), np.datetime64("2018-12")).astype("datetime64[D]") + 14
    cells = np.floor(table[["lon", "lat"]].to_numpy(float) * 10).astype(int)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    yield from _parcels("uganda_monthly", worldcereal(table, months), cell.ravel(), 3, (6.0, 18.0))


def worldcereal(table: pd.DataFrame, steps: NDArray[np.datetime64]) -> Pixels:
    """Series of a table with a row a pixel, its columns named by band and step.

    Parameters
    ----------
    table : DataFrame
        Columns ``OPTICAL-B04-ts0-10m`` and so on; reflectance x 10000, backscatter as 20 log10(DN) - 83 dB.
    steps : ndarray of datetime64[D]
        Days of the steps; more than there are is no harm.
    """
    count = 1 + max(int(found[1]) for name in table if (found := re.search(r"-ts(\d+)-", str(name))))

    def numbers(band: str, metres: int) -> NDArray[np.float64]:
        values = np.stack([table[f"{band}-ts{i}-{metres}m"].to_numpy(float) for i in range(count)])
        return np.where((values == MISSING) | (values <= 0), np.nan, values)

    red, nir = numbers("OPTICAL-B04", 10), numbers("OPTICAL-B08", 10)
    decibels = np.stack([20 * np.log10(numbers(f"SAR-{band}", 20)) - 83 for band in ("VV", "VH")], axis=1)
    return Pixels(((nir - red) / (nir + red)).astype(np.float32), steps[:count], decibels.astype(np.float32))


def _parcels(
    name: str, pixels: Pixels, group: NDArray[np.intp], count: int, months: tuple[float, float]
) -> Iterator[Fold]:
    """Folds of whole groups: the test's are in no training."""
    fold = np.random.default_rng(0).permutation(int(group.max()) + 1)[group] % count
    for k in range(count):
        yield Fold(name, "space", f"{name} {k}", pixels.of(fold != k), pixels.of(fold == k), months)


def slovenia() -> Iterator[Fold]:
    """The quarters of a square kilometre, each tested by the other three; 2017 tested by the time before."""
    ndvi = np.load(SLOVENIA / "data/NDVI.npy")[..., 0]
    seen = np.load(SLOVENIA / "mask/IS_VALID.npy")[..., 0].astype(bool)
    stamps = [str(text)[:10] for text in json.loads((SLOVENIA / "timestamps.json").read_text())]
    values = np.where(seen, ndvi, np.float32(np.nan))[:, ::2, ::2]
    height, width = values.shape[1:]
    pixels = Pixels(values.reshape(len(values), -1), days(*stamps))
    y, x = np.indices((height, width)).reshape(2, -1)
    quarter = 2 * (2 * y >= height) + (2 * x >= width)
    for k in range(4):
        yield Fold("slovenia", "space", f"slovenia {k}", pixels.of(quarter != k), pixels.of(quarter == k))
    before, after = pixels.between("2015-01-01", "2016-12-31"), pixels.between("2017-01-01", "2017-12-31")
    yield Fold("slovenia", "time", "slovenia 2017", before, after)


def fields() -> Iterator[Fold]:
    """One field in Spain (2019) and one in Belgium (2022), each tested by the other."""
    spain, belgium = (field(FIELDS / f"{n}.nc") for n in ("bids_demo_raw_s2_ndvi_field", "foss4g_raw_s2_ndvi_field_v1"))
    yield Fold("fields", "space", "field in Spain", belgium, spain)
    yield Fold("fields", "space", "field in Belgium", spain, belgium)


def field(path: Path) -> Pixels:
    """Every second pixel and row of a field; what lies outside it has no value at all and is left out."""
    with xr.open_dataset(path) as data:
        values = data["NDVI"].transpose("t", "y", "x").to_numpy()[:, ::2, ::2].astype(np.float32)
        dates = data["t"].to_numpy().astype("datetime64[D]")
    values = values.reshape(len(values), -1)
    return Pixels(values[:, np.isfinite(values).sum(axis=0) > 1], dates)


def bolivia() -> Iterator[Fold]:
    """One pixel, fifty times side by side, so that fifty draws of what is hidden are scored."""
    table = pd.read_csv(BOLIVIA / "lndvi.csv")
    values = np.repeat(table["value"].to_numpy(np.float32)[:, None], 50, axis=1)
    yield Fold("bolivia", "draw", "bolivia", None, Pixels(values, days(*table["date"])))
