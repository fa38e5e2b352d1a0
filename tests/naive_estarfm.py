"""ESTARFM slow and obvious: one pixel after the other, in float64."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import fdtrc

from naive import window_around
from stfuse.task import FloatArray


def estarfm(now, fine, coarse, params, limits, places) -> FloatArray:  # type: ignore[no-untyped-def]
    """Predict from coarse `now` (band, y, x) and pairs (pair, band, y, x), all on the fine grid; shape (place, band).

    Every pixel is predicted from all pairs that are observed there.
    """
    now, fine, coarse = (np.asarray(a, np.float64) for a in (now, fine, coarse))
    sd = np.nanstd(fine, axis=(2, 3))
    tolerance = np.where(sd > 1e-9, 2 * sd / params.classes, np.inf)
    known = np.isfinite(fine).all(1) & np.isfinite(coarse).all(1) & np.isfinite(now).all(0)
    out = np.full((len(places), len(now)), np.nan)
    for n, (y, x) in enumerate(places):
        k = np.flatnonzero(known[:, y, x])
        if k.size:
            valid = known[k].all(axis=0)
            out[n] = _pixel(now, fine[k], coarse[k], valid, tolerance[k], params, limits, y, x)
    return out.astype(np.float32)


def _pixel(now, fine, coarse, valid, tolerance, params, limits, y, x):  # type: ignore[no-untyped-def]
    half = params.window // 2
    window = [p for p in window_around(y, x, half, now.shape[1:]) if valid[p]]
    change = np.array([[np.mean([now[b][p] - c[b][p] for p in window]) for b in range(len(now))] for c in coarse])
    share = 1 / (np.abs(change) + 1e-10)
    share /= share.sum(axis=0)
    similar = []
    for i, j in window:
        difference = np.abs(fine[:, :, i, j] - fine[:, :, y, x])
        if (difference < tolerance).all() or (i, j) == (y, x):
            similar.append(((difference / tolerance).sum(), (i - y) ** 2 + (j - x) ** 2, i, j))
    places = [(i, j) for _, _, i, j in sorted(similar)[: params.similar]]
    if len(places) < params.least_similar:
        value, plain = (share * (fine[:, :, y, x] + change)).sum(axis=0), (share * fine[:, :, y, x]).sum(axis=0)
    else:
        weight = np.array([_weight(fine, coarse, i, j, math.hypot(i - y, j - x), half) for i, j in places])
        weight /= weight.sum()
        rows, columns = np.transpose(places)
        f, c, c0 = fine[:, :, rows, columns], coarse[:, :, rows, columns], now[:, rows, columns]
        v = np.array([_coefficient(f[:, b], c[:, b], params) for b in range(len(now))])
        value = (share * (fine[:, :, y, x] + v * ((c0 - c) * weight).sum(axis=2))).sum(axis=0)
        plain = (share * (f * weight).sum(axis=2)).sum(axis=0)
    low, high = np.transpose(limits)
    return np.where((value < low) | (value > high), plain, value)


def _weight(fine, coarse, i, j, distance, half) -> float:  # type: ignore[no-untyped-def]
    f, c = fine[:, :, i, j].ravel(), coarse[:, :, i, j].ravel()
    if fine.shape[1] == 1 or f.size < 3:
        r = 1 - np.mean(np.abs(f - c) / np.maximum(np.abs(f) + np.abs(c), 1e-30))
    else:
        r = np.corrcoef(f, c)[0, 1] if np.ptp(f) > 1e-9 and np.ptp(c) > 1e-9 else 0.5
    return float(1 / ((1 - r) * (1 + distance / half) + 1e-7))


def _coefficient(fine, coarse, params) -> float:  # type: ignore[no-untyped-def]
    """From values (pair, pixel) of one band."""
    if len(fine) == 1:
        return 1.0
    means = coarse.mean(axis=1)
    change = np.ptp(means) if params.change == "dates" else coarse.std()
    if change < params.least_change or np.ptp(coarse) < 1e-6 or np.ptp(fine) < 1e-6:
        return 1.0
    x, y = coarse.ravel(), fine.ravel()
    slope, intercept = np.polyfit(x, y, 1)
    residual = float(((y - slope * x - intercept) ** 2).sum())
    explained = float(((y - y.mean()) ** 2).sum()) - residual
    ratio = explained / (residual / (x.size - 2)) if residual > 0 else math.inf
    good = fdtrc(1, x.size - 2, ratio) <= params.significance and 0 < slope <= params.largest_coefficient
    return float(slope) if good else 1.0
