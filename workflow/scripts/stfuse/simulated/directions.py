"""What the directions of sun and view make of the truth, class by class.

Every class scatters by the kernels of `brdf`, with Roy's ratios of the parameters times traits of its own: a
canopy of leaves scatters more by volume, a stand of crowns or furrows casts more shadow, a paved yard does neither. A
correction by Roy's fixed parameters (`brdf.c_factor`) therefore takes away most of the effect and leaves a rest
that depends on the class, as on real data.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from stfuse.harmonisation.brdf import ROY, Float64Array, li_sparse, ross_thick
from stfuse.harmonisation.sun import sun
from stfuse.simulated.covers import BANDS, COVERS
from stfuse.simulated.delivery import site_centre
from stfuse.simulated.instruments import SENTINEL2_HOUR
from stfuse.simulated.settings import Settings
from stfuse.simulated.surface import World
from stfuse.task import FloatArray

LOWEST_SUN = 80.0
"""Largest zenith angle for which the kernels hold."""
SMALLEST, LARGEST = 0.3, 2.0


def zenith_of_sun(world: World, day: date, hour: float) -> float:
    """Zenith angle of the sun over the site in degrees, at a local solar time in hours (12 = noon)."""
    _, (_, latitude) = site_centre(world)
    return 90 - sun(day, hour, latitude)[0]


def reflectance_factor(
    world: World, settings: Settings, day: date, sun_zenith: float, view_zenith: float, relative_azimuth: float
) -> FloatArray:
    """By which the truth of each object is multiplied when sun and sensor stand elsewhere.

    The truth is seen from the zenith, with the sun where it stands when Sentinel-2 passes over that day.

    Parameters
    ----------
    world : World
    settings : Settings
        `brdf` is the strength; for 0 all factors are 1.
    day : date
    sun_zenith, view_zenith, relative_azimuth : float
        Degrees; relative azimuth 0 = the sensor has the sun behind it.

    Returns
    -------
    ndarray, shape (object, band), float32
        0.3 to 2, bands as `BANDS`.
    """
    if settings.brdf == 0:
        return np.ones((len(world.land.cover), len(BANDS)), np.float32)
    reference = zenith_of_sun(world, day, SENTINEL2_HOUR)
    ratio = shape(sun_zenith, view_zenith, relative_azimuth) / shape(reference, 0.0, 0.0)
    factor = np.clip(1 + settings.brdf * (ratio - 1), SMALLEST, LARGEST)
    return np.asarray(factor[world.land.cover], np.float32)


def shape(sun_zenith: float, view_zenith: float, relative_azimuth: float) -> Float64Array:
    """Reflectance of each class over that with sun and view in the zenith, shape (class, band)."""
    directions = min(sun_zenith, LOWEST_SUN), view_zenith, relative_azimuth
    parameters = np.array([ROY[band] for band in BANDS])
    geometry, volume = (parameters[:, i] / parameters[:, 0] for i in (1, 2))
    crowns, leaves = (np.array([getattr(cover, trait) for cover in COVERS]) for trait in ("geometry", "volume"))
    kernels = li_sparse(*directions), ross_thick(*directions)
    found = 1 + np.outer(crowns, geometry) * kernels[0] + np.outer(leaves, volume) * kernels[1]
    # Very rough classes under a low sun are dark, yet never black.
    return np.asarray(np.maximum(found, 0.2))
