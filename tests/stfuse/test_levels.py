"""Mean and spread of dates: what they are, and that they come back from a state."""

from dataclasses import replace

import numpy as np
import pytest

from factory import days, make_task
from stfuse.crops import Whole
from stfuse.errors import InputError
from stfuse.grid import regrid
from stfuse.learning import levels
from stfuse.learning.levels import Levels, levels_of, require_scaling
from stfuse.task import Task


def coarse(task: Task, date):
    return regrid(task.coarse.values[task.coarse.nearest(date)], task.coarse.grid, task.fine.grid, "bilinear")


def levels_here(task: Task, scaling="date") -> Levels:
    return levels_of(Whole(task), task.coarse.dates, coarse, scaling)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(shape=(60, 54), gaps=0.05)


def test_levels_are_mean_and_spread_of_each_image_read_piece_by_piece(task, monkeypatch):
    monkeypatch.setattr(levels, "SIZE", 23)
    found = levels_here(task)
    assert list(found.mean) == list(task.coarse.dates)
    for date in task.coarse.dates:
        image = coarse(task, date)
        np.testing.assert_allclose(found.mean[date][:, 0, 0], np.nanmean(image, axis=(1, 2)), rtol=1e-5)
        np.testing.assert_allclose(found.spread[date][:, 0, 0], np.nanstd(image, axis=(1, 2)), rtol=1e-4)


def test_pairs_are_left_as_they_are(task):
    found = levels_here(task, "pairs")
    for date in task.coarse.dates:
        image = coarse(task, date)
        np.testing.assert_array_equal(found.scaled(image, date), image)
        np.testing.assert_array_equal(found.restored(image, date), image)


def test_in_its_own_units_an_image_has_no_mean_and_a_spread_of_one(task):
    found = levels_here(task)
    for date in task.coarse.dates:
        image = coarse(task, date)
        scaled = found.scaled(image, date)
        np.testing.assert_allclose(np.nanmean(scaled, axis=(1, 2)), 0, atol=1e-4)
        np.testing.assert_allclose(np.nanstd(scaled, axis=(1, 2)), 1, atol=1e-4)
        np.testing.assert_allclose(found.restored(scaled, date), image, atol=1e-6)


def test_images_without_contrast_and_without_sight_are_borne(task):
    values = task.coarse.values.copy()
    values[0], values[1] = np.float32(0.2), np.nan
    dates = task.coarse.dates
    found = levels_here(replace(task, coarse=replace(task.coarse, values=values)))
    np.testing.assert_allclose(found.mean[dates[0]], 0.2, rtol=1e-6)
    np.testing.assert_allclose(found.spread[dates[0]], levels.LEAST_SPREAD, rtol=1e-6)
    assert (found.mean[dates[1]] == 0).all() and (found.spread[dates[1]] == 1).all()


def test_a_state_gives_them_back_for_the_dates_asked_for(task):
    found = levels_here(task)
    asked = task.coarse.dates[[2, 0]]
    again = Levels.of_state(found.state(), asked, 2)
    assert list(again.mean) == list(asked)
    for date in asked:
        np.testing.assert_array_equal(again.mean[date], found.mean[date])
        np.testing.assert_array_equal(again.spread[date], found.spread[date])
    assert not np.array_equal(again.mean[asked[0]], again.mean[asked[1]])


def test_a_date_that_a_state_does_not_know_is_a_clear_error(task):
    with pytest.raises(InputError, match="trained without 2018-05-21"):
        Levels.of_state(levels_here(task).state(), [*task.coarse.dates, *days("2018-05-21")], 2)


def test_other_bands_than_a_state_has_are_a_clear_error(task):
    with pytest.raises(InputError, match="trained for 2 bands, not 1"):
        Levels.of_state(levels_here(task).state(), task.coarse.dates, 1)


def test_other_scalings_are_refused():
    for scaling in ("date", "pairs"):
        require_scaling(scaling)
    with pytest.raises(ValueError, match="scaling must be date or pairs, found 'none'"):
        require_scaling("none")
