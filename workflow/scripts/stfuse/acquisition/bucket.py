"""Searching a public bucket that has no catalogue: folders {place}/{YYYY}/{MM}/{DD}/{product}/, an item in each.

EarthDaily keeps the Venus archive so (README of its repository venus-on-aws): a STAC item named ``*_STAC.json`` beside
every product, and nothing that lists them. A place's outline is that of its first item.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

import pystac
import requests
from odc.geo.geom import Geometry, box
from pystac.errors import STACError

from stfuse.acquisition.archives import Source
from stfuse.acquisition.patience import PASSING, ArchiveDownError, Session, brief
from stfuse.acquisition.stac_api import is_item, parts
from stfuse.errors import InputError
from stfuse.products.xmldoc import read_xml

logger = logging.getLogger(__name__)

ITEM = "_STAC.json"
LOOKED = 200  # keys in which a place's first item is looked for: a product has some 50 files
BESIDE = 0.2  # degrees by which a place's products may lie beside its first one

Json = dict[str, Any]


def search_bucket(source: Source, area: Geometry, period: tuple[str, str]) -> list[Json]:
    """Items of the places that an area touches, of a period.

    Parameters
    ----------
    source : Source
        Its `href` is the bucket's address, http(s); its `collection` is what the items belong to.
    area : Geometry
        In longitude and latitude.
    period : (first day, last day)
        ISO dates, both included.

    Returns
    -------
    list of dict
        Links absolute, by the bucket's address.

    Raises
    ------
    ArchiveDownError
        If the bucket does not answer as one.
    """
    with _Bucket(source) as bucket, ThreadPoolExecutor(source.at_once) as pool:
        try:
            places = [name for name in bucket.listed("", folders=True) if name]
            near = [place for place, here in zip(places, pool.map(bucket.reaches(area), places), strict=True) if here]
            logger.info("%s: %s of %s places are near: %s", source.name, len(near), len(places), " ".join(near))
            months = [f"{first[:4]}/{first[5:7]}/" for first, _ in parts((f"{period[0][:7]}-01", period[1]), 1)]
            listed = pool.map(bucket.items_in, [f"{place}{month}" for place in near for month in months])
            keys = [key for own in listed for key in own if period[0] <= _day(key) <= period[1]]
            return [item for item in pool.map(bucket.item, keys) if item is not None]
        except (requests.RequestException, InputError) as error:
            raise ArchiveDownError(source.name, source.href, brief(error)) from error


def _day(key: str) -> str:
    """The ISO date in a key's folders."""
    return "-".join(key.split("/")[1:4])


class _Bucket:
    """A bucket that is listed and read without an account."""

    def __init__(self, source: Source) -> None:
        self.source, self.session = source, Session()

    def __enter__(self) -> _Bucket:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def listed(self, prefix: str, folders: bool = False, most: int = 1000) -> Iterator[str]:
        """Keys that begin so, or the folders directly in a folder; at most so many are asked for at once."""
        query = {"list-type": "2", "prefix": prefix} | ({"delimiter": "/"} if folders else {})
        query |= {"max-keys": str(most)}
        path, seen = ".//{*}CommonPrefixes/{*}Prefix" if folders else ".//{*}Key", {""}
        while True:
            answer = self.session.get(f"{self.source.href}/", params=query)
            answer.raise_for_status()
            root = read_xml(answer.text, f"The list of {self.source.name}")
            if not root.tag.endswith("ListBucketResult"):
                raise InputError(
                    f"The answer of {self.source.name} is no list of a bucket", "correct the archive's `url:`"
                )
            yield from (node.text or "" for node in root.iterfind(path))
            token = root.findtext("{*}NextContinuationToken", "")
            if token in seen:
                return
            seen.add(token)
            query["continuation-token"] = token

    def items_in(self, prefix: str) -> list[str]:
        """Keys of the items in a folder."""
        return [key for key in self.listed(prefix) if key.endswith(ITEM)]

    def reaches(self, area: Geometry) -> Any:
        """A function of a place's folder: whether its first item lies at an area, or tells nothing."""
        around = area.buffer(BESIDE)

        def here(place: str) -> bool:
            first = islice(self.listed(place, most=LOOKED), LOOKED)
            key = next((key for key in first if key.endswith(ITEM)), None)
            item = None if key is None else self.item(key)
            if item is None or not item.get("bbox"):
                return key is not None
            bounds = item["bbox"]
            half = len(bounds) // 2
            outline = box(bounds[0], bounds[1], bounds[half], bounds[half + 1], "EPSG:4326")
            return bool(outline.intersects(around))

        return here

    def item(self, key: str) -> Json | None:
        """One item, None (and a line in the log) where it is gone or cannot be read as one.

        Raises
        ------
        requests.RequestException
            If it may be had later.
        """
        href = f"{self.source.href}/{quote(key)}"
        try:
            answer = self.session.get(href)
            answer.raise_for_status()
            item = pystac.Item.from_dict(answer.json(), href=href)
            item.make_asset_hrefs_absolute()
        except (requests.HTTPError, STACError, AttributeError, KeyError, TypeError, ValueError) as error:
            if getattr(getattr(error, "response", None), "status_code", 0) in PASSING:
                raise
            logger.warning("%s is left out: %s", href, type(error).__name__)
            return None
        found = item.to_dict(include_self_link=False, transform_hrefs=False)
        found |= {"collection": self.source.collection, "links": []}
        for asset in found["assets"].values():
            asset["href"] = self._open(str(asset["href"]))
        return found if is_item(found) else None

    def _open(self, href: str) -> str:
        """The bucket's own address for what is in the bucket: read so, it needs no account and no region."""
        link, bucket = urlsplit(href), str(urlsplit(self.source.href).hostname).split(".")[0]
        return f"{self.source.href}{link.path}" if link.scheme == "s3" and link.netloc == bucket else href
