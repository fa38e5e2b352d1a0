"""What the links of a STAC item say: how each is reached, with which settings of GDAL, and what of it may be kept.

That depends on the link and its item alone; nothing is read or asked here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit, urlunsplit

from stfuse.errors import InputError
from stfuse.redaction import redacted

Kind = Literal["local", "open", "signed", "requester-pays", "login"]
Json = Mapping[str, Any]

BLOBS = ".blob.core.windows.net"
PAID_BUCKETS = {
    "usgs-landsat": "us-west-2",
    "sentinel-s2-l1c": "eu-central-1",
    "sentinel-s2-l2a": "eu-central-1",
    "sentinel-s1-l1c": "eu-central-1",
}
"""Buckets whose readers pay, which not every item says, and their regions."""
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
LOGIN_HOSTS = frozenset({"landsatlook.usgs.gov", "geodes-portal.cnes.fr"})
"""Hosts that hand files only to those who are logged in; to others they send a page."""
SIGNING = frozenset({"sig", "se", "sp", "sv", "key", "auth", "policy", "expires"})
SECRET = re.compile(r"signature|token|credential|secret|password|api-?_?key|access-?_?key|^x-(amz|goog)-")
"""Names in a link's query that tell that it is signed or bears a key."""
FROM_NET = "stfuse:from_net"
"""The mark of items that came from the net, also in items.json."""
LINK = re.compile(r"[\w+.-]+://")


def is_url(href: str) -> bool:
    """Whether a link leads to the network."""
    return urlsplit(href).scheme in ("http", "https", "s3")


def kind_of(asset: Json, item: Json) -> Kind:
    """How an asset is reached.

    Parameters
    ----------
    asset, item : mapping
        STAC JSON.

    Returns
    -------
    str
        ``local`` for a path; ``open`` for whoever asks; ``signed`` for Planetary Computer's blobs; ``requester-pays``
        for S3 with an account that pays, also where that is the alternate of a link behind a login; ``login`` for
        what is handed out only to those who logged in.

    Raises
    ------
    InputError
        If an item that came from the net (`of_the_net`) links to anything but http, https and s3.
    """
    href = href_of(asset)
    link = urlsplit(href)
    if not is_url(href):
        if item.get(FROM_NET):
            raise InputError(
                f"Item {item.get('id')} of {item.get('collection')} links to {redacted(href)}, which is not read: a "
                "catalogue on the net may lead to http, https and s3 alone, not to files of this machine",
                "take another archive in `catalog:`, or fetch the files by hand and give their paths in "
                "config/scenes.tsv",
            )
        return "local"
    if (link.hostname or "").endswith(BLOBS):
        return "signed"
    if link.scheme == "s3":
        return "requester-pays" if _stated(asset, item, "requester_pays") or link.netloc in PAID_BUCKETS else "open"
    return "login" if link.hostname in LOGIN_HOSTS else "open"


def of_the_net(item: Json) -> dict[str, Any]:
    """An item marked as one that somebody else wrote: its links may lead to the net alone."""
    return {**item, FROM_NET: True}


def href_of(asset: Json) -> str:
    """The link that is read, unsigned: the alternate on S3 where the first one is behind a login."""
    href = str(asset["href"])
    if urlsplit(href).hostname in LOGIN_HOSTS:
        return str((asset.get("alternate") or {}).get("s3", {}).get("href", href))
    return href


def _stated(asset: Json, item: Json, what: str) -> Any:
    """What the asset, its alternate on S3, or the item says of its storage."""
    places = (asset, (asset.get("alternate") or {}).get("s3", {}), item.get("properties") or {})
    return next((place[f"storage:{what}"] for place in places if f"storage:{what}" in place), None)


def gdal_options(asset: Json, item: Json, again: bool = False) -> dict[str, str]:
    """GDAL's settings for reading an asset from the network, but for what the user's environment settles.

    Parameters
    ----------
    asset, item : mapping
        STAC JSON.
    again : bool
        Whether it was tried before: GDAL remembers for the life of a process that a file could not be read.
    """
    href = href_of(asset)
    if not is_url(href):
        return {}
    forced = {}
    options = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # look for no files beside it
        "GDAL_HTTP_MAX_RETRY": "0",  # its retries do not wait as long as an archive asks for; `patiently` does
        "GDAL_HTTP_CONNECTTIMEOUT": "20",  # seconds
        "GDAL_HTTP_LOW_SPEED_TIME": "60",  # seconds below so many bytes a second
        "GDAL_HTTP_LOW_SPEED_LIMIT": "100",
    }
    if href.startswith("s3://"):
        options["CPL_VSIL_CURL_NON_CACHED"] = f"/vsis3/{href.removeprefix('s3://')}"
        region = _stated(asset, item, "region") or PAID_BUCKETS.get(urlsplit(href).netloc)
        options |= {"AWS_REGION": str(region)} if region else {}
        if kind_of(asset, item) == "requester-pays":
            options["AWS_REQUEST_PAYER"] = "requester"
            forced = {"AWS_NO_SIGN_REQUEST": "NO"}  # who pays must sign, whatever the environment says
        elif not _has_keys():
            options["AWS_NO_SIGN_REQUEST"] = "YES"  # of an own bucket the keys are there
    elif again:
        options["CPL_VSIL_CURL_NON_CACHED"] = f"/vsicurl/{urlunsplit(urlsplit(href)._replace(query='', fragment=''))}"
    return {name: value for name, value in options.items() if name not in os.environ} | forced


def _has_keys() -> bool:
    return any(os.environ.get(name) for name in KEYS) or Path("~/.aws/credentials").expanduser().exists()


def unsigned(item: Json) -> dict[str, Any]:
    """A copy of a STAC item without users and signatures in its links, its assets' and alternates' included.

    A query that bears no secret stays, because the link may lead nowhere without it.
    """
    return dict(_unsigned(item))


def _unsigned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unsigned(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_unsigned(entry) for entry in value]
    if not isinstance(value, str) or "://" not in value:
        return value
    if not LINK.match(value):
        return redacted(value)  # a sentence with a link in it
    link = urlsplit(value)
    secret = any(key.lower() in SIGNING or SECRET.search(key.lower()) for key in parse_qs(link.query))
    bare = link._replace(netloc=link.netloc.rpartition("@")[2], query="" if secret else link.query)
    return urlunsplit(bare) if bare != link else value
