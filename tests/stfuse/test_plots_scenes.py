"""The picture of all scenes shows every one of them, says what its marks mean, and copes with few and with many."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from stfuse.plots import COLOURS, to_png
from stfuse.plots_scenes import CAUSES, CLOUDED, SENSORS, scenes_figure, sensor_colours
from stfuse.scene_table import line_table, scene_table

START = date(2021, 1, 1)
CAUSE = ("clear over 10% of the site, min_clear is 50%", "no data over the site", "excluded by the site file")
LINE = {
    "slope": 1.02,
    "offset": 0.001,
    "slope_error": 0.004,
    "offset_error": 0.0004,
    "rule": "fit",
    "n": 900,
    "r": 0.98,
}


def world(sensors: dict[str, int], days: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scenes and quality of sensors, given by name and days between scenes; half are kept, the first is reference."""
    rng = np.random.default_rng(seed)
    scenes, quality = [], []
    for number, (sensor, every) in enumerate(sensors.items()):
        for i, day in enumerate(range(0, days, every)):
            when, kept = (START + timedelta(days=day)).isoformat(), i % 2 == 0
            row = {"sensor": sensor, "scene": f"{sensor}_{i}", "date": when, "kept": int(kept), "covered": 1.0}
            row |= {"reason": "" if kept else CAUSE[i % 3], "clear": 0.9 if kept else 0.1}
            scenes.append(row | {"cloud_cover": 20.0, "archive": "earth-search"})
            if kept and i % 10:
                image = {"sensor": sensor, "date": when, "scenes": row["scene"], "clear": 0.8, "missed_cloud": 0.0}
                if number:
                    shift = dict(zip(("shift_x_m", "shift_y_m"), rng.normal(0, 3, 2), strict=True))
                    image |= shift | {"shift_accepted": int(i % 3 > 0), "match_before": 0.8, "match_after": 0.9}
                quality.append(image)
    columns = ["sensor", "date", "scenes", "clear", "missed_cloud", "shift_x_m", "shift_y_m", "shift_accepted"]
    return pd.DataFrame(scenes), pd.DataFrame(quality, columns=[*columns, "match_before", "match_after", "suspect"])


def drawn(scenes: pd.DataFrame, quality: pd.DataFrame, adjusted: tuple[str, ...] = ()) -> Figure:
    """The figure of a site."""
    lines = line_table({sensor: {"blue": LINE, "nir08": LINE | {"rule": "published"}} for sensor in adjusted})
    sensors = list(dict.fromkeys(scenes["sensor"]))
    return scenes_figure(scene_table(scenes, quality, lines), lines, sensors, 0.5, "Title")


def titles(figure: Figure) -> list[str]:
    """The panels' headings, from top to bottom."""
    return [title for axes in figure.axes if (title := axes.get_title(loc="left"))]


