"""Logins of GDAL's settings go with our own requests too, and only to the hosts that they are for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pixel_server import Asked, Handler, PixelServer, serving, status, times
from small_cog import CRS, box, write_cog
from stfuse.acquisition import asking, logins, patience
from stfuse.acquisition.access import read_text
from stfuse.errors import InputError
from stfuse.raster_stored import read_asset

COOKIES = "# Netscape HTTP Cookie File\n{host}\tFALSE\t/\tFALSE\t0\tsession\tmine\n"
LOGINS = {
    "GDAL_HTTP_HEADERS": ("x-api-key", "mine"),
    "GDAL_HTTP_COOKIEFILE": ("cookie", "session=mine"),
    "GDAL_HTTP_NETRC_FILE": ("authorization", "Basic bWU6bWluZQ=="),  # me:mine
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PixelServer]:
    monkeypatch.setattr(patience, "BACKOFF", 0.01)
    monkeypatch.setattr(asking, "BUSY", 0.01)
    for name in LOGINS:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "a.xml").write_text("<a/>")
    write_cog(tmp_path / "a.tif", side=600)
    with serving(tmp_path) as pixels:
        yield pixels


def log_in(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, host: str = "127.0.0.1") -> None:
    (folder / "cookies").write_text(COOKIES.format(host=host))
    (folder / "netrc").write_text(f"machine {host} login me password mine")
    files = {"GDAL_HTTP_COOKIEFILE": folder / "cookies", "GDAL_HTTP_NETRC_FILE": folder / "netrc"}
    monkeypatch.setenv(name, str(files.get(name, "X-API-Key: mine")))


@pytest.mark.parametrize("name", LOGINS)
def test_a_login_holds_for_rasters_on_bad_days_and_for_documents(
    server: PixelServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, value = LOGINS[name]

    def gate(handler: Handler, asked: Asked, _: bytes) -> bool:
        closed = asked.headers.get(header) != value
        if closed:
            handler.send(asked, 401, b"no", {"WWW-Authenticate": "Basic"})
        return closed

    server.gate = gate
    with pytest.raises(InputError, match=r"refused \(401\)"):
        read_text({"href": f"{server.url}/a.xml"}, {})
    log_in(name, tmp_path, monkeypatch)
    assert read_text({"href": f"{server.url}/a.xml"}, {}) == "<a/>"
    server.fail("/a.tif", times(2, status(503)))
    read_asset({"href": f"{server.url}/a.tif"}, {}, box(0, 0, 50, 50), CRS, 0)


@pytest.mark.parametrize("name", ["GDAL_HTTP_COOKIEFILE", "GDAL_HTTP_NETRC_FILE"])
def test_what_is_for_another_host_stays_here(
    server: PixelServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(name, tmp_path, monkeypatch, "example.org")
    read_text({"href": f"{server.url}/a.xml"}, {})
    assert not {"cookie", "authorization"} & set(server.asked[0].headers)


def test_headers_are_told_apart_by_commas_outside_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_HEADERS", 'X-A: 1,"X-B: 2, 3", X-C: http://x.org')
    assert logins.headers() == {"X-A": "1", "X-B": "2, 3", "X-C": "http://x.org"}
    monkeypatch.setenv("GDAL_HTTP_HEADERS", "SECRET")
    with pytest.raises(InputError, match="no header") as error:
        logins.headers()
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize("content", [None, "no cookies"])
@pytest.mark.parametrize("name", ["GDAL_HTTP_COOKIEFILE", "GDAL_HTTP_NETRC_FILE"])
def test_a_login_that_cannot_be_read_is_said(
    server: PixelServer, name: str, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content:
        (tmp_path / "login").write_text(content)
    monkeypatch.setenv(name, str(tmp_path / "login"))
    with pytest.raises(InputError, match=rf"{name}, .*login, cannot be read"):
        read_text({"href": f"{server.url}/a.xml"}, {})
