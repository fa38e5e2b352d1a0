"""How much each class of a fine image changed, from what coarse cells changed and hold of it. Compiled in part.

Source: Zhu et al. 2016 (RSE 172:165), estimation of the temporal change of classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from stfuse.fusion.cells import Axis, axes, tie_breaker
from stfuse.fusion.classes import classified, extremes
from stfuse.task import FloatArray, State, Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Labels = NDArray[np.int8]

LEAST_SEEN = 0.5
"""Share of a cell (of what of it lies in the scene) that must be observed for it to have a residual."""

# Columns of a table of cells; from SHARES on those of the classes, then the change of the bands.
SEEN, TIE_BREAKER, SHARES = 0, 1, 2


def composition(
    labels: Labels, of_image: tuple[Axis, Axis], classes: int, rows: slice, columns: slice
) -> tuple[Floats, Floats]:
    """Shares of the classes in the observed area of each cell, and how much of the cell was observed.

    Parameters
    ----------
    labels : ndarray, shape (y, x), int8
    of_image : (rows, columns)
        From `stfuse.fusion.cells.axes`.
    rows, columns : slice
        The cells asked for.

    Returns
    -------
    shares : ndarray, shape (class, cell y, cell x)
        They add to 1; NaN where nothing was observed.
    seen : ndarray, shape (2, cell y, cell x)
        Observed share of the part of the cell that lies in the fine image, and of the whole cell.
    """
    edges = [axis.edges[part.start : part.stop + 1] for axis, part in zip(of_image, (rows, columns), strict=True)]
    shape = (len(edges[0]) - 1, len(edges[1]) - 1)
    areas, inside = np.zeros((classes, *shape)), np.zeros(shape)
    _composition(labels, edges[0], of_image[0].unit, edges[1], of_image[1].unit, areas, inside)
    area, whole = areas.sum(axis=0), np.outer(np.diff(edges[0]), np.diff(edges[1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return areas / area, np.stack([area / inside, area / whole])


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _composition(
    labels: Labels, y_edges: Ints, y_unit: int, x_edges: Ints, x_unit: int, areas: Floats, inside: Floats
) -> None:
    """Areas in square ticks, of the classes and of all that lies in the image: whole numbers, exact in any order."""
    height, width = labels.shape
    for i in range(areas.shape[1]):
        for j in range(areas.shape[2]):
            top, bottom, left, right = y_edges[i], y_edges[i + 1], x_edges[j], x_edges[j + 1]
            for y in range(max(top // y_unit, 0), min(-(-bottom // y_unit), height)):
                high = min((y + 1) * y_unit, bottom) - max(y * y_unit, top)
                for x in range(max(left // x_unit, 0), min(-(-right // x_unit), width)):
                    area = high * (min((x + 1) * x_unit, right) - max(x * x_unit, left))
                    inside[i, j] += area
                    if labels[y, x] >= 0:
                        areas[labels[y, x], i, j] += area


@dataclass(frozen=True)
class CellSums:
    """What class changes are learned from: the purest coarse cells and sums over all, gathered piece by piece.

    Attributes
    ----------
    purest : tuple of ndarray, one per class, shape (cell, SHARES + class + band)
        Tables of the purest cells, purest first: observed share of the cell, tie breaker, shares, change.
    number : int
        Of the cells.
    total, square : ndarray, shape (band,)
        Sums of their change C_0 - C_1 and of its square.
    change, now : ndarray, shape (2, band)
        Least and largest change, and C_0.
    """

    purest: tuple[Floats, ...]
    number: int
    total: Floats
    square: Floats
    change: Floats
    now: Floats

    @classmethod
    def none(cls, classes: int, bands: int) -> CellSums:
        """No cells yet."""
        zero, ends = np.zeros(bands), np.repeat([[np.inf], [-np.inf]], bands, axis=1)
        return cls((np.empty((0, SHARES + classes + bands)),) * classes, 0, zero, zero, ends, ends)

    def add(self, traits: Floats, change: Floats, now: Floats, count: int, least: float) -> CellSums:
        """With further cells.

        Parameters
        ----------
        traits : ndarray, shape (cell, SHARES + class)
            Observed share of the cell, tie breaker, shares of the classes.
        change : ndarray, shape (cell, band)
        now : ndarray, shape (any, band)
            Also of cells that are not used otherwise; NaN = not observed.
        count : int
            At most so many are kept for each class: those with the largest known part of it, its share times the
            observed one.
        least : float
            Only those with a larger share of it.
        """

        def best(k: int) -> Floats:
            further = traits[:, SHARES + k] > least
            table = np.concatenate([self.purest[k], np.hstack([traits[further], change[further]])])
            # Rounded, so that the last bits of a division do not decide between equal shares.
            known = np.round(table[:, SHARES + k] * table[:, SEEN], 6)
            return table[np.lexsort((table[:, TIE_BREAKER], -known))[:count]]

        return CellSums(
            tuple(best(k) for k in range(len(self.purest))),
            self.number + len(traits),
            self.total + change.sum(axis=0),
            self.square + np.square(change).sum(axis=0),
            wider(self.change, change.min(axis=0, initial=np.inf), change.max(axis=0, initial=-np.inf)),
            wider(self.now, np.fmin.reduce(now, initial=np.inf), np.fmax.reduce(now, initial=-np.inf)),
        )

    def bounds(self) -> tuple[Floats, Floats]:
        """Limits of a class's change: those of the cells, widened by their standard deviation."""
        n = max(self.number, 1)
        spread = np.sqrt(np.maximum(self.square / n - (self.total / n) ** 2, 0))
        return self.change[0] - spread, self.change[1] + spread


