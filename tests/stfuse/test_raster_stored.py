"""An archive's rasters read over HTTP and from an object store: the window's bytes alone, and again when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window

from pixel_server import PixelServer, busy, cut, login_page, paying, serving, status, times, truncated
from small_cog import CRS, PIXEL, box, tile_bytes, values_of, write_cog
from stfuse.acquisition import asking, patience
from stfuse.acquisition.links import KEYS
from stfuse.errors import InputError
from stfuse.raster_stored import describe, read_asset, read_bytes, read_window

WINDOW = (1000, 1100, 60, 50)  # column, row, width, height: it touches two tiles


@pytest.fixture(scope="module")
def cogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cogs")
    write_cog(folder / "big.tif")
    write_cog(folder / "plain.tif", "NONE", 1500)
    with rasterio.open(folder / "plain.tif") as source:  # not for the cloud: what its tags hold lies behind them
        profile = source.profile | {"driver": "GTiff", "tiled": False, "height": 60, "width": 60}
        profile = {k: v for k, v in profile.items() if k not in ("blockxsize", "blockysize")}
        with rasterio.open(folder / "striped.tif", "w", **profile) as out:
            out.write(source.read(1, window=Window(0, 0, 60, 60)), 1)
    (folder / "bucket").mkdir()
    (folder / "bucket/big.tif").hardlink_to(folder / "big.tif")
    return folder


@pytest.fixture
def server(cogs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PixelServer]:
    """The files on a port that no test used before, so that GDAL remembers nothing of them; pauses are short."""
    monkeypatch.setattr(patience, "BACKOFF", 0.01)
    monkeypatch.setattr(asking, "BUSY", 0.01)
    with serving(cogs) as pixels:
        yield pixels


def read(server: PixelServer, name: str = "big.tif", window: tuple[int, int, int, int] = WINDOW) -> Any:
    values, grid, says = read_window(f"{server.url}/{name}", box(*window), CRS, 0)
    np.testing.assert_array_equal(values, values_of(server.root / name, *window))
    assert (grid.affine, str(grid.crs)) == (Affine(PIXEL, 0, box(*window)[0], 0, -PIXEL, box(*window)[3]), CRS)
    assert says["nodata"] == 0
    return values


def refused(server: PixelServer, name: str = "big.tif", window: tuple[int, int, int, int] = WINDOW) -> str:
    with pytest.raises(InputError) as error:
        read(server, name, window)
    assert f"/{name}" in error.value.found
    return error.value.found


@pytest.mark.parametrize("window", [WINDOW, (600, 600, 100, 100), (900, 900, 700, 700), (3950, 0, 50, 50)])
def test_only_the_windows_bytes_travel(server: PixelServer, window: tuple[int, int, int, int]) -> None:
    read(server, window=window)
    needed = tile_bytes(server.root / "big.tif", *window)
    # The header is one block of 16 kB; a tile read alone is rounded to such blocks at both ends.
    assert needed <= server.sent("/big.tif") <= needed + 3 * 16384
    assert server.sent("/big.tif") < 2 * needed
    assert {a.path for a in server.asked} == {"/big.tif"}, "nothing beside the file is looked for"
    assert len(server.asked) <= 1 + 1 + 4, "one for its size, one for its header, then rows of tiles"


@pytest.mark.parametrize("name", ["big.tif", "plain.tif"])
@pytest.mark.parametrize("beyond", [0, 20_000])
def test_a_connection_that_is_cut_is_read_again_and_the_numbers_are_right(
    server: PixelServer, name: str, beyond: int
) -> None:
    server.fail(f"/{name}", times(4, cut(3000, beyond)))
    read(server, name, (500, 500, 60, 50))


@pytest.mark.parametrize("kept", [8, 150, 200, 250, 300, 400])
def test_a_header_that_comes_in_part_is_not_believed(server: PixelServer, kept: int) -> None:
    """GDAL passes over tags that it cannot read, and would put the pixels elsewhere."""
    server.fail("/striped.tif", times(1, cut(kept)))
    read(server, "striped.tif", (10, 20, 30, 30))


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_answers_that_pass_are_asked_again(server: PixelServer, code: int) -> None:
    server.fail("/big.tif", times(3, status(code)))
    read(server)


def test_a_fault_amid_the_tiles_is_asked_again(server: PixelServer) -> None:
    def amid(handler: Any, asked: Any, content: bytes) -> bool:
        beginning = asked.headers.get("range", "bytes=0-").startswith("bytes=0-")
        return not beginning and failing(handler, asked, content)

    failing = times(12, status(500))
    server.fail("/big.tif", amid)
    read(server)


def test_it_waits_as_long_as_the_archive_asks_for(server: PixelServer) -> None:
    server.fail("/big.tif", busy(1.5))
    read(server)
    refusals = [a.at for a in server.asked if a.status == 429]
    granted = [a.at for a in server.asked if a.status in (200, 206)]
    assert len(refusals) == 2, "GDAL's request, and the one that asks why"
    assert granted[0] - refusals[-1] > 1.4


def test_an_archive_that_asks_for_hours_is_left(server: PixelServer) -> None:
    server.fail("/big.tif", status(429, **{"Retry-After": "7200"}))
    assert "asks to wait for 7200 s" in refused(server)


def test_a_date_to_wait_for_is_understood(server: PixelServer) -> None:
    server.fail("/big.tif", status(503, **{"Retry-After": "Wed, 01 Jan 2098 00:00:00 GMT"}))
    assert "asks to wait for" in refused(server)


def test_tries_end(server: PixelServer) -> None:
    server.fail("/big.tif", status(500))
    assert "after 6 tries: the archive answers 500" in refused(server)
    assert len(server.of("/big.tif")) <= 3 * (patience.TRIES + 1)


def test_a_file_cut_off_is_refused_after_tries(server: PixelServer) -> None:
    server.fail("/big.tif", truncated(1_000_000))
    message = refused(server, window=(3500, 3500, 20, 20))
    assert "after 6 tries" in message
    assert "damaged or cut off" in message


def test_a_dead_link_is_refused_at_once_but_not_for_ever(server: PixelServer) -> None:
    server.fail("/big.tif", times(2, status(404)))
    assert "dead link" in refused(server)
    assert len(server.asked) == 2
    # GDAL remembers that it was not there; the next try must not believe that.
    server.fail("/big.tif", times(1, status(500)))
    read(server)


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_says_that_a_login_is_wanted(server: PixelServer, code: int) -> None:
    server.fail("/big.tif", status(code))
    assert f"refused ({code})" in refused(server)
    assert len(server.asked) <= 3


def test_a_page_to_log_in_is_told_from_a_raster(server: PixelServer) -> None:
    server.fail("/big.tif", login_page)
    assert "leads to a web page" in refused(server)


VRT = """<VRTDataset rasterXSize="60" rasterYSize="60"><SRS>{crs}</SRS>
<GeoTransform>0,{pixel},0,0,0,-{pixel}</GeoTransform>
<VRTRasterBand dataType="UInt16" band="1"><NoDataValue>0</NoDataValue><SimpleSource>
<SourceFilename>{path}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""


