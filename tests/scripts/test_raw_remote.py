"""One scene fetched over HTTP: several bands at a time, gone on with after a failure, and no signature left behind."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixel_server import Asked, Handler, PixelServer, cut, serving, status, times
from scripts.raw import fetch
from stfuse.acquisition import asking, patience
from stfuse.errors import InputError
from stfuse.raster_stored import read_stored
from tiny_archive import BANDS, SENSORS, SITE, make_archive, sentinel2_bands

FILES = sorted([*(f"{band}.tif" for band in (*BANDS, "scl")), "item.json", "scene.json", "checksums.sha256"])
SENSOR = SENSORS["sentinel2"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PixelServer]:
    """The tiny archive's files, and its items listed with links that bear a signature."""
    monkeypatch.setattr(patience, "BACKOFF", 0.01)
    monkeypatch.setattr(asking, "BUSY", 0.01)
    make_archive(tmp_path / "a")
    folder = "sentinel-2-l2a/S2_A"
    with serving(tmp_path / "a") as pixels:
        item = json.loads((tmp_path / "a" / folder / "S2_A.json").read_text())
        item["links"] = [{"rel": "self", "href": f"{pixels.url}/S2_A.json?token=SECRETLINK"}]
        for band, asset in item["assets"].items():
            asset["href"] = f"{pixels.url}/{folder}/{band}.tif?sig=SECRETSAS"
            asset["alternate"] = {"s3": {"href": f"s3://bucket/{band}.tif?X-Amz-Signature=SECRETAWS"}}
        (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
        yield pixels


def path_of(band: str) -> str:
    return f"/sentinel-2-l2a/S2_A/{band}.tif"


def get(server: PixelServer, site: dict[str, Any] = SITE, at_once: int = 2) -> Path:
    out = server.root.parent / "raw/S2_A"
    fetch(server.root.parent / "items.json", "S2_A", SENSOR, site, BANDS, out, at_once)
    return out


def fails(server: PixelServer, **more: Any) -> str:
    with pytest.raises(InputError) as error:
        get(server, **more)
    assert not (server.root.parent / "raw/S2_A").exists()
    return str(error.value)


def hidden(server: PixelServer) -> list[str]:
    return sorted(path.name for path in (server.root.parent / "raw").glob(".*/*"))


def test_a_scene_comes_over_the_network_as_delivered(server: PixelServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    out = get(server)
    for band, (values, _) in sentinel2_bands().items():
        np.testing.assert_array_equal(read_stored(out / f"{band}.tif")[0], values)
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert [path.name for path in out.parent.iterdir()] == ["S2_A"]
    assert sum("of 4, " in line for line in caplog.messages) == 4, "a line a band"


def test_bands_are_read_several_at_a_time_but_no_more_than_allowed(server: PixelServer) -> None:
    most = [0]
    now: set[str] = set()

    def slow(handler: Handler, asked: Asked, _: bytes) -> bool:
        now.add(asked.path)
        most[0] = max(most[0], len(now))
        time.sleep(0.15)
        now.discard(asked.path)
        return False

    server.gate = slow
    get(server, at_once=3)
    assert most[0] == 3


def test_what_came_before_a_failure_is_not_fetched_again(server: PixelServer) -> None:
    server.fail(path_of("nir08"), times(2, status(404)))
    assert "nir08.tif is not there (404)" in fails(server, at_once=1)
    there = set(hidden(server))
    assert {".blue.json", ".red.json", "blue.tif", "red.tif"} <= there, "scl may be there too"
    assert "nir08.tif" not in there
    server.asked.clear()
    out = get(server)
    assert path_of("nir08") in {a.path for a in server.asked} <= {path_of("nir08"), path_of("scl")}
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert [path.name for path in out.parent.iterdir()] == ["S2_A"], "the hidden place is gone"


def test_bands_stay_when_what_comes_after_them_fails(server: PixelServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = server.root.parent / "items.json"
    items = json.loads(path.read_text())
    items["features"][0]["properties"]["earthsearch:boa_offset_applied"] = False
    path.write_text(json.dumps(items))
    assert "cannot be told" in fails(server)
    out = get(server, {**SITE, "sentinel2_offset": "none"})
    assert "S2_A: 4 of 4 bands are there from an earlier try" in caplog.messages
    assert sorted(path.name for path in out.iterdir()) == FILES


@pytest.mark.parametrize("spoil", ["cut", "no note", "other site"])
def test_what_is_doubtful_is_read_again(server: PixelServer, spoil: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server.fail(path_of("nir08"), times(2, status(404)))
    fails(server, at_once=1)
    (part,) = (server.root.parent / "raw").iterdir()
    if spoil == "cut":
        (part / "red.tif").write_bytes((part / "red.tif").read_bytes()[:-9])
    if spoil == "no note":
        (part / ".red.json").unlink()
    site = {**SITE, "bounds": [SITE["bounds"][0] + 60, *SITE["bounds"][1:]]} if spoil == "other site" else SITE
    (part / ".red.tif.abc").mkdir()
    (part / ".red.tif.abc/red.tif").write_text("half")
    caplog.clear()
    out = get(server, site)
    again = {found[1] for line in caplog.messages if (found := re.match(r"S2_A: (\w+), \d of \d", line))}
    assert "red" in again
    assert ("blue" in again) == (spoil == "other site")
    assert read_stored(out / "red.tif")[0].shape == ((32, 32) if site is SITE else (32, 26))
    assert sorted(path.name for path in out.iterdir()) == FILES


def test_faults_that_pass_leave_no_trace(server: PixelServer) -> None:
    server.fail(path_of("red"), times(1, status(429, **{"Retry-After": "1"})))
    server.fail(path_of("blue"), times(2, cut(200)))
    server.fail(path_of("scl"), times(3, status(503)))
    out = get(server, at_once=4)
    for band, (values, _) in sentinel2_bands().items():
        np.testing.assert_array_equal(read_stored(out / f"{band}.tif")[0], values)


def test_nothing_that_is_written_bears_a_signature(server: PixelServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "stfuse")
    server.fail(path_of("red"), times(2, status(500)))
    server.fail(path_of("scl"), times(2, status(404)))
    assert "SECRET" not in fails(server)
    out = get(server)
    assert "SECRET" not in "".join(path.read_text(errors="replace") for path in out.iterdir())
    assert "SECRET" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("stfuse"))
    item = json.loads((out / "item.json").read_text())
    assert item["links"] == []
    assert item["assets"]["red"] == {"href": "./red.tif"}


@pytest.mark.parametrize("name", ["../S2_A", "S2/A", "..", ".S2_A", "S2 A", "a" * 201])
def test_a_scene_whose_name_leads_elsewhere_is_refused(server: PixelServer, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        fetch(server.root.parent / "items.json", name, SENSOR, SITE, BANDS, server.root.parent / "raw/x")
    assert not server.asked


KILLED = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from scripts.raw import fetch
from stfuse.job import job
from tiny_archive import BANDS, SENSORS, SITE
folder = Path({folder!r})
with job(str(folder / "log"), 1):
    fetch(folder / "items.json", "S2_A", SENSORS["sentinel2"], SITE, BANDS, folder / "raw/S2_A", 1)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_that_is_killed_is_gone_on_with(server: PixelServer, number: signal.Signals) -> None:
    server.fail(path_of("nir08"), status(429, **{"Retry-After": "300"}))
    folder = server.root.parent
    root = Path(__file__).parents[2]
    paths = [str(root / part) for part in ("workflow", "workflow/scripts", "tests")]
    code = KILLED.format(paths=paths, folder=str(folder))
    job = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        for _ in range(600):
            if len(server.of(path_of("nir08"))) >= 2:
                break
            time.sleep(0.05)
        time.sleep(0.2)
        job.send_signal(number)
        assert job.wait(20) != 0, "it does not sit out the pause"
    finally:
        job.kill()
    assert not (folder / "raw/S2_A").exists()
    assert {"blue.tif", "red.tif"} <= set(hidden(server))
    server.faults.clear()
    server.asked.clear()
    out = get(server)
    assert {a.path for a in server.asked} == {path_of("nir08"), path_of("scl")}
    assert sorted(path.name for path in out.iterdir()) == FILES
