"""One scene fetched: complete, as delivered, or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse.errors import InputError
from stfuse.raster_stored import read_stored
from tiny_archive import BANDS, MARGIN, SENSORS, SITE, make_archive, sentinel2_bands, write_tif


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive, already searched: its items.json lies beside it."""
    find_scenes(str(make_archive(tmp_path / "a")), SITE, SENSORS, tmp_path / "scenes.csv", tmp_path / "items.json")
    return tmp_path / "a"


def get(archive: Path, scene: str = "S2_A", bands: list[str] = BANDS, site: dict[str, Any] = SITE) -> Path:
    sensor = SENSORS["sentinel2" if scene.startswith("S2") else "landsat8"]
    out = archive.parent / "raw" / scene
    fetch(archive.parent / "items.json", scene, sensor, site, bands, out)
    return out


def fails(archive: Path, **more: Any) -> str:
    """The message of the failed fetch, which must have left nothing behind."""
    with pytest.raises(InputError) as error:
        get(archive, **more)
    raw = archive.parent / "raw"
    assert not raw.exists() or not list(raw.iterdir())
    return str(error.value)


def test_the_window_is_kept_as_delivered(archive: Path) -> None:
    out = get(archive)
    delivered = sentinel2_bands()
    for band in [*BANDS, "scl"]:
        stored, grid = read_stored(out / f"{band}.tif")
        values, pixel = delivered[band]
        assert stored.dtype == values.dtype
        np.testing.assert_array_equal(stored, values)
        assert grid.resolution.x == pixel


def test_only_the_site_and_a_margin_are_fetched(archive: Path) -> None:
    values = np.full((200, 200), 1234, np.uint16)
    write_tif(archive / "sentinel-2-l2a" / "S2_A" / "red.tif", values, 10, margin=50)
    stored, grid = read_stored(get(archive) / "red.tif")
    assert stored.shape == (24 + 2 * MARGIN, 24 + 2 * MARGIN)
    assert grid.affine.c == SITE["bounds"][0] - MARGIN * 10


def test_facts_and_checksums_lie_beside_the_bands(archive: Path) -> None:
    out = get(archive, "L8_A")
    facts = json.loads((out / "scene.json").read_text())
    assert (facts["date"], facts["platform"], facts["mask"]["kind"]) == ("2020-03-01", "landsat-8", "qa_pixel")
    assert facts["bands"]["red"]["scale"] == 2.75e-5
    item = json.loads((out / "item.json").read_text())
    assert item["assets"]["red"]["href"] == "./red.tif"
    for line in (out / "checksums.sha256").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest


def test_a_missing_band_is_named_with_what_there_is(archive: Path) -> None:
    path = archive.parent / "items.json"
    items = json.loads(path.read_text())
    for item in items["features"]:
        item["assets"].pop("red", None)
    path.write_text(json.dumps(items))
    message = fails(archive)
    assert (
        "Item S2_A of sentinel-2-l2a lacks band red: looked for ['red', 'B04'], found ['blue', 'nir08', 'scl']"
        in message
    )
    assert "config/sensors/sentinel2.yaml" in message


def test_a_band_that_the_sensor_file_does_not_know_is_named(archive: Path) -> None:
    assert "no band pan" in fails(archive, bands=["pan"])


def test_a_truncated_file_is_named(archive: Path) -> None:
    path = archive / "sentinel-2-l2a" / "S2_A" / "red.tif"
    path.write_bytes(path.read_bytes()[:600])
    assert "S2_A/red.tif cannot be read" in fails(archive)


def test_a_file_that_is_gone_is_named(archive: Path) -> None:
    (archive / "sentinel-2-l2a" / "S2_A" / "red.tif").unlink()
    assert "S2_A/red.tif cannot be read" in fails(archive)


def test_a_file_that_is_not_what_its_item_says_is_named(archive: Path) -> None:
    path = archive.parent / "items.json"
    items = json.loads(path.read_text())
    asset = next(item for item in items["features"] if item["id"] == "S2_A")["assets"]["red"]
    right = "1220" + hashlib.sha256((archive / "sentinel-2-l2a/S2_A/red.tif").read_bytes()).hexdigest()
    for stated in (right[:-2] + ("00" if right[-2:] != "00" else "11"), right):
        asset["file:checksum"] = stated
        path.write_text(json.dumps(items))
        if stated != right:
            assert "S2_A/red.tif is not what its item says" in fails(archive)
    assert "file:checksum" not in (get(archive) / "item.json").read_text()


def test_the_list_of_scenes_is_read_once(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    parse = json.loads
    monkeypatch.setattr(json, "loads", lambda text, **more: (read.append(text), parse(text, **more))[1])
    get(archive)
    assert sum("FeatureCollection" in text for text in read) == 1


def test_a_file_without_crs_is_named(archive: Path) -> None:
    values, pixel = sentinel2_bands()["red"]
    write_tif(archive / "sentinel-2-l2a" / "S2_A" / "red.tif", values, pixel, crs=None)
    assert "S2_A/red.tif has no coordinate reference system" in fails(archive)


def test_an_unknown_scene_is_named(archive: Path) -> None:
    assert "has no scene S2_X" in fails(archive, scene="S2_X")


def contradict(archive: Path) -> None:
    """Make the items say that baseline 05.10 still holds the offset, as one archive does without it being so."""
    path = archive.parent / "items.json"
    items = json.loads(path.read_text())
    for item in items["features"]:
        item["properties"]["earthsearch:boa_offset_applied"] = False
    path.write_text(json.dumps(items))


@pytest.mark.parametrize(("darkest", "offset"), [(300, 0.0), (1200, -0.1)])
def test_contradicting_flags_send_it_to_the_pixels(archive: Path, darkest: int, offset: float) -> None:
    contradict(archive)
    rng = np.random.default_rng(0)
    for band in ("blue", "red"):
        values = rng.integers(darkest, darkest + 2000, (200, 200)).astype(np.uint16)
        write_tif(archive / "sentinel-2-l2a" / "S2_A" / f"{band}.tif", values, 10, margin=88)
    write_tif(archive / "sentinel-2-l2a" / "S2_A" / "scl.tif", np.full((100, 100), 4, np.uint8), 20, margin=44)
    facts = json.loads((get(archive) / "scene.json").read_text())["bands"]["red"]
    assert facts["offset"] == offset
    assert "pixels: 2nd percentile of ground" in facts["rule"]


def test_pixels_that_do_not_decide_stop_it_and_the_site_can_decide(archive: Path) -> None:
    contradict(archive)
    message = fails(archive)
    assert "cannot be told" in message
    assert "sentinel2_offset: apply" in message
    out = get(archive, site={**SITE, "sentinel2_offset": "none"})
    assert json.loads((out / "scene.json").read_text())["bands"]["red"]["offset"] == 0.0


def test_numbers_that_no_land_has_are_refused(archive: Path) -> None:
    """An offset taken off twice, as where an archive's flags are wrong."""
    values = np.full((200, 200), 400, np.uint16)
    write_tif(archive / "sentinel-2-l2a" / "S2_A" / "red.tif", values, 10, margin=88)
    message = fails(archive)
    assert "Half of the land of S2_A has a red reflectance below" in message
    assert "sentinel2_offset" in message
