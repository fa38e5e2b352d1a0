"""Which pixels were seen, and which of them are clear, from the archives' own classifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.ndimage import distance_transform_edt

from stfuse.errors import InputError
from stfuse.grid import regrid, site_grid

Kind = Literal["scl", "qa_pixel", "modis_quality", "modis_quality_any", "venus", "venus_quality"]
"""How a mask is coded.

``scl``: classes of Sentinel-2. ``qa_pixel``: bits of Landsat Collection 2. ``modis_quality``: the mandatory quality of
MODIS MCD43, 0 full inversion, 1 magnitude inversion, else fill; ``modis_quality_any`` takes both inversions.
``venus``: the geophysical mask of MUSCATE and its edge mask; ``venus_quality``: one layer per subject, as EarthDaily
delivers them. `join` brings both to the same code.
"""
Snow = Literal["drop", "keep"]
"""Whether snow is among what is not used."""

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
WATER, CLOUD, SNOW, SHADOW = 1 << 0, 1 << 1, 1 << 2, 1 << 3  # of the geophysical mask
SUBJECTS = (UNSEEN, CLOUD, CLOUD, SHADOW, CLOUD, SNOW, WATER)
"""Bits for the layers of Venus's quality mask: no data, cloud, haze, shadow, thin cirrus, snow and, if read, water."""


def mask_bands(sensor: Mapping[str, Any]) -> list[str]:
    """The assets that a sensor's mask is made of, by the names its file gives them; none where it has no mask.

    Of a scene's mask (see `harmonisation.scenemask.mask_of`) its aids too.
    """
    mask = sensor.get("mask") or {}
    return [*required_bands(sensor), *mask.get("aids", {}).values()]


def required_bands(sensor: Mapping[str, Any]) -> list[str]:
    """The assets without which there is no mask, those that `join` takes."""
    bands = (sensor.get("mask") or {}).get("band", [])
    return [bands] if isinstance(bands, str) else list(bands)


def join(masks: Sequence[NDArray[Any]], kind: Kind) -> NDArray[Any]:
    """The masks of one scene as one, shape (y, x).

    Parameters
    ----------
    masks : sequence of ndarray, shape (y, x)
        One; for MODIS one per band, of which the worst counts: an image's pixel is used in all bands or in none. For
        ``venus`` the geophysical and the edge mask; for ``venus_quality`` one mask per layer, in the order of
        `SUBJECTS`: 2 = yes, 1 = no, 0 = no data.

    Raises
    ------
    InputError
        If a quality mask of Venus has another number of layers.
    """
    if kind == "venus":
        ground, edge = masks
        return np.asarray(ground.astype(np.uint16) | (edge != 0) * np.uint16(UNSEEN))
    if kind == "venus_quality":
        return _from_subjects(masks)
    return np.asarray(np.maximum.reduce(list(masks)))


