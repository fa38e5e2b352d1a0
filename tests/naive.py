"""Slow and obvious versions of what the package does fast. Tests compare the two."""

from __future__ import annotations

import math

import numpy as np

from stfuse.task import FloatArray


def window_around(y: int, x: int, radius: int, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Pixels of the window around (y, x), clipped at the edge."""
    rows = range(max(y - radius, 0), min(y + radius + 1, shape[0]))
    return [(i, j) for i in rows for j in range(max(x - radius, 0), min(x + radius + 1, shape[1]))]


def starfm(fine, coarse, now, tolerance, rules, limit="smallest") -> FloatArray:  # type: ignore[no-untyped-def]
    """STARFM of one band from pairs (pair, y, x), in float64, one pixel after the other."""
    fine, coarse, now = (np.asarray(a, np.float64) for a in (fine, coarse, now))
    tolerance = np.broadcast_to(tolerance, fine.shape)
    out = np.full(now.shape, np.nan)
    for y in range(now.shape[0]):
        for x in range(now.shape[1]):
            out[y, x] = _starfm_pixel(fine, coarse, now, tolerance, rules, limit, y, x)
    return out.astype(np.float32)


def _starfm_pixel(fine, coarse, now, tolerance, rules, limit, y, x) -> float:  # type: ignore[no-untyped-def]
    def known(k, i, j):  # type: ignore[no-untyped-def]
        return math.isfinite(fine[k, i, j]) and math.isfinite(coarse[k, i, j]) and math.isfinite(now[i, j])

    pairs = [k for k in range(len(fine)) if known(k, y, x)]
    if not pairs:
        return math.nan
    if rules.copy_on_zero_diff:
        unchanged = [float(fine[k, y, x]) for k in pairs if coarse[k, y, x] == now[y, x]]
        if unchanged:
            return sum(unchanged) / len(unchanged)
        if any(fine[k, y, x] == coarse[k, y, x] for k in pairs):
            return float(now[y, x])
    own_s = {k: abs(fine[k, y, x] - coarse[k, y, x]) for k in pairs}
    own_t = {k: abs(coarse[k, y, x] - now[y, x]) for k in pairs}
    choose = max if limit == "largest" else min
    total = weights = 0.0
    for k in pairs:
        most_s = own_s[k] if limit == "own" else choose(own_s.values())
        most_t = own_t[k] if limit == "own" else choose(own_t.values())
        most_s += math.sqrt(rules.sigma_fine**2 + rules.sigma_coarse**2)
        most_t += math.sqrt(2) * rules.sigma_coarse
        for i, j in window_around(y, x, rules.window // 2, now.shape):
            if not known(k, i, j) or not abs(fine[k, i, j] - fine[k, y, x]) < tolerance[k, y, x]:
                continue
            s, t = abs(fine[k, i, j] - coarse[k, i, j]), abs(coarse[k, i, j] - now[i, j])
            if not (s < most_s and t < most_t if rules.strict else s < most_s or t < most_t):
                continue
            weight = 1 / _combined(s, t, math.hypot(i - y, j - x), rules)
            weights += weight
            total += weight * (fine[k, i, j] + now[i, j] - coarse[k, i, j])
    if weights == 0:
        return sum(fine[k, y, x] + now[y, x] - coarse[k, y, x] for k in pairs) / len(pairs)
    return total / weights


def _combined(s: float, t: float, distance: float, rules) -> float:  # type: ignore[no-untyped-def]
    """Gao et al. 2006, equations 7 to 11."""
    parts = [s, t] if rules.temporal_weight else [s]
    if rules.max_weight:
        uncertainty = math.sqrt(rules.sigma_fine**2 + rules.sigma_coarse**2 + 2 * rules.sigma_coarse**2)
        if math.prod(p / rules.epsilon + 1 for p in parts) < uncertainty / rules.epsilon * (1 - 1e-3):
            parts, distance = [0.0 for _ in parts], 0.0
    if rules.weight == "log":
        combined = math.prod(math.log(rules.log_scale * p + 2) for p in parts)
    else:
        combined = math.prod(p + rules.epsilon for p in parts)
    return combined * (1 + distance / (rules.distance_scale or rules.window / 2))


def window_sd(values: FloatArray, window: int) -> FloatArray:
    """Standard deviation over the observed pixels of each clipped window."""
    out = np.zeros(values.shape, np.float32)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            seen = [float(values[p]) for p in window_around(y, x, window // 2, values.shape) if np.isfinite(values[p])]
            out[y, x] = np.std(seen) if seen else 0.0
    return out


def interpolate(values: list[float], days: list[int], day: int) -> float:
    """One pixel's series at one day: linear between its observations, the nearest one beyond them."""
    seen = [(d, v) for d, v in zip(days, values, strict=True) if math.isfinite(v)]
    before, after = [p for p in seen if p[0] <= day], [p for p in seen if p[0] > day]
    if not seen:
        return math.nan
    if not after:
        return before[-1][1]
    if not before:
        return after[0][1]
    (d0, v0), (d1, v1) = before[-1], after[0]
    return v0 + (v1 - v0) * (day - d0) / (d1 - d0)


def block_mean(values: FloatArray, ratio: int, min_valid: float = 0.5) -> FloatArray:
    """Mean of the observed pixels of whole blocks, NaN where too few are; shape (y, x)."""
    shape = tuple(math.ceil(n / ratio) for n in values.shape)
    out = np.full(shape, np.nan, np.float32)
    for i in range(shape[0]):
        for j in range(shape[1]):
            block = values[i * ratio : (i + 1) * ratio, j * ratio : (j + 1) * ratio]
            seen = block[np.isfinite(block)].astype(np.float64)
            if seen.size >= min_valid * ratio * ratio and seen.size:
                out[i, j] = seen.mean()
    return out
