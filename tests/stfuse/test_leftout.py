"""Dates left out are predicted without any of their values, from what lies within 90 days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from factory import make_grid
from small_series import make_series
from stfuse.filling.calibration import BINS, Errors
from stfuse.filling.leftout import consecutive, leave_out, row_window, strip_window
from stfuse.methods import temporal
from stfuse.task import FloatArray, Series, Task

ERRORS = Errors(*(np.full(len(BINS), v) for v in (1000, 0.08, 0.1, 0.0)))
SHARES = st.floats(0, 1)


def interpolated(task: Task) -> FloatArray:
    return temporal.predict(task, {}, temporal.Params())


def test_no_value_of_the_date_takes_part() -> None:
    task = make_series(days=200).task
    chosen = np.array([5, 6])
    ndvi, sigma = leave_out(task, chosen, interpolated, ERRORS)
    values = task.fine.values.copy()
    values[chosen[0]] = -0.9
    other, _ = leave_out(replace(task, fine=replace(task.fine, values=values)), chosen, interpolated, ERRORS)
    np.testing.assert_array_equal(other[0], ndvi[0])
    assert np.isfinite(ndvi).mean() > 0.95 and (other[1] != ndvi[1]).any()
    np.testing.assert_array_equal(np.isfinite(sigma), np.isfinite(ndvi))
    assert set(sigma[np.isfinite(sigma)].tolist()) == {np.float32(0.1)}


def test_another_scene_of_the_same_day_is_hidden_too() -> None:
    task = make_series(days=100).task
    dates = task.fine.dates.copy()
    dates[8] = dates[7]
    task = replace(task, fine=replace(task.fine, dates=dates))
    given_: list[Task] = []

    def remember(one: Task) -> FloatArray:
        given_.append(one)
        return interpolated(one)

    leave_out(task, np.array([7]), remember, ERRORS)
    (one,) = given_
    assert np.isnan(one.fine.values[one.fine.dates == dates[7]]).all()
    assert one.dates.tolist() == [dates[7]]


def test_what_lies_more_than_90_days_away_is_not_shown() -> None:
    given_: list[Task] = []

    def remember(one: Task) -> FloatArray:
        given_.append(one)
        return interpolated(one)

    task = make_series(days=365).task
    leave_out(task, np.array([36]), remember, ERRORS)
    (one,) = given_
    for series in (one.fine, one.coarse, one.aux["sar"]):
        assert np.abs((series.dates - task.fine.dates[36]).astype(int)).max() <= 90 and len(series.dates) > 20


@given(shape=st.tuples(st.integers(1, 300), st.integers(1, 300)), row=SHARES, column=SHARES, side=st.integers(8, 100))
def test_what_is_shown_lies_inside_the_site(shape: tuple[int, int], row: float, column: float, side: int) -> None:
    show = {"row": row, "strip": {"row": row, "column": column, "side": side}}
    rows, columns = row_window(shape, show)
    assert 0 <= rows.start < rows.stop == rows.start + 1 <= shape[0] and columns == slice(0, shape[1])
    for part, length in zip(strip_window(shape, show), shape, strict=True):
        assert 0 <= part.start < part.stop <= length
        assert part.stop - part.start == min(side, length)


def test_the_middle_is_shown_unless_something_else_is_asked_for() -> None:
    assert row_window((200, 300), {})[0] == slice(100, 101)
    assert strip_window((200, 300), {}) == (slice(68, 132), slice(118, 182))
    assert strip_window((200, 300), {"strip": {"row": 1.0, "column": 0, "side": 50}}) == (slice(150, 200), slice(0, 50))


def test_a_strip_begins_where_most_dates_are_partly_clear() -> None:
    clear = [1, 1, 0, 0.5, 0, 0.5, 0.5, 1, 0.5, 1, 1, 1]
    values = np.full((12, 1, 4, 4), np.nan, np.float32)
    for image, share in zip(values, clear, strict=True):
        image[:, : int(4 * share)] = 0.5
    dates = np.datetime64("2021-01-01") + np.arange(12)
    fine = Series(values, dates, ("ndvi",), make_grid((4, 4)))
    # Without the dates on which nothing was seen.
    assert consecutive(fine, {"strip": {"dates": 5}}).tolist() == [3, 5, 6, 7, 8]
    assert consecutive(fine, {}).tolist() == [0, 1, 3, 5, 6, 7, 8, 9, 10, 11]
    empty = Series(values[:0], dates[:0], ("ndvi",), fine.grid)
    assert consecutive(empty, {}).size == 0
