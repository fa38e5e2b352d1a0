"""FSDAF of one pair, slow and obvious: one pixel after the other, in float64."""

from __future__ import annotations

import math

import numpy as np
from scipy.interpolate import RBFInterpolator

from naive import window_around


def class_map(fine, centres):  # type: ignore[no-untyped-def]
    """The nearest centre of each pixel, -1 where a band is not observed."""
    out = np.full(fine.shape[1:], -1)
    for p in np.ndindex(*out.shape):
        pixel = fine[:, *p].astype(np.float64)
        if np.isfinite(pixel).all():
            out[p] = np.nanargmin([np.sum((pixel - c) ** 2) for c in centres])
    return out


def overlap(pixel: int, cell: int, ratio: float) -> float:
    """Length that a fine pixel and a coarse cell share, in fine pixels."""
    return max(0.0, min(pixel + 1, (cell + 1) * ratio) - max(pixel, cell * ratio))


def shares(labels, classes, ratio, shape):  # type: ignore[no-untyped-def]
    """Area of each class in each cell, and of all that lies in the image; shapes (class, y, x) and (y, x)."""
    area, inside = np.zeros((classes, *shape)), np.zeros(shape)
    for i, j in np.ndindex(*shape):
        for y, x in np.ndindex(*labels.shape):
            common = overlap(y, i, ratio) * overlap(x, j, ratio)
            inside[i, j] += common
            if labels[y, x] >= 0:
                area[labels[y, x], i, j] += common
    return area, inside


def homogeneity(labels, radius):  # type: ignore[no-untyped-def]
    """Share of the observed pixels of the window that are of the centre's class."""
    out = np.full(labels.shape, np.nan)
    for y, x in np.ndindex(*labels.shape):
        seen = [labels[p] for p in window_around(y, x, radius, labels.shape) if labels[p] >= 0]
        if labels[y, x] >= 0:
            out[y, x] = np.mean(np.array(seen) == labels[y, x])
    return out


