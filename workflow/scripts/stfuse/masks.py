"""Which pixels were seen, and which of them are clear, from the archives' own classifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.ndimage import distance_transform_edt

from stfuse.grid import regrid, site_grid
from stfuse.task import FloatArray

Kind = Literal["scl", "qa_pixel", "modis_quality", "modis_quality_any", "venus"]
"""How a mask is coded.

``scl``: classes of Sentinel-2. ``qa_pixel``: bits of Landsat Collection 2. ``modis_quality``: the mandatory quality of
MODIS MCD43, 0 full inversion, 1 magnitude inversion, else fill; ``modis_quality_any`` takes both inversions.
``venus``: the geophysical mask of MUSCATE and its edge mask, joined by `join`.
"""

BoolArray = NDArray[np.bool_]

DILATION = 40.0
"""Default metres around cloud and shadow that are not trusted: two pixels of the SCL, little more than one of Landsat.

The SCL is made without any buffer. On ten partly cloudy Sentinel-2 days over Belgium, blue reflectance beside its
clouds was above the neighbouring days' by 0.056 within 10 m of the edge, 0.032 to 20 m, 0.022 to 30 m and 0.012 to
40 m, and fell slowly from there. 40 m cost none of 118 scenes its place, 60 m did.
"""

SHARE_PIXEL = 10.0
"""Metres; shares of a site's area are counted on pixels of this size, or of as many tens as a mask has hundreds."""


FULL, MAGNITUDE = 0, 1
UNSEEN = 1 << 8  # the bit that the edge mask of Venus gets beside the eight of the geophysical mask


def mask_bands(sensor: Mapping[str, Any]) -> list[str]:
    """The assets that a sensor's mask is made of, by the names its file gives them; none where it has no mask."""
    bands = (sensor.get("mask") or {}).get("band", [])
    return [bands] if isinstance(bands, str) else list(bands)


def join(masks: Sequence[NDArray[Any]], kind: Kind) -> NDArray[Any]:
    """The masks of one scene as one, shape (y, x).

    Parameters
    ----------
    masks : sequence of ndarray, shape (y, x)
        One; for MODIS one per band, of which the worst counts; for Venus the geophysical and the edge mask.
    """
    if kind == "venus":
        ground, edge = masks
        return np.asarray(ground.astype(np.uint16) | (edge != 0) * np.uint16(UNSEEN))
    return np.asarray(np.maximum.reduce(list(masks)))


