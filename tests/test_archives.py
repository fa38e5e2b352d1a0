"""From search to analysis-ready images over loopback, through Snakemake: a STAC API, signed blobs, a paid object store.

Sentinel-2 lies in blobs behind signatures, as on Planetary Computer; Landsat-8 in a bucket whose readers pay.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine

from pixel_server import Asked, Handler, PixelServer, busy, cut, paying, serving, signature, times
from small_cog import tile_bytes
from stac_server import rustac_serving
from tiny_archive import LEFT, SITE, TOP, make_archive, sentinel2_bands
from whole_runs import Finished, jobs_of, snakemake

KEY, SECRET = "AKIAFAKEFAKEFAKE0001", "wJalrFAKESECRETFAKESECRETFAKESECRETFAKE1"
SAS = "SECRETSAS"
RED = "sentinel-2-l2a/S2_A/red.tif"
AROUND = 1496  # pixels of the large file on every side of the site
TARGETS = ["results/ard/tiny/sentinel2/2020-03-01.tif", "results/ard/tiny/landsat8/2020-03-01.tif"]


def enlarge(path: Path) -> None:
    """Put a band into the middle of a file as large as archives have, so that what is not needed of it shows."""
    delivered, _ = sentinel2_bands()["red"]
    side = 2 * AROUND + 24
    values = np.random.default_rng(0).integers(1, 4000, (side, side), np.uint16)
    start = AROUND - 4
    values[start : start + 32, start : start + 32] = delivered
    profile = {"driver": "COG", "dtype": "uint16", "count": 1, "crs": SITE["crs"], "compress": "DEFLATE", "level": 1}
    where = Affine(10, 0, LEFT - AROUND * 10, 0, -10, TOP + AROUND * 10)
    with rasterio.open(path, "w", height=side, width=side, transform=where, blocksize=512, **profile) as out:
        out.write(values, 1)


def delivered_items(root: Path, port: int) -> list[dict[str, Any]]:
    """The archive's items with links to blobs (on a host that only the proxy knows) and to the bucket."""
    items = []
    for path in sorted(root.glob("*/*/*.json")):
        item = json.loads(path.read_text())
        folder = path.parent.relative_to(root)
        for band, asset in item["assets"].items():
            if item["collection"].startswith("landsat"):
                asset |= {"href": f"s3://{folder}/{band}.tif", "storage:requester_pays": True}
            else:
                asset["href"] = f"http://fake{port}.blob.core.windows.net/{folder}/{band}.tif"
        items.append(item)
    return items


def only_whom_it_knows(handler: Handler, asked: Asked, content: bytes) -> bool:
    """Blobs for whoever brings a signature, the bucket for whoever pays."""
    known = paying(KEY) if asked.path.startswith("/landsat") else signature(lambda text: text.startswith(SAS))
    return known(handler, asked, content)


def fail_in_passing(pixels: PixelServer) -> None:
    """Faults as archives have them, which a fetch has to live through."""
    folder = "/sentinel-2-l2a/S2_A"
    first: list[str] = []

    def expired(text: str) -> bool:
        """Whether this is another signature than the first one that was brought."""
        first.append(text)
        return text != first[0]

    pixels.fail(f"{folder}/nir08.tif", busy(1.2))
    pixels.fail(f"{folder}/red.tif", times(3, cut(2000, 20_000)))
    pixels.fail("/landsat-c2-l2/L8_A/nir08.tif", times(1, cut(200)))
    pixels.fail(f"{folder}/scl.tif", signature(expired))


@dataclass
class Road:
    """A finished run."""

    folder: Path
    pixels: PixelServer
    run: Finished
    fetched: list[Asked]

    def snakemake(self, *more: str) -> Finished:
        return snakemake(self.folder, *TARGETS, *more, "--configfile", str(self.folder / "mine/config.yaml"))


