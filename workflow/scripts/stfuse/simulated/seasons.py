"""How everything grows: a double logistic of the NDVI for each object and year, with harvests and cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from stfuse.logistic import double_logistic
from stfuse.simulated.covers import COVERS
from stfuse.simulated.settings import stream

Float64Array = NDArray[np.float64]

REGROWTH = 13.0  # days in which a mown sward makes up 1 - 1/e of what it lost
CUT_DEPTH = 0.72  # share of the NDVI above its base that a cut takes
STUBBLE = 0.5  # share of the dead plants that the harvest leaves


@dataclass(frozen=True)
class Season:
    """One calendar year of all objects. Days are counted from 1 January of the period's first year, which is day 1.

    Attributes
    ----------
    year : int
    curves : ndarray, shape (object, 6)
        base, amplitude, k1, t1, k2, t2 of the NDVI; NaN where nothing grows.
    harvest, tillage : ndarray, shape (object,)
        NaN where there is none.
    cuts : ndarray, shape (object, cut)
        NaN where there is none.
    """

    year: int
    curves: Float64Array
    harvest: Float64Array
    tillage: Float64Array
    cuts: Float64Array


def make_seasons(cover: NDArray[np.int64], years: Sequence[int], first: int, events: bool, seed: int) -> list[Season]:
    """Draw the seasons of every object.

    Parameters
    ----------
    cover : ndarray, shape (object,)
    years : sequence of int
        Calendar years; each has its own draws, the base belongs to the object.
    first : int
        The year from whose 1 January days are counted.
    events : bool
        Whether there are harvests, tillage and cuts.
    seed : int
    """
    base_shift = 0.015 * np.clip(stream(seed, "season base").normal(size=len(cover)), -2, 2)
    return [_one_year(cover, year, first, events, base_shift, stream(seed, "season", year)) for year in years]


def _one_year(
    cover: NDArray[np.int64],
    year: int,
    first: int,
    events: bool,
    base_shift: Float64Array,
    rng: np.random.Generator,
) -> Season:
    count, most = len(cover), max(len(c.cuts) for c in COVERS)
    start = (date(year, 1, 1) - date(first, 1, 1)).days
    # All draws are made for all objects, so that a class with fewer parameters leaves the others' as they are.
    draws = np.clip(rng.normal(size=(count, 3)), -2.2, 2.2)
    harvest_draw, tillage_draw = rng.normal(0, 4, count), rng.uniform(8, 45, count)
    cut_draw, mown = rng.normal(0, 5, (count, most)), rng.random(count)
    curves = np.full((count, 6), np.nan)
    harvest, tillage = np.full(count, np.nan), np.full(count, np.nan)
    cuts = np.full((count, most), np.nan)
    for i, kind in enumerate(cover):
        c = COVERS[kind]
        if c.curve is None:
            continue
        base, amplitude, k1, t1, k2, t2 = c.curve
        shift = draws[i] * np.array(c.spread)
        curves[i] = base + base_shift[i], amplitude + shift[0], k1, start + t1 + shift[1], k2, start + t2 + shift[2]
        if events and c.harvest is not None:
            harvest[i] = np.rint(curves[i, 5] + c.harvest + harvest_draw[i])
            tillage[i] = harvest[i] + np.rint(tillage_draw[i])
        if events and c.cuts:
            # Alfalfa is always mown; meadows lose a cut or are only grazed.
            kept = len(c.cuts) if len(c.cuts) > 3 else int(mown[i] * (len(c.cuts) + 1))
            cuts[i, :kept] = np.rint(start + np.array(c.cuts[:kept]) + cut_draw[i, :kept] + shift[1] / 2)
    return Season(year, curves, harvest, tillage, cuts)


def ndvi_curves(days: Float64Array, seasons: Sequence[Season]) -> Float64Array:
    """NDVI of every object on every day, shape (day, object), NaN where nothing grows.

    The years' double logistics are added on one base, so within a year the curve is that year's own.
    """
    base = seasons[0].curves[:, 0]
    total = np.zeros((len(days), len(base)))
    for season in seasons:
        for i, curve in enumerate(season.curves):
            total[:, i] += double_logistic(days, (0.0, *curve[1:])) if np.isfinite(curve).all() else np.nan
    for season in seasons:
        for k in range(season.cuts.shape[1]):
            since = days[:, None] - season.cuts[None, :, k]
            total *= 1 - CUT_DEPTH * np.where(since >= 0, np.exp(-np.maximum(since, 0) / REGROWTH), 0)
    return base + total


def dead_plants(days: Float64Array, seasons: Sequence[Season], cover: NDArray[np.int64]) -> Float64Array:
    """Share of the ground that dead plants cover, shape (day, object): ripe crops, stubble, and mown grass drying."""
    most = np.array([COVERS[c].dead for c in cover])
    total = np.zeros((len(days), len(cover)))
    for season in seasons:
        for i, (_, _, k1, t1, k2, t2) in enumerate(season.curves):
            if most[i] > 0:
                ripe = double_logistic(days, (0, 1, k1, t1, 0.02, 1e6)) * double_logistic(
                    days, (0, 1, k2, t2, 0.02, 1e6)
                )
                ripe[days >= season.harvest[i]] *= STUBBLE
                ripe[days >= (season.tillage[i] if np.isfinite(season.tillage[i]) else t2 + 60)] = 0
                total[:, i] += most[i] * ripe
        for k in range(season.cuts.shape[1]):
            since = days[:, None] - season.cuts[None, :, k]
            total += 0.3 * np.where(since >= 0, np.exp(-np.maximum(since, 0) / 5), 0)
    return total