def wider(ends: Floats, low: Floats, high: Floats) -> Floats:
    """Ends (2, ...) moved out to further ones."""
    return np.stack([np.minimum(ends[0], low), np.maximum(ends[1], high)])


def class_change(cells: CellSums, bounded: bool, trim: float) -> Floats:
    """Change of each class from what its purest cells changed, by least squares without intercept.

    Zhu's codes use only cells that are observed to 99.9 %, of which clouds may leave none, or a few that tell
    classes badly apart. Here every cell counts, and its error as much as of it was observed.

    What the cells leave open (classes that come in the same mixture everywhere, or in no cell) is given the
    cells' mean change: the solution nearest to it is taken.

    Parameters
    ----------
    bounded : bool
        Whether a class may change no more than the cells do, plus their standard deviation.
    trim : float
        Share of each class's cells left out at either end of the change, band by band.

    Returns
    -------
    ndarray, shape (class, band)
        NaN if there is no cell.
    """
    classes, bands = len(cells.purest), len(cells.total)
    low, high = cells.bounds() if bounded else (np.full(bands, -np.inf), np.full(bands, np.inf))
    out = np.full((classes, bands), np.nan)
    for b in range(bands if any(map(len, cells.purest)) else 0):
        kept = np.concatenate([_trimmed(part, SHARES + classes + b, trim) for part in cells.purest])
        shares, step = kept[:, SHARES : SHARES + classes], kept[:, SHARES + classes + b]
        out[:, b] = _solve(shares, step, kept[:, SEEN], (low[b], high[b]))
    return out


def _trimmed(cells: Floats, column: int, trim: float) -> Floats:
    """The cells whose value is not among the smallest or largest share."""
    values = np.sort(cells[:, column])
    skip = int(trim * len(values))
    if not skip:
        return cells
    return np.asarray(cells[(cells[:, column] >= values[skip]) & (cells[:, column] <= values[-1 - skip])])


def _solve(shares: Floats, change: Floats, seen: Floats, limits: Sequence[float]) -> Floats:
    """Bounded least squares, each error times `seen`; nearest to the mean change where there is a choice."""
    mean = min(max(float(np.average(change, weights=np.square(seen))), limits[0]), limits[1])
    shares, change = shares * seen[:, None], (change - mean) * seen
    # Below 1e-6 of the largest singular value only rounding tells classes apart.
    step = np.linalg.lstsq(shares, change, rcond=1e-6)[0]
    low, high = limits[0] - mean, limits[1] - mean
    if np.all((step >= low) & (step <= high)) or not low < high:
        return np.asarray(mean + np.clip(step, low, high))
    return np.asarray(mean + lsq_linear(shares, change, (low, high), method="bvls").x)


