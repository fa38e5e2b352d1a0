"""How links are reached, signed and kept free of signatures; documents read over HTTP with all that can go wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planetary_computer.settings import Settings

from pixel_server import PixelServer, cut, login_page, serving, signature, status, times
from small_cog import CRS, box, values_of, write_cog
from stfuse.acquisition import asking, patience, tokens
from stfuse.acquisition.access import read_text
from stfuse.acquisition.links import FROM_NET, KEYS, gdal_options, href_of, is_url, kind_of, of_the_net, unsigned
from stfuse.acquisition.tokens import opened
from stfuse.errors import InputError
from stfuse.raster_stored import read_asset

USGS = "https://landsatlook.usgs.gov/data/B8.TIF"
BLOB = "http://fake.blob.core.windows.net/c/red.tif"
S3 = {"s3": {"href": "s3://usgs-landsat/B8.TIF", "storage:requester_pays": True}}
KINDS = [
    ({"href": "/pixels/a.tif"}, {}, "local"),
    ({"href": "a/b.tif"}, {}, "local"),
    ({"href": "/vsizip/{/pixels/a.zip}/b.tif"}, {}, "local"),
    ({"href": "https://sentinel-cogs.s3.us-west-2.amazonaws.com/a.tif"}, {}, "open"),
    ({"href": BLOB}, {}, "signed"),
    ({"href": "https://blob.core.windows.net.example.org/c/a.tif"}, {}, "open"),
    ({"href": "s3://anyone/a.tif"}, {}, "open"),
    ({"href": "s3://anyone/a.tif", "storage:requester_pays": True}, {}, "requester-pays"),
    ({"href": "s3://anyone/a.tif"}, {"properties": {"storage:requester_pays": True}}, "requester-pays"),
    (
        {"href": "s3://anyone/a.tif", "storage:requester_pays": False},
        {"properties": {"storage:requester_pays": True}},
        "open",
    ),
    ({"href": "s3://sentinel-s2-l2a/a.jp2"}, {}, "requester-pays"),
    ({"href": USGS, "alternate": S3}, {}, "requester-pays"),
    ({"href": USGS}, {}, "login"),
    ({"href": "https://geodes-portal.cnes.fr/api/download/a"}, {}, "login"),
]  # fmt: skip


@pytest.mark.parametrize(("asset", "item", "kind"), KINDS)
def test_a_link_tells_how_it_is_reached(asset: dict[str, Any], item: dict[str, Any], kind: str) -> None:
    assert kind_of(asset, item) == kind
    assert is_url(href_of(asset)) == (kind != "local")


ELSEWHERE = [
    "/etc/passwd",
    "a.tif",
    "file:///etc/passwd",
    "gs://b/a.tif",
    "/vsicurl/http://169.254.169.254/",
    "/vsizip/a",
]


@pytest.mark.parametrize("href", [*ELSEWHERE, USGS])
def test_an_item_from_the_net_leads_nowhere_else(href: str, tmp_path: Path) -> None:
    asset = {"href": href, "alternate": {"s3": {"href": str(tmp_path / "own.tif")}}}
    item = of_the_net({"id": "a", "collection": "c", FROM_NET: False})
    for read in (kind_of, opened, read_text, lambda *what: read_asset(*what, box(0, 0, 5, 5), CRS, 0)):
        with pytest.raises(InputError, match=r"Item a of c links to .* not to files of this machine"):
            read(asset, item)
    assert kind_of({"href": "https://x.org/a.tif"}, item) == "open"


def test_only_who_pays_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REQUEST_PAYER", "AWS_REGION", "AWS_NO_SIGN_REQUEST", *KEYS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    paid = gdal_options({"href": USGS, "alternate": S3}, {})
    assert (paid["AWS_REQUEST_PAYER"], paid["AWS_REGION"]) == ("requester", "us-west-2")
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    assert gdal_options({"href": USGS, "alternate": S3}, {})["AWS_NO_SIGN_REQUEST"] == "NO", "who pays must sign"
    monkeypatch.delenv("AWS_NO_SIGN_REQUEST")
    free = gdal_options({"href": "s3://anyone/a.tif"}, {})
    assert free["AWS_NO_SIGN_REQUEST"] == "YES"
    assert "AWS_REQUEST_PAYER" not in free
    assert "AWS_REQUEST_PAYER" not in gdal_options({"href": "https://example.org/a.tif"}, {})
    monkeypatch.setenv("AWS_PROFILE", "mine")
    assert "AWS_NO_SIGN_REQUEST" not in gdal_options({"href": "s3://own/a.tif"}, {})
    assert gdal_options({"href": "/pixels/a.tif"}, {}) == {}
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "9")
    assert "GDAL_HTTP_MAX_RETRY" not in gdal_options({"href": "https://example.org/a.tif"}, {})


def test_an_item_is_kept_without_signatures_and_with_queries_that_lead_somewhere() -> None:
    item = {
        "id": "a",
        "bbox": [1.5, 2],
        "properties": {"note": "see https://me:SECRET@x.org/a", "title": "who? me=you"},
        "links": [{"rel": "self", "href": "https://x.org/items/a?token=SECRET"}],
        "assets": {
            "red": {
                "href": "https://a.blob.core.windows.net/c/red.tif?se=2099&sig=SECRET",
                "alternate": {"s3": {"href": "https://x.org/red?X-Amz-Signature=SECRET"}},
            },
            "nir": {"href": "https://x.org/get?file=nir.tif"},
            "own": {"href": "data/own.tif"},
        },
    }
    bare = unsigned(item)
    assert "SECRET" not in json.dumps(bare)
    assert bare["assets"]["red"]["href"] == "https://a.blob.core.windows.net/c/red.tif"
    assert bare["assets"]["nir"] == item["assets"]["nir"]
    assert (bare["bbox"], bare["assets"]["own"], bare["properties"]["title"]) == (
        [1.5, 2], {"href": "data/own.tif"}, "who? me=you",
    )  # fmt: skip
    assert "SECRET" in json.dumps(item), "the item that was given stays as it is"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PixelServer]:
    """The documents of a folder; pauses are short."""
    monkeypatch.setattr(patience, "BACKOFF", 0.01)
    monkeypatch.setattr(asking, "BUSY", 0.01)
    with serving(tmp_path) as pixels:
        yield pixels


TEXT = "<Sun_Angles_Grid>" + "12.5 " * 30_000 + "</Sun_Angles_Grid>"


def document(server: PixelServer, **more: Any) -> dict[str, Any]:
    (server.root / "angles.xml").write_text(TEXT)
    return {"href": f"{server.url}/angles.xml", **more}


FAULTS = {
    "500": status(500),
    "429": status(429, **{"Retry-After": "0"}),
    "cut": cut(1000),
    "cut at once": cut(0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_document_is_read_again(server: PixelServer, fault: str) -> None:
    asset = document(server)
    server.fail("/angles.xml", times(3, FAULTS[fault]))
    assert read_text(asset, {}) == TEXT
    assert len(server.asked) == 4


def test_a_document_that_stays_cut_is_refused(server: PixelServer) -> None:
    asset = document(server)
    server.fail("/angles.xml", cut(1000))
    with pytest.raises(InputError, match="after 6 tries"):
        read_text(asset, {})


def test_a_document_with_a_wrong_checksum_is_refused(server: PixelServer) -> None:
    right = "1220" + hashlib.sha256(TEXT.encode()).hexdigest()
    assert read_text(document(server, **{"file:checksum": right}), {}) == TEXT
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    with pytest.raises(InputError, match=r"angles\.xml is not what its item says"):
        read_text(document(server, **{"file:checksum": wrong}), {})


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (status(404), "dead link"),
        (status(410), "tape"),
        (status(403), "account or a key"),
        (status(409), "answers 409"),
        (login_page, "web page"),
    ],
)
def test_what_does_not_pass_is_refused_at_once(server: PixelServer, fault: Any, said: str) -> None:
    asset = document(server)
    server.fail("/angles.xml", fault)
    with pytest.raises(InputError, match=said):
        read_text(asset, {})
    assert len(server.asked) == 1


def test_a_document_without_end_is_refused(server: PixelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stfuse.acquisition.access.LARGEST_TEXT", 1000)
    with pytest.raises(InputError, match="larger than 1000 bytes"):
        read_text(document(server), {})


def test_a_circle_of_redirects_is_a_missing_login(server: PixelServer) -> None:
    asset = document(server)
    server.fail("/angles.xml", status(302, Location=asset["href"]))
    with pytest.raises(InputError, match="leads in a circle"):
        read_text(asset, {})


def test_local_documents_are_read_and_missed_plainly(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc")
    assert read_text({"href": str(tmp_path / "a.txt")}, {}) == "abc"
    with pytest.raises(InputError, match=r"b\.txt cannot be read"):
        read_text({"href": str(tmp_path / "b.txt")}, {})


@pytest.fixture
def azure(server: PixelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[PixelServer]:
    """The server as a proxy to Planetary Computer's blobs, and as the service that signs links to them."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PC_SDK_SAS_URL", f"{server.url}/sas")
    Settings.get.cache_clear()
    tokens.containers.clear()
    (server.root / "c").mkdir()
    for side, band in enumerate(("red", "nir", "blue"), 600):
        write_cog(server.root / f"c/{band}.tif", side=side)
    yield server
    Settings.get.cache_clear()
    tokens.containers.clear()


