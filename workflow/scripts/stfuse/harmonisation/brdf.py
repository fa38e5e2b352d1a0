"""How reflectance depends on the directions of sun and view: kernels of Ross and Li, and the c-factor of Roy.

The model is linear (Roujean et al. 1992; Lucht, Schaaf & Strahler 2000, IEEE TGRS 38, 977-998, eqs 37-44):

    reflectance = f_iso + f_vol K_vol + f_geo K_geo

with the Ross-Thick and the Li-Sparse-Reciprocal kernel. All angles are in degrees; the relative azimuth is that of the
sensor as seen from the ground less that of the sun, so at 0 the sensor has the sun behind it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64Array = NDArray[np.float64]

HEIGHT, SHAPE = 2.0, 1.0
"""Of the Li kernel's crowns: height of the centre over vertical radius, vertical over horizontal radius."""

ROY: Mapping[str, tuple[float, float, float]] = {
    "blue": (0.0774, 0.0079, 0.0372), "green": (0.1306, 0.0178, 0.0580), "red": (0.1690, 0.0227, 0.0574),
    "rededge1": (0.2085, 0.0256, 0.0845), "rededge2": (0.2316, 0.0273, 0.1003), "rededge3": (0.2599, 0.0294, 0.1197),
    "nir": (0.3093, 0.0330, 0.1535), "nir08": (0.3093, 0.0330, 0.1535), "swir16": (0.3430, 0.0453, 0.1154),
    "swir22": (0.2658, 0.0387, 0.0639),
}  # fmt: skip
"""f_iso, f_geo, f_vol of every band: Roy et al. (2016, RSE 176, 255-271), red edge from Roy et al. (2017, RSE 199,
25-38)."""


def ross_thick(sun_zenith: ArrayLike, view_zenith: ArrayLike, relative_azimuth: ArrayLike) -> Float64Array:
    """Volume-scattering kernel K_vol of a dense layer of leaves; 0 for sun and view in the zenith.

    Parameters
    ----------
    sun_zenith, view_zenith, relative_azimuth : array_like
        Degrees, of shapes that broadcast.
    """
    sun, view, turn = (np.radians(np.asarray(a, float)) for a in (sun_zenith, view_zenith, relative_azimuth))
    phase = np.arccos(_cosine_between(sun, view, turn))
    shape = (np.pi / 2 - phase) * np.cos(phase) + np.sin(phase)
    return np.asarray(shape / (np.cos(sun) + np.cos(view)) - np.pi / 4)


def li_sparse(sun_zenith: ArrayLike, view_zenith: ArrayLike, relative_azimuth: ArrayLike) -> Float64Array:
    """Geometric kernel K_geo (Li-Sparse-Reciprocal) of crowns and their shadows; 0 for sun and view in the zenith.

    Parameters
    ----------
    sun_zenith, view_zenith, relative_azimuth : array_like
        Degrees, of shapes that broadcast; zenith angles below 90.
    """
    sun, view, turn = (np.radians(np.asarray(a, float)) for a in (sun_zenith, view_zenith, relative_azimuth))
    # Crowns that are no spheres are made spheres by changed angles.
    sun, view = np.arctan(SHAPE * np.tan(sun)), np.arctan(SHAPE * np.tan(view))
    secants = 1 / np.cos(sun) + 1 / np.cos(view)
    product = np.tan(sun) * np.tan(view)
    distance = np.tan(sun) ** 2 + np.tan(view) ** 2 - 2 * product * np.cos(turn)
    cosine = HEIGHT * np.sqrt(np.maximum(distance, 0) + (product * np.sin(turn)) ** 2) / secants
    overlap_angle = np.arccos(np.clip(cosine, -1, 1))
    overlap = (overlap_angle - np.sin(overlap_angle) * np.cos(overlap_angle)) * secants / np.pi
    lit = (1 + _cosine_between(sun, view, turn)) / (2 * np.cos(sun) * np.cos(view))
    return np.asarray(overlap - secants + lit)


def _cosine_between(sun: Float64Array, view: Float64Array, turn: Float64Array) -> Float64Array:
    cosine = np.cos(sun) * np.cos(view) + np.sin(sun) * np.sin(view) * np.cos(turn)
    return np.asarray(np.clip(cosine, -1, 1))


def c_factor(
    band: str,
    sun_zenith: ArrayLike,
    view_zenith: ArrayLike,
    relative_azimuth: ArrayLike,
    target_sun_zenith: ArrayLike | None = None,
) -> Float64Array:
    """Factor that brings reflectance to a view from the zenith (Roy et al. 2016, eq. 7): NBAR = c * reflectance.

    Parameters
    ----------
    band : str
        A band of `ROY`.
    sun_zenith, view_zenith, relative_azimuth : array_like
        Degrees, of shapes that broadcast.
    target_sun_zenith : array_like, optional
        Where the sun shall stand; by default where it stood.

    Returns
    -------
    ndarray, float64

    Raises
    ------
    ValueError
        If the band has no parameters.
    """
    if band not in ROY:
        raise ValueError(f"no BRDF parameters of band {band}, only of {sorted(ROY)}")
    iso, geo, vol = ROY[band]
    target = sun_zenith if target_sun_zenith is None else target_sun_zenith
    zenith = iso + vol * ross_thick(target, 0.0, 0.0) + geo * li_sparse(target, 0.0, 0.0)
    seen = vol * ross_thick(sun_zenith, view_zenith, relative_azimuth)
    seen = seen + iso + geo * li_sparse(sun_zenith, view_zenith, relative_azimuth)
    return np.asarray(zenith / seen)
