"""Whether a raster's header came whole: GDAL passes over what it cannot read of it, and only warns."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOST = re.compile(r"IO error|[Cc]an ?not read")
"""What libtiff says of a tag or a directory that it could not read, and then ignores."""


_heard = threading.local()


def _hear(record: logging.LogRecord) -> bool:
    """Note what this thread's GDAL lost, if anybody wants to know; let every record pass."""
    said = getattr(_heard, "said", None)
    if said is not None and LOST.search(record.getMessage()):
        said.append(record.getMessage())
    return True


# rasterio turns GDAL's warnings into records of this logger, in the thread that reads.
logging.getLogger("rasterio._env").addFilter(_hear)


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Collect, while the block runs, what GDAL could not read of headers in this thread.

    Yields
    ------
    list of str
        It grows as GDAL warns.
    """
    said: list[str] = []
    _heard.said = said
    try:
        yield said
    finally:
        _heard.said = None


def require_whole(lost: list[str]) -> None:
    """Refuse a raster whose header came in part: without its tags it may lie elsewhere, or count other numbers.

    Raises
    ------
    OSError
        If anything was lost.
    """
    if lost:
        raise OSError(f"parts of its header are missing: {lost[0]}")