def legend(figure: Figure) -> list[str]:
    """What the legend of the whole figure says."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def stems(figure: Figure) -> int:
    """The scenes drawn: every one has a stem in the lane of its sensor."""
    lanes = [axes for axes in figure.axes if axes.get_ylabel() == "clear (%)"]
    held = [c for axes in lanes for c in axes.collections if isinstance(c, LineCollection)]
    return sum(len(c.get_segments()) for c in held)


@pytest.mark.parametrize(
    ("sensors", "days"),
    [
        ({"sentinel2": 36}, 365),
        ({"sentinel2": 4, "landsat8": 8}, 1095),
        ({"sentinel2": 10, "landsat8": 16, "modis": 8, "sentinel1": 6, "venus": 2}, 1095),
        ({"sentinel2": 5}, 3),
    ],
)
def test_every_scene_is_a_stem_and_every_sensor_a_lane(sensors: dict[str, int], days: int) -> None:
    scenes, quality = world(sensors, days)
    figure = drawn(scenes, quality, tuple(sensors)[1:])
    assert stems(figure) == len(scenes)
    lanes = [title for title in titles(figure) if "scenes kept" in title]
    assert [lane.split(":")[0] for lane in lanes] == list(sensors)
    for lane, (_, own) in zip(lanes, scenes.groupby("sensor", sort=False), strict=True):
        assert f"{own['kept'].sum()} of {len(own)} scenes kept" in lane
    assert len(to_png(figure)) > 10_000
    assert figure.get_size_inches()[0] == 11


def test_the_legend_counts_what_became_of_the_scenes_and_names_no_more_than_there_is() -> None:
    scenes, quality = world({"sentinel2": 5, "landsat8": 16}, 300)
    words = legend(drawn(scenes, quality))
    counts = scenes.loc[scenes["kept"] == 0, "reason"].value_counts()
    assert f"kept and in an image ({len(quality)}): the sensor's colour" in words
    assert f"kept, no experiment needs it ({scenes['kept'].sum() - len(quality)})" in words
    assert f"not clear enough over the site ({counts[CAUSE[0]]})" in words
    assert f"no data over the site ({counts[CAUSE[1]]})" in words
    assert not any("suspect" in word or "taken away" in word for word in words)
    quality["suspect"] = ["brighter than its neighbours"] + [""] * (len(quality) - 1)
    quality.loc[1, "missed_cloud"] = 0.2
    words = legend(drawn(scenes, quality))
    assert "suspect: stands out of its season (1)" in words
    assert "taken away: cloud that the mask missed (1)" in words


def test_many_causes_share_a_colour_and_the_most_frequent_have_their_own() -> None:
    scenes, quality = world({"sentinel2": 2}, 100)
    dropped = scenes.index[scenes["kept"] == 0]
    for i, row in enumerate(dropped):
        scenes.loc[row, "reason"] = f"cause {'abcdefghijkl'[i % 12]}" if i >= 4 else "cause frequent"
    words = legend(drawn(scenes, quality))
    assert any(word.startswith("cause frequent (4)") for word in words)
    assert any(word.startswith("other causes") for word in words)
    assert sum(word.startswith(("cause", "other")) for word in words) == len(CAUSES)


def test_a_sensor_of_which_nothing_is_kept_has_its_lane_too() -> None:
    scenes, quality = world({"sentinel2": 20, "landsat8": 16}, 200)
    other = scenes["sensor"] == "landsat8"
    scenes.loc[other, "kept"], scenes.loc[other, "reason"] = 0, "no data over the site"
    figure = drawn(scenes, quality[quality["sensor"] != "landsat8"])
    assert f"landsat8: 0 of {other.sum()} scenes kept" in titles(figure)
    assert "Shift of each image" not in titles(figure)
    assert stems(figure) == len(scenes)


def test_shifts_matches_and_lines_stand_below_where_there_are_any() -> None:
    scenes, quality = world({"sentinel2": 20, "landsat8": 16}, 400)
    figure = drawn(scenes, quality, ("landsat8",))
    assert {"Shift of each image", "Match with what they are laid on", "Bandpass: slope"} <= set(titles(figure))
    shifts = next(axes for axes in figure.axes if axes.get_title(loc="left") == "Shift of each image")
    known = quality.dropna(subset=["shift_accepted"])
    assert sum(len(np.asarray(c.get_offsets())) for c in shifts.collections) == len(known)
    assert not {"Shift of each image", "Bandpass: slope"} & set(titles(drawn(*world({"sentinel2": 20}, 400))))


def test_however_many_sensors_were_moved_the_legend_of_their_marks_is_on_the_page() -> None:
    names = ("sentinel2", "landsat8", "landsat", "modis", "sentinel1", "venus", "mine")
    figure = drawn(*world(dict.fromkeys(names, 10), 400))
    to_png(figure)
    shifts = next(axes for axes in figure.axes if axes.get_title(loc="left") == "Shift of each image")
    marks = shifts.get_legend()
    assert marks is not None
    assert len(marks.get_texts()) == 12
    assert marks.get_window_extent().y0 >= 0


def test_sensors_and_causes_have_colours_of_their_own() -> None:
    given = sensor_colours(["sentinel2", "modis", "landsat8", "sentinel1", "venus", "mine"])
    assert given["sentinel2"] == COLOURS["sentinel2"]
    assert len(set(given.values())) == len(given)
    many = sensor_colours(["mine", *(f"mine{i}" for i in range(4)), "modis", "sentinel1", "venus"])
    assert len(set(many.values())) == len(many)
    assert many["modis"] == COLOURS["modis"]
    assert len(sensor_colours([f"mine{i}" for i in range(20)])) == 20
    assert {to_hex(c) for c in (*SENSORS, *given.values())}.isdisjoint({to_hex(c) for c in (*CAUSES, CLOUDED)})
