"""Searching a STAC API: one collection at a time, in small pages, patiently, and never in circles.

The services answer slowly under load, fail on single pages, and some of their `next` links lead nowhere. Requests,
their retries and paging are pystac-client's; what is asked, and which answers are believed, is decided here.
"""

from __future__ import annotations

import calendar
import logging
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import requests
from pystac.errors import STACError
from pystac_client import Client, ItemSearch
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from stfuse.acquisition import patience
from stfuse.acquisition.archives import Source
from stfuse.acquisition.patience import ArchiveDownError, brief

logger = logging.getLogger(__name__)

TOO_MUCH = (500, 502, 504)
"""What a service answers to a page that is too large for it."""
SMALLEST = 6  # items; smaller pages are not tried
IDS = 50  # ids in one request
GOOD = {"type", "stac_version", "collections", "features"}
"""Every document of an API has one of these keys."""

FAULTS = (requests.RequestException, STACError, NotImplementedError, AttributeError, KeyError, TypeError, ValueError)
"""What the libraries raise on answers that are not as they should be."""

Box = tuple[float, float, float, float]


class _Io(StacApiIO):
    """Requests with our retries and timeouts; what is no document of an API is an error and not an empty page."""

    def __init__(self) -> None:
        super().__init__(max_retries=patience.retries(), timeout=patience.TIMEOUT)
        patience.log_in(self.session)

    def read_json(self, source: Any, *args: Any, **settings: Any) -> dict[str, Any]:
        try:
            found = super().read_json(source, *args, **settings)
        except ValueError as error:
            raise APIError(f"a page is no JSON ({error})") from error
        if not isinstance(found, dict) or not GOOD & set(found):
            raise APIError(f"a page is no answer of a STAC API: {str(found)[:80]}")
        return found


class Api:
    """A STAC API, open for searching.

    Parameters
    ----------
    source : Source

    Raises
    ------
    ArchiveDownError
        If it does not answer, here and in every method.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        # The timeout once more: opening sets the one of the requests anew.
        self.client: Client = self._asked(Client.open, source.href, stac_io=_Io(), timeout=patience.TIMEOUT)
        links = self.client.get_links("search")
        # GET is what every API has, POST what bears long questions.
        posts = any(str(link.extra_fields.get("method", "GET")).upper() == "POST" for link in links)
        self.method = "POST" if posts else "GET"

    def has(self, collection: str) -> bool:
        """Whether the API has a collection."""
        return self._asked(self.client.get_collection, collection) is not None

    def within(self, collection: str, box: Box, period: tuple[str, str]) -> list[dict[str, Any]]:
        """Items of a collection whose outlines meet a box, of a period of ISO dates (both included), each once."""
        found: dict[str, dict[str, Any]] = {}
        for first, last in parts(period, self.source.months):
            query = {"collections": [collection], "bbox": box, "datetime": f"{first}/{last}"}
            found |= {item["id"]: item for item in self._items(query)}
            logger.info("%s: %s items of %s until %s", self.source.name, len(found), collection, last)
        return list(found.values())

    def named(self, collection: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Items of a collection by their ids, as far as it has them."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), IDS):
            query = {"collections": [collection], "ids": list(ids[start : start + IDS])}
            found |= {item["id"]: item for item in self._items(query)}
        return [found[name] for name in ids if name in found]

    def _items(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """All items of a query; where a page is persistently too much, from the start again in pages half as large.

        Some services count pages, so one cannot change their size on the way.
        """
        page = self.source.page
        while True:
            try:
                search = self.client.search(**query, limit=page, method=self.method)
                wanted = query["collections"][0]
                return [i for i in _walk(search, self.source.name) if is_item(i) and i["collection"] == wanted]
            except APIError as error:
                if getattr(error, "status_code", None) not in TOO_MUCH or page // 2 < SMALLEST:
                    raise self._down(error) from error
                page //= 2
                logger.warning("%s fails on its pages (%s); asked again for %s", self.source.name, brief(error), page)
            except FAULTS as error:
                raise self._down(error) from error

    def _asked(self, what: Any, *args: Any, **settings: Any) -> Any:
        try:
            return what(*args, **settings)
        except (APIError, *FAULTS) as error:
            raise self._down(error) from error

    def _down(self, error: Exception) -> ArchiveDownError:
        return ArchiveDownError(self.source.name, self.source.href, brief(error))


def _walk(search: ItemSearch, name: str) -> Iterator[dict[str, Any]]:
    """Items of all pages, each once; an empty page ends them.

    Raises
    ------
    APIError
        If a page brings nothing new although not all was seen.
    """
    seen: set[str] = set()
    matched = None
    for number, page in enumerate(search.pages_as_dicts(), start=1):
        stated = page.get("numberMatched", (page.get("context") or {}).get("matched"))
        matched = stated if isinstance(stated, int) else matched
        fresh = {str(i.get("id")): i for i in page["features"] if isinstance(i, dict) and str(i.get("id")) not in seen}
        if not fresh and matched is not None and len(seen) >= matched:
            return
        if not fresh:
            raise APIError(
                f"its links to the next page lead in a circle: page {number} holds only items of earlier ones"
            )
        seen |= set(fresh)
        yield from fresh.values()
    if matched is not None and len(seen) < matched:
        logger.warning("%s says that it has %s items and gave %s", name, matched, len(seen))


def is_item(found: dict[str, Any]) -> bool:
    """Whether a feature has what every item needs; in the log if not."""
    parts_of = {"id": str, "collection": str, "properties": dict, "assets": dict}
    lacking = [key for key, kind in parts_of.items() if not isinstance(found.get(key), kind)]
    lacking += [] if lacking or all("href" in asset for asset in found["assets"].values()) else ["assets' href"]
    if lacking:
        logger.warning("an item is left out, it lacks %s: %.80s", ", ".join(lacking), found.get("id"))
    return not lacking


def parts(period: tuple[str, str], months: int) -> Iterator[tuple[str, str]]:
    """A period of ISO dates, both included, in parts of at most so many months, without gap or overlap."""
    start, end = (date.fromisoformat(day) for day in period)
    while start <= end:
        count = start.month - 1 + months
        year, month = start.year + count // 12, count % 12 + 1
        following = date(year, month, min(start.day, calendar.monthrange(year, month)[1]))
        last = min(following - timedelta(days=1), end)
        yield start.isoformat(), last.isoformat()
        start = last + timedelta(days=1)
