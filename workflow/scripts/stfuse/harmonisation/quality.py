"""Pixels that stand out of their season: cloud, haze and shadow that the masks missed.

A pixel is compared with itself on the dates before and after. A season and a harvest lead from the one to the other; a
cloud leads away and back. So a pixel stands out by what it is above both sides, or below both (a Hampel test on either
side, so that no change that lasts is one). Cloud and haze brighten the visible and, over bare ground or when they are
thick, the near infrared; shadow darkens the near infrared and brightens nothing. As in Hagolle et al. (2010, RSE 114,
1747-1755), red that rises far more than blue is soil.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.harmonisation.masks import BoolArray
from stfuse.task import FloatArray

SIDE = 3  # dates on either side
REACH = 75  # days; further away it is another season
LOOKED = 12  # dates on either side looked through for those few
ROUNDS = 4  # of taking out what was found and looking again
ONE_SIDED = 1.5  # so many times as much is asked where there are dates on one side only, at the period's ends

HAZE = 0.03  # reflectance by which haze brightens the visible
VEIL = (0.012, 0.05)  # by which a veil brightens visible and near infrared together, as no land does
SHADE = 0.06  # by which a shadow darkens the near infrared
STILL = 0.004  # by which the visible may rise in a shadow

SUSPECT = 0.2  # share of an image's pixels


@dataclass(frozen=True)
class Standing:
    """How one image stands in its season.

    Attributes
    ----------
    cloud, shadow : float
        Share of the pixels that could be compared.
    visible, infrared : float
        Median reflectance by which the pixels found stand out; NaN where there are none or no such band.
    """

    cloud: float
    shadow: float
    visible: float
    infrared: float

    @property
    def share(self) -> float:
        """Of pixels that stand out either way."""
        return self.cloud + self.shadow

    def words(self) -> str:
        """Why an image is suspect; empty where it is not."""
        if not self.share >= SUSPECT:
            return ""
        shares = (("cloud or haze", self.cloud), ("shadow", self.shadow))
        found = " and ".join(f"{name} over {share:.0%}" for name, share in shares if share >= 0.005)
        known = (("visible", self.visible), ("near infrared", self.infrared))
        levels = ", ".join(f"{name} {value:+.3f}" for name, value in known if np.isfinite(value))
        return f"{found} of its pixels ({levels} against the dates around)"


def standing(values: FloatArray, days: NDArray[np.int64], bands: Sequence[str], tested: BoolArray) -> list[Standing]:
    """How images stand among those around them.

    Parameters
    ----------
    values : ndarray, shape (time, band, y, x), float32
        Reflectance in order of time, NaN = not observed.
    days : ndarray, shape (time,)
        Of any calendar, rising; images of one day (two sensors) do not judge one another.
    bands : sequence of str
        ``visible`` and, where there are any, ``red`` and ``infrared``.
    tested : ndarray, shape (time,), bool
        Images to judge; the others are compared with only.

    Returns
    -------
    list of Standing
        One per image tested; NaN where nothing could be compared.
    """
    cloud, shadow, excess = stand_out(values, days, bands)
    found = []
    for i in np.flatnonzero(tested):
        known = int(np.isfinite(excess[i, 0]).sum())
        marked = cloud[i] | shadow[i]
        levels = [float(np.median(e[marked])) if marked.any() else float("nan") for e in excess[i]]
        over, under = (float(f[i].sum() / known) if known else float("nan") for f in (cloud, shadow))
        infrared = levels[bands.index("infrared")] if "infrared" in bands else float("nan")
        found.append(Standing(over, under, levels[bands.index("visible")], infrared))
    return found


def stand_out(
    values: FloatArray, days: NDArray[np.int64], bands: Sequence[str]
) -> tuple[BoolArray, BoolArray, FloatArray]:
    """Pixels like cloud and pixels like shadow among those around them in time.

    Parameters
    ----------
    values, days, bands
        See `standing`.

    Returns
    -------
    cloud, shadow : ndarray, shape (time, y, x), bool
    excess : ndarray, shape (time, band, y, x), float32
        Reflectance above both sides (> 0) or below both (< 0), 0 between them, NaN where it cannot be told.
    """
    calm = values
    for turn in range(ROUNDS):
        looked = [_excess(values[i], calm, days, i) for i in range(len(values))]
        excess, sure = (np.stack(part) for part in zip(*looked, strict=True))
        cloud, shadow = _kinds(excess, bands)
        # What was found must not excuse its neighbours. What one side alone tells stays: it may be the season, and
        # without it the date beside it would be the last, and so on.
        # Clouds go first: between two of them a clear date looks like shadow.
        found = cloud | shadow if turn >= ROUNDS // 2 else cloud
        calm = np.where((found & sure)[:, None], np.float32(np.nan), values)
    return cloud, shadow, excess


def _excess(image: FloatArray, calm: FloatArray, days: NDArray[np.int64], i: int) -> tuple[FloatArray, BoolArray]:
    """What one image (band, y, x) is above or below both sides, and where (y, x) there are both."""
    away = days - days[i]
    before = _typical(calm[np.flatnonzero((away < 0) & (away >= -REACH))[::-1][:LOOKED]])
    after = _typical(calm[np.flatnonzero((away > 0) & (away <= REACH))[:LOOKED]])
    above = np.fmin(image - before[1], image - after[1])
    below = np.fmax(image - before[0], image - after[0])
    excess = np.where(above > 0, above, np.where(below < 0, below, 0 * above))
    both = np.isfinite(before[0]) & np.isfinite(after[0])
    return np.where(both, excess, excess / ONE_SIDED).astype(np.float32), both[0]


def _typical(images: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median per pixel of the first few images (time, band, y, x) that saw it, as the range it may lie in.

    Of three images that is one value; of two, of which either may be the odd one, it is all between them. NaN where
    fewer saw it.
    """
    if not len(images):
        unknown = np.full(images.shape[1:], np.nan, np.float32)
        return unknown, unknown
    seen = np.isfinite(images).all(axis=1)
    taken = seen & (np.cumsum(seen, axis=0) <= SIDE)
    count = taken.sum(axis=0)
    # Sorted with the others last, the median is read off: faster than nanmedian, and it warns of nothing.
    ranked = np.sort(np.where(taken[:, None], images, np.inf), axis=0)[:SIDE]
    places = ((np.maximum(count, 1) - 1) // 2, np.minimum(count // 2, len(ranked) - 1))
    low, high = (np.take_along_axis(ranked, at[None, None], axis=0)[0] for at in places)
    return np.where(count < 2, np.nan, low).astype(np.float32), np.where(count < 2, np.nan, high).astype(np.float32)


def _kinds(excess: FloatArray, bands: Sequence[str]) -> tuple[BoolArray, BoolArray]:
    """Which of them are like cloud, and which like shadow."""
    named = dict(zip(bands, np.moveaxis(excess, 1, 0), strict=True))
    visible, red, infrared = named["visible"], named.get("red"), named.get("infrared")
    with np.errstate(invalid="ignore"):
        cloud = visible > HAZE
        if red is not None:
            cloud &= red < 1.5 * visible
        if infrared is None:
            return cloud, np.zeros(cloud.shape, bool)
        if red is None:
            # Soil and haze brighten red alike: without blue only what brightens the near infrared too is cloud.
            cloud &= infrared > VEIL[0]
        veil = (visible > VEIL[0]) & (infrared > VEIL[1])
        shadow = (infrared < -SHADE) & (visible < STILL)
        if red is not None:
            veil &= (red > VEIL[0]) & (red < 1.5 * visible)
            shadow &= red < STILL
    return cloud | veil, shadow
