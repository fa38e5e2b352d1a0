"""Analysis-ready images: all scenes of one sensor and day, on the site's grid, masked, registered, adjusted.

Backscatter is masked, resampled and joined as linear power: the mean of decibels is not the decibels of the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.coregistration import Match, find_shift
from stfuse.grid import Kernel, degrade, regrid
from stfuse.masks import BoolArray, Kind, carry, clear, missed_clouds
from stfuse.stored import Encoding, decode
from stfuse.task import FloatArray

Quantity = Literal["reflectance", "backscatter"]
Resampling = Literal["sharp", "bilinear"]

PLAUSIBLE: Mapping[str, tuple[float, float]] = {"reflectance": (-0.05, 1.2), "backscatter": (1e-6, 1e3)}
"""Values outside are faults: dark water may come out a little negative, bright roofs a little above 1; power of
backscatter lies within -60..30 dB from the still water's to the brightest town's.
"""

PAN_PARTS = ("green", "red")
"""Bands whose mean stands for the panchromatic band of OLI (0.50-0.68 um) on the reference."""


@dataclass(frozen=True)
class RawScene:
    """One scene as fetched.

    Attributes
    ----------
    id : str
    stored : mapping of band to (ndarray (y, x), GeoBox)
        Stored numbers on their native grids.
    encodings : mapping of band to Encoding
    mask : (ndarray (y, x), GeoBox) or None
        As delivered; None where the sensor has none and sees through clouds.
    kind : str or None
        See `masks.Kind`.
    """

    id: str
    stored: Mapping[str, tuple[NDArray[Any], GeoBox]]
    encodings: Mapping[str, Encoding]
    mask: tuple[NDArray[Any], GeoBox] | None
    kind: Kind | None


@dataclass(frozen=True)
class NativeScene:
    """One scene in reflectance or power of backscatter on its native grids, everything unusable NaN.

    Attributes
    ----------
    bands : sequence of (ndarray (y, x) float32, GeoBox)
    clear : (ndarray (y, x) bool, GeoBox)
        On the mask's grid.
    invalid : float
        Share of the pixels called clear whose number is invalid or value implausible, over all bands.
    resampling : {"sharp", "bilinear"}
        How it is to be interpolated, see `to_grid`.
    """

    bands: Sequence[tuple[FloatArray, GeoBox]]
    clear: tuple[BoolArray, GeoBox]
    invalid: float
    resampling: Resampling = "sharp"


def to_physical(
    scene: RawScene,
    bands: Sequence[str],
    dilation: float,
    quantity: Quantity = "reflectance",
    resampling: Resampling = "sharp",
) -> NativeScene:
    """Scale, mask and check a scene on its own grids, before anything is interpolated.

    Parameters
    ----------
    bands : sequence of str
    dilation : float
        Metres around cloud and shadow, see `masks.clear`.
    quantity, resampling : str
        The sensor's. Backscatter is always ``bilinear``: a sharper kernel makes negative power of its speckle.
    """
    low, high = PLAUSIBLE[quantity]
    decoded = {band: decode(scene.stored[band][0], scene.encodings[band]) for band in bands}
    usable, mask_grid = _usable(scene, decoded, dilation)
    images, bad, looked = [], 0, 0
    for band, values in decoded.items():
        grid = scene.stored[band][1]
        with np.errstate(invalid="ignore"):
            values[(values < low) | (values > high)] = np.nan
        here = usable if grid == mask_grid else carry(usable, mask_grid, grid)
        bad += int((here & ~np.isfinite(values)).sum())
        looked += int(here.sum())
        values[~here] = np.nan
        images.append((values, grid))
    kernel: Resampling = "bilinear" if quantity == "backscatter" else resampling
    return NativeScene(images, (usable, mask_grid), bad / looked if looked else 0.0, kernel)


def _usable(scene: RawScene, decoded: Mapping[str, FloatArray], dilation: float) -> tuple[BoolArray, GeoBox]:
    """Where a scene may be used: by its mask, or without one wherever its first band holds data."""
    if scene.mask is None or scene.kind is None:
        first = next(iter(decoded))
        return np.isfinite(decoded[first]), scene.stored[first][1]
    mask, grid = scene.mask
    return clear(mask, scene.kind, abs(grid.resolution.x), dilation), grid


def to_grid(scene: NativeScene, target: GeoBox, shift: tuple[float, float]) -> FloatArray:
    """A scene on the site's grid by one resampling per band, with the registration's shift in it.

    Bands whose pixels already lie on the target's are copied; all others are interpolated: ``sharp`` is Lanczos, and
    cubic where the native pixels are larger (those bands look smooth and hold no detail of the target's pixel size).
    ``bilinear`` is for speckle and for pixels as large as MODIS's: it makes no value beyond those of the neighbours,
    and a slanting grid such as the sinusoidal comes out where it belongs.
    A pixel that is unusable in one band is unusable in all.

    Parameters
    ----------
    target : GeoBox
    shift : (dx, dy)
        CRS units east and north. Scenes of a neighbouring UTM zone are turned by a few degrees at most,
        which changes a shift of less than two pixels by nothing that matters.

    Returns
    -------
    ndarray, shape (band, y, x), float32
    """
    out = np.stack([_one_band(values, grid, target, shift, scene.resampling) for values, grid in scene.bands])
    usable = np.isfinite(out).all(axis=0) & carry(*scene.clear, target, shift)
    out[:, ~usable] = np.nan
    return out


def _one_band(
    values: FloatArray, grid: GeoBox, target: GeoBox, shift: tuple[float, float], resampling: Resampling
) -> FloatArray:
    if shift == (0.0, 0.0) and _aligned(grid, target):
        return regrid(values, grid, target, "nearest")
    # Lanczos keeps more of the detail of pixels of the target's own size (on real pairs its correlation with the
    # reference was higher than cubic's in every visible band); for enlarging, its ringing is worse than cubic's.
    enlarges = abs(grid.resolution.x) > 1.2 * abs(target.resolution.x)
    sharp: Kernel = "cubic" if enlarges else "lanczos"
    moved = regrid(values, grid, target, "bilinear" if resampling == "bilinear" else sharp, shift)
    # Interpolation fills a rim of the gaps from their neighbours: what was not seen stays unseen.
    moved[~carry(np.isfinite(values), grid, target, shift)] = np.nan
    return moved


def _aligned(grid: GeoBox, target: GeoBox) -> bool:
    if grid.crs != target.crs:
        return False
    offset = ~grid.affine @ target.affine
    whole = abs(offset.c - round(offset.c)) < 1e-6 and abs(offset.f - round(offset.f)) < 1e-6
    return bool(whole and abs(offset.a - 1) < 1e-9 and abs(offset.e - 1) < 1e-9)


def merge(images: Sequence[FloatArray]) -> FloatArray:
    """Several images of one pass: what one of them saw, and the mean where several did.

    Parameters
    ----------
    images : sequence of ndarray, shape (band, y, x), float32
        NaN = not observed.
    """
    stack = np.stack(images)
    seen = np.isfinite(stack)
    count = seen.sum(axis=0)
    total = np.where(seen, stack, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def merge_day(scenes: Sequence[NativeScene], target: GeoBox, shift: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    """All scenes of one day as one image (band, y, x) on the site's grid."""
    return merge([to_grid(scene, target, shift) for scene in scenes])


def without_missed_clouds(
    values: FloatArray,
    bands: Sequence[str],
    grid: GeoBox,
    reference: tuple[FloatArray, Sequence[str], GeoBox],
    dates: tuple[str, str],
) -> tuple[FloatArray, float]:
    """An image without the cloud that its mask missed, by comparison with the reference (see `masks.missed_clouds`).

    Parameters
    ----------
    values : ndarray, shape (band, y, x), float32
        On `grid`.
    reference : (ndarray (band, y, x), bands, GeoBox)
        The reference sensor's image nearest in time.
    dates : (str, str)
        ISO dates of the image and of the reference.

    Returns
    -------
    values : ndarray, shape (band, y, x), float32
        With NaN there; as it was where the two do not share blue and red, which the test needs.
    missed : float
        Share of the pixels that it took.
    """
    known, names, fine = reference
    days = (date.fromisoformat(dates[0]) - date.fromisoformat(dates[1])).days
    if not {"blue", "red"} <= set(bands) & set(names):
        return values, 0.0
    blue, red = bands.index("blue"), bands.index("red")
    before = degrade(known[[names.index("blue"), names.index("red")]], fine, grid)
    found = missed_clouds(values[blue], values[red], before[0], before[1], days)
    return np.where(found, np.float32(np.nan), values), float(found.mean())


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
    image: FloatArray, bands: Sequence[str], grid: GeoBox, reference: tuple[FloatArray, Sequence[str], GeoBox]
) -> Match | None:
    """How a day's image lies on the reference, or None if they share no band to compare.

    Parameters
    ----------
    image : ndarray, shape (band, y, x)
        On `grid`.
    reference : (ndarray (band, y, x), bands, GeoBox)
        The reference sensor's image nearest in time. The finer of the two is brought to the other's grid by area mean.

    Returns
    -------
    Match or None
        In pixels of `grid`.
    """
    values, names, known = reference
    pairs = register_bands(bands, names)
    if not pairs:
        return None
    fixed = np.stack([values[[names.index(part) for part in parts]].mean(axis=0) for _, parts in pairs])
    moving = image[[bands.index(band) for band, _ in pairs]]
    finer = float(known.resolution.x) / float(grid.resolution.x)
    if finer <= 1:
        return find_shift(moving, degrade(fixed, known, grid))
    match = find_shift(degrade(moving, grid, known), fixed)
    return replace(match, x=match.x * finer, y=match.y * finer, error=match.error * finer)


def shift_in_units(match: Match | None, grid: GeoBox) -> tuple[float, float]:
    """An accepted match as CRS units east and north."""
    if match is None or not match.accepted:
        return (0.0, 0.0)
    return (match.x * float(grid.resolution.x), match.y * float(grid.resolution.y))


def spread_within(values: FloatArray, fine: GeoBox, grid: GeoBox) -> FloatArray:
    """Standard deviation of the fine pixels within each coarse pixel, shape (band, y, x)."""
    mean = degrade(values, fine, grid).astype(np.float64)
    square = degrade(values * values, fine, grid).astype(np.float64)
    return np.sqrt(np.maximum(square - mean * mean, 0.0)).astype(np.float32)
