import numpy as np
import pandas as pd
import pytest

from stfuse.ensemble import LEVELS
from stfuse.grid import site_grid
from stfuse.plots import Picture
from stfuse.plots_ensemble import Reliability, ensemble_figure

GRID = site_grid("EPSG:32631", (500000.0, 5600000.0, 500240.0, 5600200.0), 10.0)
DATES = ("2023-05-01", "2023-06-01")


def table(dates=DATES, calibrated: bool = True) -> pd.DataFrame:
    rows = []
    for day in dates:
        found = {f"coverage_{100 * level:.0f}": level / 2 for level in LEVELS} | {"width_90": 0.02}
        found |= {f"coverage_{100 * level:.0f}_calibrated": level if calibrated else np.nan for level in LEVELS}
        found |= {"width_90_calibrated": 0.05, "spread_factor": 2.5 if calibrated else np.nan}
        rows += [(day, "nir08", "all", metric, value) for metric, value in found.items()]
        rows += [(day, "red", "all", "coverage_90", 0.0), (day, "nir08", "low", "coverage_90", 0.0)]
    return pd.DataFrame(rows, columns=["date", "band", "stratum", "metric", "value"])


def drawn(rows: pd.DataFrame):
    rng = np.random.default_rng(0)
    spread, error = (
        Picture(label, rng.uniform(0, top, (1, *GRID.shape)).astype(np.float32), ("nir08",), GRID)
        for label, top in (("Spread", 0.01), ("|Error|", 0.04))
    )
    return ensemble_figure(Reliability(rows, "esrcnn", "known", "nir08"), spread, error, "A place | simulated")


def test_curves_show_what_was_found_before_and_after():
    diagram = drawn(table()).axes[0]
    curves = {line.get_label(): line.get_ydata() for line in diagram.lines}
    np.testing.assert_allclose(curves["as the members spread"], 50 * np.array(LEVELS))
    np.testing.assert_allclose(curves["calibrated"], 100 * np.array(LEVELS))
    assert len(diagram.lines) == 1 + 2 * (1 + len(DATES))  # the diagonal; of each kind the mean, and each date


def test_words_say_how_much_the_intervals_hold():
    words = " ".join(" ".join(text.get_text() for text in drawn(table()).texts).split())
    assert "do so in 45 % (nir08, against the known, noise-free truth)" in words
    assert "times 2.5, found on the other dates, in 90 %" in words
    assert "0.02 and 0.05" in words


def test_one_date_alone_is_drawn_without_calibration():
    figure = drawn(table(DATES[:1], calibrated=False))
    words = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert "no other to calibrate on" in words
    assert "calibrated" not in [line.get_label() for line in figure.axes[0].lines]


def test_each_map_has_a_scale_of_its_own_from_zero():
    scales = [axes.images[0].get_clim() for axes in drawn(table()).axes if axes.images]
    assert [low for low, _ in scales] == [0, 0]
    assert [high for _, high in scales] == pytest.approx([0.0098, 0.0392], rel=0.03)