def observed(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Pixels that hold data.

    SCL not 0, QA_PIXEL bit 0 (fill) not set, MODIS inverted one way or the other, Venus not beyond the edge.
    """
    match kind:
        case "scl":
            return np.asarray(mask != 0)
        case "qa_pixel":
            return _unset(mask, 0b1)
        case "venus":
            return _unset(mask, UNSEEN)
    return np.asarray(mask <= MAGNITUDE)


def cloudy(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Cloud, cirrus and their shadow: SCL 3, 8, 9, 10; QA_PIXEL bits 1 to 4; Venus bits 1 and 3; MODIS marks none."""
    match kind:
        case "scl":
            return np.asarray(np.isin(mask, (3, 8, 9, 10)))
        case "qa_pixel":
            return observed(mask, kind) & ~_unset(mask, 0b11110)
        case "venus":
            return ~_unset(mask, 0b1010)
    return np.zeros(mask.shape, bool)


def rejected(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Everything not to be used: no data, cloud, shadow, snow, and for SCL saturated pixels (1).

    SCL 2 (dark) and 7 (unclassified) stay: in practice they are ordinary fields. Of MODIS a magnitude inversion, an
    archetype scaled to a few observations, is used for ``modis_quality_any`` only. Of Venus everything but water (bit
    0) goes: cloud, snow, shadow of clouds and of relief, ground hidden by relief or under too low a sun.
    """
    match kind:
        case "scl":
            return np.asarray(np.isin(mask, (0, 1, 3, 8, 9, 10, 11)))
        case "qa_pixel":
            return ~_unset(mask, 0b111111)
        case "venus":
            return ~_unset(mask, UNSEEN | 0b11111110)
    return np.asarray(mask > (FULL if kind == "modis_quality" else MAGNITUDE))


def _unset(mask: NDArray[Any], bits: int) -> BoolArray:
    """Where none of some bits is set."""
    return np.asarray((mask.astype(np.uint16) & bits) == 0)


def clear(mask: NDArray[Any], kind: Kind, resolution: float, dilation: float = DILATION) -> BoolArray:
    """Pixels to use, on the mask's own grid.

    Parameters
    ----------
    mask : ndarray, shape (y, x)
        Classes or bits as delivered.
    resolution : float
        Pixel size in metres.
    dilation : float
        Pixels whose centre lies within so many metres of the edge of a cloud or shadow pixel are not used.
        Snow and missing data have sharp edges and are not widened.
    """
    bad = rejected(mask, kind)
    clouds = cloudy(mask, kind)
    if dilation > 0 and clouds.any():
        distance = distance_transform_edt(~clouds) * resolution - resolution / 2
        bad |= distance < dilation
    return ~bad


def carry(flags: BoolArray, source: GeoBox, target: GeoBox, shift: tuple[float, float] = (0.0, 0.0)) -> BoolArray:
    """Flags on another grid by nearest neighbour; False outside the source."""
    moved = regrid(flags.astype(np.float32), source, target, "nearest", shift)
    return np.asarray(moved == 1)


def over_site(
    mask: NDArray[Any], grid: GeoBox, kind: Kind, crs: str, bounds: tuple[float, float, float, float], dilation: float
) -> tuple[BoolArray, BoolArray]:
    """Where a scene covers a site and where it shows it clear, on the site's small pixels (see `site_flags`).

    Parameters
    ----------
    mask : ndarray, shape (y, x)
        On `grid`, read over the site (and a margin).
    crs, bounds
        The site's.
    dilation : float
        See `clear`.

    Returns
    -------
    covered, clear : ndarray, shape (y, x), bool
        Alike for all scenes of a site, whatever their grids, so that those of one day can be joined.
    """
    seen = observed(mask, kind)
    usable = clear(mask, kind, abs(grid.resolution.x), dilation)
    return site_flags(seen, grid, crs, bounds), site_flags(seen & usable, grid, crs, bounds)


def site_flags(flags: BoolArray, grid: GeoBox, crs: str, bounds: tuple[float, float, float, float]) -> BoolArray:
    """Flags on any grid, brought to small pixels of a site, the same for all grids of alike pixels.

    Small, because a coarse grid reaches over the site's edge or stops short of it; a tenth of the grid's own will do.
    """
    pixel = SHARE_PIXEL * max(1, int(abs(grid.resolution.x) // (10 * SHARE_PIXEL)))
    return carry(flags, grid, site_grid(crs, bounds, pixel))


def site_share(flags: BoolArray, grid: GeoBox, crs: str, bounds: tuple[float, float, float, float]) -> float:
    """Share of a site's area where flags on any grid hold, 0..1."""
    return float(site_flags(flags, grid, crs, bounds).mean())


def missed_clouds(
    blue: FloatArray, red: FloatArray, before_blue: FloatArray, before_red: FloatArray, days: int
) -> BoolArray:
    """Bright cloud that the archive's mask missed, by comparison with an image of another day.

    The multi-temporal test of Hagolle et al. (2010, RSE 114, 1747-1755): over land, blue reflectance changes slowly, so
    a jump is cloud, unless red rose far more than blue, as it does where a crop gives way to bare soil.

    Parameters
    ----------
    blue, red : ndarray, shape (y, x)
        Surface reflectance of the image tested.
    before_blue, before_red : ndarray, shape (y, x)
        Of the image compared with, NaN = unknown: such pixels are not flagged.
    days : int
        Days between the two; the threshold grows with them.
    """
    rise_blue, rise_red = blue - before_blue, red - before_red
    with np.errstate(invalid="ignore"):
        # The paper has 0.03 within one sensor; two sensors with two atmospheric corrections differ by as much again.
        return np.asarray((rise_blue > 0.06 * (1 + min(abs(days), 30) / 30)) & (rise_red < 1.5 * rise_blue))
