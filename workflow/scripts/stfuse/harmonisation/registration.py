"""How a day's image is laid on the reference sensor's: which bands are compared, and on which grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.grid import degrade
from stfuse.harmonisation.coregistration import Match, find_shift, unmoved
from stfuse.task import FloatArray

PAN_PARTS = ("green", "red")
"""Bands whose mean stands for the panchromatic band of OLI (0.50-0.68 um) on the reference."""


def register_bands(bands: Sequence[str], reference: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Which band of an image is compared with which band (or mean of bands) of the reference.

    Near infrared and red, where fields, wood and water differ most; for a panchromatic image the mean of what it spans.
    """
    shared = [b for b in ("nir08", "nir", "red") if b in bands and b in reference]
    if "nir08" in shared and "nir" in shared:
        shared.remove("nir")  # Landsat's one near-infrared band under its second name
    pairs: list[tuple[str, tuple[str, ...]]] = [(band, (band,)) for band in shared]
    if not pairs and "pan" in bands and all(part in reference for part in PAN_PARTS):
        pairs = [("pan", PAN_PARTS)]
    return pairs


def register(
    image: FloatArray,
    bands: Sequence[str],
    grid: GeoBox,
    reference: tuple[FloatArray, Sequence[str], GeoBox],
    method: str = "ecc",
) -> Match | None:
    """How a day's image lies on the reference, or None if they share no band to compare.

    Parameters
    ----------
    image : ndarray, shape (band, y, x)
        On `grid`.
    reference : (ndarray (band, y, x), bands, GeoBox)
        The reference sensor's image nearest in time. The finer of the two is brought to the other's grid by area mean.
    method : {"ecc", "phase", "none"}
        The site's ``coregistration``; with none the images are not compared.

    Returns
    -------
    Match or None
        In pixels of `grid`.
    """
    if method == "none":
        return unmoved("the site's coregistration is none")
    values, names, known = reference
    pairs = register_bands(bands, names)
    if not pairs:
        return None
    fixed = np.stack([values[[names.index(part) for part in parts]].mean(axis=0) for _, parts in pairs])
    moving = image[[bands.index(band) for band, _ in pairs]]
    finer = float(known.resolution.x) / float(grid.resolution.x)
    if finer <= 1:
        return find_shift(moving, degrade(fixed, known, grid), method=method)
    match = find_shift(degrade(moving, grid, known), fixed, method=method)
    return replace(match, x=match.x * finer, y=match.y * finer, error=match.error * finer)


def shift_in_units(match: Match | None, grid: GeoBox) -> tuple[float, float]:
    """An accepted match as CRS units east and north."""
    if match is None or not match.accepted:
        return (0.0, 0.0)
    return (match.x * float(grid.resolution.x), match.y * float(grid.resolution.y))
