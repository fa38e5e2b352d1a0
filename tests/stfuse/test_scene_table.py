"""The table of scenes says of each scene what the archive had, what was kept and what was done, and loses none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.scene_table import (
    COLUMNS,
    IDLE,
    UNCLEAR,
    USED,
    archive_words,
    cause_of,
    is_suspect,
    line_table,
    line_words,
    scene_table,
)

NO_LINES = line_table({})
LINES = {
    "landsat8": {
        "red": {"slope": 1.02407, "offset": -0.00092, "rule": "published", "n": 0, "r": None, "why": "too few dates"},
        "nir08": {"slope": 1.0, "offset": 0.002, "slope_error": 0.004, "offset_error": 0.0003, "rule": "fit", "n": 90},
    }
}


def found(*rows: tuple[str, str, str, str], **more: Any) -> pd.DataFrame:
    """Scenes given as sensor, id, date and reason; those without a reason are kept."""
    table = pd.DataFrame(rows, columns=["sensor", "scene", "date", "reason"])
    return table.assign(covered=1.0, clear=0.8, day_clear=0.9, kept=(table["reason"] == "").astype(int), **more)


def image(sensor: str, date: str, scenes: str, **more: Any) -> dict[str, Any]:
    """A row of quality as the preparation writes it."""
    return {"site": "here", "sensor": sensor, "date": date, "scenes": scenes, "clear": 0.75, **more}


SCENES = found(
    ("sentinel2", "b", "2023-05-03", ""),
    ("sentinel2", "a", "2023-05-03", ""),
    ("sentinel2", "c", "2023-05-08", "clear over 3% of the site, min_clear is 50%"),
    ("landsat8", "d", "2023-05-01", ""),
    ("landsat8", "e", "2023-05-17", ""),
)
QUALITY = pd.DataFrame(
    [
        image("sentinel2", "2023-05-03", "a b", suspect="brighter than its neighbours in time by 0.050"),
        image("landsat8", "2023-05-01", "d", shift_x_m=3.0, shift_y_m=-4.0, shift_accepted=1, missed_cloud=0.02),
    ]
)


def test_every_scene_has_one_row_in_order_of_time_with_what_became_of_it() -> None:
    table = scene_table(SCENES, QUALITY, line_table(LINES))
    assert list(table.columns) == list(COLUMNS)
    assert list(table["scene"]) == ["d", "a", "b", "c", "e"]
    assert list(table["fate"]) == [USED, USED, USED, UNCLEAR, IDLE]
    first = table.iloc[0]
    assert (first["shift_x_m"], first["shift_y_m"], first["missed_cloud"]) == (3.0, -4.0, 0.02)
    assert (first["clear"], first["image_clear"]) == (0.8, 0.75)
    assert table["reason"].iloc[3] == "clear over 3% of the site, min_clear is 50%"


def test_a_days_image_is_told_of_all_its_scenes_and_of_no_other() -> None:
    table = scene_table(SCENES, QUALITY, NO_LINES).set_index("scene")
    assert list(is_suspect(table)) == [False, True, True, False, False]
    assert table["image_clear"].notna().to_dict() == {"d": True, "a": True, "b": True, "c": False, "e": False}


def test_an_image_that_does_not_name_its_scenes_belongs_to_the_days_kept_ones() -> None:
    unnamed = pd.DataFrame([image("sentinel2", "2023-05-03", ""), image("sentinel2", "2023-05-08", "")])
    table = scene_table(SCENES, unnamed, NO_LINES).set_index("scene")
    assert table["fate"].to_dict() == {"d": IDLE, "a": USED, "b": USED, "c": UNCLEAR, "e": IDLE}


def test_coefficients_stand_with_the_images_they_changed_and_nowhere_else() -> None:
    table = scene_table(SCENES, QUALITY, line_table(LINES)).set_index("scene")
    assert table.loc["d", "bandpass"] == (
        "red 1.0241 x -0.0009 (published); nir08 1.0000 ± 0.0040 x +0.0020 ± 0.0003 (fit)"
    )
    assert set(table.drop("d")["bandpass"]) == {""}


def test_columns_that_the_stages_do_not_write_are_empty() -> None:
    bare = SCENES.drop(columns=["covered", "day_clear"])
    table = scene_table(bare, pd.DataFrame([{"sensor": "landsat8", "date": "2023-05-01", "scenes": "d"}]), NO_LINES)
    assert len(table) == 5
    assert table[["cloud_cover", "covered", "missed_cloud"]].isna().all(axis=None)
    assert (table[["archive", "nbar", "masks", "suspect", "notes"]] == "").all(axis=None)
    full = scene_table(SCENES.assign(archive="earth-search", cloud_cover=12.5), QUALITY.assign(nbar="c 0.96"), NO_LINES)
    assert (full["archive"] == "earth-search").all()
    assert (full["cloud_cover"] == 12.5).all()
    assert list(full["nbar"]) == ["c 0.96"] * 3 + [""] * 2


def test_a_scene_that_two_sensors_share_keeps_both_its_fates() -> None:
    shared = found(("landsat8", "d", "2023-05-01", ""), ("landsat8_pan", "d", "2023-05-01", ""))
    table = scene_table(shared, QUALITY, NO_LINES)
    assert list(zip(table["sensor"], table["fate"], strict=True)) == [("landsat8", USED), ("landsat8_pan", IDLE)]


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("clear over 12% of the site by the 2 scenes of the day, min_clear is 50%", UNCLEAR),
        ("replaced by another processing, S2B_31UDS_20180802_0_L2A", "replaced by another processing"),
        ("excluded by the site file", "excluded by the site file"),
        ("descending orbit, the sensor file asks for ascending", "descending orbit"),
        ("cloud cover 85.5 % is above max_cloud 60 %", "cloud cover is above max_cloud"),
        ("S1A_IW_20230520T171144_rtc lacks the band vh", "lacks the band vh"),
        ("", "not kept"),
    ],
)
def test_reasons_count_together_without_their_particulars(reason: str, cause: str) -> None:
    assert cause_of(reason) == cause


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["s2", "l8"]), st.integers(0, 9), st.booleans(), st.booleans()),
        min_size=1,
        unique_by=lambda scene: scene[:2],
    )
)
def test_no_scene_is_lost_doubled_or_misplaced(drawn: list[tuple[str, int, bool, bool]]) -> None:
    rows = [(s, f"{s}_{day}", f"2023-05-1{day}", "" if kept else "no data over the site") for s, day, kept, _ in drawn]
    images = [image(s, f"2023-05-1{day}", f"{s}_{day}") for s, day, kept, made in drawn if kept and made]
    quality = pd.DataFrame(images, columns=["sensor", "date", "scenes", "clear"])
    table = scene_table(found(*rows), quality, NO_LINES)
    assert sorted(zip(table["sensor"], table["scene"], strict=True)) == sorted((s, scene) for s, scene, *_ in rows)
    assert list(table["date"]) == sorted(table["date"])
    assert (table["fate"] == USED).sum() == len(images)
    assert (table["fate"] == "no data over the site").sum() == sum(not kept for _, _, kept, _ in drawn)


def test_lines_of_all_sensors_are_one_table_with_errors_where_known() -> None:
    table = line_table(LINES)
    assert list(table["band"]) == ["red", "nir08"]
    days = {"2023-05-01": {"slope": 1.0}, "2023-05-17": {"slope": 1.0}}
    dated = line_table(
        {"landsat8": {"red": LINES["landsat8"]["red"] | {"days": days}, "nir08": LINES["landsat8"]["nir08"]}}
    )
    assert dated["dates"][0] == 2
    assert np.isnan(dated["dates"][1])
    assert np.isnan(table["slope_error"][0])
    assert table["slope_error"][1] == 0.004
    assert line_words(table).startswith("red 1.0241 x")
    assert line_words(NO_LINES) == ""


def test_another_archives_copy_of_a_kept_scene_stays_dropped() -> None:
    copies = found(
        ("landsat8", "d", "2023-05-01", "replaced by another processing, d in b"), ("landsat8", "d", "2023-05-01", "")
    )
    table = scene_table(copies.assign(archive=["a", "b"]), QUALITY, NO_LINES).set_index("archive")
    assert table["fate"].to_dict() == {"a": "replaced by another processing", "b": USED}
    assert table["shift_x_m"].notna().to_dict() == {"a": False, "b": True}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("earth-search", "earth-search"),
        ("{data}/belgium-31UDS-2018/catalog.json", "belgium-31UDS-2018"),
        ("https://example.org/stac/v1", "example.org"),
        ("catalog.json", "catalog.json"),
        ("", ""),
    ],
)
def test_archives_are_called_by_their_names_folders_or_hosts(name: str, words: str) -> None:
    assert archive_words(name) == words
