"""Figures are drawn from plain arrays and tables; what they say in numbers and colours is right."""

from __future__ import annotations

import io
import math

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from stfuse.captions import CAPTIONS, figure_words, order_of, table_words
from stfuse.grid import site_grid
from stfuse.plots import (
    COLOURS,
    SPARE,
    Picture,
    colour_of,
    composite,
    limits,
    marker_of,
    ndvi_of,
    styled,
    symmetric,
    to_png,
)
from stfuse.plots_phenology import day_words, field_errors
from stfuse.plots_prediction import error_of, prediction_figure, zoom_box
from stfuse.plots_profiles import choose_fields, field_means
from stfuse.plots_scatter import agreement, scatter_figure
from stfuse.plots_scores import axis_label
from stfuse.plots_training import training_figure
from stfuse.report import phenology_verdict, questions, run_times, score_table, site_remarks, verdict

BANDS = ("red", "nir08")


def picture(values: np.ndarray, bands: tuple[str, ...] = BANDS, label: str = "x") -> Picture:
    """An image on a 10 m grid."""
    height, width = values.shape[1:]
    return Picture(
        label, values.astype(np.float32), bands, site_grid("EPSG:32631", (0, 0, 10 * width, 10 * height), 10)
    )


def words_in(figure: Figure) -> str:
    """All text of a figure."""
    return "\n".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))


@given(st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12))
def test_a_new_method_gets_a_lasting_colour_and_marker_of_its_own(name: str) -> None:
    assert colour_of(name) == colour_of(name) == COLOURS.get(name, colour_of(name))
    assert name in COLOURS or colour_of(name) in SPARE
    assert marker_of(name) == marker_of(name)


def test_listed_methods_have_different_colours() -> None:
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_limits_never_collapse_and_ignore_missing_values() -> None:
    assert limits(np.array([np.nan, np.nan])) == (0.0, 1.0)
    low, high = limits(np.full(9, 0.3, np.float32))
    assert low < high
    assert limits(np.array([0.0, 1.0, np.nan]), 0, 100) == (0.0, 1.0)


def test_error_scales_are_symmetric_positive_and_round() -> None:
    assert symmetric([np.array([-0.0213, 0.001])], 100) == pytest.approx(0.022)
    assert symmetric([np.zeros(4), np.full(2, np.nan)]) > 0


def test_composite_shows_a_missing_band_grey_and_clips_the_rest() -> None:
    values = np.array([[[0.0, 2.0, np.nan]], [[0.5, 2.0, 0.1]], [[1.0, 2.0, 0.1]]])
    shown = composite(values, [(0, 1)] * 3, missing="#808080")
    np.testing.assert_allclose(shown[0, 0], [0, 0.5, 1])
    np.testing.assert_allclose(shown[0, 1], [1, 1, 1])
    np.testing.assert_allclose(shown[0, 2], 128 / 255, atol=1e-6)


def test_ndvi_is_made_of_the_infrared_band_there_is() -> None:
    made = ndvi_of(picture(np.array([[[0.1]], [[0.3]]])))
    assert made is not None
    assert made[0, 0] == pytest.approx(0.5)
    assert ndvi_of(picture(np.ones((2, 1, 1)), ("red", "green"))) is None


def test_rmse_in_the_figure_counts_pixels_valid_in_all_bands() -> None:
    truth = np.zeros((2, 1, 3))
    predicted = np.array([[[0.1, 0.1, 9.0]], [[0.3, 0.3, np.nan]]])
    error, rmse = error_of(picture(predicted), picture(truth))
    assert rmse == pytest.approx((0.1 + 0.3) / 2)
    assert error[0, 0] == pytest.approx(0.2)
    assert math.isnan(error[0, 2])


def test_small_scenes_are_shown_whole_and_large_ones_by_their_centre() -> None:
    assert zoom_box(picture(np.zeros((2, 64, 64)))) is None
    left, right, bottom, top = zoom_box(picture(np.zeros((2, 300, 1000)))) or (0, 0, 0, 0)
    assert (right - left, top - bottom) == (1200, 1200)
    assert ((left + right) / 2, (bottom + top) / 2) == (5000, 1500)


def test_prediction_figure_names_every_method_and_its_error() -> None:
    truth = picture(np.zeros((2, 8, 8)), label="truth")
    made = [picture(np.full((2, 8, 8), error), label=name) for name, error in (("starfm_si", 0.1), ("bilinear", 0.25))]
    text = words_in(prediction_figure([truth], truth, made, "Title", "Note"))
    assert all(word in text for word in ("Title", "starfm_si", "RMSE 0.1000", "bilinear", "RMSE 0.2500"))
    without = words_in(prediction_figure([truth], None, made, "Title", "Note"))
    assert "RMSE" not in without
    with pytest.raises(ValueError, match="at least one prediction"):
        prediction_figure([], truth, [], "", "")


