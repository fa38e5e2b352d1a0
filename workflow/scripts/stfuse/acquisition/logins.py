"""The login that GDAL's settings hold for archives, for the requests that are not GDAL's."""

from __future__ import annotations

import csv
import os
from http.cookiejar import LoadError, MozillaCookieJar
from netrc import NetrcParseError, netrc
from pathlib import Path
from urllib.parse import urlsplit

from stfuse.errors import InputError


def headers() -> dict[str, str]:
    """The headers of ``GDAL_HTTP_HEADERS``: ``NAME: VALUE`` separated by commas, in quotes where one holds a comma.

    Raises
    ------
    InputError
        If it is written otherwise.
    """
    given = os.environ.get("GDAL_HTTP_HEADERS", "")
    found = {}
    for part in next(csv.reader([given], skipinitialspace=True, escapechar="\\"), []):
        name, colon, value = part.partition(":")
        if not colon or not name.strip():
            raise InputError(
                "A part of GDAL_HTTP_HEADERS is no header", 'write it as NAME: VALUE,"NAME: VALUE with, a comma"'
            )
        found[name.strip()] = value.strip()
    return found


def cookies() -> MozillaCookieJar:
    """The cookies of ``GDAL_HTTP_COOKIEFILE``, in the format of Netscape's files, each for its own hosts.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    jar = MozillaCookieJar()
    given = os.environ.get("GDAL_HTTP_COOKIEFILE")
    try:
        if given:
            jar.load(str(Path(given)), ignore_discard=True, ignore_expires=True)
    except (OSError, LoadError) as error:
        raise InputError(
            f"The cookies of GDAL_HTTP_COOKIEFILE, {given}, cannot be read ({type(error).__name__})",
            "give the path of a file in the format of Netscape's cookies, as browsers and curl write it",
        ) from None
    for cookie in jar:
        cookie.expires = cookie.expires or None  # curl writes 0 for one that holds as long as its session
    return jar


def user(link: str) -> tuple[str, str] | None:
    """User and password of a link's host in the file of ``GDAL_HTTP_NETRC_FILE``, None if that holds none.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    given = os.environ.get("GDAL_HTTP_NETRC_FILE")
    try:
        found = netrc(given).authenticators(str(urlsplit(link).hostname)) if given else None
    except (OSError, NetrcParseError) as error:
        raise InputError(
            f"The users of GDAL_HTTP_NETRC_FILE, {given}, cannot be read ({type(error).__name__})",
            "write a line `machine HOST login USER password PASSWORD` for each host",
        ) from None
    return (found[0], found[2]) if found else None
