import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.filling.windows import series_windows


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 1500), st.integers(1, 40), st.floats(0.5, 6))
def test_windows_cover_every_wanted_day_once(span, every, months):
    axis = np.datetime64("2019-03-01") + np.unique(np.r_[np.arange(0, span, every), span])
    wanted = np.arange(len(axis)) % 2 == 0
    images = np.arange(len(axis)) % 3 == 0
    found = series_windows(axis, images, wanted, months)
    assert sorted(np.concatenate([w.wanted for w in found])) == np.flatnonzero(wanted).tolist()
    length = max(2, round(months * 365.25 / 12))
    for window in found:
        inside = axis[window.steps]
        assert (inside[-1] - inside[0]).astype(int) < length
        assert window.steps.start <= window.wanted.min() and window.wanted.max() < window.steps.stop


def test_a_day_is_predicted_where_it_is_most_central():
    axis = np.datetime64("2019-01-01") + np.arange(0, 1000, 5)
    every = np.ones(len(axis), bool)
    found = series_windows(axis, every, every, 6)
    for window in found:
        first, last = axis[window.steps][[0, -1]]
        for day in axis[window.wanted]:
            reach = min(day - first, last - day).astype(int)
            assert reach >= 40 or day - axis[0] < reach + 92 or axis[-1] - day < np.timedelta64(92, "D")


def test_days_without_images_are_asked_for_in_turns():
    axis = np.datetime64("2021-01-01") + np.arange(180)
    images = np.arange(180) % 6 == 0
    found = series_windows(axis, images, np.ones(180, bool), 6)
    assert len(found) == 13  # 150 days without images, fifteen days apart
    assert series_windows(axis, images, np.zeros(180, bool), 6) == []


def test_all_days_take_turns_but_no_turn_is_empty():
    """Days with an image as well: under a cloud it tells a series nothing."""
    axis = np.datetime64("2021-01-01") + np.arange(0, 180, 5)
    every = np.ones(len(axis), bool)
    assert [w.wanted.tolist() for w in series_windows(axis, every, every, 6)] == [[*range(k, 36, 3)] for k in range(3)]
    for count in (1, 2):
        found = series_windows(axis, every, np.arange(36) < count, 6)
        assert [w.wanted.tolist() for w in found] == [[k] for k in range(count)]
