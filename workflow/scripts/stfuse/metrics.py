"""How far a predicted image is from its reference: one function a metric, every convention named.

Every function takes a prediction and a reference in reflectance 0..1 or NDVI -1..1, leaves out
pixels missing in either, and answers NaN, never 0, where nothing is left. The metrics that look
at neighbourhoods are in `stfuse.structure`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.floating[Any]]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_REFERENCE = 1e-3
"""References smaller than this take no part in MRE: the quotient would be noise."""


class Convention(NamedTuple):
    """What a metric's number means: formula, unit and which way is better."""

    formula: str
    unit: str
    better: Literal["lower", "higher", "nearer 0"]


METRICS: dict[str, Convention] = {
    "rmse": Convention("sqrt(mean((P-R)^2))", "as the variable", "lower"),
    "mae": Convention("mean(|P-R|)", "as the variable", "lower"),
    "mre": Convention("mean(|P-R|/|R|) over pixels with |R| >= 0.001", "ratio", "lower"),
    "bias": Convention("mean(P-R)", "as the variable", "nearer 0"),
    "ce90": Convention("90 % quantile of |P-R|, linear between ranks", "as the variable", "lower"),
    "ce99": Convention("99 % quantile of |P-R|, linear between ranks", "as the variable", "lower"),
    "cc": Convention("Pearson correlation", "-1..1", "higher"),
    "r2": Convention(
        "1 - SS_res/SS_tot about the 1:1 line (may be negative; not the squared correlation)", "..1", "higher"
    ),
    "cc_squared": Convention(
        "Pearson correlation squared (the R2 of a fitted line; blind to bias and gain)", "0..1", "higher"
    ),
    "psnr": Convention("10 log10(MAX^2/MSE), MAX = 1.0; over bands the mean of the dB values", "dB", "higher"),
    "ssim": Convention(
        "Wang et al. 2004: Gaussian 11x11, sd 1.5, K1 = 0.01, K2 = 0.03, population variance, L = 1.0; mean of the map",
        "-1..1",
        "higher",
    ),
    "ssim_range": Convention(
        "as ssim with L = data range of R (99.9 % minus 0.1 % quantile), which discriminates at low reflectance",
        "-1..1",
        "higher",
    ),
    "uiqi": Convention(
        "Wang & Bovik 2002: 4 cov mP mR/((vP+vR)(mP^2+mR^2)) in sliding 8x8 windows, mean of the map", "-1..1", "higher"
    ),
    "struct": Convention(
        "mean |G(P)-G(R)| / mean G(R), G = Sobel gradient magnitude (/8); a proposal: Michel's is unpublished",
        "ratio",
        "lower",
    ),
    "struct_corr": Convention("Pearson correlation of G(P) and G(R), G = Sobel gradient magnitude", "-1..1", "higher"),
    "ergas": Convention("100 (h/l) sqrt(mean_b(RMSE_b^2/mean(R_b)^2)), h/l = fine pixel / coarse pixel", "-", "lower"),
    "ergas_h_l_1_16": Convention(
        "as ergas with h/l = 1/16, the MODIS-Landsat factor that fits the numbers of Wu et al. and Yang et al.",
        "-",
        "lower",
    ),
    "sam_deg": Convention("mean over pixels of arccos(<P,R>/(|P||R|)), zero spectra left out", "degrees", "lower"),
    "sam_rad": Convention("as sam_deg", "radians", "lower"),
    "covered": Convention("share of the reference's observed pixels that the method predicted", "0..1", "higher"),
}
"""Every metric that is ever written, in the order it is written."""

CONVENTIONS: dict[str, str] = {name: f"{c.formula} [{c.unit}]; better = {c.better}" for name, c in METRICS.items()}
"""Metric -> formula, unit and direction in words, for reports."""


