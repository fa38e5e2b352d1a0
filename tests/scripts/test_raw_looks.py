"""A search that meets faults: nothing that may pass is taken for a fact, and no scene is read twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pixel_server import PixelServer, serving, status, times
from scripts import raw_scenes
from searching import local, page_of, run, served
from stac_server import Answer, Json, faulty_api
from stfuse.acquisition import looking, patience
from stfuse.acquisition.archives import Source
from stfuse.acquisition.manifest import find_item, read_items
from stfuse.errors import InputError, NotNowError
from tiny_archive import SENTINEL2, SITE, add_item, sentinel2_bands

S2 = {"platform": "Sentinel-2B", "s2:processing_baseline": "05.10", "s2:mgrs_tile": "31UDS"}
SENSORS = {"sentinel2": SENTINEL2}
Rows = dict[tuple[str, str], tuple[str, str]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses before retries."""
    monkeypatch.setattr(patience, "BACKOFF", 0.0)
    monkeypatch.setattr(patience, "TRIES", 1)


@pytest.fixture
def pixels(tmp_path: Path) -> Iterator[PixelServer]:
    with serving(tmp_path / "files") as server:
        yield server


def offered(pixels: PixelServer, archive: str, days: int, **properties: Any) -> list[Json]:
    """The items of an archive with a scene on each of some days, linked to on the server."""
    root = pixels.root / archive
    for day in range(1, days + 1):
        when = f"2020-03-{day:02d}T10:50:00Z"
        add_item(root, "sentinel-2-l2a", f"s{day}", when, sentinel2_bands(), {**S2, **properties})
    items = served(root)
    for item in items:
        for asset in item["assets"].values():
            asset["href"] = asset["href"].replace(str(pixels.root), pixels.url)
    return items


