"""ATPRK: regression on fine covariates, then area-to-point kriging of what it leaves of the coarse image.

Wang et al. 2015; for Landsat 8 and Sentinel-2 Wang et al. 2017 (IEEE TGRS 55:3885), as Wu et al. 2022 compare with
it. The articles' texts were not at hand; the kriging is the standard one (see `stfuse.fusion.kriging`). Covariates
of a target are all bands of the fine references (the nearest by default) and, where the experiment has it, the
panchromatic image, brought to the fine grid by bicubic convolution.

With a whole ratio the prediction's block means are the coarse image. With another one a fine pixel of two cells is
kriged from the neighbourhood of the cell that has its centre: block means deviate by a few per cent of what
they do with bilinear interpolation. The regression is global and per band; its local variant
(AATPRK) and point-spread functions other than the area mean are not made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stfuse.bands import clip_to_valid
from stfuse.fusion import regression
from stfuse.fusion.cells import Axis, axes
from stfuse.fusion.kriging import Kernels, kernels, krige
from stfuse.fusion.regression import Moments
from stfuse.fusion.semivariogram import Model, fit_ranges, fullest, pair_sums, range_grid, regularised
from stfuse.grid import degrade_inside, regrid
from stfuse.task import FloatArray, Needs, Series, State, Task
from stfuse.task import no_fit as fit
from stfuse.threads import each

__all__ = ["NEEDS", "Params", "fit", "halo", "predict", "prepare"]

NEEDS = Needs(references="nearest", also=("bracketing", "all"), uses=("pan",))

MOST_POINTS = 10
"""Points of a cell a side for the regularised semivariogram: the fine pixels, at most so many."""

WINDOW = 128
"""Cells a side of what is kept of a piece for the semivariograms."""

WINDOWS = 64
"""Most pieces of which that is kept, spread over the scene."""


@dataclass(frozen=True)
class Params:
    """Settings; lengths in coarse pixels. The method sheet's defaults, which are choices: the papers' are not at hand.

    Attributes
    ----------
    window : {5, 3, 7}
        Cells a side from which a fine pixel's residual is kriged.
    model : {"exponential", "spherical"}
        Point semivariogram, without nugget.
    lags : int
        Longest lag of the areal semivariogram.
    shortest, longest : float
        Bounds of the range searched. The range of the exponential model is where it comes to 95 % of its sill.
        The sill needs no search: the regularised semivariogram is proportional to it, the weights do not know it.
    clip : bool
        Whether predictions are held to the valid range of their band. Where that happens, the mean of a
        coarse pixel is no longer the coarse image's.
    """

    window: int = 5
    model: Model = "exponential"
    lags: int = 15
    shortest: float = 0.5
    longest: float = 30.0
    clip: bool = True

    def __post_init__(self) -> None:
        if self.window not in (3, 5, 7):
            raise ValueError(f"window must be 3, 5 or 7 coarse pixels, found {self.window}")
        if self.model not in ("exponential", "spherical"):
            raise ValueError(f"model must be exponential or spherical, found {self.model!r}")
        if self.lags < 3:
            raise ValueError(f"lags must be at least 3, found {self.lags}")
        if not 0.1 <= self.shortest < self.longest:
            raise ValueError(f"shortest must be at least 0.1 and below longest, found {self.shortest}, {self.longest}")


def halo(params: Params) -> int:
    """None of its own: the coarse pixels read around every tile reach further than half the window and one more."""
    return 0


def _observed(task: Task) -> Task:
    """The task with what is infinite not observed; nothing is copied where all is finite or NaN."""

    def cleaned(series: Series) -> Series:
        values = series.values
        if not any(np.isinf(image).any() for image in values):
            return series
        return replace(series, values=np.where(np.isfinite(values), values, np.float32(np.nan)))

    aux = {name: cleaned(series) for name, series in task.aux.items()}
    return replace(task, fine=cleaned(task.fine), coarse=cleaned(task.coarse), aux=aux)


def _order(task: Task, date: np.datetime64) -> NDArray[np.intp]:
    """The references, nearest in time first (the earlier one of two equally near)."""
    return np.argsort(np.abs((task.fine.dates - date).astype(int)), kind="stable")


def _pan(task: Task) -> Series | None:
    series = task.aux.get("pan")
    return series if series is not None and len(series.dates) else None


def _members(task: Task) -> NDArray[np.bool_]:
    """Sets of covariates, best first, shape (set, band, covariate).

    All of them; then one reference with pan; one reference alone; of one reference the band itself, for scenes
    of few coarse pixels. Of the references always the nearest first.
    """
    references, bands = task.fine.values.shape[:2]
    pan = _pan(task)
    covariates = references * bands + (len(pan.bands) if pan else 0)
    image = np.arange(covariates) // bands  # which reference a covariate is of; beyond them: pan
    same = np.arange(covariates) % bands == np.arange(bands)[:, None]
    sets = [
        image >= 0,
        *((image == k) | (image >= references) for k in range(references)),
        *(image == k for k in range(references)),
        *((image == k) & same for k in range(references)),
    ]
    every = [np.broadcast_to(member, same.shape) for member in sets]
    return np.stack([m for i, m in enumerate(every) if not any(np.array_equal(m, other) for other in every[:i])])


def _covariates(task: Task, date: np.datetime64) -> FloatArray:
    """Bands of the references, nearest first, then pan, on the fine grid, shape (covariate, y, x)."""
    order, shape = _order(task, date), task.fine.grid.shape
    fine: FloatArray = task.fine.values[order[0]] if len(order) == 1 else task.fine.values[order].reshape(-1, *shape)
    pan = _pan(task)
    if pan is None:
        return fine
    image, to = pan.values[pan.nearest(date)], task.fine.grid
    larger = abs(pan.grid.affine.a) > abs(to.affine.a)
    return np.concatenate([fine, regrid(image, pan.grid, to, "cubic" if larger else "average")])


def _coarse(task: Task, date: np.datetime64) -> FloatArray:
    image: FloatArray = task.coarse.values[task.coarse.nearest(date)]
    return image


def _means(task: Task, images: FloatArray) -> FloatArray:
    """Area means of fine images in the coarse cells; of cells that the edge cuts, of what lies inside."""
    return degrade_inside(images, task.fine.grid, task.coarse.grid)


def _of_cells(task: Task, date: np.datetime64) -> FloatArray:
    """Means of the covariates, then the coarse bands, of the cells centred in the core, shape (layer, y, x)."""
    rows, columns = axes(task.coarse.grid, task.fine.grid)
    top, bottom, left, right = task.edges
    layers = np.concatenate([_means(task, _covariates(task, date)), _coarse(task, date)])
    return layers[:, rows.centred(top, bottom), columns.centred(left, right)]


def _of_piece(task: Task) -> tuple[NDArray[np.bool_], tuple[Axis, Axis], list[FloatArray]]:
    """What is wanted of a piece: the sets of covariates, how the grids lie, and the layers of its cells by date."""
    task = _observed(task)
    layers = [_of_cells(task, date) for date in task.dates]
    return _members(task), axes(task.coarse.grid, task.fine.grid), layers


def _semivariograms(
    windows: list[list[FloatArray]], coefficients: FloatArray, lags: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`pair_sums` of what the regression leaves in windows of cells [piece][date], for each date and band."""
    bands = coefficients.shape[2]
    sums, counts = np.zeros((2, len(coefficients), bands, lags + 1, lags + 1))
    for of_piece in windows:
        for t, layers in enumerate(of_piece):
            residual = layers[-bands:] - regression.apply(layers[:-bands], coefficients[t])
            found = pair_sums(residual, lags)
            sums[t] += found[0]
            counts[t] += found[1]
    return sums, counts


