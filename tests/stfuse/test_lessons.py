from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from factory import days, make_grid, make_sample
from small_lessons import make_plan
from stfuse.channels import upsampled
from stfuse.crops import Known
from stfuse.inputs import SampleFiles
from stfuse.learning.blocks import Limits, read
from stfuse.learning.feed import open_feed
from stfuse.learning.lessons import Example, Lesson, lessons_of
from stfuse.task import EVERYWHERE
from task_files import write_sample

BANDS = ("red", "nir08")


def two_dates() -> Known:
    sample = make_sample(shape=(45, 50))
    dates = days("2018-05-20", "2018-06-30")
    truth = np.concatenate([sample.values, sample.values + 1])
    return Known(replace(sample.task, dates=dates), truth)


def stacked(task, truth):
    return Example(upsampled(task.coarse, task.dates[0], task.fine.grid), truth)


def test_there_is_a_lesson_for_each_date_of_each_sample():
    sample = two_dates()
    asked = []

    def example(task, truth):
        asked.append(task.dates)
        return stacked(task, truth)

    found = lessons_of([sample, make_sample(shape=(30, 33))], example)
    assert [one.shape for one in found] == [(45, 50), (45, 50), (30, 33)]
    assert [one.grid for one in found] == [sample.grid, sample.grid, make_grid((30, 33))]
    for i in (0, 1):
        seen = found[i].see((slice(3, 20), slice(5, 9)))
        np.testing.assert_array_equal(seen.goal, sample.values[i, :, 3:20, 5:9])
        np.testing.assert_array_equal(asked[-1], sample.dates[i : i + 1])


def test_a_window_with_its_context_has_the_bits_of_the_whole():
    one = lessons_of([two_dates()], stacked)[0]
    whole = one.see((slice(0, 45), slice(0, 50)))
    for rows, columns in ((slice(0, 10), slice(7, 20)), (slice(13, 45), slice(20, 33)), (slice(20, 21), slice(49, 50))):
        piece = read(one, (rows, columns), 0)
        np.testing.assert_array_equal(piece.inputs, whole.inputs[:, rows, columns])
        np.testing.assert_array_equal(piece.goal, whole.goal[:, rows, columns])


def test_learning_from_files_is_learning_from_arrays(tmp_path: Path):
    files = []
    for k, date in enumerate(("2018-05-20", "2018-06-10")):
        known = make_sample(shape=(48, 54), date=date, gaps=0.1)
        files.append(SampleFiles(write_sample(tmp_path / str(k), known.task, known.values), BANDS, "reflectance"))
    arrays = [Known(one.crop(EVERYWHERE), one.truth(EVERYWHERE)) for one in files]
    every = []
    for samples, limits in (
        (arrays, None),
        (files, None),
        (files, Limits(block=16)),
        (arrays, Limits(block=16, memory=40_000)),
        (files, Limits(block=16, memory=40_000)),
    ):
        with open_feed(lessons_of(samples, stacked), make_plan(), 0, 2, limits=limits) as feed:
            every.append((feed.scaling, [*feed.batches(0, 6), *feed.held_batches()]))
    for (one, batches), (other, again) in ((every[0], every[1]), (every[3], every[4])):
        for name in one.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        for a, b in zip(batches, again, strict=True):
            for first, second in zip(a, b, strict=True):
                np.testing.assert_array_equal(first, second)
    for first, second in zip(every[0][1][6:], every[2][1][6:], strict=True):  # the same is held out
        np.testing.assert_allclose(first[0], second[0], atol=1e-5)


def test_shapes_that_do_not_belong_together_are_refused():
    one = np.zeros((1, 4, 5), np.float32)
    with pytest.raises(ValueError, match="inputs and goal alike"):
        Example(one, one[:, 1:])
    with pytest.raises(ValueError, match="grid of shape"):
        Lesson((4, 5), lambda window: Example(one, one), grid=make_grid((5, 4)))
