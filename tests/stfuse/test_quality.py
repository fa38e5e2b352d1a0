"""Days that stand out of their season."""

from __future__ import annotations

import numpy as np

from stfuse.quality import standing_out


def test_a_hazy_day_stands_out_by_what_it_is_above_its_neighbours() -> None:
    bright = np.array([0.05, 0.052, 0.049, 0.10, 0.051, 0.05, 0.053])
    np.testing.assert_allclose(standing_out(bright), [0, 0, 0, 0.0495, 0, 0, 0], atol=1e-9)


def test_two_hazy_days_do_not_excuse_one_another() -> None:
    bright = np.array([0.063, 0.041, 0.112, 0.059, 0.0955, 0.052, 0.073, 0.054, 0.05])
    assert np.flatnonzero(standing_out(bright)).tolist() == [2, 4]


def test_a_season_a_dark_day_and_gaps_do_not_stand_out() -> None:
    assert not standing_out(np.linspace(0.04, 0.2, 30)).any()
    assert not standing_out(np.array([0.05, 0.05, 0.01, 0.05, 0.05, np.nan, 0.05])).any()
    assert not standing_out(np.array([0.05, np.nan, 0.5])).any()
