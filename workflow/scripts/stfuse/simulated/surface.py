"""The truth: noise-free reflectance of every pixel on any day, seen from the zenith.

The land is drawn on cells, each of one object (a field, a wood, all roofs of a village). An object's reflectance is
linear in a few spectra (what it is on average, and how it answers to grain, a brighter soil, a thicker stand and a late
one), and a pixel's is the mean over its cells, so edges between fields are truly mixed pixels; see `stfuse.truth`.
"""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage, sparse

from stfuse.simulated.events import Event, draw_events
from stfuse.simulated.land.landmap import land_of_map
from stfuse.simulated.land.landscape import Landscape, draw_landscape
from stfuse.simulated.seasons import Growth, Season, day_number, grow, make_seasons
from stfuse.simulated.settings import Settings
from stfuse.simulated.spectra import object_spectra
from stfuse.simulated.textures import make_textures
from stfuse.simulated.weather import Weather, make_weather
from stfuse.task import FloatArray
from stfuse.truth import render

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Everything that is true.

    Attributes
    ----------
    grid : GeoBox
        Pixels of the truth, over the site and a margin around it.
    site : GeoBox
        The same pixels over the site alone.
    land : Landscape
    textures : ndarray, shape (ANSWERS, y, x), float32
        How strongly each pixel shows each answer; the first is 1.
    spectra : ndarray, shape (day, object, ANSWERS, band), float32
    green : ndarray, shape (day, object), float32
        Share of the object that green plants cover, 0..1.
    growth : Growth
        What grows and stands on each object, day by day.
    dates : tuple of date
        Every day of the site's period.
    seasons : list of Season
    events : list of Event
    weather : Weather
    shares : sparse matrix, shape (pixel, object)
        Share of each pixel's area that an object fills.
    """

    grid: GeoBox
    site: GeoBox
    land: Landscape
    textures: FloatArray
    spectra: FloatArray
    green: FloatArray
    growth: Growth
    dates: tuple[date, ...]
    seasons: list[Season]
    events: list[Event]
    weather: Weather
    shares: Any

    def index(self, day: date) -> int:
        """Index of a day in `dates`."""
        return (day - self.dates[0]).days

    def reflectance(self, day: int, factor: FloatArray | None = None) -> FloatArray:
        """Truth of the day with this index, shape (band, y, x) on `grid`, bands as `BANDS`.

        Parameters
        ----------
        day : int
        factor : ndarray, shape (object, band), optional
            By which each object's reflectance is multiplied: what a direction of view makes of it.
        """
        spectra = self.spectra[day] if factor is None else self.spectra[day] * factor[:, None, :].astype(np.float32)
        return render(self.land.labels, self.textures, spectra)

    def share_of(self, covers: Sequence[int]) -> FloatArray:
        """Share of each pixel that certain classes fill, shape (y, x)."""
        return self.of_objects(np.isin(self.land.cover, covers).astype(np.float32))

    def of_objects(self, values: FloatArray) -> FloatArray:
        """Area mean over each pixel of a value per object, shape (y, x); of several, shape (object, k) -> (k, y, x)."""
        flat = np.asarray(self.shares @ values.astype(np.float32), np.float32)
        return np.ascontiguousarray(flat.T).reshape(*values.shape[1:], *self.grid.shape)

    @property
    def pixel(self) -> float:
        """Metres."""
        return float(abs(self.grid.resolution.x))

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the site within `grid`."""
        x, y = ~self.grid.affine @ (self.site.affine.c, self.site.affine.f)
        return (slice(round(y), round(y) + self.site.height), slice(round(x), round(x) + self.site.width))


