"""What a sensor of the synthetic world is and delivers: the words that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Protocol

from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.simulated.settings import Settings
from stfuse.simulated.surface import World

Item = dict[str, Any]


@dataclass(frozen=True)
class Raster:
    """One band as stored: numbers of shape (y, x) in their stored type, their grid, and what means "no data"."""

    values: NDArray[Any]
    grid: GeoBox
    nodata: float | None


@dataclass(frozen=True)
class Product:
    """One STAC item to write, with its files.

    Attributes
    ----------
    item : dict
        Its `collection` and `id` are the folders; hrefs are relative to the item, links to
        ``{collection}/{id}/{id}.json``.
    rasters : mapping of file name to Raster
    documents : mapping of file name to dict
        JSON files that belong to it.
    """

    item: Item
    rasters: Mapping[str, Raster]
    documents: Mapping[str, dict[str, Any]] = field(default_factory=dict)


class Observer(Protocol):
    """A sensor over a world: what is the same for all its scenes is made once."""

    def observe(self, day: date) -> list[Product]:
        """Everything that the archives deliver of a day; empty where there is nothing."""


@dataclass(frozen=True)
class Sensor:
    """One sensor.

    Attributes
    ----------
    name : str
        Also in `calendar:` and `clear:` of the settings, and the key of its draws.
    every : int
        Days between overpasses.
    first : date
        One overpass; the others follow and precede it.
    reach : function of (settings, the site's grid)
        Metres beyond the site's bounds that it sees, so that the world must be so much larger.
    collections : mapping of name to (title, what the numbers mean)
        Of the STAC collections that it fills.
    observer : function of (world, settings)
    """

    name: str
    every: int
    first: date
    reach: Callable[[Settings, GeoBox], float]
    collections: Mapping[str, tuple[str, str]]
    observer: Callable[[World, Settings], Observer]

    def days(self, period: tuple[date, date], settings: Settings) -> list[date]:
        """Days of a period on which it passes over: by its calendar or the site's, and on those that must be clear."""
        own = settings.calendar.get(self.name, {})
        every, first = int(own.get("every", self.every)), date.fromisoformat(str(own.get("first", self.first)))
        start = (first - period[0]).days % every
        days = {period[0] + timedelta(days=i) for i in range(start, (period[1] - period[0]).days + 1, every)}
        days |= {day for day in settings.clear.get(self.name, ()) if period[0] <= day <= period[1]}
        return sorted(days)


def cloud_cover(world: World, settings: Settings, sensor: str, day: date) -> float:
    """Share of the sky, 0..1, that clouds fill when a sensor passes over."""
    if not settings.clouds or day in settings.clear.get(sensor, ()):
        return 0.0
    return float(world.weather.cloud[world.index(day)])


def wanted(sensors: Sequence[Sensor], collections: set[str] | None) -> list[Sensor]:
    """The sensors that fill one of these collections; all for None."""
    return [s for s in sensors if collections is None or collections & set(s.collections)]


def check_names(sensors: Sequence[Sensor], settings: Settings, site: str) -> None:
    """Refuse settings that speak of a sensor that there is not.

    Raises
    ------
    InputError
        Naming it.
    """
    known = [sensor.name for sensor in sensors]
    unknown = sorted({*settings.calendar, *settings.clear} - set(known))
    if unknown:
        raise InputError(
            f"`simulated:` in config/sites/{site}.yaml speaks of sensors {unknown}", f"the sensors are {known}"
        )


def site_centre(world: World) -> tuple[tuple[float, float], tuple[float, float]]:
    """The site's centre in its CRS, and as (longitude, latitude)."""
    centroid = world.site.extent.centroid
    x, y = centroid.coords[0]
    longitude, latitude = centroid.to_crs("EPSG:4326").coords[0]
    return (float(x), float(y)), (float(longitude), float(latitude))