def coarse_pair(task: Task, t: int, k: int) -> tuple[FloatArray, FloatArray]:
    """The coarse images C_0 of the target date and C_1 of the pair's date, shape (band, y, x).

    NaN where they are not observed: also where they are infinite.
    """

    def observed(date: np.datetime64) -> FloatArray:
        image = task.coarse.values[task.coarse.nearest(date)]
        return np.where(np.isfinite(image), image, np.float32(np.nan))

    return observed(task.dates[t]), observed(task.fine.dates[k])


def learn_changes(pieces: Iterable[Task], state: State, count: int, least: float, trim: float, bounded: bool) -> State:
    """How much the classes of each fine image changed until each date, from a scene in pieces.

    Parameters
    ----------
    pieces : iterable of Task
        Gone through once; see `stfuse.tiles.pieces`.
    state : State
        From `stfuse.fusion.classes.learn_classes`.
    count, least, trim, bounded
        See `CellSums.add` and `class_change`.

    Returns
    -------
    State
        ``change`` (date, pair, class, band), NaN where no cell is known.
        ``limits`` (2, date, pair, band): least and largest value of the coarse image C_0 and of the
        temporal prediction in the scene.
    """
    pairs, classes, bands = state["centres"].shape
    sums: dict[tuple[int, int], CellSums] = {}
    values = np.stack([np.full((pairs, classes, bands), end) for end in (np.inf, -np.inf)])
    dates = 0
    for task in pieces:
        dates = len(task.dates)
        rows, columns = axes(task.coarse.grid, task.fine.grid)
        mine = rows.centred(*task.edges[:2], cut=True), columns.centred(*task.edges[2:], cut=True)
        tie = tie_breaker(task.coarse.grid)
        for k in range(pairs):
            fine, labels = classified(task, k, state)
            values[:, k] = wider(values[:, k], *extremes(fine[:, *task.core], labels[task.core], classes))
            shares, seen = composition(labels, (rows, columns), classes, *mine)
            traits = np.stack([seen[1], tie[mine], *shares])
            for t in range(dates):
                now, then = (image[:, *mine].astype(np.float64) for image in coarse_pair(task, t, k))
                usable = np.isfinite(now - then).all(axis=0) & (seen[0] >= LEAST_SEEN)
                before = sums.get((t, k), CellSums.none(classes, bands))
                of_cells, step = (part[:, usable].T for part in (traits, now - then))
                sums[t, k] = before.add(of_cells, step, now.reshape(bands, -1).T, count, least)
    change, limits = np.full((dates, pairs, classes, bands), np.nan), np.empty((2, dates, pairs, bands))
    limits[0], limits[1] = -np.inf, np.inf
    for (t, k), cells in sums.items():
        change[t, k] = class_change(cells, bounded, trim)
        if cells.number:
            low, high = values[:, k] + change[t, k]
            limits[:, t, k] = wider(cells.now, low.min(axis=0), high.max(axis=0))
    return {"change": change, "limits": limits}


def cell_residual(cells: FloatArray, shares: Floats, seen: Floats, change: Floats) -> FloatArray:
    """What the changes of the classes leave unexplained of the coarse pixels' change.

    Parameters
    ----------
    cells : ndarray, shape (band, cell y, cell x)
        C_0 - C_1.
    shares, seen : ndarray, shape (class, cell y, cell x) and (cell y, cell x)
        From `composition`: shares of the classes, and how much of the cell's part in the scene was observed.
    change : ndarray, shape (class, band)

    Returns
    -------
    ndarray, shape (band, cell y, cell x), float32
        NaN where too little is observed.
    """
    out = cells.astype(np.float64)
    for share, step in zip(shares, change, strict=True):
        out -= share * step[:, None, None]
    out[:, seen < LEAST_SEEN] = np.nan
    return out.astype(np.float32)
