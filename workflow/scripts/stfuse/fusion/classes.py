"""Classes of a fine image: unsupervised, from a sample of its pixels. Compiled in part.

Source: Zhu et al. 2016 (RSE 172:165), classification.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.cluster.vq import ClusterError, kmeans2

from stfuse.fusion.spread import image_sd
from stfuse.task import FloatArray, State, Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Labels = NDArray[np.int8]

RESTARTS = 10
"""Beginnings of the k-means; the best end is kept."""


def learn_classes(
    pieces: Iterable[Task],
    valid: Floats,
    share: float,
    classes: int,
    size: int,
    seed: int,
    centres: Floats | None = None,
) -> State:
    """Limits, spread and classes of the fine images, from a scene in pieces.

    Parameters
    ----------
    pieces : iterable of Task
        Gone through twice; see `stfuse.tiles.pieces`.
    valid : ndarray, shape (2, band)
        Valid range of the bands.
    share : float
        Share of the pixels at either end that lies beyond the accepted range.
    classes, size, seed : int
        Most classes of an image, most pixels they are learned from, and the seed of both.
    centres : ndarray, shape (image, class, band), optional
        Classes that are known already.

    Returns
    -------
    State
        ``accepted`` (2, image, band), ``spread`` (image, band) and ``centres`` (image, class, band).
    """
    accepted, observed = accepted_range((task.fine.values[..., *task.core] for task in pieces), valid, share)
    samples: list[list[Floats]] = [[] for _ in observed]

    def cleaned() -> Iterator[FloatArray]:
        for number, task in enumerate(pieces):
            values = clean(task.fine.values[..., *task.core], accepted)
            for k, image in enumerate(values):
                random = np.random.default_rng([seed, number, k])
                samples[k].append(draw(image, size / max(observed[k], 1), random))
            yield values

    spread = image_sd(cleaned())
    if centres is None:
        found = [find_classes(np.concatenate(sample), classes, seed) for sample in samples]
        centres = np.array(found).reshape(len(found), classes, spread.shape[1])
    return {"accepted": accepted, "spread": spread, "centres": np.asarray(centres, np.float64)}


def clean(values: FloatArray, accepted: Floats) -> FloatArray:
    """Values (image, band, y, x) pulled into the accepted range (2, image, band); infinite ones are not observed."""
    low, high = accepted.astype(np.float32)[..., None, None]
    return np.where(np.isfinite(values), np.clip(values, low, high), np.float32(np.nan))


def classified(task: Task, k: int, state: State) -> tuple[FloatArray, Labels]:
    """A fine image F_1 of a task, cleaned, and the class of each of its pixels, by what `learn_classes` found."""
    fine = clean(task.fine.values[k : k + 1], state["accepted"][:, k : k + 1])[0]
    return fine, label(fine, state["centres"][k])


def accepted_range(parts: Iterable[FloatArray], limits: Floats, share: float) -> tuple[Floats, Ints]:
    """Between which values the fine pixels of each band lie, but for a share at either end.

    Quantiles of a histogram in steps of 1e-4 (0.01 where a band has no limits), outwards to the end of a step.

    Parameters
    ----------
    parts : iterable of ndarray, shape (time, band, y, x)
        The images in pieces that cover them once; NaN = not observed.
    limits : ndarray, shape (2, band)
        Valid range of each band; the answer lies within it.
    share : float
        0 = only the limits.

    Returns
    -------
    accepted : ndarray, shape (2, time, band)
    observed : ndarray, shape (time,)
        Pixels, in the band that has fewest.
    """
    endless = np.isinf(limits).any(axis=0)
    low, high = (np.where(endless, end, limit) for end, limit in zip((-100.0, 100.0), limits, strict=True))
    step = np.where(endless, 1e-2, 1e-4)
    bins = np.round((high - low) / step).astype(int)
    counts: dict[tuple[int, int], Ints] = {}
    times = 0
    for part in parts:
        times = len(part)
        for t, b in np.ndindex(*part.shape[:2]):
            seen = part[t, b][np.isfinite(part[t, b])].astype(np.float64)
            place = np.clip((seen - low[b]) / step[b], 0, bins[b] - 1).astype(np.int64)
            counts[t, b] = counts.get((t, b), 0) + np.bincount(place, minlength=bins[b])
    out = np.repeat(limits[:, None], times, axis=1)
    for (t, b), count in counts.items() if share > 0 else ():
        total = np.cumsum(count)
        first, last = np.searchsorted(total, [share * total[-1], (1 - share) * total[-1]], side="right")
        if 0 < first < bins[b]:
            out[0, t, b] = low[b] + step[b] * first
        if 0 <= last < bins[b] - 1:
            out[1, t, b] = low[b] + step[b] * (last + 1)
    observed = [min(counts[t, b].sum() for b in range(limits.shape[1])) for t in range(times)]
    return out, np.array(observed, np.int64)


def draw(image: FloatArray, share: float, random: np.random.Generator) -> Floats:
    """A sample of the pixels that are observed in every band, spread evenly over the image.

    Parameters
    ----------
    image : ndarray, shape (band, y, x)
    share : float
        Of the observed pixels.

    Returns
    -------
    ndarray, shape (pixel, band)
    """
    seen = np.flatnonzero(np.isfinite(image).all(axis=0))
    count = min(math.ceil(share * len(seen)), len(seen))
    # One from each of as many stretches of equal length.
    places = (np.arange(count) + random.random(count)) * (len(seen) / max(count, 1))
    return image.reshape(len(image), -1)[:, seen[places.astype(np.int64)]].T.astype(np.float64)


def find_classes(sample: Floats, count: int, seed: int) -> Floats:
    """Centres of classes of pixels by k-means.

    Zhu et al. use ISODATA with 4 to 6 classes; what follows asks for no more than homogeneous classes. Like
    theirs, distances are of reflectance as it is: a band that varies more counts for more.

    Parameters
    ----------
    sample : ndarray, shape (pixel, band)
    count : int
        Most classes; fewer come out where the sample holds fewer different pixels, or classes end without any.

    Returns
    -------
    ndarray, shape (count, band)
        Ascending; NaN in rows beyond the classes there are.
    """
    different = np.unique(sample, axis=0)
    for fewer in range(count, 0, -1):
        if len(different) > fewer:
            different = _k_means(sample, fewer, seed, different)
        if len(different) <= fewer:
            break
    out = np.full((count, sample.shape[1]), np.nan)
    out[: len(different)] = different
    return out


def _k_means(sample: Floats, count: int, seed: int, otherwise: Floats) -> Floats:
    """The best of several k-means, or what is given otherwise if each ended with a class without pixels."""
    least = np.inf
    for restart in range(RESTARTS):
        try:
            random = np.random.default_rng([seed, restart])
            centres, nearest = kmeans2(sample, count, iter=25, minit="++", missing="raise", rng=random)
        except ClusterError:
            continue
        error = float(np.square(sample - centres[nearest]).sum())
        if error < least:
            least, otherwise = error, centres
    return np.asarray(otherwise[np.lexsort(otherwise.T[::-1])])


def label(fine: FloatArray, centres: Floats) -> Labels:
    """The class of each pixel: that of the nearest centre.

    Parameters
    ----------
    fine : ndarray, shape (band, y, x), float32
    centres : ndarray, shape (class, band)
        NaN = no such class.

    Returns
    -------
    ndarray, shape (y, x), int8
        -1 where a band is not observed.
    """
    out = np.empty(fine.shape[1:], np.int8)
    _label(np.ascontiguousarray(fine), centres.astype(np.float32), out)
    return out


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _label(fine: FloatArray, centres: FloatArray, out: Labels) -> None:
    width = fine.shape[2]
    distance, best = np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(fine.shape[1]):
        best[:] = np.inf
        out[y] = -1
        for k in range(len(centres)):
            distance[:] = 0
            for b in range(len(fine)):
                for x in range(width):
                    step = fine[b, y, x] - centres[k, b]
                    distance[x] += step * step
            for x in range(width):
                nearer = distance[x] < best[x]  # never where a band is NaN
                best[x] = distance[x] if nearer else best[x]
                out[y, x] = k if nearer else out[y, x]


def extremes(fine: FloatArray, labels: Labels, classes: int) -> Floats:
    """Least and largest value of each class, shape (2, class, band); inf and -inf for classes without pixels."""
    out = np.full((2, classes, len(fine)), np.inf)
    out[1] = -np.inf
    _extremes(fine, labels, out)
    return out


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _extremes(fine: FloatArray, labels: Labels, out: Floats) -> None:
    for b in range(len(fine)):
        for y in range(labels.shape[0]):
            for x in range(labels.shape[1]):
                k = labels[y, x]
                if k >= 0:
                    value = np.float64(fine[b, y, x])
                    out[0, k, b] = min(out[0, k, b], value)
                    out[1, k, b] = max(out[1, k, b], value)
