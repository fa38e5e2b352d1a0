"""A web server on loopback that hands out files as archives do, counts what it sends, and fails when told to.

It also plays an object store (path-style S3 that wants to be paid), Azure's blobs behind signatures with the service
that gives them out, and a proxy, so that links to hosts of the real world end here.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOGIN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Password</form></body></html>"

GONE = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>"


@dataclass
class Asked:
    """One request: when (monotonic seconds), how, for what, and what was sent back."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    query: str
    status: int = 0
    body: int = 0


Fault = Callable[["Handler", Asked, bytes], bool]
"""Answers in the file's place and says so, or lets it pass."""


@dataclass
class PixelServer:
    """What the tests set and read.

    Attributes
    ----------
    root : Path
        Folder of the files.
    asked : list of Asked
        Every request, in order.
    faults : mapping of path to faults
        Tried in order before the file is sent.
    gate : fault or None
        Tried before them, for every path: who may read at all.
    tokens : int
        Signatures given out at ``/sas/{account}/{container}``.
    """

    root: Path
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    gate: Fault | None = None
    tokens: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of(self, path: str, method: str | None = None) -> list[Asked]:
        """The requests for one path."""
        return [a for a in self.asked if a.path == path and method in (None, a.method)]

    def sent(self, path: str) -> int:
        """Bytes of bodies sent for a path."""
        return sum(a.body for a in self.of(path))

    def fail(self, path: str, fault: Fault) -> None:
        self.faults[path].append(fault)


class Handler(BaseHTTPRequestHandler):
    """Answers GET (with ranges) and HEAD from the server's folder."""

    protocol_version = "HTTP/1.1"
    pixels: PixelServer

    def log_message(self, *_: Any) -> None:  # quiet
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        link = urlsplit(self.path)  # a proxy is asked for the whole address
        headers = {k.lower(): v for k, v in self.headers.items()}
        asked = Asked(time.monotonic(), self.command, link.path, headers, link.query)
        self.pixels.asked.append(asked)
        if link.path.startswith("/sas/"):
            self.pixels.tokens += 1
            self.send(asked, 200, sas_token(self.pixels.tokens), {"Content-Type": "application/json"})
            return
        file = self.pixels.root / link.path.lstrip("/")
        content = file.read_bytes() if file.is_file() else b""
        if self.pixels.gate and self.pixels.gate(self, asked, content):
            return
        if any(fault(self, asked, content) for fault in self.pixels.faults.get(link.path, [])):
            return
        if not file.is_file():
            self.send(asked, 404, GONE, {"Content-Type": "application/xml"})
        else:
            self.send_part(asked, content)

    def send_part(self, asked: Asked, content: bytes, cut: int | None = None) -> None:
        """The range asked for, or all; `cut` bytes of it and then nothing more."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("range", ""))
        if not found:
            self.send(asked, 200, content, {"Accept-Ranges": "bytes"}, cut)
            return
        first, last = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
        if first >= len(content):
            self.send(asked, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        said = {"Content-Range": f"bytes {first}-{last}/{len(content)}", "Accept-Ranges": "bytes"}
        self.send(asked, 206, content[first : last + 1], said, cut)

    def send(
        self, asked: Asked, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int | None = None
    ) -> None:
        asked.status = status
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if asked.method == "HEAD":
            return
        part = body if cut is None else body[:cut]
        asked.body = len(part)
        with suppress(OSError):  # whoever asked hung up
            self.wfile.write(part)
        if cut is not None:
            self.close_connection = True


def sas_token(number: int) -> bytes:
    """What the signing service says; each token has another signature."""
    return b'{"msft:expiry": "2099-01-01T00:00:00Z", "token": "se=2099&sp=r&sig=SECRETSAS%d"}' % number


@contextmanager
def serving(root: Path) -> Iterator[PixelServer]:
    """A server of a folder, on a port of its own, while the block runs."""
    pixels = PixelServer(root)
    handler = type("OwnHandler", (Handler,), {"pixels": pixels})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    pixels.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield pixels
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def times(count: int, fault: Fault) -> Fault:
    """A fault that passes after so many requests."""
    left = [count]

    def limited(handler: Handler, asked: Asked, content: bytes) -> bool:
        if left[0] <= 0:
            return False
        hit = fault(handler, asked, content)
        left[0] -= hit
        return hit

    return limited


def status(code: int, **headers: str) -> Fault:
    """Answer with a status and no file, e.g. ``status(429, **{"Retry-After": "1"})``."""

    def fault(handler: Handler, asked: Asked, _: bytes) -> bool:
        handler.send(asked, code, b"not now", headers)
        return True

    return fault


def busy(seconds: float) -> Fault:
    """429 from the first request on, for so long, with the whole seconds to wait."""
    until: list[float] = []

    def fault(handler: Handler, asked: Asked, _: bytes) -> bool:
        until or until.append(time.monotonic() + seconds)
        left = until[0] - time.monotonic()
        if left > 0:
            handler.send(asked, 429, b"quota", {"Retry-After": str(int(left) + 1)})
        return left > 0

    return fault


def cut(after: int, beyond: int = 0) -> Fault:
    """Hang up after so many bytes of a body that begins at or behind `beyond`."""

    def fault(handler: Handler, asked: Asked, content: bytes) -> bool:
        first = re.match(r"bytes=(\d+)", asked.headers.get("range", ""))
        if asked.method == "HEAD" or int(first[1] if first else 0) < beyond:
            return False
        handler.send_part(asked, content, after)
        return True

    return fault


def truncated(size: int) -> Fault:
    """Only so many bytes of the file are there."""

    def fault(handler: Handler, asked: Asked, content: bytes) -> bool:
        handler.send_part(asked, content[:size])
        return True

    return fault


def login_page(handler: Handler, asked: Asked, _: bytes) -> bool:
    """A page that asks to sign in, with status 200."""
    handler.send(asked, 200, LOGIN, {"Content-Type": "text/html; charset=utf-8"})
    return True


def signature(accepted: Callable[[str], bool]) -> Fault:
    """403 unless the link bears a signature that is accepted."""

    def fault(handler: Handler, asked: Asked, _: bytes) -> bool:
        (sig,) = parse_qs(asked.query).get("sig", [""])
        if not accepted(sig):
            handler.send(asked, 403, b"<Error><Code>AuthenticationFailed</Code></Error>")
        return not accepted(sig)

    return fault


def paying(key: str) -> Fault:
    """An object store: 403 unless the request is signed with this key id and says that the requester pays."""

    def fault(handler: Handler, asked: Asked, _: bytes) -> bool:
        signed = asked.headers.get("authorization", "").startswith(f"AWS4-HMAC-SHA256 Credential={key}/")
        pays = asked.headers.get("x-amz-request-payer") == "requester"
        if not (signed and pays):
            handler.send(asked, 403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        return not (signed and pays)

    return fault