def mask(day: int, archive: str = "a") -> str:
    return f"/{archive}/sentinel-2-l2a/s{day}/scl.tif"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the masks that were looked at; GDAL itself would ask the server for none of them twice."""
    paths: list[str] = []
    read = raw_scenes.read_asset

    def recorded(asset: Json, *rest: Any) -> Any:
        paths.append(urlsplit(asset["href"]).path)
        return read(asset, *rest)

    monkeypatch.setattr(raw_scenes, "read_asset", recorded)
    return paths


def judged(rows: list[dict[str, str]]) -> Rows:
    return {(row["scene"], row["archive"]): (row["kept"], row["reason"]) for row in rows}


def search(folder: Path, items: list[Json], site: dict[str, Any] = SITE) -> Rows:
    with faulty_api(page_of(items)) as api:
        return judged(run(folder, {"sentinel2": [Source("a", api.url)]}, SENSORS, site))


def test_masks_that_cannot_be_read_now_fail_the_search_and_the_next_reads_them_alone(
    tmp_path: Path, pixels: PixelServer, looked: list[str]
) -> None:
    items = offered(pixels, "a", 5)
    for day in (1, 2):
        pixels.fail(mask(day), times(4, status(503)))
    words = r"2 of 5 scenes of sentinel2 could not be looked at.*s1/scl.tif.*answers 503.*\(2020-03-01, 2020-03-02\)"
    with pytest.raises(NotNowError, match=words):
        search(tmp_path / "out", items)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".looks"]
    pixels.faults.clear()
    looked.clear()
    assert search(tmp_path / "out", items) == {(f"s{day}", "a"): ("1", "") for day in range(1, 6)}
    assert sorted(looked) == [mask(1), mask(2)]


def test_other_wishes_read_no_mask_again_and_other_masks_all(
    tmp_path: Path, pixels: PixelServer, looked: list[str]
) -> None:
    items = offered(pixels, "a", 3)
    first = search(tmp_path, items)
    looked.clear()
    assert search(tmp_path, items) == first
    wishes = {**SITE, "min_clear": 0.1, "max_cloud": 90, "exclude": {"sentinel2": ["2020-03-02"]}}
    assert search(tmp_path, items, wishes)["s2", "a"] == ("0", "excluded by the site file")
    assert sorted(looked) == []
    search(tmp_path, items, {**SITE, "mask_dilation_m": 20})
    assert len(looked) == 3
    looked.clear()
    items[0]["properties"]["updated"] = "2024-01-01T00:00:00Z"
    search(tmp_path, items)
    assert sorted(looked) == [mask(1)]


def test_what_is_kept_is_what_was_seen_and_what_is_damaged_is_read_again(
    tmp_path: Path, pixels: PixelServer, looked: list[str]
) -> None:
    root = pixels.root / "a"
    add_item(root, "sentinel-2-l2a", "s9", "2020-03-09T10:50:00Z", sentinel2_bands(0.25), S2)
    items = offered(pixels, "a", 1)
    tables = []
    for _ in range(2):
        search(tmp_path, items)
        tables.append((tmp_path / "scenes.csv").read_text())
    assert tables[0] == tables[1]
    assert "0.7500" in tables[0]
    looked.clear()
    for path in (tmp_path / ".looks").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:60])
    search(tmp_path, items)
    assert sorted(looked) == [mask(1), mask(9)]
    assert (tmp_path / "scenes.csv").read_text() == tables[0]


def test_an_archive_that_hands_out_nothing_is_soon_left_alone(
    tmp_path: Path, pixels: PixelServer, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "ENOUGH", 3)
    items = offered(pixels, "a", 20)
    pixels.gate = status(503)
    with faulty_api(page_of(items)) as api, pytest.raises(NotNowError, match="failed 3 times in a row") as told:
        run(tmp_path, {"sentinel2": [Source("a", api.url, at_once=2)]}, SENSORS)
    assert "20 of 20 scenes" in str(told.value)
    assert "min_clear" not in str(told.value)
    assert 3 <= len(looked) <= 5


def test_a_success_in_between_starts_the_count_anew(
    tmp_path: Path, pixels: PixelServer, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "ENOUGH", 2)
    items = offered(pixels, "a", 6)
    for day in (1, 3, 5):
        pixels.fail(mask(day), status(503))
    with faulty_api(page_of(items)) as api, pytest.raises(NotNowError, match="3 of 6 scenes") as told:
        run(tmp_path, {"sentinel2": [Source("a", api.url, at_once=1)]}, SENSORS)
    assert "in a row" not in str(told.value)
    assert len(looked) == 6


def test_files_that_are_refused_for_good_are_not_blamed_on_clouds(tmp_path: Path, pixels: PixelServer) -> None:
    items = offered(pixels, "a", 2)
    pixels.gate = status(401)
    with pytest.raises(InputError, match=r"None of the 2 scenes .* can be read.*wants an account") as told:
        search(tmp_path, items)
    assert not isinstance(told.value, NotNowError)
    assert "min_clear" not in str(told.value)


def test_where_the_best_copys_mask_is_a_dead_link_the_next_copy_is_taken(tmp_path: Path, pixels: PixelServer) -> None:
    every = {name: offered(pixels, name, 2) for name in ("a", "b")}
    (pixels.root / mask(1)[1:]).unlink()
    with faulty_api(page_of(every["a"])) as a, faulty_api(page_of(every["b"])) as b:
        sources = [Source("a", a.url), Source("b", b.url)]
        rows = judged(run(tmp_path, {"sentinel2": sources}, SENSORS))
    assert rows == {
        ("s1", "a"): ("0", "its mask cannot be read or does not cover the site"),
        ("s1", "b"): ("1", ""),
        ("s2", "a"): ("1", ""),
        ("s2", "b"): ("0", "in another archive too, s2 in a"),
    }
    listed = read_items(tmp_path / "items.json")
    assert len(listed) == 4
    links = [find_item(listed, name, SENTINEL2)["assets"]["red"]["href"] for name in ("s1", "s2")]
    assert [link.removeprefix(pixels.url)[:3] for link in links] == ["/b/", "/a/"]


def test_an_archive_that_is_down_is_taken_at_its_last_word_loudly(
    tmp_path: Path, pixels: PixelServer, looked: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    items, silent = offered(pixels, "a", 3), []
    page = page_of(items)
    with faulty_api(lambda *asked: Answer({}, 503) if silent else page(*asked)) as api:
        sources = {"sentinel2": [Source("a", api.url)]}
        first = judged(run(tmp_path, sources, SENSORS))
        silent.append(True)
        looked.clear()
        with caplog.at_level(logging.WARNING):
            again = judged(run(tmp_path, sources, SENSORS, {**SITE, "exclude": {"sentinel2": ["2020-03-02"]}}))
        assert again == first | {("s2", "a"): ("0", "excluded by the site file")}
        assert "did not answer the search" in caplog.text and "IS USED" in caplog.text
        with pytest.raises(NotNowError, match="did not answer"):
            run(tmp_path, sources, SENSORS, {**SITE, "period": ["2020-03-01", "2020-04-30"]})
    assert sorted(looked) == []


def test_files_at_hand_are_read_each_time(tmp_path: Path, pixels: PixelServer) -> None:
    offered(pixels, "a", 1)
    run(tmp_path, {"sentinel2": [local("a", pixels.root / "a")]}, SENSORS)
    assert not (tmp_path / ".looks").exists()
