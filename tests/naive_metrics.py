"""Slow, obvious versions of the windowed metrics: a Python loop over windows, straight from the papers."""

from __future__ import annotations

import numpy as np


def ssim_map(predicted: np.ndarray, reference: np.ndarray, dynamic_range: float = 1.0) -> np.ndarray:
    """Wang et al. 2004, eq. 13 with the weighted moments of eqs. 14-16, window by window."""
    offsets = np.arange(-5, 6)
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(line, line)
    weights /= weights.sum()
    c1, c2 = (0.01 * dynamic_range) ** 2, (0.03 * dynamic_range) ** 2
    out = np.full(predicted.shape, np.nan)
    for y in range(5, predicted.shape[0] - 5):
        for x in range(5, predicted.shape[1] - 5):
            p = predicted[y - 5 : y + 6, x - 5 : x + 6].astype(float)
            r = reference[y - 5 : y + 6, x - 5 : x + 6].astype(float)
            mean_p, mean_r = (weights * p).sum(), (weights * r).sum()
            var_p, var_r = (weights * (p - mean_p) ** 2).sum(), (weights * (r - mean_r) ** 2).sum()
            cov = (weights * (p - mean_p) * (r - mean_r)).sum()
            top = (2 * mean_p * mean_r + c1) * (2 * cov + c2)
            out[y, x] = top / ((mean_p**2 + mean_r**2 + c1) * (var_p + var_r + c2))
    return out


def uiqi_map(predicted: np.ndarray, reference: np.ndarray, window: int = 8) -> np.ndarray:
    """Wang & Bovik 2002, eq. 2, window by window; a window flat in both keeps the factor of the means."""
    out = np.full(predicted.shape, np.nan)
    for y in range(predicted.shape[0] - window + 1):
        for x in range(predicted.shape[1] - window + 1):
            p = predicted[y : y + window, x : x + window].astype(float).ravel()
            r = reference[y : y + window, x : x + window].astype(float).ravel()
            if not (np.isfinite(p) & np.isfinite(r)).all():
                continue
            spread = p.var(ddof=1) + r.var(ddof=1)
            squares = p.mean() ** 2 + r.mean() ** 2
            luminance = 2 * p.mean() * r.mean() / squares if squares else 1.0
            contrast = 2 * np.cov(p, r)[0, 1] / spread if np.ptp(p) + np.ptp(r) else 1.0
            out[y + window // 2, x + window // 2] = luminance * contrast
    return out


def gradient(image: np.ndarray) -> np.ndarray:
    """Sobel magnitude by the nine neighbours of each inner pixel."""
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    out = np.full(image.shape, np.nan)
    for y in range(1, image.shape[0] - 1):
        for x in range(1, image.shape[1] - 1):
            near = image[y - 1 : y + 2, x - 1 : x + 2].astype(float)
            out[y, x] = np.hypot((near * across).sum(), (near * across.T).sum())
    return out