def test_a_prediction_from_what_cannot_be_shown_stands_alone_with_its_scale() -> None:
    """Radar: no coarse image and no reference. One picture and one colour bar, no empty row above."""
    made = picture(np.random.default_rng(0).uniform(0, 1, (1, 8, 8)), ("ndvi",), "from_radar")
    alone = prediction_figure([], None, [made], "Title", "Note")
    assert sum(bool(axes.images) for axes in alone.axes) == 1
    assert len(alone.axes) == 2
    assert "from_radar" in words_in(alone)
    beside = prediction_figure([made], None, [made], "Title", "Note")
    assert alone.get_figheight() < beside.get_figheight()


def test_many_methods_wrap_instead_of_shrinking() -> None:
    truth = picture(np.zeros((2, 8, 8)))
    made = [picture(np.zeros((2, 8, 8)), label=f"method{i}") for i in range(9)]
    few = prediction_figure([truth], truth, made[:6], "", "")
    many = prediction_figure([truth], truth, made, "", "")
    assert many.get_figwidth() == few.get_figwidth()
    assert many.get_figheight() > few.get_figheight()


def test_a_truth_with_no_pixel_still_gives_a_picture() -> None:
    empty = picture(np.full((2, 8, 8), np.nan))
    assert to_png(prediction_figure([empty], empty, [empty], "", "")).startswith(b"\x89PNG")


def test_agreement_is_the_textbooks() -> None:
    observed = np.array([0.1, 0.2, 0.3], np.float32)
    found = agreement(observed + np.float32(0.05), observed)
    assert found["r"] == pytest.approx(1)
    assert found["rmse"] == pytest.approx(0.05, rel=1e-5)
    assert found["bias"] == pytest.approx(0.05, rel=1e-5)
    assert math.isnan(agreement(observed[:0], observed[:0])["rmse"])


def test_a_method_without_common_pixels_does_not_break_the_scatter() -> None:
    some = np.linspace(0, 1, 50, dtype=np.float32)
    text = words_in(scatter_figure({"srcnn": (some, some), "esrcnn": (some[:0], some[:0])}, "NDVI", "Title", ""))
    assert "observed NDVI" in text


def test_drawing_leaves_matplotlibs_settings_alone_and_is_repeatable() -> None:
    before = dict(matplotlib.rcParams)
    curve = pd.DataFrame({"stage": 1, "epoch": [1, 2], "train_loss": [0.2, 0.1], "held_loss": [0.3, np.nan]})
    curve = curve.assign(learning_rate=1e-3, seconds=[1, 2], waiting=0.0)
    pictures = [to_png(training_figure({"srcnn": curve, "bilinear": curve[:0]}, "Training")) for _ in range(2)]
    assert dict(matplotlib.rcParams) == before
    assert pictures[0] == pictures[1]
    assert Image.open(io.BytesIO(pictures[0])).size[0] == 1650


def test_styled_keeps_name_and_documentation() -> None:
    assert styled(training_figure).__name__ == "training_figure"


def test_field_means_need_half_of_the_field() -> None:
    fields = np.array([[1, 1, 2]], np.int32)
    values = np.array([[[0.2, 0.4, 0.9]], [[0.2, np.nan, 0.9]], [[np.nan, np.nan, 0.9]]], np.float32)
    np.testing.assert_allclose(field_means(values, fields, [1])[0], [0.3, 0.2, np.nan], rtol=1e-6)


def test_fields_are_chosen_by_size_among_different_courses() -> None:
    rise, fall = np.linspace(0, 1, 9), np.linspace(1, 0, 9)
    courses = np.array([rise, rise * 2, fall, np.full(9, np.nan), rise], np.float32)
    numbers, pixels = [10, 11, 12, 13, 14], [50, 40, 30, 99, 2]
    assert choose_fields(courses, numbers, pixels, 2) == [10, 12]
    assert choose_fields(courses, numbers, pixels, 3) == [10, 11, 12]
    assert choose_fields(courses[:0], [], [], 3) == []


def test_field_errors_are_of_each_season_that_is_no_catch_crop() -> None:
    dates = [f"date{i}" for i in range(1, 7)]
    rows = [[1, *range(100, 106)], [1, *range(205, 211)], [1, *range(293, 299)], [2, *[np.nan] * 6]]
    found = pd.DataFrame(rows, columns=["field", *dates])
    truth = [[1, "a", *range(200, 206), "second"], [1, "a", *range(98, 104), "main"], [2, "b", *range(6), "main"]]
    truth.append([1, "a", *range(290, 296), "catch"])
    errors = field_errors(found, pd.DataFrame(truth, columns=["field", "class", *dates, "season"]))
    np.testing.assert_allclose(errors["date1"], [5, 2, np.nan])


