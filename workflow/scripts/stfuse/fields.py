"""Fields: connected patches of a map, or segments found in the NDVI of several days."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray

IntArray = NDArray[np.int32]

MIN_PIXELS = 20  # a fifth of a hectare at 10 m: smaller ones hold mixed pixels only
SCALE = 300.0  # of the segmentation: larger means larger segments; at this one real fields of 1 to 5 ha stay whole
MIN_NDVI = 0.4  # highest NDVI of the segment's mean over the days: less is no vegetation


SMALLEST = 10_000.0
"""Square metres of the smallest field of a map of classes: eleven pixels of 30 m. Smaller patches are for the most part
single pixels that the classification took for another class."""


def mosaic(pieces: Sequence[IntArray]) -> IntArray:
    """Pieces of a map on one grid as one, shape (y, x): of several that know a pixel the first counts; 0 = none."""
    out = np.zeros(pieces[0].shape, np.int32)
    for piece in pieces:
        np.copyto(out, piece, where=out == 0)
    return out


def patches(values: IntArray, least: int = 1) -> IntArray:
    """Number the connected patches of equal value (four neighbours); 0 = none.

    The largest patch of a value keeps the map's own number, so that a map of field numbers keeps them; the other
    patches of that value are numbered from the highest value on.

    Parameters
    ----------
    values : ndarray, shape (y, x), int32
        Field numbers or class codes, 0 = none.
    least : int
        Patches of fewer pixels are none.
    """
    from skimage.measure import label, regionprops  # here: only a site with a field map needs it

    labels = label(values, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    labels[np.bincount(labels.ravel())[labels] < least] = 0
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


def describe_fields(
    fields: IntArray, values: IntArray, names: Mapping[int, str], resolution: float
) -> list[dict[str, Any]]:
    """What a map says of each field.

    Parameters
    ----------
    fields, values : ndarray, shape (y, x), int32
        Numbers of the fields, 0 = none, and the map's own value where they lie; the same array where no map was given.
    names : mapping
        Value -> what it stands for.
    resolution : float
        Pixel size in metres.

    Returns
    -------
    list of dict
        `field`, `code` (the map's value), `name` (empty where unknown) and `hectares`, by number.
    """
    numbers, first, counts = np.unique(fields, return_index=True, return_counts=True)
    codes = values.ravel()[first]
    return [
        {
            "field": int(number),
            "code": int(code),
            "name": names.get(int(code), ""),
            "hectares": round(int(count) * resolution**2 / 1e4, 4),
        }
        for number, code, count in zip(numbers, codes, counts, strict=True)
        if number > 0
    ]


def legend(asset: Mapping[str, Any]) -> dict[int, str]:
    """What the codes of a map stand for, as the asset of a STAC item says it (extensions classification and file)."""
    bands = asset.get("raster:bands") or asset.get("bands") or [{}]
    classes = asset.get("classification:classes") or bands[0].get("classification:classes") or []
    found = {
        int(entry["value"]): str(entry.get("title") or entry.get("description") or entry.get("name") or "")
        for entry in classes
    }
    for entry in asset.get("file:values") or []:
        found.update({int(value): str(entry.get("summary", "")) for value in entry["values"]})
    return found
