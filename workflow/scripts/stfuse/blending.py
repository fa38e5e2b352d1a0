"""STARFM's weighted mean over the similar pixels of a search window, compiled.

A prediction of one pixel is a weighted mean over the similar pixels around it. The kernel here does
that for any number of fine/coarse pairs; a method supplies the rules.

Sources: Gao et al. 2006 (IEEE TGRS 44:2207), sections II and III; differences between public
codes are parameters of `Rules`.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numba import njit

from stfuse.similar import pad
from stfuse.task import FloatArray

Weight = Literal["linear", "log"]

# Sums may be reordered (that is what makes them vector instructions) and fused. The order depends on
# the window's width alone, because windows are never clipped but padded: tiles give the bits of the whole.
# `nnan` and `ninf` stay off: NaN marks pixels that were not observed.
_FAST = {"reassoc", "contract", "nsz"}


class Rules(Protocol):
    """Which pixels count as similar and how much each weighs; a method's ``Params`` has these fields."""

    @property
    def window(self) -> int:
        """Width of the search window, fine pixels, odd."""

    @property
    def sigma_fine(self) -> float:
        """Uncertainty of fine reflectance."""

    @property
    def sigma_coarse(self) -> float:
        """Uncertainty of coarse reflectance."""

    @property
    def distance_scale(self) -> float:
        """Distance A in ``D = 1 + d / A``, fine pixels; 0 = half the window."""

    @property
    def strict(self) -> bool:
        """Whether a sample must pass the spectral AND the temporal filter, or either."""

    @property
    def weight(self) -> Weight:
        """Form of the combined distance."""

    @property
    def temporal_weight(self) -> bool:
        """Whether the temporal difference is part of the combined distance."""

    @property
    def max_weight(self) -> bool:
        """Whether samples within the combined uncertainty all take the largest weight."""

    @property
    def epsilon(self) -> float:
        """Added to differences in the linear form, reflectance."""

    @property
    def log_scale(self) -> float:
        """Factor b of differences in the logarithmic form, 1/reflectance."""

    @property
    def copy_on_zero_diff(self) -> bool:
        """Whether a zero spectral or temporal difference copies the coarse or fine value."""


def check_rules(rules: Rules) -> None:
    """Refuse rules that mean nothing.

    Raises
    ------
    ValueError
        If the window is even or not positive, a form is unknown, or a number is out of range.
    """
    if rules.window < 1 or rules.window % 2 == 0:
        raise ValueError(f"window must be an odd number of pixels, found {rules.window}")
    if rules.weight not in ("linear", "log"):
        raise ValueError(f"weight must be linear or log, found {rules.weight!r}")
    if min(rules.sigma_fine, rules.sigma_coarse, rules.distance_scale) < 0:
        raise ValueError("sigma_fine, sigma_coarse and distance_scale must not be negative")
    if rules.epsilon <= 0 or rules.log_scale <= 0:
        raise ValueError("epsilon and log_scale must be positive")


def inverse_distance(window: int, scale: float) -> FloatArray:
    """``1 / (1 + d / A)`` for each place of the window, shape (window, window); A = half the window if 0."""
    offset = np.arange(window) - window // 2
    distance = np.hypot(offset[:, None], offset[None, :])
    return (1.0 / (1.0 + distance / (scale or window / 2))).astype(np.float32)


