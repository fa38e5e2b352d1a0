"""A bucket without a catalogue: which of its folders are looked into, and what its items become."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest

from stfuse.acquisition import catalogue, patience
from stfuse.acquisition.archives import Source
from stfuse.acquisition.bucket import search_bucket
from stfuse.acquisition.patience import ArchiveDownError
from tiny_archive import SITE

AREA = catalogue.site_area(SITE["crs"], tuple(SITE["bounds"]))
MAY = ("2020-05-02", "2020-05-31")
PAGE = 5  # keys in one answer


def product(place: str, day: str, west: float, **changes: Any) -> dict[str, bytes]:
    """Keys and files of one product of the archive."""
    name = f"VENUS-XS_{day.replace('-', '')}-110000-000_L2A_{place}_D"
    folder = f"{place}/{day.replace('-', '/')}/{name}"
    box = [west, 50.0, west + 1, 51.0]
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], [box[0], box[1]]]
    item = {
        **{"type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "venus-l2a", "bbox": box, "links": []},
        **{"geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"datetime": f"{day}T11:00:00Z"}},
        "assets": {
            "B7": {"href": f"s3://127/{folder}/{name}_SRE_B7.tif"},
            "MG2": {"href": "./MASKS/x_MG2_XS.tif"},
            "doc": {"href": "https://elsewhere.org/doc"},
        },
    } | changes
    files = {f"{folder}/{name}_SRE_B{band}.tif": b"" for band in range(8)}
    return {**files, f"{folder}/{name}_STAC.json": json.dumps(item).encode()}


class Bucket:
    """What is in the bucket, and what was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.busy: set[str] = set()
        self.url = ""

    def listing(self, query: dict[str, str]) -> bytes:
        """An answer of ListObjectsV2 in pages of `PAGE`."""
        keys = sorted(key for key in self.files if key.startswith(query["prefix"]))
        tag = "Contents><Key"
        if query.get("delimiter"):
            keys, tag = sorted({key.split("/")[0] + "/" for key in keys}), "CommonPrefixes><Prefix"
        start = int(query.get("continuation-token", 0))
        stop = start + min(PAGE, int(query.get("max-keys", PAGE)))
        ends = "></".join(reversed([part.split(">")[0] for part in tag.split("><")]))
        rows = "".join(f"<{tag}>{escape(key)}</{ends}>" for key in keys[start:stop])
        more = f"<NextContinuationToken>{stop}</NextContinuationToken>" if stop < len(keys) else ""
        head = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        return f"{head}<Prefix>own</Prefix>{rows}{more}</ListBucketResult>".encode()


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """A bucket on loopback."""
    made = Bucket()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            link = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(link.query, keep_blank_values=True).items()}
            made.asked.append(query.get("prefix", link.path))
            body = made.listing(query) if query else made.files.get(link.path[1:])
            self.send_response(503 if link.path[1:] in made.busy else 200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def source(bucket: Bucket) -> Source:
    return Source("venus-cogs", bucket.url, kind="bucket", collection="venus-l2a-cogs")


def test_only_places_near_the_site_and_months_of_the_period_are_looked_into(bucket: Bucket) -> None:
    for day in ("2020-04-30", "2020-05-01", "2020-05-02", "2020-05-31", "2020-06-01"):
        bucket.files |= product("HERE", day, 3.0)
        bucket.files |= product("AWAY", day, 30.0)
    items = search_bucket(source(bucket), AREA, MAY)
    assert [item["properties"]["datetime"][:10] for item in items] == ["2020-05-02", "2020-05-31"]
    assert {item["collection"] for item in items} == {"venus-l2a-cogs"}
    assert "HERE/2020/05/" in bucket.asked
    assert not [asked for asked in bucket.asked if asked in ("HERE/2020/04/", "HERE/2020/06/", "AWAY/2020/05/")]
    found, _ = catalogue.search(source(bucket), {"venus-l2a-cogs": {}}, AREA, MAY)
    assert found == items
    bucket.asked.clear()
    assert catalogue.search(source(bucket), {"other": {}}, AREA, MAY)[0] == []
    assert bucket.asked == []


def test_links_into_the_bucket_are_made_plain_and_absolute(bucket: Bucket) -> None:
    bucket.files |= product("HERE", "2020-05-05", 3.0)
    (item,) = search_bucket(source(bucket), AREA, MAY)
    folder = f"{bucket.url}/HERE/2020/05/05/{item['id']}"
    assert item["assets"]["B7"]["href"] == f"{folder}/{item['id']}_SRE_B7.tif"
    assert item["assets"]["MG2"]["href"] == f"{folder}/MASKS/x_MG2_XS.tif"
    assert item["assets"]["doc"]["href"] == "https://elsewhere.org/doc"
    assert item["links"] == []


def test_an_item_that_is_none_costs_itself_only(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    bucket.files |= product("HERE", "2020-05-05", 3.0)
    bucket.files |= {key: b"<html>" for key in product("HERE", "2020-05-06", 3.0) if key.endswith(".json")}
    bucket.files |= product("HERE", "2020-05-07", 3.0, properties=None)
    assert [item["properties"]["datetime"][:10] for item in search_bucket(source(bucket), AREA, MAY)] == ["2020-05-05"]
    assert caplog.text.count("is left out") == 2


def test_an_item_that_is_not_handed_out_now_is_not_left_out(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "TRIES", 1)
    monkeypatch.setattr(patience, "BACKOFF", 0.0)
    bucket.files |= product("HERE", "2020-05-05", 3.0) | product("HERE", "2020-05-06", 3.0)
    bucket.busy = {key for key in product("HERE", "2020-05-06", 3.0) if key.endswith(".json")}
    with pytest.raises(ArchiveDownError, match="503"):
        search_bucket(source(bucket), AREA, MAY)


def test_a_place_that_does_not_tell_where_it_lies_is_looked_into(bucket: Bucket) -> None:
    bucket.files |= product("HERE", "2020-05-05", 3.0, bbox=None, geometry=None)
    bucket.files |= {"EMPTY/readme.txt": b""}
    assert len(search_bucket(source(bucket), AREA, MAY)) == 1
    assert "EMPTY/2020/05/" not in bucket.asked


@pytest.mark.parametrize("listing", [b"<html><body>log in</html>", b"<!DOCTYPE html><html></html>", b"<html></html>"])
def test_what_is_no_bucket_is_an_archive_that_is_down(
    bucket: Bucket, listing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "listing", lambda query: listing)
    with pytest.raises(ArchiveDownError, match=r"Archive venus-cogs .*did not answer the search"):
        search_bucket(source(bucket), AREA, MAY)


def test_nobody_at_the_address_is_an_archive_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "TRIES", 0)
    with pytest.raises(ArchiveDownError, match="Connection refused"):
        search_bucket(Source("b", "http://127.0.0.1:9", kind="bucket", collection="c"), AREA, MAY)
