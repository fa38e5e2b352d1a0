"""What networks learn from: lessons, of which any window can be looked at, so that none need fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from odc.geo.geobox import GeoBox

from stfuse.crops import reach
from stfuse.task import FloatArray, Sample, Task, Window

__all__ = ["Example", "Lesson", "lessons_of"]


@dataclass(frozen=True)
class Example:
    """What a network sees of a window and what it should say.

    Attributes
    ----------
    inputs : ndarray, shape (channel, y, x), float32
        NaN where unknown; the network sees the channel's mean there.
    goal : ndarray, shape (band, y, x), float32
        NaN where nothing is to be learnt: unobserved, or predicted from gaps.
    """

    inputs: FloatArray
    goal: FloatArray

    def __post_init__(self) -> None:
        if self.inputs.shape[1:] != self.goal.shape[1:]:
            raise ValueError(
                f"Example expected inputs and goal alike, found {self.inputs.shape} and {self.goal.shape}."
            )


@dataclass(frozen=True)
class Lesson:
    """One date of one place to learn from, as large as it may be.

    Attributes
    ----------
    shape : (y, x)
        Pixels of its grid.
    see : callable
        Window (rows, columns as slices with numbers) -> `Example` of just these pixels. Called by several threads.
    context : int
        Pixels that a window needs around what is used of it.
    grid : GeoBox, optional
        Where it lies. Lessons that share ground have the same of it held out, whatever their dates and pixel
        sizes. Without grids, lessons of one shape are taken for one place.
    """

    shape: tuple[int, int]
    see: Callable[[Window], Example]
    context: int = 0
    grid: GeoBox | None = None

    def __post_init__(self) -> None:
        if self.grid is not None and tuple(self.grid.shape) != tuple(self.shape):
            raise ValueError(f"Lesson expected a grid of shape {self.shape}, found {tuple(self.grid.shape)}.")


def _see(sample: Sample, i: int, example: Callable[[Task, FloatArray], Example], window: Window) -> Example:
    task = sample.crop(window)
    return example(replace(task, dates=task.dates[i : i + 1]), sample.truth(window)[i])


def lessons_of(samples: Iterable[Sample], example: Callable[[Task, FloatArray], Example]) -> list[Lesson]:
    """A lesson for each date of each sample.

    Parameters
    ----------
    example : callable
        (task of one date, truth (band, y, x)) -> `Example` on the task's fine grid.
    """
    return [
        Lesson((grid.height, grid.width), partial(_see, sample, i, example), reach(sample), grid)
        for sample in samples
        for grid in [sample.grid]
        for i in range(len(sample.dates))
    ]