def blend(fine: FloatArray, coarse: FloatArray, now: FloatArray, tolerance: FloatArray, rules: Rules) -> FloatArray:
    """Predict one band from one or more pairs by STARFM (Gao et al. 2006, equations 4 to 12).

    Parameters
    ----------
    fine : ndarray, shape (pair, y, x), float32
        Fine images F_k at the base dates; reflectance, NaN = not observed.
    coarse : ndarray, shape (pair, y, x), float32
        Coarse images C_k at the base dates on the fine grid.
    now : ndarray, shape (y, x), float32
        Coarse image C_0 at the target date on the fine grid.
    tolerance : ndarray, broadcastable to (pair, y, x), float32
        Largest difference of a similar pixel to the centre, 2 sd(F_k) / m.
    rules : Rules

    Returns
    -------
    ndarray, shape (y, x), float32
        NaN where no pair is observed in all three images.
    """
    spectral, temporal = np.abs(fine - coarse), np.abs(coarse - now)
    forecast = fine + (now - coarse)
    known = np.isfinite(forecast)
    count = known.sum(axis=0)
    # Sums run over differences to this value, so that equal forecasts are returned without rounding.
    plain = np.where(known, forecast, np.float32(0)).sum(axis=0, dtype=np.float32) / np.where(count, count, np.nan)
    plain = plain.astype(np.float32)
    slack_s = np.hypot(rules.sigma_fine, rules.sigma_coarse)
    slack_t = np.sqrt(2) * rules.sigma_coarse
    # With several pairs the better pair's difference is the limit (Gao et al. 2006, section III-C).
    limit_s = (np.where(known, spectral, np.inf).min(axis=0) + slack_s).astype(np.float32)
    limit_t = (np.where(known, temporal, np.inf).min(axis=0) + slack_t).astype(np.float32)
    radius = rules.window // 2
    out = np.empty(now.shape, np.float32)
    _blend(
        pad(np.where(known, fine, np.nan).astype(np.float32), radius, np.nan),
        pad(spectral, radius, np.nan),
        pad(temporal, radius, np.nan),
        pad(np.where(known, _quality(spectral, temporal, rules), np.float32(0)), radius, 0.0),
        pad(np.where(known, forecast, np.float32(0)), radius, 0.0),
        np.ascontiguousarray(np.broadcast_to(tolerance, fine.shape), dtype=np.float32),
        limit_s,
        limit_t,
        plain,
        inverse_distance(rules.window, rules.distance_scale),
        not rules.strict,
        out,
    )
    return _copy_equal(out, fine, spectral, temporal, now) if rules.copy_on_zero_diff else out


def _quality(spectral: FloatArray, temporal: FloatArray, rules: Rules) -> FloatArray:
    """1 / combined difference without the distance; negative where the distance does not count (`max_weight`)."""

    def part(difference: FloatArray) -> FloatArray:
        if rules.weight == "log":
            raised: FloatArray = np.log(np.float32(rules.log_scale) * difference + np.float32(2))
            return raised
        return difference + np.float32(rules.epsilon)

    combined = part(spectral) * part(temporal) if rules.temporal_weight else part(spectral)
    quality = np.float32(1) / combined
    if rules.max_weight:
        # In units of epsilon (one digital number), as the public codes compare: product against uncertainty.
        differences = spectral / rules.epsilon + 1
        if rules.temporal_weight:
            differences = differences * (temporal / rules.epsilon + 1)
        uncertainty = np.sqrt(rules.sigma_fine**2 + 3 * rules.sigma_coarse**2) / rules.epsilon
        zero = part(np.zeros((), np.float32))
        largest = 1 / (zero * zero if rules.temporal_weight else zero)
        quality = np.where(differences < uncertainty, -largest, quality)
    return quality.astype(np.float32)


def _copy_equal(
    out: FloatArray, fine: FloatArray, spectral: FloatArray, temporal: FloatArray, now: FloatArray
) -> FloatArray:
    """Gao et al. 2006, equations 13 and 14: no spectral difference -> C_0, no temporal difference -> F_k."""
    for k in range(len(fine)):
        out = np.where(spectral[k] == 0, now, out)
        out = np.where(temporal[k] == 0, fine[k], out)
    return out


@njit(nogil=True, fastmath=_FAST, cache=True)  # type: ignore[untyped-decorator]
def _blend(
    fine: FloatArray,
    spectral: FloatArray,
    temporal: FloatArray,
    quality: FloatArray,
    forecast: FloatArray,
    tolerance: FloatArray,
    limit_s: FloatArray,
    limit_t: FloatArray,
    plain: FloatArray,
    nearness: FloatArray,
    either: bool,
    out: FloatArray,
) -> None:
    """Weighted mean over the similar pixels of padded images; no branch and no temporary in the inner loop."""
    window = nearness.shape[0]
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            max_s, max_t, base = limit_s[y, x], limit_t[y, x], plain[y, x]
            total, weights = np.float32(0), np.float32(0)
            for k in range(fine.shape[0]):
                centre, near = fine[k, y + window // 2, x + window // 2], tolerance[k, y, x]
                for dy in range(window):
                    for dx in range(window):
                        i, j = y + dy, x + dx
                        s_ok, t_ok = spectral[k, i, j] < max_s, temporal[k, i, j] < max_t
                        ok = (abs(fine[k, i, j] - centre) < near) & ((s_ok & t_ok) | (either & (s_ok | t_ok)))
                        q = quality[k, i, j]
                        weight = q * nearness[dy, dx] if q > 0 else -q
                        weight = weight if ok else np.float32(0)
                        weights += weight
                        total += weight * (forecast[k, i, j] - base)
            out[y, x] = base + total / weights if weights > 0 else base
