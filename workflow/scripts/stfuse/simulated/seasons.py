"""How everything grows: double logistics of the NDVI for each object and year, with harvests and cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from stfuse.simulated.covers import CATCH, COVERS, Cover
from stfuse.simulated.cropcalendar import MOST_CUTS, crop_calendar
from stfuse.simulated.events import Event
from stfuse.simulated.growth import REGREENING, add_up, standing
from stfuse.simulated.land.landscape import Landscape
from stfuse.simulated.settings import Settings, stream
from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

ROTTEN = 60.0  # days after t2 on which unharvested crops are gone
HIGHEST_NDVI = 0.93  # of the densest stands
DROWNING = 6  # days under water that a crop does not outlive
GREENEST = 0.86  # NDVI that a catch crop reaches at most
CYCLES = ("main", "second", "catch")
TILLAGE = 8.0, 45.0  # days from harvest to tillage
SOWING = 20.0  # days before the middle of the next green-up by which a field is tilled


@dataclass(frozen=True)
class Season:
    """One calendar year of all objects. Days are counted from 1 January of the period's first year, which is day 1.

    Attributes
    ----------
    year : int
    curves : ndarray, shape (cycle, object, 6)
        base, amplitude, k1, t1, k2, t2 of the NDVI, cycles as `CYCLES`; NaN where nothing grows. Cycles of an object
        are added on one base; each begins in `year`, and may end in the next.
    harvest, tillage : ndarray, shape (cycle, object)
        NaN where there is none.
    cuts : ndarray, shape (object, cut)
        NaN where there is none.
    """

    year: int
    curves: Float64Array
    harvest: Float64Array
    tillage: Float64Array
    cuts: Float64Array


@dataclass(frozen=True)
class Growth:
    """What grows and stands on every object, day by day: arrays of shape (day, object), float32.

    The first five are as they would be without harvest, tillage, floods and buildings.

    Attributes
    ----------
    ndvi : ndarray
        Of the plants and the ground between them; NaN where nothing grows.
    second, catch : ndarray
        Shares, 0..1, that the second crop and the catch crop have in what is green.
    dead : ndarray
        Share of the ground under dead plants: ripe crops, stubble, and mown grass drying.
    paddy : ndarray
        Share of the ground that stands under water between the plants.
    standing : ndarray
        Share of the green plants that harvest, tillage and long floods left, and that came up again.
    water : ndarray
        Share of the ground under water in the end: paddies and floods.
    flood : ndarray
        1 where a flood stands over the plants too.
    built : ndarray
        1 where a building stands.
    seen : ndarray, shape (object,), int64
        Class that is seen of a building, an index into `COVERS`; the object's own where there is none.
    """

    ndvi: FloatArray
    second: FloatArray
    catch: FloatArray
    dead: FloatArray
    paddy: FloatArray
    standing: FloatArray
    water: FloatArray
    flood: FloatArray
    built: FloatArray
    seen: NDArray[np.int64]


def day_number(day: date, first_year: int) -> int:
    """Days counted from 1 January of the period's first year, which is day 1."""
    return (day - date(first_year, 1, 1)).days + 1


def make_seasons(land: Landscape, years: Sequence[int], first: int, settings: Settings) -> list[Season]:
    """Draw the seasons of every object.

    Each year has its own draws, the base belongs to the object. With a `settings.spread` of 0 all objects of a class
    are alike: its own curve, no chance in harvest, tillage and cuts, catch crops where they are likely.

    Parameters
    ----------
    land : Landscape
        Pieces that events cut from a field share its seasons.
    years : sequence of int
        Calendar years.
    first : int
        The year from whose 1 January days are counted.
    settings : Settings
        `seed`, `seasons`, `spread` and `events` (whether there are harvests, tillage and cuts).

    Raises
    ------
    InputError
        If `settings.seasons` names an unknown class or value.
    """
    own = np.flatnonzero(land.parent == np.arange(len(land.parent)))
    place = np.searchsorted(own, land.parent)
    cover, covers = land.cover[own], crop_calendar(settings.seasons)
    base = 0.015 * settings.spread * np.clip(stream(settings.seed, "season base").normal(size=len(own)), -2, 2)
    found = [_one_year(cover, covers, year, first, base, settings) for year in years]
    return [Season(s.year, s.curves[:, place], s.harvest[:, place], s.tillage[:, place], s.cuts[place]) for s in found]


