"""FSDAF, flexible spatiotemporal data fusion, from one pair of fine and coarse images or more.

Zhu et al. 2016 (RSE 172:165). Each class of the fine image is given the change that unmixing the coarse images
finds for it; what that leaves unexplained in a coarse pixel is shared out with the help of a thin-plate
spline; the changes of similar pixels are averaged. Several pairs are put together with ESTARFM's temporal weights.

Coarse images are used on their own grid. Statistics are the whole scene's, not those of blocks, so that
there are no borders. Where public codes differ from the paper there is a setting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.bands import valid_range
from stfuse.fusion.cells import Stretch, axes, on_pixels
from stfuse.fusion.classes import classified, learn_classes
from stfuse.fusion.residuals import distribute, homogeneity, smooth, temporal_weights
from stfuse.fusion.similar import search
from stfuse.fusion.thinplate import FARTHEST, thin_plate
from stfuse.fusion.unmixing import cell_residual, coarse_pair, composition, learn_changes
from stfuse.task import FloatArray, Needs, State, Task
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict", "prepare"]

NEEDS = Needs(references="nearest", also=("bracketing",), pairs=True)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROWS = 32
"""Rows of centres whose similar pixels are held at a time."""


@dataclass(frozen=True)
class Params:
    """Settings; lengths in fine pixels, differences in reflectance (or NDVI).

    Attributes
    ----------
    window : int
        Width 2 w + 1 of the windows of homogeneity and of similar pixels, odd (41 in Zhu's codes).
    similar : int
        Most similar pixels n (20).
    nearness : float
        How much nearness matters to which pixels are the most similar ones. Zhu's codes sort by (unlikeness + 1e-5)
        (10 + d / w) at distance d, w being half the window: 0.1 here. 0 = by unlikeness alone.
    classes : int
        Most classes (Zhu et al.: ISODATA ends with 4 to 6; here k-means).
    pure : int
        Purest coarse cells of each class that class changes are learned from (100).
    least_share : float
        Share of a class that a cell must have more of to be one of them (0.01).
    trim : float
        Share of these cells left out at either end of their change: 0.1 keeps the 10 to 90 % quantiles (Zhu), 0.25
        is for much land-cover change (fixed in cuFSDAF).
    bounded : bool
        Whether a class may change no more than the coarse cells do, plus their standard deviation
        (Zhu's IDL); False: no bounds (Zhu's Python code, cuFSDAF).
    clean : float
        Share of the fine pixels at either end whose values are pulled to the nearest other (1e-4); 0 = none.
    cap : float
        Largest weight of a pixel in its cell's residual, times the mean; beyond it, it has the mean (10).
    epsilon : float
        Added to these weights, so that they never vanish (1e-6).
    floor : float
        Least reflectance that differences of similar pixels are divided by. The codes divide by F_1 as it is, with
        which a dark pixel's noise decides; below this value a ratio says nothing.
    radius : int
        Coarse pixels on each side that a thin-plate spline goes through, 1..6: with 5 it differs from the spline
        through all of them by less than 3e-4 of their range (Zhu: blocks of 30 x 30); see `stfuse.fusion.thinplate`.
    limits : bool
        Whether the prediction before smoothing is held to the values of the scene: between the least and the
        largest of the coarse image and of the temporal prediction, and with `clip` to the band's valid range.
    clip : bool
        Whether predictions out of the band's valid range are replaced by F_1 + C_0 - C_1, and that is clipped.
    sample : int
        Most fine pixels that the classes are learned from.
    seed : int
        Of the sample and of the k-means.
    """

    window: int = 41
    similar: int = 20
    nearness: float = 0.1
    classes: int = 5
    pure: int = 100
    least_share: float = 0.01
    trim: float = 0.1
    bounded: bool = True
    clean: float = 1e-4
    cap: float = 10.0
    epsilon: float = 1e-6
    floor: float = 0.01
    radius: int = 5
    limits: bool = True
    clip: bool = True
    sample: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"window must be an odd number of pixels, found {self.window}")
        if not 1 <= self.radius <= FARTHEST:
            raise ValueError(f"radius must be 1 to {FARTHEST} coarse pixels, found {self.radius}")
        if not 1 <= self.classes <= 100:
            raise ValueError(f"classes must be 1 to 100, found {self.classes}")
        for name in ("similar", "pure", "sample", "cap", "epsilon", "floor"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, found {getattr(self, name)}")
        if not 0 <= self.nearness < np.inf:
            raise ValueError(f"nearness must not be negative, found {self.nearness}")
        for name in ("trim", "clean", "least_share"):
            if not 0 <= getattr(self, name) < 0.5:
                raise ValueError(f"{name} must be at least 0 and less than 0.5, found {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, found {self.seed}")


def halo(params: Params) -> int:
    """The window of similar pixels, each with the window of its homogeneity."""
    return 2 * (params.window // 2)


def prepare(pieces: Iterable[Task], state: State, params: Params) -> State:
    """Learn what tiles cannot know: classes of the whole scene and how much each changed, by unmixing.

    Parameters
    ----------
    pieces : iterable of Task
        Gone through three times.
    state : State
        May hold ``centres``, shape (pair, class, band), for classes of one's own; NaN = no such class.

    Returns
    -------
    State
        ``accepted`` (2, pair, band): limits of F_1. ``spread`` (pair, band): standard deviation of F_1.
        ``centres`` (pair, class, band). ``change`` (date, pair, class, band).
        ``limits`` (2, date, pair, band): of the prediction before smoothing.
    """
    valid = _valid(next(iter(pieces)), params)
    classes = learn_classes(
        pieces, valid, params.clean, params.classes, params.sample, params.seed, state.get("centres")
    )
    changes = learn_changes(pieces, classes, params.pure, params.least_share, params.trim, params.bounded)
    changes["limits"] = np.clip(changes["limits"], *valid)
    return {**state, **classes, **changes}


def _valid(task: Task, params: Params) -> Floats:
    """Limits of the bands' values, shape (2, band): DN_min and DN_max of the paper."""
    everything = (-np.inf, np.inf)
    return np.array([valid_range(band) if params.clip else everything for band in task.fine.bands]).T


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from every fine image of the task and the coarse ones of its date and of the target's.

    NaN where the fine image or the target's coarse pixel is not observed. Where the coarse pixel of the pair's date
    is not, or too little of it on the fine image, there is no residual: pixels get the change of their class.
    With several pairs, those that are known at a pixel count.
    """
    state = state if "change" in state else prepare([task], state, params)
    out = np.full((len(task.dates), *task.fine.values.shape[1:]), np.nan, np.float32)
    if not len(task.fine.dates):
        return out
    for t in range(len(task.dates)):
        pairs = [_from_pair(task, t, k, state, params) for k in range(len(task.fine.dates))]
        if len(pairs) == 1:
            out[t][..., *task.core] = pairs[0][0]
        else:
            forecasts, explained = map(np.stack, zip(*pairs, strict=True))
            out[t][..., *task.core] = _combine(forecasts, explained, task, t, params)
    return out


def _combine(forecasts: FloatArray, explained: Bools, task: Task, t: int, params: Params) -> FloatArray:
    """The pairs' forecasts (pair, band, y, x) of the core, weighted by how little the coarse images changed.

    Where a pair has a residual, and its forecast thus explains the coarse pixel, those without one do not count.
    """
    rows, columns = axes(task.coarse.grid, task.fine.grid)
    changes = np.stack([np.subtract(*coarse_pair(task, t, k)) for k in range(len(forecasts))])
    out = np.empty(forecasts.shape[1:], np.float32)
    for b in range(len(out)):
        weight = temporal_weights(changes[:, b], rows.cell, columns.cell, params.window // 2, task.edges)
        seen = np.isfinite(forecasts[:, b])
        best = seen & explained[:, b]
        counts = np.where(best.any(axis=0), best, seen)
        weight *= counts
        weight = np.where(weight.any(axis=0), weight, counts)
        total = weight.sum(axis=0)
        mean = (weight * np.nan_to_num(forecasts[:, b])).sum(axis=0) / np.where(total > 0, total, np.nan)
        out[b] = mean
    return out


def _from_pair(task: Task, t: int, k: int, state: State, params: Params) -> tuple[FloatArray, Bools]:
    """Predict the core from one pair, and where that has a residual, both of shape (band, y, x)."""
    (down, across), radius = axes(task.coarse.grid, task.fine.grid), params.window // 2
    top, bottom, left, right = task.edges
    rows, columns = down.around(top - radius, bottom + radius), across.around(left - radius, right + radius)
    fine, change, coarse_change, explained = _changes(task, t, k, rows, columns, state, params)
    spread, classes = state["spread"][k], np.isfinite(state["centres"][k]).all(axis=1).sum()
    # A band that is the same everywhere tells no pixels apart.
    tolerance = np.where(spread > 0, 2 * spread / max(classes, 1), np.inf)
    edges = (
        top - rows.pixels.start,
        bottom - rows.pixels.start,
        left - columns.pixels.start,
        right - columns.pixels.start,
    )
    core = (slice(*edges[:2]), slice(*edges[2:]))
    out = fine[:, *core] + _smoothed(fine, change, tolerance, edges, params)
    low, high = _valid(task, params)[..., None, None].astype(np.float32)
    # Without the neighbours' help where they lead astray.
    plain = fine[:, *core] + coarse_change[:, *core]
    astray = ((out < low) | (out > high)) & np.isfinite(plain)
    return np.clip(np.where(astray, plain, out), low, high), explained[:, *core]


def _changes(
    task: Task, t: int, k: int, rows: Stretch, columns: Stretch, state: State, params: Params
) -> tuple[FloatArray, FloatArray, FloatArray, Bools]:
    """F_1, its change before smoothing, that of the coarse pixels, and where there is a residual, around the core."""
    whole, labels = classified(task, k, state)
    here = (rows.pixels, columns.pixels)
    fine = np.ascontiguousarray(whole[:, *here])
    now, then = coarse_pair(task, t, k)
    change = state["change"][t, k]
    # Label -1, not observed, picks the last row.
    by_class = np.vstack([change, np.full_like(change[:1], np.nan)]).astype(np.float32)
    out = np.stack([band[labels[here]] for band in by_class.T])
    of_image = axes(task.coarse.grid, task.fine.grid)
    shares, seen = composition(labels, of_image, len(change), rows.cells, columns.cells)
    residual = cell_residual((now - then)[:, rows.cells, columns.cells], shares, seen[0], change)
    edges = (rows.pixels.start, rows.pixels.stop, columns.pixels.start, columns.pixels.stop)
    added = distribute(
        fine + out,
        thin_plate(now, rows.cell, rows.offset, columns.cell, columns.offset, params.radius),
        homogeneity(labels, len(change), params.window // 2, edges),
        residual,
        rows.starts,
        columns.starts,
        params.cap,
        params.epsilon,
    )
    out += np.nan_to_num(added)
    if params.limits:
        low, high = state["limits"][:, t, k, :, None, None].astype(np.float32)
        out = np.clip(out, low - fine, high - fine)
    out[~np.isfinite(on_pixels(now, rows.cell, columns.cell))] = np.nan
    return fine, out, on_pixels(now - then, rows.cell, columns.cell), np.isfinite(added)


def _smoothed(
    fine: FloatArray, change: FloatArray, tolerance: Floats, edges: tuple[int, int, int, int], params: Params
) -> FloatArray:
    """The change averaged over similar pixels, for the centres between the edges, in blocks of rows."""
    top, bottom, left, right = edges
    out = np.empty((len(fine), bottom - top, right - left), np.float32)
    images = np.where(np.isfinite(change).any(axis=0), fine, np.float32(np.nan))
    weight = np.reciprocal(np.fmax(np.abs(fine), np.float32(params.floor)))
    for first in range(top, bottom, ROWS):
        last = min(first + ROWS, bottom)
        block = (first, last, left, right)
        similar = search(
            images,
            tolerance.astype(np.float32),
            weight,
            params.window,
            params.similar,
            block,
            nearness=params.nearness,
        )
        out[:, first - top : last - top] = smooth(change, similar, max(params.window // 2, 1), first, left)
    return out