def prepare(pieces: Iterable[Task], state: State, params: Params) -> State:
    """Add what tiles cannot know: the global regressions, and kriging weights from the residuals' semivariograms.

    Goes through the pieces once. Regressions are of all cells, semivariograms of the pairs within a window of a piece.
    """
    moments: list[Moments] = []
    windows: list[list[FloatArray]] = []
    step = 1
    for number, piece in enumerate(each(pieces, _of_piece)):
        members, grids, of_piece = piece
        bands = members.shape[1]
        moments = moments or [Moments.none(*members.shape) for _ in of_piece]
        for of_date, layers in zip(moments, of_piece, strict=True):
            of_date.add(layers[:-bands], layers[-bands:], members)
        if number % step == 0:
            windows.append([fullest(layers, WINDOW) for layers in of_piece])
        if len(windows) > WINDOWS:
            windows, step = windows[::2], 2 * step
    coefficients = np.stack([regression.solve(of_date, members) for of_date in moments])
    sums, counts = _semivariograms(windows, coefficients, params.lags)
    points = min(MOST_POINTS, max(2, round(grids[0].ratio)))
    ranges = range_grid(params.shortest, params.longest)
    reach, sill = fit_ranges(sums, counts, ranges, regularised(params.lags, points, ranges, params.model))
    distinct, chosen = np.unique(reach, return_inverse=True)
    tables = kernels(*grids, distinct, params.model, params.window)
    return {
        **state,
        "coefficients": coefficients,
        "reach": reach,
        "sill": sill,
        "chosen": chosen.reshape(reach.shape),
        "weights": tables.weights,
        "between": tables.between,
        "towards": tables.towards,
    }


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict the core: the regression on the covariates, and the kriged residual.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
        NaN where the coarse pixel or every set of covariates lacks something, and outside the core. Where no
        regression is possible (too few cells, no reference observed), the coarse image is kriged alone,
        whatever the references lack.

    Raises
    ------
    InputError
        If the coarse grid is turned against the fine one, or its pixels are the smaller ones.
    """
    task = _observed(task)
    state = state if "coefficients" in state else prepare([task], state, params)
    tables = Kernels(state["weights"], state["between"], state["towards"])
    rows, columns = axes(task.coarse.grid, task.fine.grid)
    top, bottom, left, right = task.edges
    touched = rows.touching(top, bottom)[:, None] & columns.touching(left, right)[None, :]
    out = np.empty((len(task.dates), *task.fine.values.shape[1:]), np.float32)
    for t, date in enumerate(task.dates):
        coarse = _coarse(task, date)
        trend = regression.apply(_covariates(task, date), state["coefficients"][t])
        residual = coarse - _means(task, trend)
        asked = np.isfinite(coarse) & touched
        out[t] = krige(residual, asked, state["chosen"][t], tables, rows, columns, trend)
    return clip_to_valid(out, task.fine.bands) if params.clip else out
