"""The report's table of scenes marks what was dropped, says why, folds away when long, and shows no empty column."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from stfuse.report_scenes import OPEN_UP_TO, Listing, line_listing, scene_listing
from stfuse.scene_table import line_table, scene_table

NO_LINES = line_table({})


def listing(rows: list[tuple[str, str]], images: list[dict[str, Any]], **more: Any) -> Listing:
    """The table of scenes of one sensor, given as date and reason."""
    scenes = pd.DataFrame(
        [{"sensor": "l8", "scene": f"L_{date}", "date": date, "reason": reason} for date, reason in rows]
    ).assign(covered=1.0, clear=0.8, day_clear=0.8, **more)
    scenes["kept"] = (scenes["reason"] == "").astype(int)
    quality = pd.DataFrame(images, columns=["sensor", "date", "scenes", *{k for image in images for k in image} - BASE])
    return scene_listing(scene_table(scenes, quality, NO_LINES))


BASE = {"sensor", "date", "scenes"}
MOVED = {"shift_x_m": 3.25, "shift_y_m": -4.0, "shift_accepted": 1, "match_before": 0.9, "match_after": 0.95}
ROWS = [("2023-05-01", ""), ("2023-05-17", "no data over the site"), ("2023-06-02", ""), ("2023-06-18", "")]
IMAGES = [
    {"sensor": "l8", "date": "2023-05-01", "scenes": "L_2023-05-01", **MOVED},
    {"sensor": "l8", "date": "2023-06-02", "scenes": "L_2023-06-02", **MOVED, "shift_accepted": 0, "suspect": "hazy"},
]


def cells(found: Listing, column: str) -> list[str]:
    """The texts of a column."""
    return [row.cells[found.columns.index(column)].text for row in found.rows]


def test_rows_are_marked_by_what_became_of_the_scene() -> None:
    found = listing(ROWS, IMAGES)
    assert [row.kind for row in found.rows] == ["used", "dropped", "used", "idle"]
    assert cells(found, "") == ["●", "✕", "● !", "○"]
    assert cells(found, "why") == ["", "no data over the site", "hazy", "kept, no experiment needs it"]
    assert found.summary == (
        "4 scenes: 2 in images; 1 kept, no experiment needs it; 1 dropped (1 no data over the site); 1 suspect image"
    )


def test_shifts_are_shown_only_where_they_were_applied() -> None:
    found = listing(ROWS, IMAGES)
    assert cells(found, "moved (m)") == ["+3.2 E -4.0 N", "", "left", ""]
    assert cells(found, "match") == ["0.900 → 0.950", "", "0.900 → 0.950", ""]


@pytest.mark.parametrize("why", ["not moved: coregistration is none", "not moved: the match does not rise"])
def test_why_an_image_was_not_moved_is_what_its_row_says(why: str) -> None:
    found = listing(ROWS, [IMAGES[0], IMAGES[1] | {"notes": why}])
    assert [row.cells[found.columns.index("moved (m)")].title for row in found.rows] == ["", "", why, ""]


def test_a_column_is_shown_when_any_scene_has_something_in_it() -> None:
    assert not {"archive", "cloud cover %", "NBAR", "masks", "bandpass"} & set(listing(ROWS, IMAGES).columns)
    found = listing(ROWS, [IMAGES[0] | {"nbar": "c 0.962", "missed_cloud": 0.0}], archive="sheet", cloud_cover=7.4)
    assert cells(found, "archive") == ["sheet"] * 4
    assert cells(found, "cloud cover %") == ["7"] * 4
    assert cells(found, "NBAR") == ["c 0.962", "", "", ""]
    assert "missed cloud %" not in found.columns


def test_long_tables_are_folded_away_and_lose_no_row() -> None:
    days = [(f"2023-{month:02}-{day:02}", "") for month in range(1, 13) for day in range(1, 29)]
    assert listing(days[:OPEN_UP_TO], []).open
    long = listing(days, [])
    assert not long.open
    assert len(long.rows) == len(days)


def test_bandpass_lines_show_errors_and_say_a_remark_once() -> None:
    line = {"slope": 1.02, "offset": -0.00001, "rule": "published", "n": 0, "r": None, "why": "too few dates"}
    fitted = {
        "slope": 0.98,
        "slope_error": 0.004,
        "offset": 0.002,
        "offset_error": 0.0003,
        "rule": "fit",
        "n": 90,
        "r": 0.97,
    }
    found = line_listing(line_table({"l8": {"blue": line, "red": line, "nir": fitted}}))
    assert cells(found, "remarks") == ["too few dates", "as above", ""]
    assert cells(found, "offset") == ["0.0000", "0.0000", "0.0020"]
    errors = [row.cells[i].text for i, name in enumerate(found.columns) if name == "±" for row in found.rows]
    assert errors == ["", "", "0.0040", "", "", "0.0003"]
    assert cells(found, "pixels") == ["", "", "90"]


def test_a_site_that_adjusts_nothing_has_an_empty_table() -> None:
    found = line_listing(NO_LINES)
    assert (found.rows, found.columns, found.open) == ([], [], False)
