"""A series holds together, and a task has no truth in it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from factory import days, make_grid, make_task
from stfuse.task import Series, Task, no_fit

GRID = make_grid((4, 5))


def make_series(*dates: str) -> Series:
    return Series(np.zeros((len(dates), 2, 4, 5), np.float32), days(*dates), ("red", "nir08"), GRID)


@pytest.mark.parametrize("shape", [(1, 2, 5, 4), (1, 1, 4, 5), (2, 2, 4, 5), (2, 4, 5)])
def test_values_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected values of shape"):
        Series(np.zeros(shape, np.float32), days("2018-05-01"), ("red", "nir08"), GRID)


def test_dates_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        make_series("2018-05-02", "2018-05-01")


@pytest.mark.parametrize(
    ("date", "index"), [("2018-01-01", 0), ("2018-05-05", 0), ("2018-05-06", 0), ("2018-05-07", 1), ("2019-01-01", 2)]
)
def test_nearest_takes_the_earlier_of_two_equally_near(date: str, index: int) -> None:
    series = make_series("2018-05-01", "2018-05-11", "2018-06-01")
    assert series.nearest(np.datetime64(date)) == index


def test_an_empty_series_has_no_nearest() -> None:
    with pytest.raises(ValueError, match="empty"):
        make_series().nearest(np.datetime64("2018-05-01"))


def test_a_task_has_no_place_for_the_truth() -> None:
    assert {f.name for f in fields(Task)} == {"fine", "coarse", "ratio", "dates", "aux", "core"}


def test_nothing_is_learned_from_anything() -> None:
    assert no_fit([(make_task(), np.zeros(0, np.float32))], None, 0) == {}


def test_edges_are_the_core_in_numbers() -> None:
    task = make_task((48, 42))
    assert task.edges == (0, 48, 0, 42)
    assert replace(task, core=(slice(3, None), slice(-40, 99))).edges == (3, 48, 2, 42)
