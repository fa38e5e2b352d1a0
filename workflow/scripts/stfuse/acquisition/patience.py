"""How long one waits for an archive: retries and timeouts of every plain HTTP request."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from stfuse.acquisition import logins
from stfuse.errors import NotNowError
from stfuse.job import STOP
from stfuse.redaction import redacted

TRIES = 5
"""Requests that are repeated before an archive counts as down."""
BACKOFF = 1.0  # seconds before the second repetition; twice as long before each further one
LONGEST = 600  # seconds that a Retry-After is obeyed
TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two bytes of an answer
PASSING = (429, 500, 502, 503, 504)
"""Answers that pass: too many requests, and a server's own faults."""


class ArchiveDownError(NotNowError):
    """An archive did not answer as it should.

    Parameters
    ----------
    name, href, why : str
    """

    def __init__(self, name: str, href: str, why: str) -> None:
        what = redacted(name) if name == href else f"{name} ({redacted(href)})"
        cure = "see that the network is there and try again later, or take another archive in the site's `catalog:`"
        super().__init__(f"Archive {what} did not answer the search: {why}", cure)


class _Pauses(Retry):
    """Retries whose pauses end with the job."""

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        asked = self.get_retry_after(response) if response and self.respect_retry_after_header else None
        if STOP.wait(asked or self.get_backoff_time()):
            raise NotNowError("An archive was not asked again: the job was ended", "start the run again")


def retries() -> Retry:
    """The retries of one request: what passes is asked again, with the pause that the archive asks for.

    Searches are POST requests that change nothing, so they are repeated too. The last answer is given back as it is.
    """
    return _Pauses(
        total=TRIES,
        status_forcelist=PASSING,
        allowed_methods=None,
        backoff_factor=BACKOFF,
        backoff_jitter=BACKOFF / 4,
        backoff_max=60,
        raise_on_status=False,
        retry_after_max=LONGEST,
    )


def brief(error: Exception) -> str:
    """What went wrong in one line; services put whole pages into their errors."""
    status = getattr(error, "status_code", None)
    text = redacted(str(error)).split("(Caused by ")[-1]  # what urllib3 puts before it is the address once more
    text = re.sub(r"<[^>]*>|HTTPS?Connection(Pool)?\([^)]*\): ", " ", text)
    text = re.sub(r"^\w+Error\(", "", re.sub(r"\s+", " ", text)).strip(' ")')
    return " ".join(filter(None, (f"HTTP {status}" if status else "", text[:160]))) or type(error).__name__


def log_in(session: requests.Session) -> None:
    """Give a session the headers and cookies that GDAL's settings hold for archives behind a login."""
    session.headers.update(logins.headers())
    session.cookies.update(logins.cookies())


class Session(requests.Session):
    """A session that repeats what fails in passing, never waits without end, and is logged in where GDAL is."""

    def __init__(self) -> None:
        super().__init__()
        log_in(self)
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=retries()))

    def request(self, *args: Any, **settings: Any) -> requests.Response:
        """The same as the library's, with a timeout unless one is given."""
        if settings.get("timeout") is None:
            settings["timeout"] = TIMEOUT
        return super().request(*args, **settings)


class PassingError(OSError):
    """Something that may be gone when it is tried again.

    Parameters
    ----------
    said : str
        What went wrong.
    after : float
        Seconds to wait at least.
    """

    def __init__(self, said: str, after: float = 0.0) -> None:
        super().__init__(said)
        self.after = after


def retry_after(answer: requests.Response) -> float:
    """Seconds that an answer asks to wait; 0 if it does not."""
    stated = answer.headers.get("Retry-After", "").strip()
    if stated.isdigit():
        return float(stated)
    try:
        return max(0.0, parsedate_to_datetime(stated).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0
