"""One scene's mask: what it is made of by its item and the site's wishes, and the clear pixels by all of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.acquisition.scenes import find_asset
from stfuse.errors import InputError
from stfuse.grid import regrid
from stfuse.harmonisation.masks import (
    DILATION,
    BoolArray,
    Kind,
    Snow,
    carry,
    clear,
    join,
    observed,
    required_bands,
    site_flags,
    watery,
)
from stfuse.harmonisation.shadows import AVERAGE, DISTANCE, THRESHOLD, WIDENED, clouds, shadows
from stfuse.task import FloatArray

Raster = tuple[NDArray[Any], GeoBox]

GROUND = (("nir", "nir08"), ("swir16",), ("swir22",))
"""Bands whose sum tells dark ground (B8, B11, B12), each with those that may stand in for it."""
PROBABILITY_PIXEL = 20.0  # metres, in every archive that has it
BEYOND = DISTANCE + AVERAGE + WIDENED  # metres from which a cloud reaches into the site


@dataclass(frozen=True)
class Aids:
    """What tells clear pixels beside the mask itself.

    Attributes
    ----------
    probability : (ndarray (y, x), GeoBox) or None
        Cloud probability in percent; 0 is a probability, though archives declare it as no data.
    saturation : (ndarray (y, x), GeoBox) or None
        Bits of saturated bands: Landsat's QA_RADSAT or MUSCATE's SAT.
    sun_azimuth : float or None
        Degrees clockwise from north.
    """

    probability: Raster | None = None
    saturation: Raster | None = None
    sun_azimuth: float | None = None


def mask_of(item: Mapping[str, Any], sensor: Mapping[str, Any], site: Mapping[str, Any]) -> dict[str, Any] | None:
    """How one item's pixels are to be masked, as ``scene.json`` keeps it; None where the sensor has no mask.

    Parameters
    ----------
    item
        STAC item as JSON.
    sensor, site
        Contents of their config files. Assets that the sensor names but the item lacks are left out: without a
        probability the archive's own clouds count.

    Returns
    -------
    dict
        ``band`` and ``kind`` as in the sensor file; ``aids``, name of the aid -> name of its asset; ``ground``, the
        bands of reflectance that the shadows need.

    Raises
    ------
    InputError
        If the shadows need a band that the sensor does not have.
    """
    mask = sensor.get("mask")
    if not mask:
        return None
    wanted = ["saturation"]
    if site.get("cloud_masks", "archive") == "probability":
        wanted.append("probability")
    aids = {name: mask[name] for name in wanted if name in mask and _has(item, sensor, mask[name])}
    made = {"band": mask["band"], "kind": mask["kind"], "aids": aids}
    return {**made, "ground": _ground(sensor)} if "probability" in aids else made


def _has(item: Mapping[str, Any], sensor: Mapping[str, Any], band: str) -> bool:
    try:
        find_asset(dict(item), sensor, band)
    except InputError:
        return False
    return True


def _ground(sensor: Mapping[str, Any]) -> list[str]:
    found = [next((band for band in bands if band in sensor["bands"]), "") for bands in GROUND]
    if not all(found):
        lacks = GROUND[found.index("")][0]
        raise InputError(
            f"Sensor {sensor['name']} names a cloud probability, but has no {lacks} to find shadows by",
            f"add the band to config/sensors/{sensor['name']}.yaml, or take `probability` out of its `mask:`",
        )
    return found


def ground_bands(described: Mapping[str, Any]) -> list[str]:
    """The bands of reflectance that a scene's shadows are found by; none where the archive's shadows count."""
    return list((described.get("mask") or {}).get("ground", []))


def margin_of(name: str, mask: Mapping[str, Any] | None, margin: int, pixel: float = PROBABILITY_PIXEL) -> int:
    """Pixels to read around the site: more for the probability, as clouds outside cast their shadow into it."""
    aids = (mask or {}).get("aids", {})
    return max(margin, math.ceil(BEYOND / pixel)) if name == aids.get("probability") else margin


def aids_of(facts: Mapping[str, Any], read: Mapping[str, Raster]) -> Aids:
    """The aids of a raw scene.

    Parameters
    ----------
    facts
        Content of its ``scene.json``.
    read
        Its files by name.
    """
    aids = (facts.get("mask") or {}).get("aids", {})
    azimuth = facts.get("sun_azimuth")
    return Aids(
        read[aids["probability"]] if "probability" in aids else None,
        read[aids["saturation"]] if "saturation" in aids else None,
        None if azimuth is None else float(azimuth),
    )


def usable(
    mask: Raster, kind: Kind, aids: Aids, dilation: float = DILATION, snow: Snow = "drop", ground: Raster | None = None
) -> BoolArray:
    """Pixels to use, on the mask's own grid, by the mask and all that aids it.

    With a cloud probability the clouds are its own and, where the ground's reflectance and the sun's azimuth are known,
    the shadows those of Rossberg & Schmitt (2024, see `harmonisation.shadows`). Else both are the archive's, widened.

    Parameters
    ----------
    mask : (ndarray (y, x), GeoBox)
        See `masks.join`.
    dilation : float
        Metres, see `masks.clear`.
    ground : (ndarray (y, x), GeoBox), optional
        Sum of the reflectance in the bands of `GROUND`, NaN = unknown.
    """
    values, grid = mask
    pixel = abs(grid.resolution.x)
    found, cast = None, None
    if aids.probability is not None:
        wide = _wide_grid(aids.probability[1], grid)
        known = _probability(aids.probability, wide, observed(values, kind), grid)
        cloud = clouds(known, pixel)
        found = carry(cloud, wide, grid)
        if ground is not None and aids.sun_azimuth is not None:
            sums = regrid(ground[0], ground[1], wide, "average")
            water = carry(watery(values, kind), grid, wide)
            cast = carry(shadows(cloud, sums, aids.sun_azimuth, pixel, water), wide, grid)
    good = clear(values, kind, pixel, dilation, snow, found, cast)
    if aids.saturation is not None:
        good &= ~_saturated(*aids.saturation, grid)
    return good


def _wide_grid(probability: GeoBox, mask: GeoBox) -> GeoBox:
    """The mask's grid made as wide as the probability, which sees clouds beyond it."""
    if probability.crs != mask.crs:
        return mask
    wide, own = probability.boundingbox, mask.boundingbox
    beyond = max(own.left - wide.left, own.bottom - wide.bottom, wide.right - own.right, wide.top - own.top, 0)
    return mask.pad(round(beyond / abs(mask.resolution.x)))


