"""What the figures of filled series say in lines, colours and words; gaps and NaN are no obstacle."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fake_fillings import rows_of
from stfuse.filling.hiding import GAP_CLASSES
from stfuse.filling.published import BY_GAP
from stfuse.filling.tables import GAPS, gap_table, pool
from stfuse.grid import site_grid
from stfuse.plots import INK, MISSING, Picture, colour_of, to_png
from stfuse.plots_gaps import LONGEST, THICK, gap_errors_figure, gap_lengths_figure
from stfuse.plots_pixel import FILLED, OPTICAL, PixelSeries, choose_pixels, pixel_figure
from stfuse.plots_row import RowSeries, held, row_figure, usual_step
from stfuse.plots_strip import ACROSS, Strip, strip_figure

NAN = np.nan


def words_in(figure: Figure) -> str:
    """All text of a figure."""
    return "\n".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))


def days(*numbers: int) -> np.ndarray:
    """Dates counted from 1 January 2020 = 0."""
    return np.datetime64("2020-01-01") + np.array(numbers, int)


def floats(values: object) -> np.ndarray:
    """float32."""
    return np.array(values, np.float32)


def errors_table(errors: dict[str, dict[str, float]]) -> pd.DataFrame:
    """The table by gap length of methods whose every error is that number."""
    truth, rows = np.array([0.0, 1.0]), []
    for method, classes in errors.items():
        for name, error in classes.items():
            rows += rows_of(truth + error, truth, method, f"gap {name}")
    return gap_table(pool(pd.DataFrame(rows)), list(errors))


def test_linear_interpolation_is_thick_and_the_others_stand_beside_it() -> None:
    table = errors_table({"temporal": dict.fromkeys(GAP_CLASSES, 0.04), "gru": dict.fromkeys(GAP_CLASSES, 0.03)})
    figure = gap_errors_figure(table, ["weekly"], "Title | simulated")
    above, below = figure.axes[:2]
    lines = {line.get_color(): line for line in above.lines}
    np.testing.assert_allclose(lines[INK].get_ydata(), 0.04, rtol=1e-6)
    assert lines[INK].get_linewidth() == THICK
    np.testing.assert_allclose(lines[colour_of("gru")].get_ydata(), 0.03, rtol=1e-6)
    gained = next(line for line in below.lines if line.get_color() == colour_of("gru"))
    np.testing.assert_allclose(gained.get_ydata(), 25, rtol=1e-5)
    said = words_in(figure)
    assert "several days: weekly" in said
    assert "the paper's NDVI-Fusion" in said
    assert "simulated" in said
    assert [t.get_text() for t in below.get_xticklabels()][-1] == "≥20\n2"


def test_the_papers_numbers_are_drawn_as_they_are() -> None:
    figure = gap_errors_figure(errors_table({"temporal": {"<5": 0.04}}), [], "")
    drawn = [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert list(BY_GAP["mae"]["linear interpolation"]) in drawn
    assert list(BY_GAP["mae"]["NDVI-Fusion"]) in drawn


def test_empty_classes_leave_holes_and_an_empty_table_is_refused() -> None:
    figure = gap_errors_figure(errors_table({"temporal": {"<5": 0.0}, "gru": {"<5": 0.1}}), [], "")
    assert to_png(figure).startswith(b"\x89PNG")
    assert [t.get_text() for t in figure.axes[1].get_xticklabels()][-1] == "≥20\n0"
    with pytest.raises(ValueError, match="found none"):
        gap_errors_figure(pd.DataFrame(columns=list(GAPS)), [], "")


def test_without_interpolation_no_gain_is_drawn() -> None:
    figure = gap_errors_figure(errors_table({"gru": {"<5": 0.1}}), [], "")
    assert {line.get_color() for line in figure.axes[1].lines} == {INK}


def test_gap_lengths_are_shares_by_day_with_the_long_ones_together() -> None:
    figure = gap_lengths_figure(np.array([2, 5, 60, 70]), np.array([5, 2, 2, 1]), "Title")
    drawn = [bar for bar in figure.axes[0].patches if bar.get_height()]
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in drawn}
    assert bars == pytest.approx({2: 50, 5: 20, LONGEST: 30})
    said = words_in(figure)
    assert "10 hidden values; 70 % lie within less than six days" in said
    assert "<5 days: 50.0 %" in said
    assert f"≥{LONGEST}" in said
    with pytest.raises(ValueError, match="found none"):
        gap_lengths_figure(np.array([2]), np.array([0]), "")


def test_gap_lengths_of_short_gaps_have_no_last_bar_for_longer_ones() -> None:
    assert "≥" not in words_in(gap_lengths_figure(np.array([1, 2]), np.array([1, 1]), "")).replace("≥20", "")


def test_the_pixels_shown_are_the_widest_and_the_worst() -> None:
    optical = np.full((9, 4), 0.5, np.float32)
    optical[::2, 1] = 0.9
    optical[:, 3] = NAN
    left_out = optical.copy()
    left_out[:, 2] += 0.2
    assert [i for i, _ in choose_pixels(optical, left_out)] == [1, 2]
    assert choose_pixels(optical[:, 3:], left_out[:, 3:]) == []
    assert [i for i, _ in choose_pixels(optical[:, 1:2], left_out[:, 1:2])] == [0]


def pixel(radar: bool = True) -> PixelSeries:
    """Three optical dates, one cloudy, and radar a day after the first and far from the last."""
    none = np.zeros(0, np.float32)
    return PixelSeries(
        "A pixel", days(0, 5, 10), floats([0.4, NAN, 0.6]), floats([0.5, 0.9, NAN]), days(0, 3, 6, 9),
        floats([0.4, 0.5, NAN, 0.6]), floats([0.1, 0.1, NAN, 0.1]),
        days(1, 4) if radar else days(), floats([0.7, 0.2]) if radar else none,
    )  # fmt: skip


def test_radar_is_held_against_near_dates_alone() -> None:
    dates, error = pixel().radar_error()
    assert list(dates) == list(days(0))
    np.testing.assert_allclose(error, [0.3], rtol=1e-6)
    assert pixel(radar=False).radar_error()[1].size == 0


def test_a_pixels_panels_show_observed_filled_and_error() -> None:
    figure = pixel_figure([pixel()], "gru", "Title | simulated")
    above, below = figure.axes
    points = {line.get_color(): line for line in above.lines if line.get_linestyle() == "None"}
    np.testing.assert_allclose(points[OPTICAL].get_ydata(), [0.4, NAN, 0.6], rtol=1e-6)
    # A cloudy date has nothing that its prediction could be held against.
    np.testing.assert_allclose(points[FILLED].get_ydata(), [0.5, NAN], rtol=1e-6)
    stems = [c.get_segments() for c in below.collections]
    np.testing.assert_allclose([segment[:, 1] for of in stems for segment in of], [[0, 0.1]], rtol=1e-5)
    said = words_in(figure)
    assert "filled 0.100 (n = 1), from radar 0.300 (n = 1)" in said
    assert "Filled by gru" in said
    assert "from radar" not in words_in(pixel_figure([pixel(radar=False)], "gru", ""))
    assert "enough clear dates" in words_in(pixel_figure([], "gru", ""))


def test_panels_of_several_pixels_share_their_scales() -> None:
    high = PixelSeries(**{**vars(pixel()), "optical": floats([0.4, 2.0, 0.6])})
    axes = pixel_figure([pixel(), high], "gru", "").axes
    assert axes[0].get_ylim() == axes[2].get_ylim()
    assert axes[1].get_ylim() == axes[3].get_ylim()
    assert axes[0].get_xlim() == axes[3].get_xlim()


def test_images_are_held_until_the_next_but_not_for_ever() -> None:
    found = held(days(1, 4, 20), floats([[1], [NAN], [3]]), days(*range(23)), 5)[:, 0]
    expected = np.full(23, NAN)
    expected[1:4], expected[20:] = 1, 3
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(held(days(), np.zeros((0, 2), np.float32), days(0, 1), 5)).all()
    assert usual_step(days(0, 5, 10, 15, 20, 60)) == 5
    assert usual_step(days(0)) == 1


def row_series(colours: bool = True) -> RowSeries:
    """Two pixels on three dates, the second date cloudy."""
    optical = floats([[0.2, 0.4], [NAN, NAN], [0.6, NAN]])
    rgb = np.repeat(optical[:, None], 3, axis=1) if colours else None
    filled = np.full((11, 2), 0.5, np.float32)
    return RowSeries(days(0, 5, 10), rgb, optical, optical + np.float32(0.1), days(*range(11)), filled, 10.0)


def test_the_filled_row_shows_what_was_predicted_without_the_dates_own_values() -> None:
    dates, values = row_series().without_own()
    assert len(dates) == 11
    np.testing.assert_allclose(values[0], [0.3, 0.5], rtol=1e-6)
    np.testing.assert_allclose(values[5], [0.5, 0.5])
    np.testing.assert_allclose(values[10], [0.7, 0.5], rtol=1e-6)


def test_lanes_of_a_row_share_time_and_ndvi_and_miss_what_is_missing() -> None:
    figure = row_figure(row_series(), None, 0.0, "gru", "Title | simulated")
    lanes = [axes for axes in figure.axes if axes.get_ylabel().startswith("m along")]
    assert len(lanes) == 4
    assert len({axes.get_xlim() for axes in lanes}) == 1
    coloured, observed, filled, error = (axes.images[0] for axes in lanes)
    assert observed.get_clim() == filled.get_clim()
    assert error.get_clim()[0] == -error.get_clim()[1]
    np.testing.assert_allclose(np.unique(error.get_array().compressed()), 0.1, atol=1e-6)
    # Day 7 lies in the cloudy image's time.
    assert np.asarray(observed.get_array().mask)[:, 7].all()
    np.testing.assert_allclose(coloured.get_array()[0, 7], matplotlib.colors.to_rgb(MISSING))
    assert "Mean |error| 0.100" in words_in(figure)
    without = row_figure(row_series(False), None, 0.0, "gru", "")
    assert len([axes for axes in without.axes if axes.get_ylabel().startswith("m along")]) == 3


def test_the_row_is_marked_in_an_image_of_the_place() -> None:
    grid = site_grid("EPSG:32631", (0, 0, 100, 100), 10)
    overview = Picture(
        "2020-01-01", np.random.default_rng(0).random((3, 10, 10), np.float32), ("red", "green", "blue"), grid
    )
    figure = row_figure(row_series(), overview, 35.0, "gru", "")
    marked = next(axes for axes in figure.axes if axes.get_title("left") == "2020-01-01")
    assert list(marked.lines[0].get_ydata()) == [35.0, 35.0]


def test_a_row_of_clouds_is_drawn_and_one_without_dates_refused() -> None:
    cloudy = RowSeries(days(0), None, floats([[NAN]]), floats([[0.5]]), days(0), floats([[0.5]]), 10.0)
    figure = row_figure(cloudy, None, 0.0, "gru", "")
    assert to_png(figure).startswith(b"\x89PNG")
    assert "No value could be held against another" in words_in(figure)
    none = np.zeros((0, 1), np.float32)
    with pytest.raises(ValueError, match="found none"):
        row_figure(RowSeries(days(), None, none, none, days(), none, 10.0), None, 0.0, "gru", "")


def strip(count: int, colours: bool = True) -> Strip:
    """Images whose error grows by a tenth a date; the last is cloudy."""
    optical = np.full((count, 6, 8), 0.4, np.float32)
    left_out = optical + (np.arange(count, dtype=np.float32) / 10)[:, None, None]
    optical[-1] = NAN
    rgb = np.repeat(optical[:, None], 3, axis=1) if colours else None
    return Strip(days(*range(0, 5 * count, 5)), rgb, optical, left_out, site_grid("EPSG:32631", (0, 0, 80, 60), 10))


def test_a_strip_says_date_and_error_and_shares_its_scales() -> None:
    figure = strip_figure(strip(3), "gru", "Title | simulated")
    said = words_in(figure)
    assert all(word in said for word in ("2020-01-01", "2020-01-11", "0.100", "of all 0.050", "Filled by gru"))
    images = [axes.images[0] for axes in figure.axes if axes.images and axes.get_label() != "<colorbar>"]
    maps = [image for image in images if image.get_array().ndim == 2]
    ndvi = {image.get_clim() for image in maps if image.get_cmap().name == "viridis"}
    errors = {image.get_clim() for image in maps if image.get_cmap().name == "RdBu_r"}
    assert len(ndvi) == len(errors) == 1
    assert len([image for image in images if image.get_array().ndim == 3]) == 3


def test_many_dates_wrap_in_blocks_of_like_length() -> None:
    few, many = strip_figure(strip(ACROSS), "", ""), strip_figure(strip(ACROSS + 1), "", "")
    assert many.get_figheight() > 1.5 * few.get_figheight()
    assert many.get_figwidth() == few.get_figwidth()
    assert to_png(strip_figure(strip(1, colours=False), "", "")).startswith(b"\x89PNG")
    none = np.zeros((0, 6, 8), np.float32)
    with pytest.raises(ValueError, match="found none"):
        strip_figure(Strip(days(), None, none, none, strip(1).grid), "gru", "")