def thin_plate(cells, ratio, shape, radius):  # type: ignore[no-untyped-def]
    """The spline of each cell through the observed ones around it, at the fine pixels (y, x) in it."""
    out = np.full(shape, np.nan)
    for i, j in np.argwhere(np.isfinite(cells)):
        nodes = [p for p in window_around(i, j, radius, cells.shape) if np.isfinite(cells[p])]
        points = [p for p in np.ndindex(*shape) if math.floor((p[0] + 0.5) / ratio) == i and (p[1] + 0.5) // ratio == j]
        if np.linalg.matrix_rank(np.array(nodes) - nodes[0]) < 2:
            for p in points:
                out[p] = cells[i, j]
        elif points:
            spline = RBFInterpolator(np.array(nodes, float), [float(cells[p]) for p in nodes])
            for p, value in zip(points, spline((np.array(points) + 0.5) / ratio - 0.5), strict=True):
                out[p] = value
    return out


def residual_shares(temporal, spatial, homogeneity, rest, cap, epsilon):  # type: ignore[no-untyped-def]
    """A cell's residual for each of its pixels (lists), NaN where the pixel is not observed."""
    weights = []
    for f, s, h in zip(temporal, spatial, homogeneity, strict=True):
        wanted = s - f if (s - f) * rest > 0 else 0.0
        weights.append(abs(wanted) * h + abs(rest) * (1 - h) + epsilon if math.isfinite(f) else math.nan)
    weights = [w / np.nanmean(weights) for w in weights]
    weights = [1.0 if w > cap else w for w in weights]
    return [rest * w / np.nanmean(weights) for w in weights]


def similar_pixels(fine, y, x, tolerance, floor, radius, count, nearness=0.0):  # type: ignore[no-untyped-def]
    """The most alike pixels of the window as (unlikeness, distance, pixel), the centre first."""
    found = []
    for p in window_around(y, x, radius, fine.shape[1:]):
        difference = np.abs(fine[:, *p] - fine[:, y, x])
        if p == (y, x) or (difference < tolerance).all():
            unlike = float((difference / np.maximum(np.abs(fine[:, y, x]), floor)).sum())
            found.append((unlike, math.hypot(p[0] - y, p[1] - x), p))

    def order(pixel):  # type: ignore[no-untyped-def]
        unlike, distance, place = pixel
        return place != (y, x), (unlike + 1e-5) * (1 + nearness * distance / max(radius, 1)), distance, place

    return sorted(found, key=order)[:count]


def limits(temporal, coarse, inside, valid):  # type: ignore[no-untyped-def]
    """Least and largest value of a band's temporal prediction and coarse image in the scene, within the valid range."""
    values = [v for v in temporal.ravel() if math.isfinite(v)]
    values += [coarse[cell] for cell in np.ndindex(*coarse.shape) if inside[cell] > 0 and math.isfinite(coarse[cell])]
    return max(valid[0], min(values)), min(valid[1], max(values))


def forecast(fine, now, then, ratio, state, params, valid=(-math.inf, math.inf)):  # type: ignore[no-untyped-def]
    """One date from one pair: fine (band, y, x), coarse (band, y, x) on their grid.

    `state` as `fsdaf.prepare` has it, but for the limits; `valid` is the range of all bands.
    """
    low, high = state["accepted"][:, 0, :, None, None]
    fine = np.clip(fine.astype(np.float64), low, high)
    now, then = now.astype(np.float64), then.astype(np.float64)
    change, shape, radius = state["change"][0, 0], fine.shape[1:], params.window // 2
    labels = class_map(fine, state["centres"][0])
    area, inside = shares(labels, len(change), ratio, now.shape[1:])
    alike = homogeneity(labels, radius)
    cell_of = {p: (int((p[0] + 0.5) // ratio), int((p[1] + 0.5) // ratio)) for p in np.ndindex(*shape)}
    changes, plain = np.full(fine.shape, np.nan), np.full(fine.shape, np.nan)
    for b in range(len(fine)):
        spatial = thin_plate(now[b], ratio, shape, params.radius)
        for cell in np.ndindex(*now.shape[1:]):
            pixels = [p for p in cell_of if cell_of[p] == cell and labels[p] >= 0]
            seen = area[:, *cell].sum()
            if not pixels or not np.isfinite(now[b, *cell]):
                continue
            for p in pixels:
                plain[b, *p] = fine[b, *p] + now[b, *cell] - then[b, *cell]
            rest = now[b, *cell] - then[b, *cell] - (area[:, *cell] / seen) @ change[:, b]
            if not math.isfinite(rest) or seen < 0.5 * inside[cell]:
                added = [0.0 for _ in pixels]
            else:
                temporal = [fine[b, *p] + change[labels[p], b] for p in pixels]
                lists = temporal, [spatial[p] for p in pixels], [alike[p] for p in pixels]
                added = residual_shares(*lists, rest, params.cap, params.epsilon)
            for p, more in zip(pixels, added, strict=True):
                changes[b, *p] = change[labels[p], b] + more
        if params.limits:
            temporal = np.where(labels >= 0, fine[b] + change[labels, b], np.nan)
            changes[b] = np.clip(fine[b] + changes[b], *limits(temporal, now[b], inside, valid)) - fine[b]
    out = smoothed(fine, changes, state, params)
    astray = ((out < valid[0]) | (out > valid[1])) & np.isfinite(plain)
    return np.clip(np.where(astray, plain, out), *valid)


def smoothed(fine, changes, state, params):  # type: ignore[no-untyped-def]
    """F_1 and the weighted mean change of the similar pixels."""
    out, classes = np.full(fine.shape, np.nan), np.isfinite(state["centres"][0]).all(axis=1).sum()
    images = np.where(np.isfinite(changes).any(axis=0), fine, np.nan)
    radius = params.window // 2
    for y, x in np.argwhere(np.isfinite(images).all(axis=0)):
        tolerance = 2 * state["spread"][0] / classes
        near = similar_pixels(images, y, x, tolerance, params.floor, radius, params.similar, params.nearness)
        for b in range(len(fine)):
            known = [n for n in near if np.isfinite(changes[b, *n[2]])]
            weights = [1 / ((1 + distance / max(radius, 1)) * (1 + unlike)) for unlike, distance, _ in known]
            if np.isfinite(changes[b, y, x]):
                out[b, y, x] = fine[b, y, x] + np.average([changes[b, *n[2]] for n in known], weights=weights)
    return out
