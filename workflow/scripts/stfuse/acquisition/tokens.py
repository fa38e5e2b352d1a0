"""Signatures of Planetary Computer: one for all files of a container, asked for by one thread at a time."""

from __future__ import annotations

import threading
from collections import defaultdict
from urllib.parse import urlsplit, urlunsplit

import requests
from planetary_computer.sas import SASToken
from planetary_computer.settings import Settings

from stfuse.acquisition.links import Json, href_of, kind_of
from stfuse.acquisition.patience import PASSING, PassingError, retry_after
from stfuse.errors import InputError
from stfuse.redaction import redacted

TIMEOUT = (10.0, 20.0)  # seconds to connect, and until the service answers
SHORTEST = 60  # seconds that a token must still hold


class _Container:
    """The token of one container. Whoever waits while another asks takes what that one got, be it a failure."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked = 0
        self.token: SASToken | None = None
        self.failed: PassingError | None = None

    def get(self, address: str, refused: str) -> SASToken:
        before = self.asked
        with self.lock:
            if self.asked > before and self.failed:
                raise PassingError(str(self.failed), self.failed.after)
            token = self.token
            if token is None or token.ttl() < SHORTEST or refused.endswith(f"?{token.token}"):
                token = self.token = self._ask(address)
            return token

    def _ask(self, address: str) -> SASToken:
        self.failed = None
        try:
            return _ask(address)
        except PassingError as error:
            self.failed = error
            raise
        finally:
            self.asked += 1


containers: dict[str, _Container] = defaultdict(_Container)
"""By the address at which their tokens are asked for."""


def signed(href: str, refused: str = "") -> str:
    """A link to a blob with a signature, which stands in the place of an older one.

    Parameters
    ----------
    href : str
        Of a blob.
    refused : str
        A link as this function gave it, whose signature the archive refused: it is not given again.

    Raises
    ------
    InputError
        If the service gives no signature.
    PassingError
        If it may do so later.
    """
    link, settings = urlsplit(href), Settings.get()
    container = f"{str(link.hostname).split('.')[0]}/{link.path.split('/')[1]}"
    address = f"{settings.sas_url}/{container}"
    token = containers[address].get(address, refused)
    return str(token.sign(urlunsplit(link._replace(query="", fragment=""))).href)


def _ask(address: str) -> SASToken:
    key = Settings.get().subscription_key
    headers = {"Ocp-Apim-Subscription-Key": key} if key else None
    try:
        answer = requests.get(address, headers=headers, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise PassingError(f"no signature was given ({redacted(str(error))})") from None
    if answer.status_code in PASSING:
        raise PassingError(f"the service of signatures answers {answer.status_code}", retry_after(answer))
    try:
        answer.raise_for_status()
        return SASToken(**answer.json())
    except (requests.RequestException, TypeError, ValueError) as error:
        raise InputError(
            f"Planetary Computer gives no signature for {'/'.join(address.split('/')[-2:])} ({redacted(str(error))})",
            "if it is no container of Planetary Computer, give the files by path in a sheet; else try again later",
        ) from None


def opened(asset: Json, item: Json, refused: str = "") -> str:
    """What GDAL opens for an asset; it may be signed, so it is never to be stored or logged.

    Parameters
    ----------
    asset, item : mapping
        STAC JSON.
    refused : str
        What this function gave before, if the archive refused its signature.

    Raises
    ------
    InputError
        If the archive gives no signature, or the link leads where an item from the net may not lead.
    PassingError
        If it may give one later.
    """
    href = href_of(asset)
    if kind_of(asset, item) == "signed":
        return signed(href, refused)
    return href
