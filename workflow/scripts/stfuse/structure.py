"""Metrics that look at neighbourhoods, as maps: gradient, SSIM, UIQI, and the structure error.

A window that holds a missing pixel or reaches over the image's edge gives NaN and does not count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import structural_similarity

from stfuse.metrics import Image, Mask, cc

Map = NDArray[np.float64]
SSIM_SIGMA = 1.5
SSIM_REACH = 5
"""Pixels from the centre to the edge of the 11x11 Gaussian window."""


def _blank(predicted: Image, reference: Image) -> tuple[Map, Map]:
    """Float64 copies, missing wherever either is."""
    missing = ~(np.isfinite(predicted) & np.isfinite(reference))
    p, r = predicted.astype(np.float64), reference.astype(np.float64)
    p[missing] = r[missing] = np.nan
    return p, r


def _drop_edge(values: Map, before: int, after: int) -> Map:
    """NaN in the first `before` and last `after` rows and columns, where windows are not whole."""
    kept = np.full(values.shape, np.nan)
    inside = tuple(slice(before, max(n - after, 0)) for n in values.shape)
    kept[inside] = values[inside]
    return kept


def mean_of_map(values: Map, mask: Mask | None = None) -> tuple[float, int]:
    """Mean of the map's finite values (within the mask) and how many they are; NaN and 0 if none."""
    wanted = np.isfinite(values) if mask is None else np.isfinite(values) & mask
    found = values[wanted]
    return (float(found.mean()) if found.size else float("nan")), int(found.size)


def gradient(image: Image) -> Map:
    """Sobel gradient magnitude per pixel (kernels divided by 8).

    Parameters
    ----------
    image : ndarray, shape (y, x)

    Returns
    -------
    ndarray, shape (y, x), float64
        In units of the image per pixel; NaN where the 3x3 neighbourhood is not whole.
    """
    values = image.astype(np.float64)
    # A NaN spreads over exactly its 3x3 neighbours: the filters are finite sums that weigh every tap.
    down, across = ndimage.sobel(values, axis=0) / 8.0, ndimage.sobel(values, axis=1) / 8.0
    return _drop_edge(np.hypot(down, across), 1, 1)


def data_range(reference: Image) -> float:
    """99.9 % minus 0.1 % quantile of the observed values: the L of ``ssim_range``; NaN if there are none."""
    values = reference[np.isfinite(reference)].astype(np.float64)
    if not values.size:
        return float("nan")
    low, high = np.quantile(values, (0.001, 0.999))
    return float(high - low)


def ssim_map(predicted: Image, reference: Image, dynamic_range: float = 1.0) -> Map:
    """Structural similarity around each pixel (Wang et al. 2004, eq. 13).

    Parameters
    ----------
    predicted, reference : ndarray, shape (y, x)
    dynamic_range : float
        L of the paper. A range that is not positive gives NaN everywhere.

    Returns
    -------
    ndarray, shape (y, x), float64
        -1..1; NaN where the 11x11 window is not whole.
    """
    p, r = _blank(predicted, reference)
    if min(p.shape) <= 2 * SSIM_REACH or not dynamic_range > 0:
        return np.full(p.shape, np.nan)
    # The Gaussian is a finite sum as well, so scikit-image carries NaN to just the windows that hold one.
    _, values = structural_similarity(  # type: ignore[no-untyped-call]
        p,
        r,
        data_range=dynamic_range,
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
        K1=0.01,
        K2=0.03,
        full=True,
    )
    return _drop_edge(values, SSIM_REACH, SSIM_REACH)


def ssim(predicted: Image, reference: Image, dynamic_range: float = 1.0, mask: Mask | None = None) -> float:
    """Mean of `ssim_map` over the mask's pixels."""
    return mean_of_map(ssim_map(predicted, reference, dynamic_range), mask)[0]


def uiqi_map(predicted: Image, reference: Image, window: int = 8) -> Map:
    """Universal image quality index in sliding windows (Wang & Bovik 2002, eq. 2).

    Windows that are flat in both images have no structure to compare; of them the index keeps
    its factor for the means, as the authors' program does.

    Parameters
    ----------
    predicted, reference : ndarray, shape (y, x)
    window : int
        Side of the square window in pixels.

    Returns
    -------
    ndarray, shape (y, x), float64
        -1..1, at the pixel ``window // 2`` from the window's top left corner; NaN where the
        window is not whole.
    """
    p, r = _blank(predicted, reference)
    missing = ~np.isfinite(p)
    if missing.all() or min(p.shape) < window:
        return np.full(p.shape, np.nan)
    # Sums about the common mean: the variance is a small difference of large numbers otherwise.
    centre = float(np.mean((p[~missing].mean(), r[~missing].mean())))
    # The running mean would drag a NaN along the row, so missing pixels are filled and their windows dropped.
    p, r = np.where(missing, 0.0, p - centre), np.where(missing, 0.0, r - centre)

    def mean(values: Map) -> Map:
        return np.asarray(ndimage.uniform_filter(values, window, mode="constant"))

    mean_p, mean_r = mean(p), mean(r)
    variances = mean(p * p) - mean_p**2 + mean(r * r) - mean_r**2
    covariance = mean(p * r) - mean_p * mean_r
    mean_p, mean_r = mean_p + centre, mean_r + centre
    flat = variances <= 1e-12 * max(np.abs(p).max(), np.abs(r).max()) ** 2
    squares = mean_p**2 + mean_r**2
    with np.errstate(invalid="ignore", divide="ignore"):
        luminance = np.where(squares > 0, 2.0 * mean_p * mean_r / squares, 1.0)
        index = luminance * np.where(flat, 1.0, 2.0 * covariance / variances)
    index[mean(missing.astype(np.float64)) > 0.5 / window**2] = np.nan
    return _drop_edge(np.clip(index, -1.0, 1.0), window // 2, window - window // 2 - 1)


def uiqi(predicted: Image, reference: Image, window: int = 8, mask: Mask | None = None) -> float:
    """Mean of `uiqi_map` over the mask's pixels."""
    return mean_of_map(uiqi_map(predicted, reference, window), mask)[0]


def struct(slope_predicted: Image, slope_reference: Image, mask: Mask | None = None) -> float:
    """Relative error of the gradient magnitude: mean |G(P)-G(R)| / mean G(R); NaN where R is flat.

    Parameters
    ----------
    slope_predicted, slope_reference : ndarray, shape (y, x)
        What `gradient` gives of the two images.
    """
    total = mean_of_map(slope_reference + 0.0 * slope_predicted, mask)[0]
    error = mean_of_map(np.abs(slope_predicted - slope_reference), mask)[0]
    return error / total if total else float("nan")


def struct_corr(slope_predicted: Image, slope_reference: Image, mask: Mask | None = None) -> float:
    """Pearson correlation of the two gradient magnitudes."""
    return cc(slope_predicted, slope_reference, mask)