def _one_year(
    cover: NDArray[np.int64],
    covers: Sequence[Cover],
    year: int,
    first: int,
    base: Float64Array,
    settings: Settings,
) -> Season:
    count, start, spread = len(cover), day_number(date(year, 1, 1), first) - 1, settings.spread
    curves = np.full((len(CYCLES), count, 6), np.nan)
    harvest, tillage = np.full((2, len(CYCLES), count), np.nan)
    main_shift = np.zeros(count)
    for cycle, name in enumerate(CYCLES[:2]):
        # All draws are made for all objects, so that a class with fewer parameters leaves the others' as they are.
        rng = stream(settings.seed, "season", year, name)
        shifts = spread * np.clip(rng.normal(size=(count, 3)), -2.2, 2.2)
        late, middle = spread * rng.normal(0, 4, count), np.mean(TILLAGE)
        wait = np.maximum(middle + spread * (rng.uniform(*TILLAGE, count) - middle), 1)
        for kind in np.unique(cover):
            c, own = covers[kind], cover == kind
            curve = c.second if cycle else c.curve
            if curve is None or c.curve is None:
                continue
            of_class = shifts[own] * np.array(c.spread)
            days = start + np.array([curve[3], curve[5]]) + of_class[:, 1:]
            days[:, 1] = np.maximum(days[:, 1], days[:, 0] + 10)
            limbs = (curve[1] + of_class[:, 0], curve[2], days[:, 0], curve[4], days[:, 1])
            for k, values in enumerate((c.curve[0] + base[own], *limbs)):
                curves[cycle, own, k] = values
            curves[cycle, own, 1] = np.minimum(curves[cycle, own, 1], HIGHEST_NDVI - curves[cycle, own, 0])
            if not cycle:
                main_shift[own] = of_class[:, 1]
            if c.harvest is not None:
                harvest[cycle, own] = np.rint(days[:, 1] + c.harvest + late[own])
                tillage[cycle, own] = harvest[cycle, own] + np.rint(wait[own])
    _sow_catch_crops(curves, harvest, cover, covers, start, stream(settings.seed, "season", year, "catch"), spread)
    for cycle in (0, 1):
        # The next crop's sowing comes after the tillage.
        sown = np.fmin.reduce(curves[cycle + 1 :, :, 3]) - SOWING
        tillage[cycle] = np.maximum(np.rint(np.fmin(tillage[cycle], sown)), harvest[cycle] + 1)
    cuts = _cuts(cover, covers, start, main_shift, stream(settings.seed, "cuts", year), spread)
    if not settings.events:
        harvest[:], tillage[:], cuts[:] = np.nan, np.nan, np.nan
    return Season(year, curves, harvest, tillage, cuts)


def _sow_catch_crops(
    curves: Float64Array,
    harvest: Float64Array,
    cover: NDArray[np.int64],
    covers: Sequence[Cover],
    start: int,
    rng: np.random.Generator,
    spread: float,
) -> None:
    """Write the curves of catch crops after the year's last harvest."""
    chance, draws = _drawn(rng, len(cover), spread), spread * np.clip(rng.normal(size=(len(cover), 3)), -2, 2)
    wanted = np.array([c.catch for c in covers])[cover]
    free = np.fmax.reduce(harvest)
    sown = np.isfinite(free) & (chance <= wanted) & (wanted > 0)
    _, amplitude, k1, t1, k2, t2 = CATCH
    up = np.maximum(start + t1 + 5 * draws[:, 1], free + 30)
    down = np.maximum(start + t2 + 8 * draws[:, 2], up + 90)
    base = curves[0, :, 0]
    height = np.minimum(amplitude + 0.09 * draws[:, 0], GREENEST - base)
    values = (base, height, np.full_like(up, k1), up, np.full_like(up, k2), down)
    curves[CYCLES.index("catch")] = np.where(sown[:, None], np.stack(values, axis=1), np.nan)