def _probability(probability: Raster, wide: GeoBox, seen: BoolArray, grid: GeoBox) -> FloatArray:
    """The probability on the wide grid; NaN where the mask says that nothing was seen."""
    known = regrid(probability[0].astype(np.float32), probability[1], wide, "nearest")
    known[carry(~seen, grid, wide)] = np.nan
    return known


def _saturated(bits: NDArray[Any], source: GeoBox, grid: GeoBox) -> BoolArray:
    """Where any band is saturated, or (bit 11 of QA_RADSAT) hidden behind terrain."""
    return carry(bits != 0, source, grid)


def scene_over_site(
    mask: Mapping[str, Any], read: Mapping[str, Raster], site: Mapping[str, Any]
) -> tuple[BoolArray, BoolArray]:
    """Where a scene covers a site and where it shows it clear, before its reflectance was read.

    So the shadows are the archive's, whatever the recipe; what `usable` makes of them later may differ a little.

    Parameters
    ----------
    mask
        See `mask_of`.
    read
        The files that it names, by name.
    site
        Content of its config file.

    Returns
    -------
    covered, clear : ndarray, shape (y, x), bool
        On small pixels alike for all scenes of a site (see `masks.site_flags`).
    """
    bands = required_bands({"mask": mask})
    grid = read[bands[0]][1]
    values = join([read[band][0] for band in bands], mask["kind"])
    dilation = float(site.get("mask_dilation_m", DILATION))
    seen = observed(values, mask["kind"])
    good = usable((values, grid), mask["kind"], aids_of({"mask": mask}, read), dilation, site.get("snow", "drop"))
    bounds = tuple(site["bounds"])
    return site_flags(seen, grid, site["crs"], bounds), site_flags(seen & good, grid, site["crs"], bounds)


def recipe(kind: Kind | None, aids: Aids, dilation: float = DILATION, snow: Snow = "drop") -> str:
    """In words, for the quality table, how a scene was masked."""
    if kind is None:
        return "none"
    widened = f" widened {dilation:g} m" if dilation else ""
    if aids.probability is None:
        said = f"{kind}{'' if kind.startswith('modis') else widened}"
    else:
        said = f"cloud probability over {THRESHOLD:g} %"
        shadow = f"{kind}{widened}" if aids.sun_azimuth is None else f"of the sun at {aids.sun_azimuth:.0f}"
        said += f", shadows {shadow}"
    return said + (", saturation" if aids.saturation is not None else "") + (", snow kept" if snow == "keep" else "")
