"""A real land-cover map in place of the drawn land."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from stfuse.errors import InputError
from stfuse.grid import regrid
from stfuse.simulated.covers import CODES, CROPS, FIELD_CLASSES, PLACE_CLASSES

UNLABELLED = "unlabelled"
"""What stands for no class: such pixels get the nearest class."""


def _legend(classes: Mapping[str, tuple[int, ...]]) -> dict[int, str]:
    return {code: name for name, codes in classes.items() for code in codes}


CDL: Mapping[int, str] = _legend({
    "maize": (1, 4, 12, 13, 226, 237),
    "soybean": (2, 5, 6, 10, 42, 44, 53, 239, 240, 241, 254),
    "rice": (3,),
    "winter_wheat": (24, 25, 26, 27, 30, 31, 34, 236, 238),
    "spring_wheat": (21, 22, 23, 28, 29, 32, 33, 35),
    "sugar_beet": (41, 43, 46, 47, 49, 54),
    "wheat_maize": (225,),
    "alfalfa": (36, 58),
    "grassland": (37, 59, 60, 61, 62, 87, 176, 195),
    "rangeland": (64, 152),
    "bare": (65, 131),
    "orchard": (66, 67, 68, 69, 70, 71, 72, 74, 75, 76, 77, 204, 211, 212),
    "broadleaf_wood": (63, 141, 143, 190),
    "needle_wood": (142,),
    "built_up": (82, 121, 122, 123, 124),
    "water": (83, 92, 111),
    UNLABELLED: (0, 81, 88),
})  # fmt: skip
"""Codes of the Cropland Data Layer of the USDA; a crop that is no class here has that of a similar season."""

WORLDCEREAL: Mapping[int, str] = _legend({
    "winter_wheat": (1100, 1110, 1500, 1510, 1600, 1610, 1910),
    "spring_wheat": (1120, 1520, 1620, 1700),
    "maize": (1200,),
    "rice": (1300,),
    # Vegetables, potatoes and beets are wide-rowed, close late and stay green long.
    "sugar_beet": (2130, 5100, 8100),
    # Pulses, and legumes sown as green manure.
    "soybean": (7100, 7700, 7900),
    "grassland": (9120,),
    UNLABELLED: (0,),
})  # fmt: skip
"""Crop-type codes of the WorldCereal reference data that occur in Belgium; similar crops share a class."""

LEGENDS: Mapping[str, Mapping[int, str]] = {"cdl": CDL, "worldcereal": WORLDCEREAL}


def land_of_map(
    codes: NDArray[np.integer], source: GeoBox, target: GeoBox, n: int, classes: str | Mapping[int, str]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Land from a land-cover map, by the map's pixel nearest to each cell.

    Connected patches (four neighbours) of one crop become a field each, all of a place's class become one object.
    Cells without a label, and those outside the map, have the class of the nearest labelled cell.

    Parameters
    ----------
    codes : ndarray, shape (y, x), int
        Codes of the map, less than 2**24; negative ones stand for no label.
    source, target : GeoBox
        Grids of the map and of the world.
    n : int
        Cells along a side of the target's pixels.
    classes : "cdl", "worldcereal" or mapping of code to class
        "unlabelled" stands for no class.

    Returns
    -------
    labels : ndarray, shape (y * n, x * n), int32
        Object of each cell, the fields first.
    cover : ndarray, shape (object,), int64
        Class of each object, an index into `COVERS`.

    Raises
    ------
    InputError
        If a legend or class is unknown, the map has codes that the legend lacks, or no cell gets a label.
    """
    legend = check_classes(classes)
    kinds = _classify(np.asarray(codes), legend)
    cells = GeoBox((target.height * n, target.width * n), target.affine @ Affine.scale(1 / n), target.crs)
    found = regrid(kinds.astype(np.float32), source, cells, "nearest")
    missing = ~(found >= 0)
    if missing.all():
        raise InputError("The land-cover map has no labelled pixel where the site lies", "give a map of the site")
    if missing.any():
        rows, columns = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        found = found[rows, columns]
    return _objects(found.astype(np.int64))


def check_classes(classes: str | Mapping[int, str]) -> Mapping[int, str]:
    """The legend of this name, or the mapping itself if all its classes are known.

    Raises
    ------
    InputError
        If the legend or a class is unknown.
    """
    if isinstance(classes, str):
        if classes not in LEGENDS:
            raise InputError(f"There is no legend {classes!r}", f"the legends are {list(LEGENDS)}")
        return LEGENDS[classes]
    known = (*FIELD_CLASSES, *PLACE_CLASSES, UNLABELLED)
    unknown = sorted({str(name) for name in classes.values()} - set(known))
    if unknown:
        raise InputError(f"The land-cover map's legend has unknown classes {unknown}", f"the classes are {list(known)}")
    return {int(code): name for code, name in classes.items()}


def _classify(codes: NDArray[np.integer], legend: Mapping[int, str]) -> NDArray[np.int64]:
    """Index into `COVERS` of every pixel, -1 where it has no class."""
    present, counts = np.unique(codes, return_counts=True)
    lacking = {int(c): int(k) for c, k in zip(present, counts, strict=True) if c >= 0 and int(c) not in legend}
    if lacking:
        raise InputError(
            f"The land-cover map has codes that its legend lacks (code: pixels): {lacking}",
            "name their classes under `classes:`, or `unlabelled`",
        )
    kinds = np.array([CODES.get(legend[int(c)], -1) if c >= 0 else -1 for c in present])
    return kinds[np.searchsorted(present, codes)]


def _objects(kinds: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Fields and places of a class map."""
    labels = np.zeros(kinds.shape, np.int32)
    cover: list[int] = []
    present = np.unique(kinds)
    for kind in present[np.isin(present, CROPS)]:
        own = kinds == kind
        parts, count = ndimage.label(own)
        labels[own] = parts[own] + (len(cover) - 1)
        cover += [int(kind)] * count
    for kind in present[~np.isin(present, CROPS)]:
        labels[kinds == kind] = len(cover)
        cover.append(int(kind))
    return labels, np.array(cover, np.int64)