def test_days_are_counted_from_the_first_of_january() -> None:
    assert day_words(1, 2023) == "1 Jan"
    assert day_words(366, 2023) == "1 Jan 2024"


def test_axes_name_unit_and_direction() -> None:
    assert axis_label("rmse", "NDVI") == "RMSE (NDVI)\nlower is better"
    assert "higher" in axis_label("cc", "NDVI")
    assert "zero" in axis_label("bias", "NDVI")


def scores(rmse: dict[str, float], worse: dict[str, str]) -> pd.DataFrame:
    """A table as `stfuse.tables.scores_table` makes it."""
    rows = [("observed", "reflectance", m, v, -0.00001, 2, 100, worse.get(m, np.nan), np.nan) for m, v in rmse.items()]
    columns = ["truth", "variable", "method", "rmse", "bias", "dates", "n", "worse_than_bilinear", "worse_than_nearest"]
    return pd.DataFrame(rows, columns=columns)


def test_the_verdict_names_winner_margin_and_losers() -> None:
    table = scores({"esrcnn": 0.01, "bilinear": 0.02, "srcnn": 0.03}, {"srcnn": "rmse cc"})
    said = verdict(questions(table)["observed", "reflectance"])
    assert "esrcnn is best: RMSE 0.0100 over 2 dates, 50% less" in said
    assert "Worse than a baseline: srcnn." in said


def test_the_verdict_is_honest_when_a_baseline_wins() -> None:
    table = scores({"bilinear": 0.02, "esrcnn": 0.03}, {"esrcnn": "rmse"})
    said = verdict(questions(table)["observed", "reflectance"])
    assert said.startswith("No method beats the baselines: bilinear")
    assert "+50%" in said
    assert verdict(questions(scores({"bilinear": 0.02}, {}))["observed", "reflectance"]) == ""


def test_score_table_marks_best_and_worse_but_never_a_baseline_as_worse() -> None:
    table = scores({"esrcnn": 0.01, "bilinear": 0.02, "srcnn": 0.03}, {"srcnn": "rmse", "bilinear": "rmse"})
    made = score_table(("observed", "reflectance"), questions(table)["observed", "reflectance"])
    cells = {method: row[0] for method, _, row in made.rows}
    assert cells["esrcnn"].best
    assert cells["srcnn"].worse_than == "bilinear"
    assert cells["bilinear"].worse_than == ""
    assert made.rows[0][2][1].text == "0.0000"
    assert made.columns[0] == "rmse ↓"


def test_phenology_verdict_counts_common_fields_and_says_when_fusion_does_not_help() -> None:
    rows = [("landsat8", 9.0), ("sentinel2", 5.0), ("starfm_si", 3.0)]
    columns = ["source", "mae_days", "date_name", "fields", "class"]
    table = pd.DataFrame([(*row, "all", "common", "all") for row in rows], columns=columns)
    said = phenology_verdict(table, ["landsat8", "sentinel2"])
    assert "off by 3.0 days from the fused series (starfm_si), 5.0 from sentinel2 alone and 9.0 from landsat8" in said
    worse = table.assign(mae_days=[9.0, 5.0, 6.0])
    assert phenology_verdict(worse, ["landsat8", "sentinel2"]).startswith("Fusion does not improve")
    assert phenology_verdict(table[:2], ["landsat8", "sentinel2"]) == ""


def test_run_times_are_summed_by_stage_and_method_in_road_order() -> None:
    def row(seconds: str) -> dict[str, str]:
        return {"s": seconds, "cpu_time": "-", "max_rss": "NA"}

    measured = [
        (("fused", "e", "s", "srcnn", "seed0", "d1"), row("2")),
        (("fused", "e", "s", "srcnn", "seed0", "d2"), row("3")),
    ]
    found = run_times([*measured, (("raw", "s", "scene"), row("1"))], ["srcnn"])
    assert [(r["stage"], r["method"], r["jobs"], r["seconds"], r["longest"]) for r in found] == [
        ("raw", "", "1", "1.0", "1.0"),
        ("fused", "srcnn", "2", "5.0", "3.0"),
    ]
    assert found[0]["memory"] == ""
    assert run_times([], []) == []


def test_every_site_has_remarks() -> None:
    assert "made by a program" in site_remarks({"simulated": {"seed": 1}})
    assert "640 x 640 m" in site_remarks({"bounds": [0, 0, 640, 640]})
    assert site_remarks({"remarks": "Mine."}) == "Mine."


def test_captions_know_every_figure_and_survive_an_unknown_one() -> None:
    assert figure_words("prediction_2023-07-09")[0] == "Prediction 2023-07-09"
    assert figure_words("scatter")[0] == "Predicted against observed"
    assert figure_words("my_figure") == ("my figure", "")
    assert table_words("errors")[1]
    assert sorted([*CAPTIONS, "zzz"], key=order_of)[-1] == "zzz"