def _from_subjects(layers: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The layers of a quality mask in the code of ``venus``; haze and thin cirrus count as cloud."""
    least = len(SUBJECTS) - 1  # water is no fault and need not be read
    if not least <= len(layers) <= len(SUBJECTS):
        raise InputError(
            f"A quality mask of Venus needs its layers no data, cloud, haze, shadow, thin cirrus and snow, found "
            f"{len(layers)} layers",
            "name them in this order as `mask.band` in the sensor file",
        )
    coded = np.zeros(layers[0].shape, np.uint16)
    for bit, layer in zip(SUBJECTS, layers, strict=False):
        coded |= np.where(layer == 2, bit, 0).astype(np.uint16)
        coded |= np.where(layer == 0, UNSEEN, 0).astype(np.uint16)
    return coded


def observed(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Pixels that hold data.

    SCL not 0, QA_PIXEL bit 0 (fill) not set, MODIS inverted one way or the other, Venus not beyond the edge.
    """
    match kind:
        case "scl":
            return np.asarray(mask != 0)
        case "qa_pixel":
            return _unset(mask, 0b1)
        case "venus" | "venus_quality":
            return _unset(mask, UNSEEN)
    return np.asarray(mask <= MAGNITUDE)


def clouded(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Cloud and cirrus: SCL 8, 9, 10; QA_PIXEL bits 1 to 3 (2, cirrus, is OLI's alone); Venus bit 1; of MODIS none."""
    match kind:
        case "scl":
            return np.asarray(np.isin(mask, (8, 9, 10)))
        case "qa_pixel":
            return observed(mask, kind) & ~_unset(mask, 0b1110)
        case "venus" | "venus_quality":
            return ~_unset(mask, CLOUD)
    return np.zeros(mask.shape, bool)


def shadowed(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Shadow of clouds: SCL 3; QA_PIXEL bit 4; Venus bit 3; of MODIS none."""
    match kind:
        case "scl":
            return np.asarray(mask == 3)
        case "qa_pixel":
            return observed(mask, kind) & ~_unset(mask, 0b10000)
        case "venus" | "venus_quality":
            return ~_unset(mask, SHADOW)
    return np.zeros(mask.shape, bool)


def cloudy(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Cloud, cirrus and their shadow; MODIS marks none."""
    return clouded(mask, kind) | shadowed(mask, kind)


def snowy(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Snow: SCL 11, QA_PIXEL bit 5, Venus bit 2; of MODIS none, its snow has a file of its own."""
    match kind:
        case "scl":
            return np.asarray(mask == 11)
        case "qa_pixel":
            return observed(mask, kind) & ~_unset(mask, 0b100000)
        case "venus" | "venus_quality":
            return ~_unset(mask, SNOW)
    return np.zeros(mask.shape, bool)


def watery(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """Water: SCL 6, QA_PIXEL bit 7, Venus bit 0; of MODIS none."""
    match kind:
        case "scl":
            return np.asarray(mask == 6)
        case "qa_pixel":
            return observed(mask, kind) & ~_unset(mask, 0b10000000)
        case "venus" | "venus_quality":
            return ~_unset(mask, WATER)
    return np.zeros(mask.shape, bool)


def faulty(mask: NDArray[Any], kind: Kind) -> BoolArray:
    """What is not to be used whatever the sky: no data, for SCL saturated pixels (1), for Venus ill-lit ground.

    SCL 2 (dark) and 7 (unclassified) stay: in practice they are ordinary fields. Of MODIS a magnitude inversion, an
    archetype scaled to a few observations, is used for ``modis_quality_any`` only. Of Venus the shadow of relief,
    ground hidden by relief and ground under too low a sun go (bits 4 to 7).
    """
    match kind:
        case "scl":
            return np.asarray(mask <= 1)
        case "qa_pixel":
            return ~_unset(mask, 0b1)
        case "venus" | "venus_quality":
            return ~_unset(mask, UNSEEN | 0b11110000)
    return np.asarray(mask > (FULL if kind == "modis_quality" else MAGNITUDE))


def rejected(mask: NDArray[Any], kind: Kind, snow: Snow = "drop") -> BoolArray:
    """Everything not to be used: faulty pixels (see `faulty`), cloud, shadow and, unless it is kept, snow."""
    bad = faulty(mask, kind) | cloudy(mask, kind)
    return bad | snowy(mask, kind) if snow == "drop" else bad


def _unset(mask: NDArray[Any], bits: int) -> BoolArray:
    """Where none of some bits is set."""
    return np.asarray((mask.astype(np.uint16) & bits) == 0)


def clear(
    mask: NDArray[Any],
    kind: Kind,
    resolution: float,
    dilation: float = DILATION,
    snow: Snow = "drop",
    clouds: BoolArray | None = None,
    shadows: BoolArray | None = None,
) -> BoolArray:
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
    clouds, shadows : ndarray, shape (y, x), bool, optional
        In place of the mask's own, and not widened (see `harmonisation.shadows`).
    """
    bad = faulty(mask, kind)
    if snow == "drop":
        bad |= snowy(mask, kind)
    own = np.zeros(mask.shape, bool)
    for given, marked in ((clouds, clouded), (shadows, shadowed)):
        if given is None:
            own |= marked(mask, kind)
        else:
            bad |= given
    bad |= own
    if dilation > 0 and own.any():
        distance = distance_transform_edt(~own) * resolution - resolution / 2
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