def blob(server: PixelServer, name: str) -> dict[str, Any]:
    """An asset in an account that no other test uses: GDAL remembers what it read of a link."""
    return {"href": f"http://fake{server.port}.blob.core.windows.net/c/{name}"}


def reads(server: PixelServer, band: str) -> None:
    values, _, _ = read_asset(blob(server, f"{band}.tif"), {}, box(10, 10, 50, 50), CRS, 0)
    np.testing.assert_array_equal(values, values_of(server.root / f"c/{band}.tif", 10, 10, 50, 50))


def test_blobs_are_signed_once_for_all_files_of_a_container(azure: PixelServer) -> None:
    azure.gate = signature("SECRETSAS1".__eq__)
    reads(azure, "red")
    reads(azure, "nir")
    assert azure.tokens == 1
    old = {"href": blob(azure, "red.tif")["href"] + "?sig=OLD"}
    assert opened(old, {}).endswith("/c/red.tif?se=2099&sp=r&sig=SECRETSAS1")


def test_an_expired_signature_is_asked_for_anew_once(azure: PixelServer) -> None:
    reads(azure, "red")
    azure.gate = signature("SECRETSAS2".__eq__)
    reads(azure, "nir")
    assert azure.tokens == 2
    azure.gate = signature("nothing".__eq__)
    with pytest.raises(InputError, match="also with a new signature") as error:
        reads(azure, "blue")
    assert azure.tokens == 3
    assert "SECRETSAS" not in str(error.value)


