"""hGBRT: a week's NDVI from the weeks before it, by histogram-based gradient boosting of regression trees.

Rossberg and Schmitt 2024 (section IV), the learning baseline of the GRU; kind: learned, as `scikit-learn` does it by
default. Weekly means, windows of six months, features that may be missing: the previous optical and radar-derived
values and the day of the year. A date is answered with the value of its week.

The paper leaves open, and here is chosen: weeks count from 1970-01-01, so that they do not depend on where a series
begins; the predicted week is the window's last; of it the guide's value is a feature (radar saw it), an optical one
is not, even where one is known (the paper names previous values alone); the label is the week's mean of the hidden
values, of which two thirds are drawn as for the network; rows are drawn at random up to `rows`. Without a guide its
features are missing and the method is optical alone. Before anything was observed the trees know the season alone.

The state is the trees as plain arrays, walked by a kernel of ours: a file with them can be read by anyone's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from stfuse.errors import TooLittleError
from stfuse.filling.drawing import columns_of, drawn_windows
from stfuse.filling.hiding import HIDDEN_SHARE, hide
from stfuse.filling.weekly import WINDOW, Weeks, features, weekly_mean, weeks_of
from stfuse.task import FloatArray, Needs, Sample, State, Task

__all__ = ["NEEDS", "Params", "fit", "halo", "predict"]

NEEDS = Needs(references="all", coarse=False, samples="series", fills=True, step_days=7)
VERSION = 1

SIDE = 32
"""Pixels a side of the windows that rows are drawn from."""
LEAST = 500
"""Rows of a window at least, so that few windows suffice where there are very many."""


@dataclass(frozen=True)
class Params:
    """Settings.

    Attributes
    ----------
    rows : int
        Weeks of series that are learned from, at most; 53 numbers each.
    hidden : float
        Share of the optical values that are hidden to be labels, above 0 and up to 1.
    """

    rows: int = 200_000
    hidden: float = HIDDEN_SHARE

    def __post_init__(self) -> None:
        if not self.rows >= 2:
            raise ValueError(f"rows must be 2 or more, found {self.rows}.")
        if not 0 < self.hidden <= 1:
            raise ValueError(f"hidden must lie above 0 and up to 1, found {self.hidden}.")


def halo(params: Params) -> int:
    """None: each pixel is its own series."""
    return 0


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Grow trees that predict the weekly means of hidden values.

    Raises
    ------
    TooLittleError
        If no value can be hidden while another stays.
    """
    rng = np.random.default_rng(seed)
    windows = drawn_windows(list(samples), SIDE, rng)
    each, left = max(LEAST, -(-params.rows // max(len(windows), 1))), params.rows
    rows: list[FloatArray] = []
    labels: list[FloatArray] = []
    for sample, window in windows:
        x, y = rows_of(sample.crop(window), params.hidden, min(each, left), rng)
        rows.append(x)
        labels.append(y)
        left -= len(y)
        if not left:
            break
    if params.rows - left < 2:
        raise TooLittleError("No training series has values to hide", "add sites or dates to the experiment")
    x = np.concatenate(rows)
    seen = np.flatnonzero(np.isfinite(x).any(axis=0))  # the library takes no feature that is always missing
    model = HistGradientBoostingRegressor(random_state=seed)
    return trees_of(model.fit(x[:, seen], np.concatenate(labels)), seen)


def rows_of(task: Task, share: float, most: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Features and labels of weeks drawn from all in which a value was hidden.

    Returns
    -------
    ndarray, shape (row, feature), float32
    ndarray, shape (row,), float32
    """
    values, nothing = columns_of(task.fine), np.empty((0, 2 * WINDOW + 1), np.float32)
    if not len(values):
        return nothing, nothing[:, 0]
    hidden = hide(np.isfinite(values), share, rng)
    weeks = Weeks.of(task, np.where(hidden, np.float32(np.nan), values))
    own = weeks_of(task.fine.dates)
    label = weekly_mean(np.where(hidden, values, np.float32(np.nan)), own, weeks.first, len(weeks.optical))
    week, series = np.nonzero(np.isfinite(label))
    drawn = np.sort(rng.permutation(len(week))[:most])
    week, series = week[drawn], series[drawn]
    x = [features(weeks, int(w) + weeks.first, series[week == w]) for w in np.unique(week)]
    return np.concatenate([nothing, *x]), label[week, series]


def trees_of(model: HistGradientBoostingRegressor, columns: NDArray[np.intp]) -> State:
    """The trees of a fitted model, one after another in plain arrays.

    Parameters
    ----------
    model : HistGradientBoostingRegressor
    columns : ndarray, shape (feature,)
        Which of all features the model was given.

    Returns
    -------
    dict
        Per node ``feature``, ``threshold`` (up to it to the left), ``missing_left``, ``left`` and ``right`` (node
        numbers; -1 = leaf) and ``value``; per tree its ``root``; ``baseline``, which the values of all trees' leaves
        are added to.
    """
    trees = [predictor.nodes for (predictor,) in model._predictors]
    root = np.cumsum([0, *(len(nodes) for nodes in trees)])[:-1].astype(np.int32)
    nodes = np.concatenate(trees)
    first = np.repeat(root, [len(tree) for tree in trees])
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "root": root,
        "feature": columns[nodes["feature_idx"]].astype(np.int32),
        "threshold": nodes["num_threshold"].astype(np.float64),
        "missing_left": nodes["missing_go_to_left"].astype(bool),
        "left": np.where(leaf, -1, nodes["left"].astype(np.int32) + first).astype(np.int32),
        "right": np.where(leaf, -1, nodes["right"].astype(np.int32) + first).astype(np.int32),
        "value": nodes["value"].astype(np.float64),
        "baseline": np.asarray(model._baseline_prediction, np.float64).reshape(1),
    }


def walk(state: State, rows: FloatArray) -> FloatArray:
    """What the trees say of rows of features, shape (row, feature)."""
    names = ("root", "feature", "threshold", "missing_left", "left", "right", "value", "baseline")
    return np.asarray(_walk(rows, *(state[name] for name in names)), np.float32)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _walk(
    rows: FloatArray,
    root: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    missing_left: NDArray[np.bool_],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: NDArray[np.float64],
    baseline: NDArray[np.float64],
) -> FloatArray:
    out = np.empty(len(rows), np.float32)
    for i in range(len(rows)):
        total = baseline[0]
        for start in root:
            node = start
            while left[node] >= 0:
                x = rows[i, feature[node]]
                to_left = missing_left[node] if np.isnan(x) else x <= threshold[node]
                node = left[node] if to_left else right[node]
            total += value[node]
        out[i] = np.float32(total)
    return out


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """The value of each date's week; NaN where neither the optical series nor the guide has any value."""
    out = np.full((len(task.dates), *task.fine.values.shape[1:]), np.nan, np.float32)
    if not out.size:
        return out
    weeks = Weeks.of(task, columns_of(task.fine))
    known = np.flatnonzero(np.isfinite(weeks.optical).any(axis=0) | np.isfinite(weeks.guide).any(axis=0))
    curves, wanted = out.reshape(len(task.dates), -1), weeks_of(task.dates)
    for week in np.unique(wanted):
        curves[np.ix_(wanted == week, known)] = walk(state, features(weeks, int(week), known))
    return out
