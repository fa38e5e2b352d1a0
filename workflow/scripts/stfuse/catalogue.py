"""Searching STAC catalogues, static ones and APIs, and reading what their links lead to.

Items are returned as plain JSON with absolute, unsigned links.
"""

from __future__ import annotations

import json
import logging
import math
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pystac
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry, box
from pystac.errors import STACError

from stfuse.checks import require_outline
from stfuse.errors import InputError
from stfuse.scenes import acquired

logger = logging.getLogger(__name__)

PAGE = 100  # items per page of an API: larger pages fail on some services
TIMEOUT = 60  # seconds


def is_url(href: str) -> bool:
    """Whether a link leads to the network."""
    return urlparse(href).scheme in ("http", "https", "s3")


def site_area(crs: str, bounds: tuple[float, float, float, float]) -> Geometry:
    """The site's outline in degrees of longitude and latitude.

    Raises
    ------
    InputError
        If the CRS or the bounds are none of a site.
    """
    require_outline(crs, bounds)
    return box(*bounds, crs).to_crs("EPSG:4326", resolution=(bounds[2] - bounds[0]) / 8)


def read_json(href: str) -> dict[str, Any]:
    """Read a JSON document from a path or URL.

    Raises
    ------
    InputError
        If it is not there or is no JSON.
    """
    try:
        if is_url(href):
            with urllib.request.urlopen(href, timeout=TIMEOUT) as answer:
                text = answer.read().decode()
        else:
            text = Path(href).read_text()
        return dict(json.loads(text))
    except (OSError, urllib.error.URLError) as error:
        raise InputError(
            f"Catalogue {href} was not found ({error})",
            "correct `catalog:` of the site or `data:` in config.yaml"
            + (", and see that the network is there" if is_url(href) else ""),
        ) from error
    except ValueError as error:
        raise InputError(f"{href} is no STAC catalogue ({error})", "give the root catalogue's JSON") from error


def search(
    href: str,
    collections: Mapping[str, Mapping[str, Any]],
    area: Geometry,
    period: tuple[str, str],
) -> tuple[list[dict[str, Any]], str]:
    """Items of the named collections that touch an area within a period, by the days on which they were acquired.

    Parameters
    ----------
    href : str
        Path or URL of a static catalogue, or URL of a STAC API.
    collections : mapping of name to settings
        As in a sensor file: ``wider: {degrees, days}`` tells how far the collection's outlines and dates may be off.
        It is searched so much more widely, and what does not fit is dropped.
    area : Geometry
        In longitude and latitude.
    period : (first day, last day)
        ISO dates, both included.

    Returns
    -------
    items : list of dict
        Links absolute and unsigned.
    looked : str
        What was looked through, for a message when nothing is found.

    Raises
    ------
    InputError
        If the catalogue cannot be read.
    """
    root = read_json(href)
    if is_url(href) and "conformsTo" in root:
        found = _api_items(href, collections, area, period)
        touching = [item for item in found if _touches(item, area, _degrees(collections, item))]
        items = [item for item in touching if period[0] <= (_day(item) or period[0]) <= period[1]]
        return items, f"the API was asked for {list(collections)}"
    if root.get("type") not in ("Catalog", "Collection"):
        raise InputError(f"{href} is no STAC catalogue", "give the root catalogue's JSON")
    every = list(_static_items(href, list(collections)))
    touching = [item for item in every if _touches(item, area, _degrees(collections, item))]
    inside = [item for item in touching if period[0] <= _day(item) <= period[1]]
    return inside, _what_was_there(every, touching, list(collections), area, period)


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
    epsg = properties.get("proj:epsg")
    crs = properties.get("proj:code") or (f"EPSG:{epsg}" if epsg else properties.get("proj:wkt2"))
    shape, transform = properties.get("proj:shape"), properties.get("proj:transform")
    if not (crs and shape and transform):
        return None
    extent = GeoBox(tuple(shape), Affine(*transform[:6]), crs).extent
    return bool(area.to_crs(crs).intersects(extent))


