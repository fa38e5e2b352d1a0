"""Trials stand for the months that are wanted, those of the same month first."""

import numpy as np
import pytest

from stfuse.months import REACH, month_of, month_weights


def counts(**months):
    """Counts by month, named m1 to m12."""
    out = np.zeros(12, np.int64)
    for name, count in months.items():
        out[int(name[1:]) - 1] = count
    return out


def test_months_are_those_of_the_calendar_in_any_year():
    days = np.array(["1969-12-31", "2020-01-01", "2020-02-29", "2023-12-01"], "datetime64[D]")
    assert month_of(days).tolist() == [11, 0, 1, 11]


def test_trials_that_lie_as_what_they_stand_for_count_alike():
    everywhere = np.full(12, 7)
    assert month_weights(everywhere, 3 * everywhere) == pytest.approx(3)


def test_two_months_share_by_their_distance_worked_out_by_hand():
    near = np.exp(-1 / REACH)
    weights = month_weights(counts(m1=10, m2=30), counts(m1=100))
    # Of January's hundred, January's ten trials have their part and February's thirty theirs.
    assert weights[:2] == pytest.approx([100 / (10 + 30 * near), 100 * near / (10 + 30 * near)])
    assert not weights[2:].any()


@pytest.mark.parametrize("month", ["m1", "m12"])
def test_a_month_without_trials_is_spoken_for_by_its_neighbours_round_the_year(month):
    weights = month_weights(counts(m6=50, **{month: 50}), counts(**{"m12" if month == "m1" else "m1": 80}))
    assert weights[int(month[1:]) - 1] > 1000 * weights[5]


def test_all_that_is_wanted_is_handed_out_and_nothing_without_trials():
    rng = np.random.default_rng(0)
    trials, wanted = rng.integers(0, 9, (20, 12)), rng.integers(0, 500, (20, 12))
    assert (trials * month_weights(trials, wanted)).sum(axis=1) == pytest.approx(wanted.sum(axis=1))
    assert not month_weights(counts(), counts(m3=5)).any()