def common(predicted: Image, reference: Image, mask: Mask | None = None) -> tuple[Vector, Vector]:
    """The values of the pixels present in both images and wanted by the mask, as two float64 vectors.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if predicted.shape != reference.shape:
        raise ValueError(f"Prediction {predicted.shape} and reference {reference.shape} differ in shape; regrid one.")
    valid = np.isfinite(predicted) & np.isfinite(reference)
    if mask is not None:
        valid &= mask
    if valid.all():
        return predicted.ravel().astype(np.float64), reference.ravel().astype(np.float64)
    return predicted[valid].astype(np.float64), reference[valid].astype(np.float64)


def _mean(values: Vector) -> float:
    return float(values.mean()) if values.size else float("nan")


def mae(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """Mean absolute error, in units of the variable."""
    p, r = common(predicted, reference, mask)
    return _mean(np.abs(p - r))


def mre(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """Mean relative error; pixels with a reference below `LEAST_REFERENCE` take no part."""
    p, r = common(predicted, reference, mask)
    usable = np.abs(r) >= LEAST_REFERENCE
    return _mean(np.abs(p[usable] - r[usable]) / np.abs(r[usable]))


def rmse(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """Root mean square error, in units of the variable."""
    p, r = common(predicted, reference, mask)
    return float(np.sqrt(_mean((p - r) ** 2)))


def bias(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """Mean of prediction minus reference, in units of the variable."""
    p, r = common(predicted, reference, mask)
    return _mean(p - r)


def circular_error(predicted: Image, reference: Image, share: float, mask: Mask | None = None) -> float:
    """The absolute error that `share` (0..1) of the pixels stay within: CE90, CE99 (Michel)."""
    p, r = common(predicted, reference, mask)
    return float(np.quantile(np.abs(p - r), share)) if p.size else float("nan")


def ce90(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """90 % quantile of the absolute error."""
    return circular_error(predicted, reference, 0.90, mask)


def ce99(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """99 % quantile of the absolute error."""
    return circular_error(predicted, reference, 0.99, mask)


def _is_flat(values: Vector) -> bool:
    # np.std of equal numbers is often 1e-17, which would make a correlation out of rounding.
    return bool(values.size < 2 or values.max() == values.min())


def cc(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """Pearson correlation; NaN where either image is flat."""
    p, r = common(predicted, reference, mask)
    if _is_flat(p) or _is_flat(r):
        return float("nan")
    p, r = p - p.mean(), r - r.mean()
    # Plain sums: a dot product of vectors this short wakes BLAS threads for longer than it computes.
    return float(np.clip(np.sum(p * r) / np.sqrt(np.sum(p * p) * np.sum(r * r)), -1.0, 1.0))


def cc_squared(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """Pearson correlation squared, the R2 that fitted scatter plots show."""
    return cc(predicted, reference, mask) ** 2


def r2(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """Coefficient of determination 1 - SS_res/SS_tot; NaN where the reference is flat."""
    p, r = common(predicted, reference, mask)
    if _is_flat(r):
        return float("nan")
    return float(1.0 - np.sum((r - p) ** 2) / np.sum((r - r.mean()) ** 2))


def psnr(predicted: Image, reference: Image, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1.0; infinite where the images are equal."""
    p, r = common(predicted, reference, mask)
    error = _mean((p - r) ** 2)
    return float("inf") if error == 0 else float(-10.0 * np.log10(error))


def ergas(predicted: Image, reference: Image, ratio: float, mask: Mask | None = None) -> float:
    """Relative dimensionless global error over all bands (Wald 2000).

    Parameters
    ----------
    predicted, reference : ndarray, shape (band, ...)
    ratio : float
        Coarse pixel / fine pixel, so that h/l = 1/ratio.
    mask : ndarray of bool, shape (...), optional
    """
    relative = []
    for p, r in zip(predicted, reference, strict=True):
        centre = _mean(common(p, r, mask)[1])
        relative.append((rmse(p, r, mask) / centre) ** 2 if centre else float("nan"))
    return float(100.0 / ratio * np.sqrt(np.mean(relative)))


def spectral_angles(predicted: Image, reference: Image) -> Vector:
    """The angle between predicted and reference spectrum of each pixel, in radians.

    Parameters
    ----------
    predicted, reference : ndarray, shape (band, ...)

    Returns
    -------
    ndarray, shape (...), float64
        NaN where a band is missing or a spectrum is zero, which has no direction.
    """
    p, r = predicted.astype(np.float64), reference.astype(np.float64)
    lengths = np.sqrt((p**2).sum(axis=0) * (r**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        # Rounding can carry the cosine of equal spectra past 1, where arccos is NaN.
        cosine = np.clip(np.where(lengths > 0, (p * r).sum(axis=0) / lengths, np.nan), -1.0, 1.0)
    return np.asarray(np.arccos(cosine), dtype=np.float64)


def sam(predicted: Image, reference: Image, mask: Mask | None = None, degrees: bool = True) -> float:
    """Spectral angle mapper: the mean spectral angle, in degrees (Wu) or radians (Yang).

    Parameters
    ----------
    predicted, reference : ndarray, shape (band, ...)
    mask : ndarray of bool, shape (...), optional
    """
    angles = spectral_angles(predicted, reference)
    wanted = np.isfinite(angles) if mask is None else np.isfinite(angles) & mask
    mean = _mean(angles[wanted])
    return float(np.degrees(mean)) if degrees else mean


PIXELWISE: dict[str, Callable[[Image, Image], float]] = {
    "rmse": rmse,
    "mae": mae,
    "mre": mre,
    "bias": bias,
    "ce90": ce90,
    "ce99": ce99,
    "cc": cc,
    "r2": r2,
    "cc_squared": cc_squared,
    "psnr": psnr,
}
"""The metrics of one band that do not look at neighbours."""


def better_key(metric: str, value: float) -> float:
    """A number that is smaller the better the value of the metric is; the bias counts by its size."""
    better = METRICS[metric].better
    return -value if better == "higher" else abs(value) if better == "nearer 0" else value