def test_a_file_from_the_net_does_not_lead_to_one_of_this_machine(server: PixelServer, cogs: Path) -> None:
    (cogs / "evil.tif").write_text(VRT.format(crs=CRS, pixel=PIXEL, path=cogs / "plain.tif"))
    local, _, _ = read_window(str(cogs / "evil.tif"), (0, -50, 50, 0), CRS, 0)
    assert local.any(), "of the user's own files it is read"
    assert "not recognized" in refused(server, "evil.tif")
    with pytest.raises(InputError, match="not recognized"):
        describe(f"{server.url}/evil.tif")


@pytest.mark.parametrize("name", ["own.JP2", "own"])
def test_jpeg_2000_is_known_by_its_name_or_its_type(server: PixelServer, cogs: Path, name: str) -> None:
    with rasterio.open(cogs / "striped.tif") as source:
        values = source.read()
        profile = {key: source.profile[key] for key in ("height", "width", "count", "dtype", "crs", "transform")}
    with rasterio.open(cogs / "made.jp2", "w", driver="JP2OpenJPEG", **profile, QUALITY=100, REVERSIBLE="YES") as out:
        out.write(values)
    (cogs / "made.jp2").rename(cogs / name)
    asset = {"href": f"{server.url}/{name}", "type": "image/jp2" if name == "own" else None}
    read, _, _ = read_asset(asset, {}, box(10, 20, 30, 30), CRS, 0)
    np.testing.assert_array_equal(read, values[0, 20:50, 10:40])


