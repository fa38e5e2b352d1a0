"""Linear regression of coarse bands on degraded fine covariates, gathered piece by piece, and used at the fine scale.

Compiled in part.
Several sets of covariates are fitted side by side, so that a pixel that misses one of them is still predicted
from the next best set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.task import FloatArray

__all__ = ["Moments", "apply", "solve"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ENOUGH = 4
"""Cells for each unknown that a regression asks for."""

CONSTANT = 1e-6
"""A covariate whose spread is smaller than this share of its mean says nothing: that is float32's rounding."""

COLLINEAR = 1e-6
"""Directions with less than this share of the covariates' (standardised) variance are left out."""

_FAST = {"contract"}


@dataclass
class Moments:
    """Count, means and sums of centred products, for each set and band; covariates first, the band last.

    Attributes
    ----------
    count : ndarray, shape (set, band), float64
    mean : ndarray, shape (set, band, covariate + 1), float64
    product : ndarray, shape (set, band, covariate + 1, covariate + 1), float64
    """

    count: Floats
    mean: Floats
    product: Floats

    @classmethod
    def none(cls, sets: int, bands: int, covariates: int) -> Moments:
        """No cell seen yet."""
        shape = (sets, bands, covariates + 1)
        return cls(np.zeros(shape[:2]), np.zeros(shape), np.zeros((*shape, covariates + 1)))

    def add(self, covariates: FloatArray, bands: FloatArray, members: Bools) -> None:
        """Count the cells in which a set's covariates and the band are observed.

        Parameters
        ----------
        covariates : ndarray, shape (covariate, y, x), float32
            Degraded to the coarse grid.
        bands : ndarray, shape (band, y, x), float32
            The coarse image.
        members : ndarray, shape (set, band, covariate), bool
            Covariates of each set. The others stay without moments, as if they were constant.
        """
        layers = np.concatenate([covariates, bands])
        known = np.isfinite(layers)
        # Most cells are observed in every layer: their products are formed once for all sets and bands.
        together = known.all(axis=0)
        common = _products(layers[:, together])
        for s, b in np.ndindex(*members.shape[:2]):
            used = np.append(np.flatnonzero(members[s, b]), len(covariates) + b)
            places = np.append(used[:-1], -1)
            self._merge((s, b), places, common[0], common[1][used], common[2][np.ix_(used, used)])
            apart = known[used].all(axis=0) & ~together
            if apart.any():
                self._merge((s, b), places, *_products(layers[used][:, apart]))

    def _merge(self, at: tuple[int, int], places: NDArray[np.intp], count: int, mean: Floats, product: Floats) -> None:
        """Add the centred sums of further cells to those there are."""
        total = self.count[at] + count
        if total:
            step = mean - self.mean[at][places]
            product = product + np.outer(step, step) * (self.count[at] * count / total)
            self.product[at][np.ix_(places, places)] += product
            self.mean[at][places] += step * (count / total)
            self.count[at] = total


def _products(layers: FloatArray) -> tuple[int, Floats, Floats]:
    """Number of cells, means and sums of centred products of layers (layer, cell)."""
    count = layers.shape[1]
    centred = layers.astype(np.float64)
    mean = centred.sum(axis=1) / max(count, 1)
    centred -= mean[:, None]
    return count, mean, centred @ centred.T


def solve(moments: Moments, members: Bools) -> FloatArray:
    """Ordinary least squares of each band on each set of covariates.

    Constant covariates get the coefficient 0; of collinear ones the solution with the smallest standardised
    coefficients is taken. A set seen in too few cells is left out, unless all are: then the mean of the best seen
    stands for a regression (0 if none was seen), without any covariate.

    Parameters
    ----------
    moments : Moments
    members : ndarray, shape (set, band, covariate), bool

    Returns
    -------
    ndarray, shape (set, band, 1 + covariate), float32
        Intercept and coefficients, NaN for sets that are left out.
    """
    out = np.full((*moments.mean.shape,), np.nan, np.float32)
    enough = moments.count >= ENOUGH * (members.sum(axis=2) + 1)
    for s, b in np.argwhere(enough):
        out[s, b] = _least_squares(moments.count[s, b], moments.mean[s, b], moments.product[s, b])
    for b in np.flatnonzero(~enough.any(axis=0)):
        s = int(np.argmax(moments.count[:, b]))
        out[s, b] = 0.0
        out[s, b, 0] = moments.mean[s, b, -1]
    return out


def _least_squares(count: float, mean: Floats, product: Floats) -> Floats:
    """Intercept and coefficients of one regression, by the eigenvectors of the covariates' correlation matrix."""
    spread = np.sqrt(np.diag(product)[:-1] / count)
    varies = spread > CONSTANT * np.abs(mean[:-1])
    scale = np.where(varies, np.sqrt(count) * spread, 1.0)
    correlation = np.where(np.outer(varies, varies), product[:-1, :-1] / np.outer(scale, scale), 0.0)
    right = np.where(varies, product[:-1, -1] / scale, 0.0)
    coefficients = np.where(varies, np.linalg.pinv(correlation, rcond=COLLINEAR, hermitian=True) @ right / scale, 0.0)
    return np.concatenate([[mean[-1] - coefficients @ mean[:-1]], coefficients])


def apply(covariates: FloatArray, coefficients: FloatArray) -> FloatArray:
    """What the regression says of covariates: each pixel by the first set whose covariates it has.

    Parameters
    ----------
    covariates : ndarray, shape (covariate, y, x), float32
    coefficients : ndarray, shape (set, band, 1 + covariate), float32
        From `solve`. Covariates with the coefficient 0 are not looked at and may be missing.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        NaN where no set is observed.
    """
    out = np.full((coefficients.shape[1], *covariates.shape[1:]), np.nan, np.float32)
    _apply(covariates, coefficients, out)
    return out


@njit(nogil=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _apply(covariates: FloatArray, coefficients: FloatArray, out: FloatArray) -> None:
    """Row by row, so that a row's covariates stay in the nearest cache for all bands."""
    row = np.empty(out.shape[2], np.float32)
    for y in range(out.shape[1]):
        for b in range(out.shape[0]):
            for s in range(len(coefficients)):
                row[:] = coefficients[s, b, 0]
                for k in range(len(covariates)):
                    factor = coefficients[s, b, 1 + k]
                    if factor != 0:
                        for x in range(len(row)):
                            row[x] += factor * covariates[k, y, x]
                missing = False
                for x in range(len(row)):
                    value = out[b, y, x]
                    empty = value != value
                    out[b, y, x] = row[x] if empty else value
                    missing |= empty & (row[x] != row[x])
                if not missing:
                    break