def _static_items(href: str, collections: list[str]) -> Iterator[dict[str, Any]]:
    def walk(catalog: pystac.Catalog) -> Iterator[pystac.Item]:
        if isinstance(catalog, pystac.Collection) and catalog.id not in collections:
            return  # not even its items' files are opened
        yield from catalog.get_items()
        for child in catalog.get_children():
            yield from walk(child)

    try:
        for item in walk(pystac.Catalog.from_file(href) if not _is_collection(href) else _collection(href)):
            yield _as_json(item)
    except (STACError, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"Catalogue {href} cannot be read to its end ({error})", "mend the link or file that the message names"
        ) from error
    except Exception as error:  # pystac wraps what urllib says in a bare Exception
        if type(error) is not Exception:
            raise
        raise InputError(f"Catalogue {href} cannot be read to its end ({error})", "try again later") from error


def _is_collection(href: str) -> bool:
    return read_json(href).get("type") == "Collection"


def _collection(href: str) -> pystac.Catalog:
    return pystac.Collection.from_file(href)


def _as_json(item: pystac.Item) -> dict[str, Any]:
    item.make_asset_hrefs_absolute()
    collection = item.collection_id or (item.get_collection() or pystac.Catalog("none", "")).id
    item.clear_links()
    return {**item.to_dict(include_self_link=False, transform_hrefs=False), "collection": collection}


def _api_items(
    href: str, collections: Mapping[str, Mapping[str, Any]], area: Geometry, period: tuple[str, str]
) -> Iterator[dict[str, Any]]:
    import pystac_client  # only here: it costs start-up time that a static catalogue does not need
    import requests
    from pystac_client.exceptions import APIError

    try:
        client = pystac_client.Client.open(href)
        known = {collection.id for collection in client.get_collections()}
        for name in [c for c in collections if c in known]:
            # One collection a request, in small pages: what the services bear under load.
            wider = collections[name].get("wider", {})
            days = "/".join(_days_around(period, int(wider.get("days", 0))))
            around = _box_around(area, float(wider.get("degrees", 0)))
            found = client.search(collections=[name], bbox=around, datetime=days, limit=PAGE)
            yield from ({**item, "links": []} for item in found.items_as_dicts())
    except (APIError, requests.RequestException, STACError) as error:
        raise InputError(f"STAC API {href} did not answer the search ({error})", "try again later") from error


def _days_around(period: tuple[str, str], days: int) -> tuple[str, str]:
    first, last = (date.fromisoformat(day) for day in period)
    return (first - timedelta(days=days)).isoformat(), (last + timedelta(days=days)).isoformat()


def _box_around(area: Geometry, degrees: float) -> tuple[float, float, float, float]:
    """West, south, east, north of an area, widened by degrees of latitude and as many kilometres of longitude."""
    west, south, east, north = area.boundingbox.bbox
    sideways = degrees / max(math.cos(math.radians(max(abs(south), abs(north)))), 0.1)
    return west - sideways, south - degrees, east + sideways, north + degrees


def readable(asset: dict[str, Any], properties: dict[str, Any]) -> str:
    """The link of an asset made ready for GDAL: signed where the archive asks for it, never to be stored.

    Also sets the environment that GDAL's network drivers read, without overruling the user's.
    """
    href = str(asset["href"])
    if not is_url(href):
        return href
    os.environ.setdefault("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    os.environ.setdefault("GDAL_HTTP_MAX_RETRY", "4")
    os.environ.setdefault("GDAL_HTTP_RETRY_DELAY", "2")
    if asset.get("storage:requester_pays", properties.get("storage:requester_pays")):
        os.environ.setdefault("AWS_REQUEST_PAYER", "requester")
    if (urlparse(href).hostname or "").endswith(".blob.core.windows.net"):
        import planetary_computer  # only here: it costs start-up time

        # Tokens last minutes, so each job signs what it reads when it reads it.
        return str(planetary_computer.sign(href))
    return href