def test_no_server_at_all_is_said_after_tries(cogs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BACKOFF", 0.01)
    with serving(cogs) as gone:
        pass
    assert "after 6 tries" in refused(gone)


def test_one_band_of_several_is_taken_by_its_number(tmp_path: Path) -> None:
    values = np.arange(200, dtype=np.int16).reshape(2, 10, 10)
    profile = {"driver": "GTiff", "count": 2, "dtype": "int16", "height": 10, "width": 10, "crs": CRS, "nodata": -1}
    with rasterio.open(tmp_path / "two.tif", "w", **profile, transform=rasterio.Affine(10, 0, 0, 0, -10, 0)) as out:
        out.write(values)
        out.set_band_description(2, "red")
    asset = {"href": str(tmp_path / "two.tif")}
    for band in (1, 2):
        read, _, says = read_asset({**asset, "stfuse:band": band}, {}, (0, -100, 100, 0), CRS, 0)
        np.testing.assert_array_equal(read, values[band - 1])
        assert says["nodata"] == -1
    with pytest.raises(InputError, match="has no band 3, it has 2"):
        read_asset({**asset, "stfuse:band": 3}, {}, (0, -100, 100, 0), CRS, 0)
    assert [band["description"] for band in describe(asset["href"])] == ["", "red"]


KEY, SECRET = "AKIAFAKEFAKEFAKE0001", "wJalrFAKESECRETFAKESECRETFAKESECRETFAKE1"
PAID = {"href": "s3://bucket/big.tif", "storage:requester_pays": True, "storage:region": "eu-central-1"}


@pytest.fixture
def store(server: PixelServer, monkeypatch: pytest.MonkeyPatch) -> PixelServer:
    """The folder `bucket` as an object store whose readers pay."""
    for name, value in {
        "AWS_S3_ENDPOINT": server.url.removeprefix("http://"), "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_REQUEST_PAYER", raising=False)
    server.gate = paying(KEY)
    return server


def without_keys(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in (*KEYS, "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))


def from_store(asset: dict[str, Any]) -> Any:
    return read_asset(asset, {}, box(*WINDOW), CRS, 0)[0]


def test_whoever_reads_an_object_store_pays(store: PixelServer) -> None:
    values = from_store(PAID)
    np.testing.assert_array_equal(values, values_of(store.root / "big.tif", *WINDOW))
    needed = tile_bytes(store.root / "big.tif", *WINDOW)
    assert needed <= store.sent("/bucket/big.tif") <= needed + 3 * 16384
    assert {a.path for a in store.asked} == {"/bucket/big.tif"}
    assert "/eu-central-1/s3/" in store.asked[0].headers["authorization"]


@pytest.mark.parametrize("keys", [True, False])
def test_a_bucket_not_known_to_be_paid_for_is_read_with_the_users_keys_or_none(
    store: PixelServer, keys: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not keys:
        without_keys(monkeypatch, tmp_path)
    with pytest.raises(InputError, match="refused by the object store") as error:
        from_store({"href": "s3://bucket/big.tif"})
    assert "storage:requester_pays" in error.value.cure
    assert {"authorization" in a.headers for a in store.asked} == {keys}


def test_an_object_store_is_asked_again(store: PixelServer) -> None:
    store.fail("/bucket/big.tif", times(3, status(503)))
    np.testing.assert_array_equal(from_store(PAID), values_of(store.root / "big.tif", *WINDOW))


def test_a_missing_object_is_a_dead_link(store: PixelServer) -> None:
    with pytest.raises(InputError, match="dead link"):
        from_store({**PAID, "href": "s3://bucket/none.tif"})


def test_without_keys_the_cure_is_named(store: PixelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_keys(monkeypatch, tmp_path)
    with pytest.raises(InputError) as error:
        from_store(PAID)
    assert "no keys were found" in error.value.found
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in error.value.cure
    assert not store.asked


def test_a_document_of_an_object_store_comes_whole(store: PixelServer) -> None:
    text = "<Angles>" + "1.5 " * 60_000 + "</Angles>"
    (store.root / "bucket/angles.xml").write_text(text)
    asset = {**PAID, "href": "s3://bucket/angles.xml"}
    store.fail("/bucket/angles.xml", times(2, cut(3000, 100)))
    assert read_bytes(asset, {}, 2**20).decode() == text
    with pytest.raises(InputError, match="larger than 65536 bytes"):
        read_bytes(asset, {}, 2**16)