def test_a_signature_that_expires_amid_a_file_is_asked_for_anew(azure: PixelServer) -> None:
    write_cog(azure.root / "c/large.tif", side=1500)
    expired = signature("SECRETSAS2".__eq__)
    # Size and header are still handed out; then it is too late.
    azure.fail("/c/large.tif", lambda *asked: len(azure.of("/c/large.tif")) > 2 and expired(*asked))
    values, _, _ = read_asset(blob(azure, "large.tif"), {}, box(1000, 1000, 50, 50), CRS, 0)
    np.testing.assert_array_equal(values, values_of(azure.root / "c/large.tif", 1000, 1000, 50, 50))
    assert azure.tokens == 2


def test_an_expired_signature_of_a_document_is_asked_for_anew(azure: PixelServer) -> None:
    (azure.root / "c/a.xml").write_text("<a/>")
    azure.fail("/c/a.xml", signature("SECRETSAS2".__eq__))
    assert read_text(blob(azure, "a.xml"), {}) == "<a/>"


def test_no_signature_is_said_without_any(azure: PixelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.gate = status(404)
    monkeypatch.setenv("PC_SDK_SAS_URL", f"{azure.url}/none")
    Settings.get.cache_clear()
    with pytest.raises(InputError, match=r"gives no signature for fake\d+/c"):
        reads(azure, "red")
