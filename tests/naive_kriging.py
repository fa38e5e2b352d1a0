"""Area-to-point regression kriging, slow and obvious: one pixel, one pair of points after the other, dense systems."""

from __future__ import annotations

import math
from itertools import product

import numpy as np


def semivariance(distance, reach, model):  # type: ignore[no-untyped-def]
    """Point semivariogram with sill 1; the reach is 95 % of the exponential's sill."""
    if model == "spherical":
        part = np.minimum(np.asarray(distance) / reach, 1)
        return 1.5 * part - 0.5 * part**3
    return 1 - np.exp(-3 * np.asarray(distance) / reach)


def areal_semivariance(offset, points, reach, model):  # type: ignore[no-untyped-def]
    """Regularised semivariogram between a cell of points x points and the cell `offset` (dy, dx) from it."""
    inside = [((i + 0.5) / points, (j + 0.5) / points) for i, j in product(range(points), repeat=2)]

    def mean(shift):  # type: ignore[no-untyped-def]
        pairs = [math.hypot(a[0] - b[0] - shift[0], a[1] - b[1] - shift[1]) for a in inside for b in inside]
        return float(np.mean(semivariance(pairs, reach, model)))

    return mean(offset) - mean((0, 0))


def pair_sums(residual, lags):  # type: ignore[no-untyped-def]
    """Squared differences and numbers of pairs by (rows, columns) apart, of one band."""
    sums, counts = np.zeros((lags + 1, lags + 1)), np.zeros((lags + 1, lags + 1))
    cells = [p for p in np.ndindex(*residual.shape) if np.isfinite(residual[p])]
    for i, a in enumerate(cells):
        for b in cells[i + 1 :]:
            dy, dx = abs(a[0] - b[0]), abs(a[1] - b[1])
            if math.hypot(dy, dx) <= lags + 0.5 and max(dy, dx) <= lags:
                sums[dy, dx] += (residual[a] - residual[b]) ** 2
                counts[dy, dx] += 1
    return sums, counts


def support(low, high):  # type: ignore[no-untyped-def]
    """Fine pixels (centre y, centre x, share) of the rectangle from (y, x) `low` to `high`, in fine pixels."""
    parts = []
    for a, b in zip(low, high, strict=True):
        pixels = range(math.floor(a + 1e-9), math.ceil(b - 1e-9))
        parts.append([(p + 0.5, min(b, p + 1) - max(a, p)) for p in pixels])
    area = (high[0] - low[0]) * (high[1] - low[1])
    return np.array([(y, x, v * w / area) for (y, v), (x, w) in product(*parts)])


def mean_semivariance(first, second, ratio, reach, model):  # type: ignore[no-untyped-def]
    """Mean over all pairs of points (y, x, share) of two supports; distances in coarse pixels."""
    away = np.hypot(first[:, None, 0] - second[None, :, 0], first[:, None, 1] - second[None, :, 1]) / ratio
    return float(first[:, 2] @ semivariance(away, reach, model) @ second[:, 2])


def weights(pixel, cells, ratio, reach, model):  # type: ignore[no-untyped-def]
    """Ordinary kriging weights of the cells (supports) for the fine pixel (y, x), from a dense system."""
    n = len(cells)
    point = np.array([[pixel[0] + 0.5, pixel[1] + 0.5, 1.0]])
    system, right = np.ones((n + 1, n + 1)), np.ones(n + 1)
    system[n, n] = 0
    for i in range(n):
        right[i] = mean_semivariance(point, cells[i], ratio, reach, model)
        for j in range(i + 1):
            system[i, j] = system[j, i] = mean_semivariance(cells[i], cells[j], ratio, reach, model)
    return np.linalg.solve(system, right)[:n]


def krige(residual, trend, ratio, reach, model, window):  # type: ignore[no-untyped-def]
    """Trend plus residual kriged from the observed cells of the window; one band, grids with one corner."""
    out = np.full(trend.shape, np.nan)
    for y, x in np.ndindex(*trend.shape):
        i, j = math.floor((y + 0.5) / ratio + 1e-9), math.floor((x + 0.5) / ratio + 1e-9)
        near = [(i + a, j + b) for a, b in product(range(-(window // 2), window // 2 + 1), repeat=2)]
        near = [p for p in near if all(0 <= c < n for c, n in zip(p, residual.shape, strict=True))]
        near = [p for p in near if np.isfinite(residual[p])]
        out[y, x] = trend[y, x]
        if near:
            cells = [support((a * ratio, b * ratio), ((a + 1) * ratio, (b + 1) * ratio)) for a, b in near]
            found = weights((y, x), cells, ratio, reach, model)
            out[y, x] += sum(w * residual[p] for w, p in zip(found, near, strict=True))
    return out


def regression(covariates, coarse):  # type: ignore[no-untyped-def]
    """Intercept and coefficients by least squares over the cells in which everything is observed."""
    columns = np.stack([np.ones(coarse.size), *(c.ravel() for c in covariates)], axis=1).astype(np.float64)
    seen = np.isfinite(columns).all(axis=1) & np.isfinite(coarse.ravel())
    return np.linalg.lstsq(columns[seen], coarse.ravel()[seen].astype(np.float64), rcond=1e-9)[0]
