"""Every date in units of its own: mean and spread of its coarse image, for networks that learn on few dates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from stfuse.errors import InputError
from stfuse.task import FloatArray, Scene, State, Task
from stfuse.tiles import SIZE, plan

__all__ = ["Levels", "Scaling", "levels_of", "require_scaling"]

Scaling = Literal["date", "pairs"]
"""Units in which a network sees images: each date's own, or those of all pairs together (that is, as they are)."""

LEAST_SPREAD = 1e-4
"""The step that images are stored with: nothing finer is a signal."""


def require_scaling(scaling: str) -> None:
    """Raise ValueError where a setting `scaling` is none."""
    if scaling not in get_args(Scaling):
        raise ValueError(f"scaling must be {' or '.join(get_args(Scaling))}, found {scaling!r}.")


@dataclass(frozen=True)
class Levels:
    """Mean and spread of dates.

    Attributes
    ----------
    mean, spread : dict of date to ndarray, shape (band, 1, 1), float32
    """

    mean: dict[np.datetime64, FloatArray]
    spread: dict[np.datetime64, FloatArray]

    def scaled(self, image: FloatArray, date: np.datetime64) -> FloatArray:
        """An image (band, y, x) of a date in units of that date."""
        return (image - self.mean[date]) / self.spread[date]

    def restored(self, image: FloatArray, date: np.datetime64) -> FloatArray:
        """An image in units of a date as reflectance (or NDVI) again."""
        return image * self.spread[date] + self.mean[date]

    def state(self) -> State:
        """As arrays that a state can hold: ``day`` since 1970, ``mean`` and ``spread`` (date, band)."""
        day = np.array(list(self.mean), "datetime64[D]").astype(np.int64)
        mean, spread = (np.stack([v[:, 0, 0] for v in values.values()]) for values in (self.mean, self.spread))
        return {"day": day, "mean": mean, "spread": spread}

    @classmethod
    def of_state(cls, state: State, dates: Iterable[np.datetime64], bands: int) -> Levels:
        """What `state` made, for these dates and so many bands.

        Raises
        ------
        InputError
            If it is of other bands, or does not know one of the dates.
        """
        if (found := state["mean"].shape[1]) != bands:
            raise InputError(
                f"The state was trained for {found} bands, not {bands}", "train the method on the bands it predicts"
            )
        known = {day: i for i, day in enumerate(state["day"].astype("datetime64[D]"))}
        days = list(dates)
        if lacking := [str(day) for day in days if day not in known]:
            raise InputError(
                f"The state was trained without {', '.join(lacking)}", "train the method for the very date it predicts"
            )
        mean, spread = ({d: state[n][known[d], :, None, None] for d in days} for n in ("mean", "spread"))
        return cls(mean, spread)


def levels_of(
    scene: Scene, dates: Iterable[np.datetime64], image: Callable[[Task, np.datetime64], FloatArray], scaling: Scaling
) -> Levels:
    """Levels of dates, from images read piece by piece.

    Parameters
    ----------
    image : callable
        (task of a part of the scene, date) -> that date's image (band, y, x), NaN where unknown.
    scaling : {"date", "pairs"}
        "pairs": mean 0 and spread 1 for all dates, so that images stay as they are; the training has its own scaling.

    Returns
    -------
    Levels
        Mean 0 and spread 1 too for a band of which nothing is seen.
    """
    bands = len(scene.bands)
    sums = {date: np.zeros((3, bands)) for date in dates}
    for tile in plan((scene.grid.height, scene.grid.width), (SIZE, SIZE), 0) if scaling == "date" else ():
        task = scene.crop(tile.outer)
        for date, total in sums.items():
            values = image(task, date).reshape(bands, -1).astype(np.float64)
            seen = np.isfinite(values)
            values = np.where(seen, values, 0)
            total += np.stack([seen.sum(axis=1), values.sum(axis=1), np.square(values).sum(axis=1)])
    levels = Levels({}, {})
    for date, (count, total, square) in sums.items():
        mean = total / np.maximum(count, 1)
        spread = np.sqrt(np.maximum(square / np.maximum(count, 1) - mean**2, 0))
        spread = np.where(count > 0, np.maximum(spread, LEAST_SPREAD), 1)
        levels.mean[date], levels.spread[date] = (v.astype(np.float32)[:, None, None] for v in (mean, spread))
    return levels
