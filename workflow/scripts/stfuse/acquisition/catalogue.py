"""Searching catalogues: static ones, APIs, buckets and the user's sheet, and which of their items count.

Items are returned as plain JSON with absolute, unsigned links.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pystac
import requests
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry, box
from pystac.errors import STACError
from pystac.stac_io import DefaultStacIO

from stfuse.acquisition.archives import Source
from stfuse.acquisition.links import is_url, of_the_net
from stfuse.acquisition.patience import PASSING, ArchiveDownError, Session, brief
from stfuse.acquisition.scenes import acquired
from stfuse.checks import require_outline
from stfuse.errors import InputError
from stfuse.products.stored import projection
from stfuse.redaction import redacted

Box = tuple[float, float, float, float]
Collections = Mapping[str, Mapping[str, Any]]


def site_area(crs: str, bounds: Box) -> Geometry:
    """The site's outline in degrees of longitude and latitude.

    Raises
    ------
    InputError
        If the CRS or the bounds are none of a site.
    """
    require_outline(crs, bounds)
    return box(*bounds, crs).to_crs("EPSG:4326", resolution=(bounds[2] - bounds[0]) / 8)


def read_root(href: str) -> dict[str, Any]:
    """Read the root of a catalogue from a path or URL.

    Raises
    ------
    ArchiveDownError
        If it is on the net and nothing answers.
    InputError
        If it is not there or is no JSON.
    """
    try:
        return dict(json.loads(_read_url(href) if is_url(href) else Path(href).read_text()))
    except requests.HTTPError as error:
        status = getattr(error.response, "status_code", 0)
        if status in PASSING:
            raise ArchiveDownError(href, href, f"HTTP {status}") from error
        raise _not_found(href, f"HTTP {status}") from error
    except requests.RequestException as error:
        raise ArchiveDownError(href, href, brief(error)) from error
    except OSError as error:
        raise _not_found(href, str(error)) from error
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{redacted(href)} is no STAC catalogue ({error})", "give the root catalogue's JSON"
        ) from error


def _not_found(href: str, why: str) -> InputError:
    return InputError(
        f"Catalogue {redacted(href)} was not found ({why})",
        "correct `catalog:` of the site, `url:` of the archive's file, or `data:` in config.yaml",
    )


def _read_url(href: str) -> str:
    with Session() as session:
        answer = session.get(href)
    answer.raise_for_status()
    return answer.content.decode()


class _Io(DefaultStacIO):
    """Reads the files of a static catalogue, from the net with retries and timeouts."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()

    def read_text_from_href(self, href: str) -> str:
        if not is_url(href):
            return super().read_text_from_href(href)
        answer = self.session.get(href)
        answer.raise_for_status()
        return answer.content.decode()


def search(
    source: Source | str,
    collections: Collections,
    area: Geometry,
    period: tuple[str, str],
    ids: Mapping[str, Sequence[str]] | None = None,
) -> tuple[list[dict[str, Any]], str]:
    """Items of the named collections that touch an area within a period, by the days on which they were acquired.

    Parameters
    ----------
    source : Source or str
        Where to look; a str is the path or URL of a static catalogue, or the URL of a STAC API.
    collections : mapping of name to settings
        As in a sensor file: ``wider: {degrees, days}`` tells how far the collection's outlines and dates may be off.
        It is searched so much more widely, and what does not fit is dropped.
    area : Geometry
        In longitude and latitude.
    period : (first day, last day)
        ISO dates, both included.
    ids : mapping of collection to ids, optional
        Of these collections an API is asked for the named items alone.

    Returns
    -------
    items : list of dict
        Links absolute and unsigned.
    looked : str
        What was looked through, for a message when nothing is found.

    Raises
    ------
    ArchiveDownError
        If an archive on the net does not answer as it should.
    InputError
        If the catalogue cannot be read.
    """
    source = Source.of(source) if isinstance(source, str) else source
    if source.kind == "bucket":
        from stfuse.acquisition.bucket import (
            search_bucket,  # only here, as the API below: each is needed for its archive alone
        )

        found = search_bucket(source, area, period) if source.collection in collections else []
        return _fitting(found, collections, area, period), f"the bucket holds {source.collection} alone"
    root = read_root(source.href)
    if is_url(source.href) and "conformsTo" in root:
        found, looked = _search_api(source, collections, area, period, ids or {})
        return _fitting(found, collections, area, period), looked
    if root.get("type") not in ("Catalog", "Collection"):
        raise InputError(f"{redacted(source.href)} is no STAC catalogue", "give the root catalogue's JSON")
    every = list(_static_items(source.href, root, list(collections)))
    touching = [item for item in every if _touches(item, area, _degrees(collections, item))]
    inside = [item for item in touching if period[0] <= _day(item) <= period[1]]
    return inside, _what_was_there(every, touching, list(collections), area, period)


def _fitting(
    found: list[dict[str, Any]], collections: Collections, area: Geometry, period: tuple[str, str]
) -> list[dict[str, Any]]:
    touching = [item for item in found if _touches(item, area, _degrees(collections, item))]
    return [item for item in touching if period[0] <= (_day(item) or period[0]) <= period[1]]


