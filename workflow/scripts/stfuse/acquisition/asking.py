"""Asking an archive again, as long as what failed may pass, and saying plainly why when it does not."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TypeVar

import requests
from urllib3.exceptions import MaxRetryError
from urllib3.util.retry import Retry

from stfuse.acquisition import logins
from stfuse.acquisition.links import Json, href_of, kind_of
from stfuse.acquisition.patience import LONGEST, PASSING, TIMEOUT, PassingError, retries, retry_after
from stfuse.acquisition.tokens import opened
from stfuse.errors import InputError, NotNowError
from stfuse.job import STOP
from stfuse.redaction import redacted

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

PEEK = 512  # bytes of an answer that show what it is
CURE_LATER = "try again later: what was fetched is kept, and only the rest is asked for"
LEAVE_OUT = "take the scene's date out by `exclude:` in the site file, or take another archive in `catalog:`"
LOG_IN = (
    "take the archive's copy on S3 if the item names one (`alternate`), set GDAL_HTTP_COOKIEFILE or GDAL_HTTP_HEADERS "
    "to your login, or fetch the files by hand and give their paths in config/scenes.tsv"
)
PAGES = (b"<!doctype html", b"<html")
BUSY = 1.0  # seconds to wait at least after an answer that passes
REFUSED_S3 = re.compile(r"AccessDenied|InvalidAccessKey|SignatureDoesNotMatch|InvalidToken|ExpiredToken|code: 40[13]")
MISSING_S3 = re.compile(r"NoSuchKey|NoSuchBucket|does not exist|code: 404")
NO_KEYS_S3 = re.compile(r"AWS_SECRET_ACCESS_KEY|AWS_ACCESS_KEY_ID|credentials", re.IGNORECASE)


class DamagedError(PassingError):
    """The archive hands out a file that cannot be read: cut on its way, or wrong where it lies."""


class SignatureError(OSError):
    """The archive refused the signature of a link."""


def patiently(attempt: Callable[[str, bool], Result], asset: Json, item: Json) -> Result:
    """Try to read an asset until it succeeds, with growing pauses, at least as long as the archive asks for.

    What cannot pass is refused at once: a dead link, a page to log in, a refusal. A refused signature is asked for anew
    once.

    Parameters
    ----------
    attempt : callable (link, again)
        Reads from a link; `again` tells that it was tried before. What it raises as OSError counts as not read.
    asset, item : mapping
        STAC JSON.

    Raises
    ------
    NotNowError
        If what may pass did not, in all tries.
    InputError
        If it cannot be read at all. The messages hold no signature.
    """
    where, kind, pause = redacted(href_of(asset)), kind_of(asset, item), retries()
    again, refused, link = False, "", ""
    while True:
        try:
            link = opened(asset, item, refused)
            return attempt(link, again)
        except OSError as error:
            cause = _diagnosed(error, link, where, kind)
        if isinstance(cause, SignatureError):
            if refused:
                raise InputError(f"{where} is refused, also with a new signature ({cause})", LEAVE_OUT)
            refused, again = link, False
        else:
            pause = _wait(pause, where, cause)
            again = True


def _wait(pause: Retry, where: str, cause: PassingError) -> Retry:
    """Sleep before the next try; of the tries left one less.

    Raises
    ------
    NotNowError
        If there is none left, or the wait would be too long.
    InputError
        If there is none left, and each one brought the file, but damaged.
    """
    try:
        left = pause.increment(error=cause)
    except MaxRetryError:
        causes = [*(past.error for past in pause.history), cause]
        said = f"{where} cannot be read after {len(causes)} tries: {cause}"
        if all(isinstance(one, DamagedError) for one in causes):
            raise InputError(said, LEAVE_OUT) from None
        raise NotNowError(said, CURE_LATER) from None
    if cause.after > LONGEST:
        raise NotNowError(f"{where} cannot be read: the archive asks to wait for {cause.after:.0f} s", CURE_LATER)
    seconds = max(cause.after, left.get_backoff_time())
    logger.info("%s: %s; again in %.1f s", where, cause, seconds)
    if STOP.wait(seconds):
        raise NotNowError(f"{where} was not read: the job was ended", CURE_LATER)
    return left


def _diagnosed(error: OSError, link: str, where: str, kind: str) -> PassingError | SignatureError:
    """What a failed read means, if it is of use to try again.

    Raises
    ------
    InputError
        If it is not.
    """
    if isinstance(error, PassingError | SignatureError):
        return error
    said = redacted(str(error))
    if link.startswith("s3://"):
        return PassingError(_why_s3(said, where, kind))
    # GDAL tells neither how long to wait nor what came in place of a raster: a short request does.
    told = re.search(r"code: (\d+)", said)
    passing = told is not None and int(told[1]) in PASSING
    try:
        with _ask(link, {"Range": f"bytes=0-{PEEK - 1}"}) as answer:
            _require_file(answer, next(answer.iter_content(PEEK), b""), where, kind)
    except (PassingError, SignatureError) as now:
        return now
    except requests.RequestException as now:
        return PassingError(redacted(str(now)))
    if passing:
        return PassingError(f"the archive answered {said}", BUSY)
    return DamagedError(f"the connection was cut, or the file is damaged or cut off ({said})")


def _why_s3(said: str, where: str, kind: str) -> str:
    if MISSING_S3.search(said):
        raise InputError(f"{where} is not there: a dead link of the catalogue", LEAVE_OUT)
    if REFUSED_S3.search(said):
        raise InputError(
            f"{where} is refused by the object store ({said})",
            "see that the account may read it (the policy of its role or user), and that an item in a bucket whose "
            "readers pay says so (`storage:requester_pays`)",
        )
    if NO_KEYS_S3.search(said):
        raise InputError(
            f"{where} can only be read with an account of the object store"
            + (", which is charged for what is read" if kind == "requester-pays" else "")
            + ", and no keys were found",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, in the environment of Snakemake; or take "
            "another archive in `catalog:`",
        )
    return said


def _ask(link: str, headers: dict[str, str] | None = None) -> requests.Response:
    """One request, its body not read yet. Whether and when to ask again is decided by `patiently` alone.

    Raises
    ------
    InputError
        If the archive sends in a circle those who are not logged in.
    PassingError
        If there is no answer, or one that passes.
    """
    headers, cookies, user = {**logins.headers(), **(headers or {})}, logins.cookies(), logins.user(link)
    try:
        answer = requests.get(link, headers=headers, cookies=cookies, auth=user, timeout=TIMEOUT, stream=True)
    except requests.TooManyRedirects:
        raise InputError(f"{redacted(link)} leads in a circle: the archive wants an account or a key", LOG_IN) from None
    except requests.RequestException as error:
        raise PassingError(redacted(str(error))) from None
    if answer.status_code in PASSING:
        answer.close()
        raise PassingError(f"the archive answers {answer.status_code}", retry_after(answer))
    return answer


def _require_file(answer: requests.Response, head: bytes, where: str, kind: str) -> None:
    """Refuse what is not the file: a page to log in, a dead link, a refusal."""
    status = answer.status_code
    if status == 403 and kind == "signed":
        raise SignatureError("403")
    if status in (401, 403):
        raise InputError(f"{where} is refused ({status}): the archive wants an account or a key", LOG_IN)
    if status == 410:
        raise InputError(f"{where} is not there now (410): taken away, or still on the archive's tape", CURE_LATER)
    if status == 404:
        raise InputError(f"{where} is not there (404): a dead link of the catalogue", LEAVE_OUT)
    if status >= 400:
        raise InputError(f"{where} is not handed out, the archive answers {status} {answer.reason}", LEAVE_OUT)
    if "html" in answer.headers.get("Content-Type", "") or head.lstrip()[:15].lower().startswith(PAGES):
        raise InputError(
            f"{where} leads to a web page, not to a file: the archive hands it only to those who are logged in", LOG_IN
        )


def read_http(link: str, where: str, kind: str, largest: int) -> bytes:
    """A whole small file over HTTP, for `patiently`.

    Raises
    ------
    InputError
        If there is a page or nothing in its place, or it is larger than `largest` bytes.
    PassingError, SignatureError
        If it may come whole the next time.
    """
    with _ask(link) as answer:
        content = b""
        try:
            for part in answer.iter_content(2**16):
                content += part
                if len(content) > largest:
                    raise InputError(f"{where} is larger than {largest} bytes", "see that the link leads to a document")
        except requests.RequestException as error:
            raise PassingError(redacted(str(error))) from None
        _require_file(answer, content[:PEEK], where, kind)
    return content