def configure(folder: Path, catalog: str) -> None:
    site = {key: SITE[key] for key in ("crs", "bounds", "period", "sensors", "reference", "min_clear")}
    experiment = {
        "sites": ["tiny"], "protocol": "withheld", "fine": "sentinel2", "coarse": "landsat8",
        "bands": ["red", "nir08"], "targets": 1, "methods": ["temporal"],
    }  # fmt: skip
    entries: dict[str, dict[str, Any]] = {
        "sites/tiny.yaml": {**site, "catalog": catalog, "bandpass": "published", "mask_dilation_m": 0},
        "experiments/tiny.yaml": experiment,
        "studies/tiny.yaml": {"title": "Tiny", "experiments": ["tiny"]},
        "config.yaml": {"folders": ["mine"], "studies": ["tiny"], "downloads": 3},
    }
    for name, entry in entries.items():
        (folder / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mine" / name).write_text(yaml.safe_dump(entry))


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    base = tmp_path_factory.mktemp("archives")
    make_archive(base / "archive")
    enlarge(base / "archive" / RED)
    with serving(base / "archive") as pixels, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "http_proxy": pixels.url, "no_proxy": "127.0.0.1,localhost", "PC_SDK_SAS_URL": f"{pixels.url}/sas",
            "AWS_S3_ENDPOINT": f"127.0.0.1:{pixels.port}", "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE",
            "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        }.items():  # fmt: skip
            patch.setenv(name, value)
        pixels.gate = only_whom_it_knows
        fail_in_passing(pixels)
        with rustac_serving(base / "stac", delivered_items(base / "archive", pixels.port)) as catalog:
            (base / "run").mkdir()
            configure(base / "run", catalog)
            made = Road(base / "run", pixels, None, [])  # type: ignore[arg-type]
            made.run = made.snakemake("--resources", "downloads=1")
            made.fetched = list(pixels.asked)
            yield made


@pytest.mark.e2e
def test_scenes_are_found_fetched_and_prepared_through_passing_faults(road: Road) -> None:
    assert road.run.returncode == 0, road.run.stdout + road.run.stderr
    for target in TARGETS:
        with rasterio.open(road.folder / target) as image:
            assert np.isfinite(image.read()).mean() > 0.9
    raw = sorted(
        path.relative_to(road.folder / "results/raw/tiny") for path in road.folder.glob("results/raw/tiny/*/*")
    )
    fetched = [str(path) for path in raw if path.parts[0] != ".looks"]
    assert fetched == ["landsat8/L8_A", "sentinel2/S2_A"], "and nothing else hidden"
    values, _ = sentinel2_bands()["red"]
    with rasterio.open(road.folder / "results/raw/tiny/sentinel2/S2_A/red.tif") as stored:
        np.testing.assert_array_equal(stored.read(1), values)


@pytest.mark.e2e
def test_faults_did_occur_and_were_waited_out(road: Road) -> None:
    busy_at = [a.at for a in road.fetched if a.status == 429]
    served = [a.at for a in road.fetched if a.path.endswith("S2_A/nir08.tif") and a.status in (200, 206)]
    assert busy_at
    assert served[0] - busy_at[0] > 1.1
    cuts = [a for a in road.fetched if a.body == 2000]
    assert len(cuts) == 3
    refused = [a for a in road.fetched if a.path.endswith("S2_A/scl.tif") and a.status == 403]
    assert refused
    assert len({a.query for a in refused}) == 1, "a new signature, once"


@pytest.mark.e2e
def test_of_a_large_file_only_the_windows_bytes_travelled(road: Road) -> None:
    needed = tile_bytes(road.pixels.root / RED, AROUND - 4, AROUND - 4, 32, 32)
    sent = sum(a.body for a in road.fetched if a.path == f"/{RED}")
    assert needed < sent < 2 * needed + 2 * 16384


@pytest.mark.e2e
def test_no_credential_was_written_anywhere(road: Road) -> None:
    assert sum(SAS in a.query for a in road.fetched) > 5
    assert sum(KEY in a.headers.get("authorization", "") for a in road.fetched) >= 3
    texts = {path: path.read_bytes() for path in road.folder.rglob("*") if path.is_file()}
    texts |= {path: gzip.decompress(text) for path, text in texts.items() if path.suffix == ".gz"}
    assert len(texts) > 20
    texts[Path("stdout")], texts[Path("stderr")] = road.run.stdout.encode(), road.run.stderr.encode()
    secrets = [SAS.encode(), SECRET.encode(), KEY.encode()]
    assert [str(path) for path, text in texts.items() if any(secret in text for secret in secrets)] == []


@pytest.mark.e2e
def test_downloads_are_limited_by_the_command_line_else_by_the_config(road: Road) -> None:
    assert re.search(r"Provided resources: downloads=.*\b1\b", road.run.stderr + road.run.stdout)
    spans = {}
    for asked in road.fetched:
        found = re.match(r"/[^/]+/(\w+)/(red|nir08)\.tif", asked.path)
        if found:
            begun, _ = spans.get(found[1], (asked.at, 0))
            spans[found[1]] = (begun, asked.at)
    (_, ended), (begun, _) = sorted(spans.values())
    assert ended < begun, "one scene after the other"
    (road.folder / TARGETS[1]).unlink()
    road.pixels.asked.clear()
    again = road.snakemake()
    assert re.search(r"Provided resources: downloads=.*\b3\b", again.stderr + again.stdout)
    assert jobs_of(again) == ["prepare"]
    assert not road.pixels.asked, "what was fetched stays"
