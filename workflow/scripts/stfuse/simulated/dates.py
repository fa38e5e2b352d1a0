"""The true dates: transitions of every field's seasons, and everything that happens on a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.phenology.logistic import transition_dates
from stfuse.simulated.covers import NAMES
from stfuse.simulated.seasons import CYCLES, day_number
from stfuse.simulated.surface import World

Float64Array = NDArray[np.float64]
CATCH_CROP = CYCLES.index("catch")


@dataclass(frozen=True)
class SeasonRow:
    """One season of one field; days counted from 1 January of the period's first year, which is day 1.

    Attributes
    ----------
    field : int
        Number on the field map.
    cover : str
    year : int
        Calendar year in which it begins.
    season : str
        One of `seasons.CYCLES`.
    pixels : int
    curve : ndarray, shape (6,)
        base, amplitude, k1, t1, k2, t2 of the NDVI.
    transitions : ndarray, shape (6,)
        See `stfuse.phenology.logistic.transition_dates`: of the season's curve, which cuts interrupt but do not move.
    harvest, tillage : float
        NaN where there is none.
    cuts : tuple of float
        Of the main season.
    """

    field: int
    cover: str
    year: int
    season: str
    pixels: int
    curve: Float64Array
    transitions: Float64Array
    harvest: float
    tillage: float
    cuts: tuple[float, ...]


@dataclass(frozen=True)
class EventRow:
    """Something that happened to a field, or to a part of it; days as in `SeasonRow`.

    Attributes
    ----------
    event : int
        Its number; floods and buildings come first and have theirs on the map of events.
    kind : str
        "flood", "building", "harvest", "tillage" or "cut".
    field : int
        Number on the field map.
    cover : str
        Class of the field.
    first, last : float
        First and last day; inf = for ever.
    pixels : int
        Of the site, on the map of events or, where it happened to the whole field, on that of the fields.
    """

    event: int
    kind: str
    field: int
    cover: str
    first: float
    last: float
    pixels: int


def season_rows(world: World, numbers: NDArray[np.int32]) -> Iterator[SeasonRow]:
    """The seasons of the fields on a map.

    Given are the seasons whose green-up and senescence both have their middle within the period; for a field that has
    none but a catch crop, also the one of which the period shows most. Main seasons come first, catch crops last.

    Parameters
    ----------
    world : World
    numbers : ndarray, shape (y, x)
        Field numbers, 0 = none.
    """
    curves = np.stack([season.curves for season in world.seasons])
    found, pixels = np.unique(numbers[numbers > 0], return_counts=True)
    counted = zip(found.tolist(), pixels.tolist(), strict=True)
    chosen = [(f, n, *shown) for f, n in counted for shown in _shown(curves[:, :, f - 1], _period(world))]
    own = np.array([curves[year, cycle, field - 1] for field, _, cycle, year in chosen]).reshape(-1, 6)
    for (field, count, cycle, year), curve, dates in zip(chosen, own, transition_dates(own), strict=True):
        season = world.seasons[year]
        cuts = season.cuts[field - 1]
        yield SeasonRow(
            field=field,
            cover=NAMES[world.land.cover[field - 1]],
            year=season.year,
            season=CYCLES[cycle],
            pixels=count,
            curve=curve,
            transitions=dates,
            harvest=float(season.harvest[cycle, field - 1]),
            tillage=float(season.tillage[cycle, field - 1]),
            cuts=tuple(cuts[np.isfinite(cuts)].tolist()) if cycle == 0 else (),
        )


def _shown(curves: Float64Array, period: tuple[float, float]) -> list[tuple[int, int]]:
    """Cycle and year of the seasons to give, of curves (year, cycle, 6) of one field."""
    rise, fall = curves[..., 3], curves[..., 5]
    inside = (np.minimum(fall, period[1]) - np.maximum(rise, period[0])) / (fall - rise)
    inside[np.isnan(inside)] = -np.inf
    chosen = inside == 1
    crops = inside[:, :CATCH_CROP]
    if not chosen[:, :CATCH_CROP].any() and np.isfinite(crops).any():
        chosen[np.unravel_index(np.argmax(crops), crops.shape)] = True
    return [(int(cycle), int(year)) for cycle, year in np.argwhere(chosen.T)]


def event_rows(world: World, numbers: NDArray[np.int32]) -> Iterator[EventRow]:
    """Everything that happened in the period to what the site shows, floods and buildings first.

    Parameters
    ----------
    world : World
    numbers : ndarray, shape (y, x)
        Field numbers, 0 = none.
    """
    covered = np.bincount(event_map(world).ravel(), minlength=len(world.events) + 1)
    for number, event in enumerate(world.events, 1):
        if covered[number]:
            cover = NAMES[world.land.cover[event.field]]
            row = (number, event.kind, event.field + 1, cover, event.first, event.last, int(covered[number]))
            yield EventRow(*row)
    number = len(world.events)
    found, pixels = np.unique(numbers[numbers > 0], return_counts=True)
    for field, count in zip(found.tolist(), pixels.tolist(), strict=True):
        cover = NAMES[world.land.cover[field - 1]]
        for day, kind in _days_of_field(world, field - 1):
            number += 1
            yield EventRow(number, kind, field, cover, day, day, count)


def _days_of_field(world: World, index: int) -> list[tuple[float, str]]:
    first, last = _period(world)
    days: list[tuple[float, str]] = []
    for season in world.seasons:
        days += [(day, "harvest") for day in season.harvest[:, index].tolist()]
        days += [(day, "tillage") for day in season.tillage[:, index].tolist()]
        days += [(day, "cut") for day in season.cuts[index].tolist()]
    return sorted(entry for entry in days if first <= entry[0] <= last)


def event_map(world: World) -> NDArray[np.int32]:
    """Numbers of the floods and buildings on `world.site`, 0 = none, shape (y, x).

    A pixel has the number of the event that takes most of it, which is more than half of it.
    """
    rows, columns = world.window
    out = np.zeros((world.site.height, world.site.width), np.int32)
    if world.events:
        parts = world.shares[:, [event.object for event in world.events]]
        best = np.asarray(parts.argmax(axis=1)).reshape(world.grid.shape)
        most = np.asarray(parts.max(axis=1).todense()).reshape(world.grid.shape)
        out[:] = np.where(most > 0.5, best + 1, 0)[rows, columns]
    return out


def _period(world: World) -> tuple[float, float]:
    first = world.dates[0].year
    return float(day_number(world.dates[0], first)), float(day_number(world.dates[-1], first))
