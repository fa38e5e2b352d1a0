"""Analysis-ready images: all scenes of one sensor and day, on the site's grid, masked, registered, adjusted.

Backscatter is masked, resampled and joined as linear power: the mean of decibels is not the decibels of the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.grid import Kernel, regrid
from stfuse.harmonisation.masks import BoolArray, Kind, Snow, carry, snowy
from stfuse.harmonisation.nbar import Correction
from stfuse.harmonisation.scenemask import Aids, usable
from stfuse.products.stored import Encoding, decode
from stfuse.task import FloatArray

Quantity = Literal["reflectance", "backscatter"]
Resampling = Literal["sharp", "bilinear"]

PLAUSIBLE: Mapping[str, tuple[float, float]] = {"reflectance": (-0.05, 1.2), "backscatter": (1e-6, 1e3)}
"""Values outside are faults: dark water may come out a little negative, bright roofs a little above 1; power of
backscatter lies within -60..30 dB from the still water's to the brightest town's.
"""


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
    aids : Aids
        What tells clear pixels beside the mask.
    ground : sequence of str
        Bands that tell the dark ground under a cloud's shadow, among the stored.
    """

    id: str
    stored: Mapping[str, tuple[NDArray[Any], GeoBox]]
    encodings: Mapping[str, Encoding]
    mask: tuple[NDArray[Any], GeoBox] | None
    kind: Kind | None
    aids: Aids = field(default_factory=Aids)
    ground: Sequence[str] = ()


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
    snow : ndarray, shape (y, x), bool, optional
        Snow that the site keeps, on the mask's grid; None where it keeps none.
    told : mapping
        What the quality table says of it: ``id``, ``platform``, ``encoding``, ``masks``, ``nbar``.
    """

    bands: Sequence[tuple[FloatArray, GeoBox]]
    clear: tuple[BoolArray, GeoBox]
    invalid: float
    resampling: Resampling = "sharp"
    snow: BoolArray | None = None
    told: Mapping[str, str] = field(default_factory=dict)


def to_physical(
    scene: RawScene,
    bands: Sequence[str],
    dilation: float,
    quantity: Quantity = "reflectance",
    resampling: Resampling = "sharp",
    snow: Snow = "drop",
    nbar: Correction | None = None,
) -> NativeScene:
    """Scale, mask, check and bring to nadir a scene on its own grids, before anything is interpolated.

    Parameters
    ----------
    bands : sequence of str
    dilation : float
        Metres around cloud and shadow, see `masks.clear`.
    quantity, resampling : str
        The sensor's. Backscatter is always ``bilinear``: a sharper kernel makes negative power of its speckle.
    snow : {"drop", "keep"}
        Whether snow may be used.
    nbar : Correction, optional
        How reflectance is brought to the view from the zenith; left out, it stays as it was seen.
    """
    low, high = PLAUSIBLE[quantity]
    decoded = {band: decode(scene.stored[band][0], scene.encodings[band]) for band in bands}
    clear, mask_grid = _usable(scene, decoded, dilation, snow)
    images, bad, looked = [], 0, 0
    for band, values in decoded.items():
        grid = scene.stored[band][1]
        with np.errstate(invalid="ignore"):
            values[(values < low) | (values > high)] = np.nan
        here = clear if grid == mask_grid else carry(clear, mask_grid, grid)
        bad += int((here & ~np.isfinite(values)).sum())
        looked += int(here.sum())
        values[~here] = np.nan
        if nbar:
            nbar.apply(values, grid, band)
        images.append((values, grid))
    kernel: Resampling = "bilinear" if quantity == "backscatter" else resampling
    kept = snowy(scene.mask[0], scene.kind) if snow == "keep" and scene.mask and scene.kind else None
    return NativeScene(images, (clear, mask_grid), bad / looked if looked else 0.0, kernel, kept)


def _usable(
    scene: RawScene, decoded: Mapping[str, FloatArray], dilation: float, snow: Snow
) -> tuple[BoolArray, GeoBox]:
    """Where a scene may be used: by its mask, or without one wherever its first band holds data."""
    if scene.mask is None or scene.kind is None:
        first = next(iter(decoded))
        return np.isfinite(decoded[first]), scene.stored[first][1]
    grid = scene.mask[1]
    return usable(scene.mask, scene.kind, scene.aids, dilation, snow, _ground(scene, grid)), grid


def _ground(scene: RawScene, grid: GeoBox) -> tuple[FloatArray, GeoBox] | None:
    """The sum of the bands that tell dark ground, on the mask's grid; None where the scene has none."""
    if not scene.ground:
        return None
    bands = [(decode(scene.stored[b][0], scene.encodings[b]), scene.stored[b][1]) for b in scene.ground]
    return np.sum([regrid(values, own, grid, "average") for values, own in bands], axis=0, dtype=np.float32), grid


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


def snow_of_day(scenes: Sequence[NativeScene], target: GeoBox, shift: tuple[float, float] = (0.0, 0.0)) -> BoolArray:
    """Where any scene of a day shows snow that the site keeps, shape (y, x), on the site's grid."""
    found = np.zeros(target.shape, bool)
    for scene in scenes:
        if scene.snow is not None:
            found |= carry(scene.snow, scene.clear[1], target, shift)
    return found
