"""Reading the small documents that STAC items link to, from wherever they lie."""

from __future__ import annotations

from pathlib import Path

from stfuse.acquisition.asking import patiently, read_http
from stfuse.acquisition.digests import require_checksum
from stfuse.acquisition.links import Json, href_of, kind_of
from stfuse.errors import InputError
from stfuse.products.venus_zip import read_member
from stfuse.raster_stored import read_bytes
from stfuse.redaction import redacted

LARGEST_TEXT = 8 * 2**20  # bytes: metadata documents have up to one megabyte


def read_text(asset: Json, item: Json) -> str:
    """A small document that an asset links to, such as a scene's metadata.

    Parameters
    ----------
    asset, item : mapping
        STAC JSON.

    Raises
    ------
    InputError
        If it cannot be read, is larger than 8 MB, or its bytes are not those that its ``file:checksum`` was made of.
    """
    href = href_of(asset)
    if kind_of(asset, item) == "local":
        content = _local(href)
    elif href.startswith("s3://"):
        content = read_bytes(asset, item, LARGEST_TEXT)
    else:
        where, kind = redacted(href), kind_of(asset, item)
        content = patiently(lambda link, _: read_http(link, where, kind, LARGEST_TEXT), asset, item)
    require_checksum(content, asset.get("file:checksum"), redacted(href))
    return content.decode("utf-8", errors="replace")


def _local(href: str) -> bytes:
    if href.startswith("/vsizip/"):
        return str(read_member(href)).encode()
    try:
        return Path(href).read_bytes()
    except OSError as error:
        raise InputError(
            f"{href} cannot be read ({error})", "correct the link in the item, or fetch it again"
        ) from error
