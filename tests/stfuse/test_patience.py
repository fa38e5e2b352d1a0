"""Requests that wait as long as they should, and errors that say in one line what went wrong."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import requests
from pystac_client.exceptions import APIError
from urllib3.exceptions import MaxRetryError, ReadTimeoutError

from stac_server import Answer, faulty_api
from stfuse.acquisition import patience
from stfuse.acquisition.archives import Source
from stfuse.acquisition.patience import ArchiveDownError, Session, brief, retries
from stfuse.acquisition.stac_api import Api
from stfuse.errors import NotNowError
from stfuse.job import STOP


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses of our own."""
    monkeypatch.setattr(patience, "BACKOFF", 0.0)
    monkeypatch.setattr(patience, "TRIES", 2)


def test_a_session_repeats_what_passes_and_gives_the_last_answer_as_it_is() -> None:
    with (
        faulty_api(lambda query, number, url: Answer({"n": number}, 503 if number < 3 else 200)) as api,
        Session() as session,
    ):
        assert session.get(f"{api.url}/search").json() == {"n": 3}
    with faulty_api(lambda *_: Answer({}, 502)) as api, Session() as session:
        assert session.post(f"{api.url}/search", json={}).status_code == 502
        assert len(api.asked) == 3


def test_a_session_that_was_told_to_wait_ends_with_the_job() -> None:
    start = time.monotonic()
    with faulty_api(lambda *_: Answer({}, 429, Retry_After="300")) as api, Session() as session:
        timer = threading.Timer(0.5, STOP.set)
        timer.start()
        try:
            with pytest.raises(NotNowError, match="the job was ended"):
                session.get(f"{api.url}/search")
        finally:
            timer.join()
            STOP.clear()
    assert 0.4 < time.monotonic() - start < 20


def test_a_session_is_logged_in_where_gdal_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jar = tmp_path / "cookies.txt"
    jar.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tlogin\tmine\n")
    monkeypatch.setenv("GDAL_HTTP_HEADERS", "X-Key: one,Authorization: Bearer two")
    monkeypatch.setenv("GDAL_HTTP_COOKIEFILE", str(jar))
    with faulty_api(lambda *_: {"features": []}) as api:
        with Session() as session:
            session.get(f"{api.url}/search")
        Api(Source("a", api.url)).has("sentinel-2-l2a")
        assert len(api.headers) > 2
        for headers in api.headers:
            assert (headers["X-Key"], headers["Authorization"]) == ("one", "Bearer two")
            assert headers["Cookie"] == "login=mine"


def test_a_session_never_waits_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "TIMEOUT", (1.0, 0.2))
    monkeypatch.setattr(patience, "TRIES", 0)
    with faulty_api(lambda *_: Answer({}, pause=0.8)) as api, Session() as session:
        with pytest.raises(requests.ConnectionError, match="timed out"):
            session.get(f"{api.url}/search")
        assert session.get(f"{api.url}/search", timeout=5).status_code == 200


def test_a_pause_that_is_asked_for_is_kept_but_not_for_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert retries().parse_retry_after("7") == 7
    assert retries().parse_retry_after("86400") == patience.LONGEST == 600
    monkeypatch.setattr(patience, "LONGEST", 1)
    with faulty_api(lambda query, number, url: Answer({}, 429 if number == 1 else 200, Retry_After="3600")) as api:
        start = time.monotonic()
        with Session() as session:
            assert session.get(f"{api.url}/search").status_code == 200
    assert 1 <= time.monotonic() - start < 20


def test_errors_are_one_short_line_without_markup_or_secrets() -> None:
    page = APIError("<html>\n<h1>Bad\n gateway</h1>" + "x" * 500)
    page.status_code = 502
    assert brief(page).startswith("HTTP 502 Bad gateway")
    assert len(brief(page)) < 200
    cause = ReadTimeoutError(None, "/search", "Read timed out. (read timeout=60)")  # type: ignore[arg-type]
    slow = requests.ConnectionError(MaxRetryError(None, "https://e.org/search?sig=SECRET", cause))  # type: ignore[arg-type]
    assert "Read timed out. (read timeout=60" in brief(slow)
    refused = requests.HTTPError("403 Client Error for url: https://e.org/v1?token=SECRET")
    assert brief(refused) == "403 Client Error for url: https://e.org/v1"
    assert brief(KeyError()) == "KeyError"
    assert "SECRET" not in brief(slow) + str(ArchiveDownError("n", "https://e.org/v1?key=SECRET", "x"))
