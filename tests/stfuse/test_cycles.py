"""Cycles: where they reach, which of many are kept, and in what order."""

import numpy as np
import pytest

from stfuse.phenology.cycles import find_cycles
from stfuse.phenology.logistic import double_logistic

YEAR = np.arange(1.0, 366, 5)
CORN = (0.2, 0.6, 0.12, 165.0, 0.09, 255.0)


def cycle(smooth, least=0.1, divide=0.5):
    """The largest cycle."""
    found = find_cycles(np.asarray(smooth)[None], YEAR, least, divide, 1)
    return {name: float(getattr(found, name)[0, 0]) for name in found.__dataclass_fields__}


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


def crops(*seasons):
    return 0.2 + sum(double_logistic(YEAR, (0, *season)) for season in seasons)


def test_cycles_come_in_order_of_time_and_share_the_bare_ground_between_them():
    found = find_cycles(crops((0.6, 0.1, 80, 0.15, 150), (0.4, 0.12, 230, 0.12, 300))[None], YEAR, 0.1, 0.3, 4)
    assert found.amplitude[0] == pytest.approx([0.6, 0.4, np.nan, np.nan], abs=0.03, nan_ok=True)
    assert found.rise[0, :2] == pytest.approx([80, 230], abs=6)
    assert found.first[0, 1] < found.last[0, 0] - 10


def test_of_more_cycles_than_asked_for_the_largest_stay():
    peaks = [(0.3, 0.2, 40, 0.2, 70), (0.6, 0.2, 120, 0.2, 150), (0.35, 0.2, 200, 0.2, 230), (0.5, 0.2, 280, 0.2, 310)]
    found = find_cycles(crops(*peaks)[None], YEAR, 0.1, 0.3, 2)
    assert found.rise[0] == pytest.approx([120, 280], abs=5)
    assert find_cycles(crops(*peaks)[None], YEAR, 0.1, 0.3, 4).rise[0] == pytest.approx([40, 120, 200, 280], abs=5)
