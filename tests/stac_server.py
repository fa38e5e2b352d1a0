"""STAC APIs on loopback: a real server of items, and one that answers whatever a test wants."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

Json = dict[str, Any]
OUTLINE = [[3.0, 50.0], [4.0, 50.0], [4.0, 51.0], [3.0, 51.0], [3.0, 50.0]]


def make_item(name: str, when: str, collection: str = "sentinel-2-l2a", **properties: Any) -> Json:
    """An item over one degree of Belgium, without assets."""
    return {
        **{"type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection},
        **{"geometry": {"type": "Polygon", "coordinates": [OUTLINE]}, "bbox": [3.0, 50.0, 4.0, 51.0]},
        **{"properties": {"datetime": when, **properties}, "assets": {}, "links": []},
    }


def make_collection(name: str) -> Json:
    """A collection of the whole world at all times."""
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["1970-01-01T00:00:00Z", None]]}}
    facts = {"type": "Collection", "stac_version": "1.0.0", "id": name, "description": name, "license": "other"}
    return {**facts, "extent": extent, "links": []}


@contextmanager
def rustac_serving(folder: Path, items: Sequence[Json]) -> Iterator[str]:
    """The URL of a maintained STAC API server (rustac) with these items; skips the test where it is not installed."""
    found = shutil.which("rustac", path=str(Path(sys.executable).parent)) or shutil.which("rustac")
    if found is None:
        pytest.skip("rustac is not installed (pip install 'rustac[cli]')")
    folder.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys(item["collection"] for item in items)
    for name in names:
        (folder / f"{name}.json").write_text(json.dumps(make_collection(name)))
    (folder / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": list(items)}))
    files = [str(folder / f"{name}.json") for name in (*names, "items")]
    for _ in range(3):  # another process may take the port first
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            where = f"127.0.0.1:{free.getsockname()[1]}"
        with (folder / "rustac.log").open("w") as log:
            server = subprocess.Popen([found, "serve", "-a", where, *files], stdout=log, stderr=log)
        try:
            if _answers(f"http://{where}", server):
                yield f"http://{where}"
                return
        finally:
            server.kill()
            server.wait()
    pytest.fail(f"rustac does not start: {(folder / 'rustac.log').read_text()}")


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    for _ in range(200):
        if server.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(f"{url}/collections", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False


class Answer:
    """What a faulty server says: a page, or a status with headers and bytes; `pause` seconds before."""

    def __init__(self, body: Any = None, status: int = 200, pause: float = 0.0, **headers: str) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status, self.pause = status, pause
        self.headers = {key.replace("_", "-"): value for key, value in headers.items()}


class FaultyApi:
    """A STAC API whose searches are answered by a test's function of (query, number of the search, its own URL).

    Attributes
    ----------
    url : str
    asked : list of dict
        The searches in order: the body of a POST, the arguments of a GET.
    headers : list of dict
        Those of every request, in order.
    """

    def __init__(
        self, answer: Callable[[Json, int, str], Any], collections: Sequence[str], methods: Sequence[str]
    ) -> None:
        self.answer, self.collections, self.methods = answer, collections, methods
        self.asked: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def respond(self, path: str, query: Json) -> Any:
        """The document of a path."""
        if path == "/search":
            self.asked.append(query)
            return self.answer(query, len(self.asked), self.url)
        if path.startswith("/collections/"):
            name = path.removeprefix("/collections/")
            return make_collection(name) if name in self.collections else Answer({"code": "NotFound"}, status=404)
        return {
            **{"type": "Catalog", "stac_version": "1.0.0", "id": "faulty", "description": "faulty"},
            "conformsTo": [
                f"https://api.stacspec.org/v1.0.0/{part}" for part in ("core", "collections", "item-search")
            ],
            "links": [
                {"rel": "self", "href": self.url},
                {"rel": "data", "href": f"{self.url}/collections"},
                *(
                    {"rel": "search", "href": f"{self.url}/search", "type": "application/geo+json", "method": m}
                    for m in self.methods
                ),
            ],
        }


@contextmanager
def faulty_api(
    answer: Callable[[Json, int, str], Any],
    collections: Sequence[str] = ("sentinel-2-l2a",),
    methods: Sequence[str] = ("GET", "POST"),
) -> Iterator[FaultyApi]:
    """Serve an API whose searches `answer` answers: with a page (a dict), an `Answer`, or None to cut the line."""
    api = FaultyApi(answer, collections, methods)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            link = urlsplit(self.path)
            self._send(api.respond(link.path, {key: values[0] for key, values in parse_qs(link.query).items()}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(api.respond(urlsplit(self.path).path, json.loads(body)))

        def _send(self, said: Any) -> None:
            api.headers.append(dict(self.headers))
            if said is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            found = said if isinstance(said, Answer) else Answer(said)
            time.sleep(found.pause)
            self.send_response(found.status)
            for key, value in {"Content-Type": "application/json", **found.headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (BrokenPipeError, ConnectionResetError):  # who asked did not wait
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