def _search_api(
    source: Source,
    collections: Collections,
    area: Geometry,
    period: tuple[str, str],
    ids: Mapping[str, Sequence[str]],
) -> tuple[list[dict[str, Any]], str]:
    from stfuse.acquisition.stac_api import Api

    api, found = Api(source), []
    known = [name for name in collections if api.has(name)]
    for name in known:
        if name in ids:
            found += api.named(name, ids[name])
            continue
        wider = collections[name].get("wider", {})
        around = _box_around(area, float(wider.get("degrees", 0)))
        found += api.within(name, around, _days_around(period, int(wider.get("days", 0))))
    looked = f"the API was asked for {known}" if known else f"the API has none of the collections {list(collections)}"
    return [{**item, "links": []} for item in found], looked


def _what_was_there(
    every: list[dict[str, Any]],
    touching: list[dict[str, Any]],
    collections: list[str],
    area: Geometry,
    period: tuple[str, str],
) -> str:
    if not every:
        return f"it has no items in the collections {collections}"
    if not touching:
        boxes = [item["bbox"] for item in every if item.get("bbox")]
        lowest = [min(b[i] for b in boxes) for i in (0, 1)]
        highest = [max(b[len(b) // 2 + i] for b in boxes) for i in (0, 1)]
        here = tuple(round(v, 4) for v in area.boundingbox.bbox)
        return (
            f"site outside the scenes: they lie within {tuple(round(v, 4) for v in (*lowest, *highest))}, "
            f"the site is at {here} (longitude, latitude)"
        )
    days = sorted(_day(item) for item in touching)
    return f"its scenes over the site run from {days[0]} to {days[-1]}, the period is {period[0]} to {period[1]}"


def _day(item: dict[str, Any]) -> str:
    """ISO date, empty where the item states none."""
    try:
        return acquired(item)[:10]
    except InputError:
        return ""


def _degrees(collections: Mapping[str, Mapping[str, Any]], item: dict[str, Any]) -> float:
    """How far the outlines of an item's collection may be off."""
    return float((collections.get(item.get("collection", "")) or {}).get("wider", {}).get("degrees", 0))


def _touches(item: dict[str, Any], area: Geometry, degrees: float) -> bool:
    if degrees:
        on_grid = _grid_touches(item["properties"], area)
        if on_grid is not None:
            return on_grid
        area = area.buffer(degrees)
    if item.get("geometry"):
        return bool(Geometry(item["geometry"], "EPSG:4326").intersects(area))
    bounds = item.get("bbox")
    if not bounds:
        return True  # unknown: the mask will tell
    half = len(bounds) // 2
    outline = box(bounds[0], bounds[1], bounds[half], bounds[half + 1], "EPSG:4326")
    return bool(outline.intersects(area))


def _grid_touches(properties: dict[str, Any], area: Geometry) -> bool | None:
    """Whether the grid that an item states reaches the area, None if it states none."""
    crs = projection({"properties": properties})
    shape, transform = properties.get("proj:shape"), properties.get("proj:transform")
    if not (crs and shape and transform):
        return None
    extent = GeoBox(tuple(shape), Affine(*transform[:6]), crs).extent
    return bool(area.to_crs(crs).intersects(extent))


def _static_items(href: str, root: Mapping[str, Any], collections: list[str]) -> Iterator[dict[str, Any]]:
    def walk(catalog: pystac.Catalog) -> Iterator[pystac.Item]:
        if isinstance(catalog, pystac.Collection) and catalog.id not in collections:
            return  # not even its items' files are opened
        yield from catalog.get_items()
        for child in catalog.get_children():
            yield from walk(child)

    try:
        kind = pystac.Collection if root["type"] == "Collection" else pystac.Catalog
        for item in map(_as_json, walk(kind.from_file(href, stac_io=_Io()))):
            if item["collection"] in collections:
                yield item
    except requests.RequestException as error:
        raise ArchiveDownError(href, href, brief(error)) from error
    except (STACError, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"Catalogue {redacted(href)} cannot be read to its end ({error})",
            "mend the link or file that the message names",
        ) from error
    except Exception as error:  # pystac wraps what urllib says in a bare Exception
        if type(error) is not Exception:
            raise
        raise InputError(
            f"Catalogue {redacted(href)} cannot be read to its end ({error})", "try again later"
        ) from error


def _as_json(item: pystac.Item) -> dict[str, Any]:
    item.make_asset_hrefs_absolute()
    collection = item.collection_id or (item.get_collection() or pystac.Catalog("none", "")).id
    there = str(item.get_self_href() or "")  # also of a catalogue on this machine it may be the net
    item.clear_links()
    found = {**item.to_dict(include_self_link=False, transform_hrefs=False), "collection": collection}
    return of_the_net(found) if is_url(there) else found


def _days_around(period: tuple[str, str], days: int) -> tuple[str, str]:
    first, last = (date.fromisoformat(day) for day in period)
    return (first - timedelta(days=days)).isoformat(), (last + timedelta(days=days)).isoformat()


def _box_around(area: Geometry, degrees: float) -> tuple[float, float, float, float]:
    """West, south, east, north of an area, widened by degrees of latitude and as many kilometres of longitude."""
    west, south, east, north = area.boundingbox.bbox
    sideways = degrees / max(math.cos(math.radians(max(abs(south), abs(north)))), 0.1)
    return max(west - sideways, -180), max(south - degrees, -90), min(east + sideways, 180), min(north + degrees, 90)
