"""ESTARFM: fine/coarse pairs before and after the target, and what a coarse change means for each fine pixel.

Zhu et al. 2010 (RSE 114:2610). Of two pairs each predicts: its fine image, plus the coarse change since, weighted
over similar pixels and multiplied by the slope of fine over coarse reflectance among them. The pair whose
coarse image differs less from the target's has more say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stfuse.bands import clip_to_valid, valid_range
from stfuse.fusion.conversion import convert, critical_r2, stack_parts, unlikeness, window_means
from stfuse.fusion.similar import search
from stfuse.fusion.spread import references_sd
from stfuse.fusion.windows import surroundings
from stfuse.grid import regrid
from stfuse.task import FloatArray, Needs, State, Task, Window
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict", "prepare"]

NEEDS = Needs(references="bracketing", also=("all",), pairs=True)

_LISTED = 2_000_000
"""Similar pixels in memory at a time: a block of rows has fewer rows where each pixel keeps many."""

_MOST = 62
"""Of more images than one number has bits, the nearest in time are looked at."""


@dataclass(frozen=True)
class Params:
    """Settings; differences are in reflectance (or NDVI), lengths in fine pixels.

    Attributes
    ----------
    window : int
        Width of the search window, odd.
    classes : float
        Number of classes m: similar pixels differ by less than 2 sd / m from the centre, in every band of every
        pair. sd is that of the whole image (Zhu's code: of a block, so that the block's size changes the answer).
    similar : int
        How many of the similar pixels are used, the most similar first (Zhu's code: 20; the paper and cuESTARFM:
        all, which any number from that of the window's pixels on gives, slowly).
    least_similar : int
        With fewer, the centre included, the window's mean coarse change is added to the centre.
    least_change : float
        Coarse change below which the conversion coefficient is 1: the uncertainty of a difference of reflectance,
        sqrt(2) x 0.2 %, as the paper has it. All of Zhu's codes have 0.02 of the range; on the sample images that
        come with them RMSE is 0.0054, 0.0049 and 0.0130 so, and 0.0058, 0.0048 and 0.0150 with 0.0028.
    change : {"dates", "sample"}
        What that change is: the difference between the dates' means over the similar pixels, or the standard
        deviation of all their coarse values (cuESTARFM).
    significance : float
        The coefficient is 1 unless its regression passes the F-test at this level; 1 = no test (cuESTARFM).
    largest_coefficient : float
        The coefficient is 1 if it is larger, or not positive.
    pairs : int
        Most pairs that a pixel is predicted from, of those observed there: the nearest before and the nearest
        after the target, then the others by nearness. The paper has 2.
    clip : bool
        Whether predictions beyond the valid range of their band are replaced: by the weighted mean of the fine
        images, held to the range. Zhu's code also replaces a prediction that is exactly at a limit; here it stays.
    """

    window: int = 51
    classes: float = 4
    similar: int = 20
    least_similar: int = 6
    least_change: float = 0.0028
    change: Literal["dates", "sample"] = "dates"
    significance: float = 0.05
    largest_coefficient: float = 5.0
    pairs: int = 2
    clip: bool = True

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"window must be an odd number of pixels, found {self.window}")
        if self.classes <= 0:
            raise ValueError(f"classes must be positive, found {self.classes}")
        if self.change not in ("dates", "sample"):
            raise ValueError(f"change must be dates or sample, found {self.change!r}")
        if not 0 < self.significance <= 1:
            raise ValueError(f"significance must lie between 0 and 1, found {self.significance}")
        for name, least in (("similar", 1), ("least_similar", 1), ("pairs", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, found {getattr(self, name)}")
        for name in ("least_change", "largest_coefficient"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")


@dataclass(frozen=True)
class _Images:
    """What one date is predicted from: images of one tile, all on its fine grid.

    Attributes
    ----------
    now : ndarray, shape (band, y, x), float32
    fine, coarse : ndarray, shape (pair, band, y, x), float32
    tolerance : ndarray, shape (pair, band), float32
    known : ndarray, shape (pair, y, x), bool
        Where the pair and the target's coarse image are observed, in all bands.
    """

    now: FloatArray
    fine: FloatArray
    coarse: FloatArray
    tolerance: FloatArray
    known: NDArray[np.bool_]


def halo(params: Params) -> int:
    """Half the search window."""
    return params.window // 2


def prepare(pieces: Iterable[Task], state: State, params: Params) -> State:
    """Add what tiles cannot know: the spread of each whole fine image, shape (time, band)."""
    return {**state, "fine_sd": references_sd(pieces)}


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from the pairs around it.

    A pixel needs the target's coarse image and at least one pair, in all bands. Where only one is observed, it
    predicts alone, with the coefficient 1: what a coarse change means cannot be learned from one date. The similar
    pixels and window means are those of pixels observed in all the pairs that predict the centre.
    """
    state = state if "fine_sd" in state else prepare([task], state, params)
    grid, coarse = task.fine.grid, task.coarse
    out = np.full((len(task.dates), *task.fine.values.shape[1:]), np.nan, np.float32)
    if not len(task.fine.dates):
        return out
    of_pairs = [coarse.nearest(date) for date in task.fine.dates]
    then = regrid(coarse.values[of_pairs], coarse.grid, grid, "bilinear")
    observed = np.isfinite(task.fine.values).all(axis=1) & np.isfinite(then).all(axis=1)
    # A layer that does not vary anywhere excludes nothing.
    sd = state["fine_sd"]
    tolerance = np.where(sd > 1e-9, 2 * sd / params.classes, np.inf).astype(np.float32)
    for t, date in enumerate(task.dates):
        now = regrid(coarse.values[coarse.nearest(date)], coarse.grid, grid, "bilinear")
        known = np.logical_and(observed, np.isfinite(now).all(axis=0))
        images = _Images(now, task.fine.values, then, tolerance, known)
        days = (task.fine.dates - date).astype(int)
        for pairs, wanted in _by_pairs(known, days, task.core, params.pairs):
            _fill(out[t], images, pairs, wanted, task, params)
    return clip_to_valid(out, task.fine.bands) if params.clip else out


def _choose(days: NDArray[np.int_], most: int) -> list[int]:
    """Which of the images, so many days after the target, to predict from: one on each side, then by nearness."""
    near = sorted(range(len(days)), key=lambda i: (abs(days[i]), days[i]))
    before, after = ([i for i in near if (days[i] > 0) == side] for side in (False, True))
    first = before[:1] + after[:1]
    ranked = [i for i in near if i in first] + [i for i in near if i not in first]
    return sorted(ranked[:most])


def _by_pairs(
    known: NDArray[np.bool_], days: NDArray[np.int_], core: Window, most: int
) -> Iterator[tuple[list[int], NDArray[np.bool_]]]:
    """The sets of pairs that pixels of the core are predicted from, and which pixels; shape (y, x)."""
    near = np.sort(np.argsort(np.abs(days), kind="stable")[:_MOST])
    here = known[near][:, *core]
    # Which are observed, as the bits of one number: few of these differ among millions of pixels.
    kind_of = np.zeros(here.shape[1:], np.int64)
    for i, image in enumerate(here):
        kind_of |= image.astype(np.int64) << i
    chosen: dict[tuple[int, ...], list[int]] = {}
    for kind in np.unique(kind_of).tolist():
        index = near[[i for i in range(len(near)) if kind >> i & 1]]
        if index.size:
            chosen.setdefault(tuple(index[_choose(days[index], most)].tolist()), []).append(kind)
    for pairs, numbers in chosen.items():
        wanted = np.zeros(known.shape[1:], bool)
        wanted[core] = np.isin(kind_of, numbers)
        yield list(pairs), wanted


def _listed(params: Params) -> int:
    """Most similar pixels of a centre."""
    return min(params.similar, params.window**2)


def _fill(
    out: FloatArray, images: _Images, pairs: list[int], wanted: NDArray[np.bool_], task: Task, params: Params
) -> None:
    """Predict the wanted pixels of `out`, shape (band, y, x), in blocks of rows."""
    rows, columns = (np.flatnonzero(wanted.any(axis=axis)) for axis in (1, 0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    step = max(1, min(64, _LISTED // (_listed(params) * (right - left))))
    for top in range(int(rows[0]), int(rows[-1]) + 1, step):
        block = slice(top, min(top + step, int(rows[-1]) + 1)), slice(left, right)
        here = wanted[block]
        if here.any():
            values = _predict_block(images, pairs, here, block, task.fine.bands, params)
            out[:, *block][:, here] = values[:, here]


def _predict_block(
    images: _Images,
    pairs: list[int],
    wanted: NDArray[np.bool_],
    block: Window,
    bands: tuple[str, ...],
    params: Params,
) -> FloatArray:
    """Predict one block; only what lies within half a window of it is looked at. Shape (band, rows, columns)."""
    radius, (rows, columns) = halo(params), block
    asked = (rows.start, rows.stop, columns.start, columns.stop)
    around, edges = surroundings(asked, radius, images.now.shape[1:])
    top, left = edges[0], edges[2]
    now, fine, coarse = (i[..., *around] for i in (images.now, images.fine, images.coarse))
    fine, coarse, known = fine[pairs], coarse[pairs], images.known[:, *around][pairs].all(axis=0)
    tolerance = images.tolerance[pairs].ravel()
    weight = np.float32(1) / tolerance[:, None, None]
    candidates = np.where(known, fine, np.float32(np.nan)).reshape(-1, *known.shape)
    found = search(candidates, tolerance, weight, params.window, params.similar, edges, wanted)
    stack = stack_parts(now, fine, coarse)
    # As wide as all windows of the block, where the scene ends too: what lies outside does not count.
    outside = [(radius - top, radius - known.shape[0] + edges[1]), (radius - left, radius - known.shape[1] + edges[3])]
    change = np.pad((now - coarse).reshape(-1, *known.shape), [(0, 0), *outside])
    means = window_means(change, np.pad(known, outside), params.window).reshape(len(pairs), len(bands), *wanted.shape)
    return convert(
        stack,
        unlikeness(stack),
        found,
        means,
        (top, left),
        radius,
        params.least_similar,
        params.least_change,
        params.change == "dates",
        params.largest_coefficient,
        critical_r2(_listed(params) * len(pairs), params.significance),
        np.array([valid_range(b) if params.clip else (-np.inf, np.inf) for b in bands]),
    )
