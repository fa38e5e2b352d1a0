"""What happens to a part of a field on a known day: floods and new buildings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from stfuse.simulated.covers import CODES
from stfuse.simulated.land.landscape import Landscape
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.weather import make_weather

IntArray = NDArray[np.int32]
Mask = NDArray[np.bool_]

AREA = 4e6  # square metres on which there is one flood and one new building
SHORTEST = 30  # days; shorter periods have no such events, as there would be no before and after
HECTARES = {"barn": (0.1, 0.5), "greenhouse": (0.3, 1.5), "houses": (0.3, 1.2)}
SMALLEST_BUILDING = 0.1  # hectares
FLOOD_HECTARES = 2.0, 9.0
FLOOD_DAYS = 5, 28
CORNER = 500.0  # square metres; smaller corners of fields stay dry
WHOLE = 0.8  # share of a field from which a flood takes all of it
TRIES = 40  # places looked at for each event
CHOICE = 8  # of them among which a flood takes the one nearest to water


@dataclass(frozen=True)
class Event:
    """One event on one object; days counted from 1 January of the period's first year, which is day 1.

    Attributes
    ----------
    object : int
        A piece of a field, or a field that is wholly taken.
    kind : str
        "flood" or "building".
    first, last : float
        First and last day, inf = for ever.
    cover : int
        Class seen meanwhile, an index into `COVERS`.
    field : int
        The field it lies in, as an object.
    """

    object: int
    kind: str
    first: float
    last: float
    cover: int
    field: int


@dataclass
class _Ground:
    """The land while pieces are being cut from it."""

    land: Landscape
    cell: float
    labels: IntArray
    sizes: NDArray[np.float64]  # square metres of each object
    parents: list[int]
    events: list[Event]

    def spots(self, rng: np.random.Generator, central: bool) -> Iterator[tuple[int, int, int]]:
        """Random cells (row, column, field) in fields without an event."""
        rows, columns = self.labels.shape
        taken = {event.field for event in self.events}
        # The site lies in the middle of the world; the first of each kind shall be seen in it.
        wide = np.linspace(0.02, 0.12, TRIES)[:, None]
        places = 0.5 + wide * rng.normal(size=(TRIES, 2)) if central else rng.random((TRIES, 2))
        for y, x in np.clip(places, 0, 1 - 1e-9):
            row, column = int(y * rows), int(x * columns)
            field = int(self.labels[row, column])
            if field < self.land.fields and field not in taken:
                yield row, column, field

    def around(self, row: int, column: int, reach: float) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
        """Window of so many metres around a cell, and its cells' metres (down, right) from it."""
        n = int(np.ceil(reach / self.cell)) + 1
        top, left = max(row - n, 0), max(column - n, 0)
        window = slice(top, row + n + 1), slice(left, column + n + 1)
        rows, columns = self.labels[window].shape
        down, right = np.mgrid[top : top + rows, left : left + columns].astype(float)
        return window, np.stack([down - row, right - column]) * self.cell

    def cut(self, window: tuple[slice, slice], mask: Mask, event: Event) -> None:
        """Make a piece of a field an object of its own."""
        number = len(self.land.cover) + len(self.parents)
        self.labels[window][mask] = number
        self.parents.append(event.field)
        self.events.append(replace(event, object=number))