def _cuts(
    cover: NDArray[np.int64],
    covers: Sequence[Cover],
    start: int,
    shift: Float64Array,
    rng: np.random.Generator,
    spread: float,
) -> Float64Array:
    late, mown = spread * rng.normal(0, 5, (len(cover), MOST_CUTS)), _drawn(rng, len(cover), spread)
    cuts = np.full((len(cover), MOST_CUTS), np.nan)
    for kind in np.unique(cover):
        days, own = np.array(covers[kind].cuts), cover == kind
        # Alfalfa is always mown; meadows lose a cut or are only grazed.
        kept = len(days) if len(days) > 3 else (mown[own] * (len(days) + 1)).astype(int)[:, None]
        dates = np.rint(start + days + late[own, : len(days)] + shift[own, None] / 2)
        cuts[own, : len(days)] = np.where(np.arange(len(days)) < kept, dates, np.nan)
    return cuts


def _drawn(rng: np.random.Generator, count: int, spread: float) -> Float64Array:
    """Chances, uniform in 0..1; all the middle for a spread of 0."""
    return 0.5 + min(spread, 1) * (rng.random(count) - 0.5)


def grow(days: Float64Array, land: Landscape, seasons: Sequence[Season], events: Sequence[Event]) -> Growth:
    """What stands on every object on every day.

    An object's NDVI is its base plus the double logistics of all its cycles; a cut takes `growth.CUT_DEPTH` of what is
    above the base, which grows back.

    Parameters
    ----------
    days : ndarray, shape (day,)
        Counted from 1 January of the period's first year, which is day 1.
    land : Landscape
    seasons : sequence of Season
    events : sequence of Event
    """
    own = np.flatnonzero(land.parent == np.arange(len(land.parent)))
    place = np.searchsorted(own, land.parent)
    curves = np.concatenate([s.curves[:, own] for s in seasons])
    traits = [COVERS[c] for c in land.cover[own]]
    dead = np.array([c.dead for c in traits])
    flooded = np.array([c.flooded or (np.nan, np.nan) for c in traits])
    cuts = np.concatenate([s.cuts[own] for s in seasons], axis=1)
    ends = _ends(np.array([c.harvest is not None for c in traits]), seasons, own)
    out = add_up(np.asarray(days, np.float64), curves, ends, cuts, dead, flooded.astype(np.float64))
    ndvi, second, catch, dead_share, paddy = (np.ascontiguousarray(values[place].T) for values in out)
    stands = np.ascontiguousarray(standing(np.asarray(days, np.float64), ends[0], ends[1])[place].T)
    flood, built, seen = np.zeros_like(ndvi), np.zeros_like(ndvi), land.cover.copy()
    for event in events:
        meanwhile = (days >= event.first) & (days <= event.last)
        if event.kind == "building":
            built[meanwhile, event.object] = 1
            seen[event.object] = event.cover
        else:
            flood[meanwhile, event.object] = 1
            if event.last - event.first >= DROWNING:
                # What stood under water so long is dead; it shows when the water is gone.
                since = np.maximum(days - event.last, 0)
                stands[days > event.first, event.object] *= 1 - np.exp(-since[days > event.first] / REGREENING)
    water = np.maximum(paddy, flood) * (1 - built)
    return Growth(ndvi, second, catch, dead_share, paddy, stands, water, flood, built, seen)


def _ends(harvested: NDArray[np.bool_], seasons: Sequence[Season], own: NDArray[np.int64]) -> Float64Array:
    """Harvest, tillage, and the day around which dead plants are lost from sight, shape (3, season * cycle, object).

    Crops that nobody ploughs in rot, at the latest before the next cycle greens up; elsewhere the next green hides
    what is dead.
    """
    curves = np.concatenate([s.curves[:, own] for s in seasons])
    harvest, tillage = (np.concatenate([getattr(s, name)[:, own] for s in seasons]) for name in ("harvest", "tillage"))
    start, end = curves[..., 3], curves[..., 5]
    following = np.fmin.reduce(np.where(start[None] > start[:, None], start[None], np.inf), axis=1)
    rotten = np.where(harvested, np.fmin(end + ROTTEN, following - SOWING), following)
    return np.stack([harvest, tillage, np.where(np.isfinite(tillage), np.inf, rotten)])
