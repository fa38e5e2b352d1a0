"""Fine images interpolated in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import naive
from factory import days, make_task
from stfuse.methods.temporal import Params, predict
from stfuse.task import Task

DATES = ("2018-05-01", "2018-05-11", "2018-05-31", "2018-06-10")


def of_values(values: list[float], date: str) -> Task:
    """A task whose fine images are these constants, on the first of `DATES`."""
    dates = DATES[: len(values)]
    task = make_task((6, 6), bands=("red",), references=dates, date=date)
    images = np.broadcast_to(np.array(values, np.float32)[:, None, None, None], task.fine.values.shape).copy()
    return replace(task, fine=replace(task.fine, values=images))


@pytest.mark.parametrize(
    ("date", "linear", "nearest"),
    [
        ("2018-05-03", 0.22, 0.2),
        ("2018-05-06", 0.25, 0.2),  # midway: the earlier one
        ("2018-05-11", 0.3, 0.3),
        ("2018-05-26", 0.45, 0.5),
        ("2018-04-01", 0.2, 0.2),
        ("2018-09-01", 0.5, 0.5),
    ],
)
def test_closed_form_between_and_beyond_the_dates(date: str, linear: float, nearest: float) -> None:
    task = of_values([0.2, 0.3, 0.5], date)
    np.testing.assert_allclose(predict(task, {}, Params()), linear, atol=1e-7)
    np.testing.assert_array_equal(predict(task, {}, Params(mode="nearest")), np.float32(nearest))


def test_each_pixel_uses_its_own_observations() -> None:
    task = of_values([0.2, 0.3, 0.5, 0.9], "2018-05-21")
    values = task.fine.values.copy()
    values[1, 0, 0, 0] = np.nan  # 0.2 on the 1st, 0.5 on the 31st
    values[2, 0, 1, 1] = np.nan  # 0.3 on the 11th, 0.9 on 10 June
    values[2:, 0, 2, 2] = np.nan  # nothing after
    values[:, 0, 3, 3] = np.nan
    found = predict(replace(task, fine=replace(task.fine, values=values)), {}, Params())[0, 0]
    assert found[5, 5] == pytest.approx(0.4)
    assert found[0, 0] == pytest.approx(0.2 + 0.3 * 20 / 30)
    assert found[1, 1] == pytest.approx(0.3 + 0.6 / 3)
    assert found[2, 2] == pytest.approx(0.3)
    assert np.isnan(found[3, 3]) and np.isnan(found).sum() == 1


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float32, (4, 1, 3, 4), elements=st.one_of(st.just(np.nan), st.floats(0, 1, width=32))),
    st.integers(-20, 60),
)
def test_equals_the_slow_version(values: np.ndarray, day: int) -> None:
    task = make_task((3, 4), bands=("red",), references=DATES)
    task = replace(task, fine=replace(task.fine, values=values), dates=days("2018-05-01") + day)
    found = predict(task, {}, Params())[0, 0]
    for y in range(3):
        for x in range(4):
            expected = naive.interpolate([float(v) for v in values[:, 0, y, x]], [0, 10, 30, 40], day)
            assert found[y, x] == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_an_observed_date_is_returned_to_the_bit() -> None:
    task = make_task(references=DATES, gaps=0.0)
    for i, date in enumerate(DATES):
        np.testing.assert_array_equal(predict(replace(task, dates=days(date)), {}, Params())[0], task.fine.values[i])


def test_without_references_nothing_is_known() -> None:
    task = make_task(references=())
    assert np.isnan(predict(task, {}, Params())).all()


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="linear or nearest"):
        Params(mode="cubic")  # type: ignore[arg-type]