def draw_events(
    land: Landscape, grid: GeoBox, dates: Sequence[date], settings: Settings
) -> tuple[Landscape, list[Event]]:
    """Floods and new buildings: about one each on 4 km2, at least one, the first of each near the middle of the world.

    There are none without `settings.events` and in periods of less than `SHORTEST` days. A field has one event at most.

    Parameters
    ----------
    land : Landscape
    grid : GeoBox
        Pixels of the truth over the whole world.
    dates : sequence of date
        Every day of the period.
    settings : Settings

    Returns
    -------
    land : Landscape
        With the pieces of fields that events take as further objects.
    events : list of Event
        Buildings, then floods.
    """
    if not settings.events or len(dates) < SHORTEST or not land.fields:
        return land, []
    cell = float(abs(grid.resolution.x)) * grid.shape[0] / land.labels.shape[0]
    sizes = np.bincount(land.labels.ravel(), minlength=len(land.cover)) * cell**2
    ground = _Ground(land, cell, land.labels.copy(), sizes, [], [])
    count = max(1, round(land.labels.size * cell**2 / AREA))
    first = dates[0].timetuple().tm_yday
    wetness = make_weather(dates, settings).wetness
    nearness = _water_distance(land, cell)
    for number in range(count):
        rng = stream(settings.seed, "building", number)
        # Not in the first or last tenth of the period: there shall be a before and an after.
        day = first + float(rng.integers(len(dates) // 10, len(dates) - len(dates) // 10))
        _building(ground, number == 0, day, rng)
    for number in range(count):
        _flood(ground, number == 0, first, wetness, nearness, stream(settings.seed, "flood", number))
    cover = np.concatenate([land.cover, land.cover[ground.parents]]) if ground.parents else land.cover
    parent = np.concatenate([land.parent, np.array(ground.parents, np.int64)])
    return replace(land, labels=ground.labels, cover=cover, parent=parent), ground.events


def _water_distance(land: Landscape, cell: float) -> tuple[int, NDArray[np.float64]]:
    """Metres to the nearest water on cells 10 m apart, and the step from one to the next."""
    step = max(1, round(10 / cell))
    water = land.cover[land.labels[::step, ::step]] == CODES["water"]
    if not water.any():
        return step, np.zeros(water.shape)
    return step, np.asarray(ndimage.distance_transform_edt(~water), np.float64) * step * cell


def _flood(
    ground: _Ground,
    central: bool,
    first: int,
    wetness: NDArray[np.float64],
    distance: tuple[int, NDArray[np.float64]],
    rng: np.random.Generator,
) -> None:
    """Water over the parts of fields within a roundish patch, preferably beside water and after rain."""
    length = int(rng.integers(FLOOD_DAYS[0], min(FLOOD_DAYS[1], len(wetness) // 3) + 1))
    # Among three days the wettest: floods follow rain, but not always the year's worst.
    day = max(rng.integers(1, len(wetness) - length, 3).tolist(), key=lambda d: float(wetness[d]))
    radius = np.sqrt(rng.uniform(*FLOOD_HECTARES) * 1e4 / np.pi)
    waves = [(k, rng.normal(0, 0.3 / k), rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5)]
    step, away = distance
    spots = list(islice(ground.spots(rng, central), CHOICE))
    if not spots:
        return
    shape = away.shape
    row, column, _ = min(spots, key=lambda s: away[min(s[0] // step, shape[0] - 1), min(s[1] // step, shape[1] - 1)])
    window, (down, right) = ground.around(row, column, 1.8 * radius)
    turn = np.arctan2(down, right)
    outline = 1 + sum(size * np.cos(k * turn + phase) for k, size, phase in waves)
    under = np.hypot(down, right) < radius * np.clip(outline, 0.5, 1.8)
    taken = {event.field for event in ground.events}
    here = ground.labels[window]
    event = Event(0, "flood", float(first + day), float(first + day + length - 1), CODES["water"], 0)
    for field in np.unique(here[under]).tolist():
        if field >= ground.land.fields or field in taken:
            continue
        mask = under & (here == field)
        area = float(mask.sum()) * ground.cell**2
        if area >= WHOLE * ground.sizes[field]:
            ground.events.append(replace(event, object=field, field=field))
        elif area >= CORNER:
            ground.cut(window, mask, replace(event, field=field))


def _building(ground: _Ground, central: bool, day: float, rng: np.random.Generator) -> None:
    """A barn with its yard, a greenhouse, or a group of houses in a field, from a day on."""
    kind = str(rng.choice(list(HECTARES)))
    wanted, form, angle = 1e4 * rng.uniform(*HECTARES[kind]), rng.uniform(1.2, 2.5), rng.uniform(0, np.pi)
    for row, column, field in ground.spots(rng, central):
        area = min(wanted, 0.4 * ground.sizes[field])
        long, wide = np.sqrt(area * form), np.sqrt(area / form)
        window, (down, right) = ground.around(row, column, long)
        along, across = right * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - right * np.sin(angle)
        plot = (ground.labels[window] == field) & (np.abs(along) < long / 2) & (np.abs(across) < wide / 2)
        if plot.sum() * ground.cell**2 < max(0.75 * area, 1e4 * SMALLEST_BUILDING):
            continue
        roof = plot
        if kind == "barn":
            roof = plot & (across > -0.15 * wide) & (np.abs(along) < 0.42 * long)
        if kind == "houses":
            roof = plot & (np.abs(along % 24 - 12) < 6) & (np.abs(across % 26 - 13) < 5)
        cover = CODES["bright_roof" if kind == "greenhouse" else "grey_roof"]
        for mask, seen in ((roof, cover), (plot & ~roof, CODES["yard"])):
            if mask.any():
                ground.cut(window, mask, Event(0, "building", day, np.inf, seen, field))
        return