def make_world(
    site: GeoBox,
    period: tuple[date, date],
    reach: float,
    settings: Settings,
    land_map: tuple[NDArray[Any], GeoBox] | None = None,
    drawn: float = 0.0,
) -> World:
    """Make the world of a site.

    Parameters
    ----------
    site : GeoBox
        Its grid, pixels of `settings.resolution`.
    period : (first day, last day)
    reach : float
        Metres around the site that sensors see.
    settings : Settings
    land_map : (codes, grid), optional
        A real land-cover map in place of the drawn land; `settings.map` says what its codes mean.
    drawn : float
        Metres around the site that are drawn, if more than `reach`, of which the rest is cut off again: what lies and
        grows in the site must not depend on how far the sensors of a run see.
    """
    grid, whole = (site.pad(margin(site, metres)) for metres in (reach, max(reach, drawn)))
    first = period[0].year
    dates = tuple(period[0] + timedelta(days=i) for i in range((period[1] - period[0]).days + 1))
    known = None
    if land_map is not None and settings.map is not None:
        known = land_of_map(*land_map, whole, settings.cells, settings.map["classes"])
    land = draw_landscape(whole, site.extent.boundingbox.bbox, settings, known)
    land, events = draw_events(land, whole, dates, settings)
    cut = (whole.height - grid.height) // 2 * settings.cells
    labels = np.ascontiguousarray(land.labels[cut : land.labels.shape[0] - cut, cut : land.labels.shape[1] - cut])
    land = replace(land, labels=labels)
    weather = make_weather(dates, settings)
    seasons = make_seasons(land, range(first - 1, period[1].year + 2), first, settings)
    days = np.array([day_number(day, first) for day in dates], float)
    growth = grow(days, land, seasons, events)
    spectra, green = object_spectra(days, land, growth, weather, settings)
    textures = make_textures(grid, site, settings)
    shares = object_shares(land, (int(grid.height), int(grid.width)))
    return World(grid, site, land, textures, spectra, green, growth, dates, seasons, events, weather, shares)


def margin(site: GeoBox, reach: float) -> int:
    """Pixels around a site that hold so many metres, as whole multiples of 10 m where the pixels divide that."""
    pixel = float(abs(site.resolution.x))
    step = max(1, round(10 / pixel))
    return step * int(np.ceil(reach / (step * pixel)))


def object_shares(land: Landscape, shape: tuple[int, int]) -> Any:
    """Share of each pixel that each object fills: sparse, shape (pixel, object)."""
    height, width = shape
    n = land.labels.shape[0] // height
    cells = land.labels.reshape(height, n, width, n).swapaxes(1, 2).reshape(height * width, n * n)
    pixels = np.repeat(np.arange(height * width, dtype=np.int32), n * n)
    values = np.full(pixels.size, 1 / n**2, np.float32)
    size = (height * width, len(land.cover))
    return sparse.coo_matrix((values, (pixels, cells.ravel())), size).tocsr()


def field_map(world: World) -> NDArray[np.int32]:
    """Field numbers on `world.site`, 0 = none, shape (y, x): pixels that lie in the field for the most part.

    Each field is one patch (four neighbours); its stray corners are left out, and so are the pieces of it that a flood
    or a building took.
    """
    largest, share = _largest(world.shares.indptr, world.shares.indices, world.shares.data)
    most = np.where((share > 0.5) & (largest < world.land.fields), largest + 1, 0)
    numbers = most.reshape(world.grid.shape)[world.window].astype(np.int32)
    for number, where in enumerate(ndimage.find_objects(numbers), 1):
        if where is not None:
            own = numbers[where] == number
            parts, count = ndimage.label(own)
            if count > 1:
                kept = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
                numbers[where][own & (parts != kept)] = 0
    return numbers


@njit(cache=True, nogil=True)
def _largest(starts, objects, shares):  # type: ignore[no-untyped-def]
    """The object that fills most of each pixel, and its share, of a sparse matrix's rows."""
    count = len(starts) - 1
    largest, share = np.zeros(count, np.int32), np.zeros(count, np.float32)
    for pixel in range(count):
        for k in range(starts[pixel], starts[pixel + 1]):
            if shares[k] > share[pixel]:
                largest[pixel], share[pixel] = objects[k], shares[k]
    return largest, share
