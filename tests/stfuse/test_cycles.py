"""Main cycles: where they reach, and which of several is taken."""

import numpy as np
import pytest

from stfuse.phenology.cycles import main_cycles
from stfuse.phenology.logistic import double_logistic

YEAR = np.arange(1.0, 366, 5)
CORN = (0.2, 0.6, 0.12, 165.0, 0.09, 255.0)


def cycle(smooth, least=0.1, divide=0.5):
    found = main_cycles(np.asarray(smooth)[None], YEAR, least, divide)
    return {name: float(getattr(found, name)[0]) for name in found.__dataclass_fields__}


def test_cycle_reaches_over_the_bare_ground_on_both_sides():
    found = cycle(double_logistic(YEAR, CORN))
    assert (found["first"], found["last"]) == (1, 361)
    assert found["rise"] == pytest.approx(165, abs=5)
    assert found["fall"] == pytest.approx(255, abs=5)
    assert found["top"] - found["bottom"] == pytest.approx(0.6, abs=0.02)
    assert found["amplitude"] == pytest.approx(0.6, abs=0.02)


def test_cycle_ends_where_the_next_one_begins():
    crop = double_logistic(YEAR, (0.2, 0.65, 0.10, 85, 0.15, 185))
    found = cycle(crop + double_logistic(YEAR, (0, 0.45, 0.12, 260, 0.12, 330)))
    assert 200 < found["last"] < 255


def test_cycle_cut_off_by_the_series_end_counts_half():
    declining = double_logistic(YEAR, (0.2, 0.7, 0.1, -60, 0.1, 40))
    whole = double_logistic(YEAR, (0, 0.45, 0.1, 180, 0.1, 260))
    found = cycle(declining + whole, divide=0.4)
    assert 150 < found["rise"] < 200
    assert found["amplitude"] == pytest.approx(0.45, abs=0.05)


def test_dips_smaller_than_the_share_do_not_divide():
    cut = double_logistic(YEAR, CORN) - 0.25 * np.exp(-(((YEAR - 210) / 8) ** 2))
    assert cycle(cut)["fall"] - cycle(cut)["rise"] == pytest.approx(90, abs=10)
    assert cycle(cut, divide=0.3)["last"] - cycle(cut, divide=0.3)["first"] < 220


@pytest.mark.parametrize("smooth", [np.full(73, 0.3), np.full(73, np.nan), 0.3 + 0.04 * np.sin(YEAR / 20)])
def test_level_and_unknown_series_have_no_cycle(smooth):
    assert np.isnan(list(cycle(smooth).values())).all()


def test_series_that_only_rises_or_falls_is_half_a_cycle():
    rising = np.linspace(0.2, 0.8, 73)
    assert cycle(rising)["amplitude"] == cycle(rising[::-1])["amplitude"] == pytest.approx(0.3)
