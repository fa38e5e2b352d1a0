"""The true dates of every field: transitions of its season, harvest, tillage and cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.logistic import transition_dates
from stfuse.simulated.covers import NAMES
from stfuse.simulated.seasons import Season
from stfuse.simulated.surface import World, day_number

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class SeasonRow:
    """One season of one field; days counted from 1 January of the period's first year, which is day 1.

    Attributes
    ----------
    field : int
        Number on the field map.
    cover : str
    year, pixels : int
    curve : ndarray, shape (6,)
        base, amplitude, k1, t1, k2, t2 of the NDVI.
    transitions : ndarray, shape (6,)
        See `stfuse.logistic.transition_dates`: of the season's curve, which cuts interrupt but do not move.
    harvest, tillage : float
        NaN where there is none.
    cuts : tuple of float
    """

    field: int
    cover: str
    year: int
    pixels: int
    curve: Float64Array
    transitions: Float64Array
    harvest: float
    tillage: float
    cuts: tuple[float, ...]


def season_rows(world: World, numbers: NDArray[np.int32]) -> Iterator[SeasonRow]:
    """The seasons of the fields on a map.

    Given are the seasons whose green-up and senescence both have their middle within the period; for a field that has
    none, the one of which the period shows most.

    Parameters
    ----------
    numbers : ndarray, shape (y, x)
        Field numbers, 0 = none.
    """
    first = world.dates[0].year
    period = (float(day_number(world.dates[0], first)), float(day_number(world.dates[-1], first)))
    found, pixels = np.unique(numbers[numbers > 0], return_counts=True)
    for field, count in zip(found.tolist(), pixels.tolist(), strict=True):
        for season in _shown(world.seasons, field - 1, period):
            curve = season.curves[field - 1]
            yield SeasonRow(
                field=field,
                cover=NAMES[world.land.cover[field - 1]],
                year=season.year,
                pixels=count,
                curve=curve,
                transitions=transition_dates(curve),
                harvest=float(season.harvest[field - 1]),
                tillage=float(season.tillage[field - 1]),
                cuts=tuple(c for c in season.cuts[field - 1].tolist() if np.isfinite(c)),
            )


def _shown(seasons: list[Season], index: int, period: tuple[float, float]) -> list[Season]:
    def inside(season: Season) -> float:
        rise, fall = season.curves[index, 3], season.curves[index, 5]
        return float((min(fall, period[1]) - max(rise, period[0])) / (fall - rise))

    complete = [s for s in seasons if inside(s) == 1.0]
    return complete or [max(seasons, key=inside)]
