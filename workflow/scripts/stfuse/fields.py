"""Fields: connected patches of a map, or segments found in the NDVI of several days."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray

IntArray = NDArray[np.int32]

MIN_PIXELS = 20  # a fifth of a hectare at 10 m: smaller ones hold mixed pixels only
SCALE = 300.0  # of the segmentation: larger means larger segments; at this one real fields of 1 to 5 ha stay whole
MIN_NDVI = 0.4  # highest NDVI of the segment's mean over the days: less is no vegetation


def patches(values: IntArray) -> IntArray:
    """Number the connected patches of equal value (four neighbours); 0 = none.

    The largest patch of a value keeps the map's own number, so that a map of field numbers keeps them; the other
    patches of that value are numbered from the highest value on.

    Parameters
    ----------
    values : ndarray, shape (y, x), int32
        Field numbers or class codes, 0 = none.
    """
    from skimage.measure import label, regionprops  # here: only a site with a field map needs it

    labels = label(values, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    out = np.zeros(values.shape, np.int32)
    following = int(values.max(initial=0)) + 1
    taken: set[int] = set()
    found = regionprops(labels)  # type: ignore[no-untyped-call]
    for region in sorted(found, key=lambda r: (-r.area, r.label)):
        rows, columns = region.coords[:, 0], region.coords[:, 1]
        number = int(values[rows[0], columns[0]])
        if number in taken:
            number, following = following, following + 1
        taken.add(number)
        out[rows, columns] = number
    return out


def segments(ndvi: FloatArray) -> IntArray:
    """Find fields as segments of alike NDVI over several days (Felzenszwalb & Huttenlocher 2004, IJCV 59, 167-181).

    Segments without vegetation on any day and small ones are left out.

    Parameters
    ----------
    ndvi : ndarray, shape (time, y, x), float32
        NaN = not observed.

    Returns
    -------
    ndarray, shape (y, x), int32
        Numbered 1..n from the top left, 0 = no field.
    """
    from skimage.segmentation import felzenszwalb  # here: only a site without a field map needs it

    seen = np.isfinite(ndvi)
    count = seen.sum(axis=0)
    mean = np.where(seen, ndvi, 0).sum(axis=0) / np.maximum(count, 1)
    filled = np.where(seen, ndvi, mean[None])
    stack = np.moveaxis(filled, 0, -1).astype(np.float64)
    # Without smoothing: it would make a segment of its own of every border between two fields.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Got image with third dimension")  # days stand in the place of colours
        labels = felzenszwalb(stack, scale=SCALE, sigma=0.0, min_size=MIN_PIXELS)
    out = np.zeros(labels.shape, np.int32)
    for number in np.unique(labels):
        here = (labels == number) & (count > 0)
        if here.sum() >= MIN_PIXELS and filled[:, here].mean(axis=1).max() >= MIN_NDVI:
            out[here] = out.max() + 1
    return out
