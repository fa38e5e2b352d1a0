"""Gaussian process: each pixel's series a draw from one process in time, whose scales are learned from many series.

Rasmussen and Williams 2006 (chapter 2), as gap filling of NDVI uses it today: around the series' mean a covariance
that falls with the days between two observations, and white noise. Kind: learned, optical values alone. Amplitude,
length scale and noise are those under which a random part of the training series is most likely (chapter 5: the sum
of the series' log marginal likelihoods); kernels and likelihood are those of `scikit-learn`. Far from any observation
the prediction returns to the mean of the series' own observations.

Pixels observed on the same dates share one Cholesky factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

from stfuse.bands import clip_to_valid
from stfuse.errors import TooLittleError
from stfuse.filling.drawing import columns_of, drawn_windows
from stfuse.task import FloatArray, Needs, Sample, State, Task, days_of

__all__ = ["NEEDS", "Params", "fit", "halo", "predict"]

NEEDS = Needs(references="all", coarse=False, samples="series", fills=True)
VERSION = 1

Shape = Literal["matern32", "matern52", "rbf"]
SMOOTHNESS = {"matern32": 1.5, "matern52": 2.5}
SIDE = 8
"""Pixels a side of the windows that training series are drawn from."""


@dataclass(frozen=True)
class Params:
    """Settings.

    Attributes
    ----------
    kernel : {"matern32", "matern52", "rbf"}
        How the covariance falls with time: once or twice differentiable, or infinitely often.
    series : int
        Training series that the scales are learned from, at most.
    values : int
        Values of each of them at most, drawn at random.
    """

    kernel: Shape = "matern32"
    series: int = 200
    values: int = 50

    def __post_init__(self) -> None:
        if self.kernel not in get_args(Shape):
            raise ValueError(f"kernel must be one of {', '.join(get_args(Shape))}, found {self.kernel!r}.")
        for name in ("series", "values"):
            if not getattr(self, name) >= 2:
                raise ValueError(f"{name} must be 2 or more, found {getattr(self, name)}.")


def halo(params: Params) -> int:
    """None: each pixel is its own series."""
    return 0


def covariance(shape: Shape, amplitude: float = 0.04, length: float = 40.0, noise: float = 1e-3) -> Any:
    """The kernel: variance `amplitude`, length scale in days, variance of white noise; bounds hold the search."""
    between = RBF(length, (2, 1000)) if shape == "rbf" else Matern(length, (2, 1000), SMOOTHNESS[shape])
    return ConstantKernel(amplitude, (1e-5, 10)) * between + WhiteKernel(noise, (1e-7, 1))


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """The scales under which the training series are most likely.

    Raises
    ------
    TooLittleError
        If no series has three values.
    """
    rng = np.random.default_rng(seed)
    models = []
    for days, values in _drawn_series(list(samples), params, rng):
        model = GaussianProcessRegressor(covariance(params.kernel), optimizer=None, alpha=0)
        models.append(model.fit(days[:, None], values - values.mean()))
    if not models:
        raise TooLittleError("No training series has three values", "add sites or dates to the experiment")

    def unlikely(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parts = [m.log_marginal_likelihood(theta, eval_gradient=True, clone_kernel=False) for m in models]
        return -sum(p[0] for p in parts), -np.sum([p[1] for p in parts], axis=0)

    start = covariance(params.kernel)
    found = minimize(unlikely, start.theta, jac=True, bounds=start.bounds, method="L-BFGS-B")
    amplitude, length, noise = np.exp(found.x)
    return {"amplitude": np.array(amplitude), "length": np.array(length), "noise": np.array(noise)}


def _drawn_series(
    samples: list[Sample], params: Params, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Days and values of random series, a few from each of many windows."""
    windows = drawn_windows(samples, SIDE, rng)
    each = max(1, -(-params.series // max(len(windows), 1)), params.series // 50)
    left = params.series
    for sample, window in windows:
        task = sample.crop(window)
        days, columns = days_of(task.fine.dates), columns_of(task.fine)
        usable = np.flatnonzero(np.isfinite(columns).sum(axis=0) >= 3)
        for i in rng.permutation(usable)[: min(each, left)]:
            own = np.sort(rng.permutation(np.flatnonzero(np.isfinite(columns[:, i])))[: params.values])
            yield days[own], columns[own, i].astype(np.float64)
            left -= 1
        if not left:
            return


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """The mean of the process given each series' observations; NaN where a series has none."""
    out = np.full((len(task.dates), *task.fine.values.shape[1:]), np.nan, np.float32)
    if not out.size or not len(task.fine.dates):
        return out
    noise = float(state["noise"])
    kernel = covariance(params.kernel, float(state["amplitude"]), float(state["length"]), noise)
    days = days_of(task.fine.dates)[:, None]
    known, between = kernel(days), kernel(days_of(task.dates)[:, None], days)
    columns, curves = columns_of(task.fine), out.reshape(len(task.dates), -1)
    for own, members in _alike(np.isfinite(columns)):
        values = columns[own[:, None], members].astype(np.float64)
        mean = values.mean(axis=0)
        weights = cho_solve(cho_factor(known[np.ix_(own, own)], check_finite=False), values - mean, check_finite=False)
        curves[:, members] = mean + between[:, own] @ weights
    return clip_to_valid(out, task.fine.bands)


def _alike(seen: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Dates observed (indices), and the series that were observed on these and no others; no empty ones."""
    packed = np.ascontiguousarray(np.packbits(seen, axis=0).T)
    _, pattern = np.unique(packed, axis=0, return_inverse=True)
    order = np.argsort(pattern.ravel(), kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(pattern.ravel()[order])) + 1):
        own = np.flatnonzero(seen[:, members[0]])
        if len(own):
            yield own, members
