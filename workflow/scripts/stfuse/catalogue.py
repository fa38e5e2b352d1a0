"""Searching STAC catalogues, static ones and APIs, and reading what their links lead to.

Items are returned as plain JSON with absolute, unsigned links.
"""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pystac
from odc.geo.geom import BoundingBox, Geometry, box
from pystac.errors import STACError

from stfuse.checks import require_outline
from stfuse.errors import InputError

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
    href: str, collections: list[str], area: Geometry, period: tuple[str, str]
) -> tuple[list[dict[str, Any]], str]:
    """Items of the named collections that touch an area within a period.

    Parameters
    ----------
    href : str
        Path or URL of a static catalogue, or URL of a STAC API.
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
        items = list(_api_items(href, collections, area, period))
        return items, f"the API was asked for {collections}"
    if root.get("type") not in ("Catalog", "Collection"):
        raise InputError(f"{href} is no STAC catalogue", "give the root catalogue's JSON")
    every = list(_static_items(href, collections))
    touching = [item for item in every if _touches(item, area)]
    inside = [item for item in touching if period[0] <= _day(item) <= period[1]]
    return inside, _what_was_there(every, touching, collections, area, period)


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
    properties = item["properties"]
    return str(properties.get("datetime") or properties.get("start_datetime") or "")[:10]


def _touches(item: dict[str, Any], area: Geometry) -> bool:
    if item.get("geometry"):
        return bool(Geometry(item["geometry"], "EPSG:4326").intersects(area))
    bounds = item.get("bbox")
    if not bounds:
        return True  # unknown: the mask will tell
    half = len(bounds) // 2
    outline = box(bounds[0], bounds[1], bounds[half], bounds[half + 1], "EPSG:4326")
    return bool(outline.intersects(area))


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


def _api_items(href: str, collections: list[str], area: Geometry, period: tuple[str, str]) -> Iterator[dict[str, Any]]:
    import pystac_client  # only here: it costs start-up time that a static catalogue does not need
    import requests
    from pystac_client.exceptions import APIError

    bounds: BoundingBox = area.boundingbox
    try:
        client = pystac_client.Client.open(href)
        known = {collection.id for collection in client.get_collections()}
        for name in [c for c in collections if c in known]:
            # One collection a request, in small pages: what the services bear under load.
            found = client.search(collections=[name], bbox=bounds.bbox, datetime=f"{period[0]}/{period[1]}", limit=PAGE)
            yield from ({**item, "links": []} for item in found.items_as_dicts() if _touches(item, area))
    except (APIError, requests.RequestException, STACError) as error:
        raise InputError(f"STAC API {href} did not answer the search ({error})", "try again later") from error


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
