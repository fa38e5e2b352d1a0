"""Signatures are asked for once, whoever needs them, and a service that is silent or busy does not hold a job up."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from planetary_computer.settings import Settings

from pixel_server import Asked, Handler, PixelServer, serving, status, times
from stfuse.acquisition import patience, tokens
from stfuse.acquisition.asking import patiently
from stfuse.acquisition.tokens import opened
from stfuse.errors import InputError

PATH = "/tokens/own/c"
ASSET = {"href": "https://own.blob.core.windows.net/c/red.tif"}
THREADS = 8


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(patience, "BACKOFF", 0.01)
    monkeypatch.delenv("PC_SDK_SUBSCRIPTION_KEY", raising=False)
    tokens.containers.clear()
    yield
    tokens.containers.clear()
    Settings.get.cache_clear()


def asked_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_SDK_SAS_URL", url)
    Settings.get.cache_clear()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PixelServer]:
    """The service of signatures: each token differs from the last one."""
    with serving(tmp_path) as server:
        asked_at(f"{server.url}/tokens", monkeypatch)
        server.fail(PATH, give)
        yield server


def give(handler: Handler, asked: Asked, _: bytes, expiry: str = "2099-01-01T00:00:00Z") -> bool:
    time.sleep(0.1)  # so that others come meanwhile
    token = {"msft:expiry": expiry, "token": f"sig={len(handler.pixels.of(PATH))}"}
    handler.send(asked, 200, json.dumps(token).encode())
    return True


def read(link: str, _: bool) -> str:
    return link


def in_threads(refused: str = "") -> set[str]:
    with ThreadPoolExecutor(THREADS) as pool:
        return set(pool.map(lambda _: opened(ASSET, {}, refused), range(THREADS)))


def test_threads_share_one_token_and_its_renewal(service: PixelServer) -> None:
    first = in_threads()
    assert first == {f"{ASSET['href']}?sig=1"}
    second = in_threads(*first)
    assert second == {f"{ASSET['href']}?sig=2"}
    # One that comes late with the first token does not take the second one from the others.
    assert {opened(ASSET, {}, *first)} == second
    assert len(service.of(PATH)) == 2


def test_a_token_that_ends_soon_is_asked_for_anew(service: PixelServer) -> None:
    service.faults.clear()
    service.fail(PATH, times(1, lambda *what: give(*what, expiry="2020-01-01T00:00:00Z")))
    service.fail(PATH, give)
    assert [opened(ASSET, {})[-5:] for _ in range(3)] == ["sig=1", "sig=2", "sig=2"]


def test_a_service_that_is_busy_is_asked_again(service: PixelServer) -> None:
    service.faults[PATH].insert(0, times(2, status(503)))
    assert patiently(read, ASSET, {}) == f"{ASSET['href']}?sig=3"


def test_a_service_that_stays_busy_is_left(service: PixelServer) -> None:
    service.faults[PATH].insert(0, status(503))
    with pytest.raises(
        InputError, match=r"red\.tif cannot be read after 6 tries: the service of signatures answers 503"
    ):
        patiently(read, ASSET, {})


@pytest.mark.parametrize("answer", [status(404), status(200)])
def test_what_is_no_container_is_refused_at_once(service: PixelServer, answer: Any) -> None:
    service.faults[PATH].insert(0, answer)
    with pytest.raises(InputError, match="gives no signature for own/c"):
        patiently(read, ASSET, {})
    assert len(service.of(PATH)) == 1


def test_a_service_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "TIMEOUT", (1.0, 0.2))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(200)
        asked_at(f"http://127.0.0.1:{silent.getsockname()[1]}/tokens", monkeypatch)
        start = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            ended = [pool.submit(patiently, read, ASSET, {}) for _ in range(THREADS)]
        assert all("after 6 tries: no signature was given" in str(one.exception()) for one in ended)
    # Asked by each thread in its turn it would take 8 x 6 x 0.2 s.
    assert time.monotonic() - start < 6
