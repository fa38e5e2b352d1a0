"""What the figures of agreement and accuracy show, and that nothing empty breaks them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from stfuse.plots import to_png
from stfuse.plots_agreement import accuracy_figure, agreement_figure


@pytest.fixture
def agreement() -> pd.DataFrame:
    rows = []
    for day, (before, after) in enumerate([(0.80, 0.95), (0.84, 0.97), (0.70, 0.90)]):
        for band in ("red", "nir"):
            common = {"sensor": "landsat8", "reference": "sentinel2", "date": f"2020-03-0{day + 1}", "band": band,
                      "reference_date": "2020-03-01", "days": day, "registered_to": "2020-03-01", "n": 400}  # fmt: skip
            rows.append({**common, "stage": "before", "r": before, "slope": 1.2, "bias": 0.01})
            rows.append({**common, "stage": "after", "r": after, "slope": 1.0 + 0.1 * day, "bias": 0.0})
            if day == 0:
                rows.append({**common, "stage": "left_out", "r": after, "slope": 1.4, "bias": 0.0})
    return pd.DataFrame(rows)


def marks(axes: Any, size: float, row: int) -> list[float]:
    """Where the marks of a size stand in a band's row."""
    drawn = [line for line in axes.get_lines() if line.get_markersize() == size and len(line.get_xdata()) == 1]
    return [float(line.get_xdata()[0]) for line in drawn if line.get_ydata()[0] == row]


def test_medians_before_and_after_stand_in_each_band_s_row(agreement: pd.DataFrame) -> None:
    figure = agreement_figure(agreement, "A place")
    r, slope, bias = figure.axes
    assert [text.get_text() for text in r.get_yticklabels()] == ["red", "nir"]
    assert marks(r, 8, 0) == [0.80, 0.95]
    assert marks(slope, 8, 1) == [1.2, 1.1]
    # The cross: of the same three pairs, the fitted one by the line of the others: median of 1.4, 1.1 and 1.2.
    assert marks(slope, 6, 0) == [pytest.approx(1.2)]
    assert marks(r, 6, 0) == []
    assert bias.get_xlabel().startswith("bias")
    assert "3 pairs of dates with sentinel2, 1 of the same day" in r.get_title(loc="left")
    assert "another date" not in r.get_title(loc="left")
    assert to_png(figure).startswith(b"\x89PNG")


def test_dates_registered_to_another_are_counted(agreement: pd.DataFrame) -> None:
    agreement.loc[agreement["days"] == 2, "registered_to"] = "2020-02-20"
    figure = agreement_figure(agreement, "A place")
    assert "; 1 registered to another date" in figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize("empty", ["", np.nan])
def test_images_laid_on_none_are_not_registered_to_another_date(agreement: pd.DataFrame, empty: object) -> None:
    figure = agreement_figure(agreement.assign(registered_to=empty), "A place")
    assert "registered" not in figure.axes[0].get_title(loc="left")


def test_pairs_of_few_pixels_are_left_out_and_none_at_all_is_said(agreement: pd.DataFrame) -> None:
    few = agreement.assign(n=np.where(agreement["days"] == 0, 400, 10))
    assert "1 pair of dates" in agreement_figure(few, "A place").axes[0].get_title(loc="left")
    empty = agreement_figure(agreement.iloc[:0], "A place")
    assert not empty.axes
    assert any("No two sensors" in text.get_text() for text in empty.texts)


def test_a_band_that_could_not_be_compared_leaves_its_row_empty(agreement: pd.DataFrame) -> None:
    agreement.loc[agreement["band"] == "nir", ["r", "slope"]] = np.nan
    assert marks(agreement_figure(agreement, "A place").axes[0], 8, 1) == []


def test_errors_of_all_dates_stand_large_beside_those_of_single_ones() -> None:
    table = pd.DataFrame(
        [
            {"sensor": sensor, "date": date, "band": band, "rmse": rmse, "bias": -rmse / 2}
            for sensor, extra in (("sentinel2", 0.0), ("landsat8", 0.01))
            for band in ("red", "nir")
            for date, rmse in (("2020-03-01", 0.01 + extra), ("2020-03-02", 0.03 + extra), ("all", 0.02 + extra))
        ]
    )
    figure = accuracy_figure(table, "A place | simulated")
    rmse, bias = figure.axes
    large = [line for line in rmse.get_lines() if line.get_markersize() == 8]
    assert [list(line.get_xdata()) for line in large] == [[0.02, 0.02], [0.03, 0.03]]
    assert [text.get_text() for text in bias.get_legend().get_texts()] == ["sentinel2", "landsat8"]
    assert rmse.get_xlim()[0] == 0
    assert to_png(figure).startswith(b"\x89PNG")
