"""What can lie on the ground: spectra, seasons and textures of the classes.

Reflectances are typical values for Sentinel-2's bands, chosen so that red, near infrared and NDVI of crops run through
the ranges seen in western Europe. The seasons are those of about 50 degrees north.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BANDS = ("blue", "green", "red", "nir", "nir08", "swir16", "swir22")
RED, NIR08 = BANDS.index("red"), BANDS.index("nir08")
PAN_WEIGHTS = {"blue": 0.1, "green": 0.5, "red": 0.4}
"""The panchromatic band of OLI (0.50-0.68 um) as a mean of visible bands."""

MATERIALS: dict[str, tuple[float, ...]] = {
    "loam": (0.085, 0.120, 0.160, 0.205, 0.220, 0.300, 0.260),
    "clay": (0.060, 0.085, 0.115, 0.150, 0.160, 0.230, 0.200),
    "litter": (0.045, 0.060, 0.080, 0.150, 0.170, 0.210, 0.150),
    "thatch": (0.060, 0.090, 0.110, 0.190, 0.205, 0.260, 0.190),
    "straw": (0.110, 0.170, 0.240, 0.310, 0.330, 0.400, 0.310),
    "hay": (0.070, 0.115, 0.150, 0.270, 0.290, 0.320, 0.230),
    "wheat": (0.022, 0.052, 0.024, 0.420, 0.445, 0.190, 0.085),
    "maize": (0.020, 0.055, 0.026, 0.400, 0.425, 0.180, 0.075),
    "beet": (0.022, 0.066, 0.028, 0.480, 0.510, 0.200, 0.085),
    "soybean": (0.022, 0.065, 0.028, 0.470, 0.500, 0.210, 0.090),
    "grass": (0.028, 0.066, 0.034, 0.370, 0.395, 0.205, 0.105),
    "alfalfa": (0.024, 0.060, 0.028, 0.420, 0.445, 0.190, 0.085),
    "broadleaf": (0.018, 0.043, 0.020, 0.320, 0.345, 0.150, 0.065),
    "needle": (0.014, 0.030, 0.018, 0.225, 0.245, 0.105, 0.045),
    "water": (0.045, 0.050, 0.035, 0.020, 0.018, 0.010, 0.008),
    "asphalt": (0.085, 0.095, 0.105, 0.125, 0.130, 0.150, 0.140),
    "gravel": (0.140, 0.170, 0.200, 0.240, 0.250, 0.300, 0.280),
    "paving": (0.130, 0.145, 0.160, 0.190, 0.195, 0.220, 0.210),
    "red_roof": (0.070, 0.095, 0.190, 0.260, 0.270, 0.300, 0.270),
    "grey_roof": (0.110, 0.120, 0.130, 0.145, 0.150, 0.170, 0.165),
    "bright_roof": (0.300, 0.330, 0.345, 0.360, 0.365, 0.330, 0.290),
}
"""Reflectance per band of `BANDS`, 0..1."""

Curve = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Cover:
    """One class.

    Attributes
    ----------
    name : str
    ground : str
        Material seen where nothing grows; "soil" = each field's own mixture of loam and clay.
    green, dry : str
        Materials of green and of dead plants, empty where nothing grows.
    curve : (base, amplitude, k1, t1, k2, t2) or None
        Mean season of the NDVI; days of the year, 1 = 1 January.
    spread : (amplitude, t1, t2)
        Standard deviation over fields.
    share : float
        Share of the parcels, 0 for what is no field.
    dead : float
        Share of the ground that ripe plants cover.
    harvest : float or None
        Days from t2 to the harvest.
    cuts : tuple of float
        Mean days of mowing.
    grain : float
        Relative standard deviation from pixel to pixel.
    """

    name: str
    ground: str
    green: str = ""
    dry: str = "hay"
    curve: Curve | None = None
    spread: tuple[float, float, float] = (0.02, 3.0, 3.0)
    share: float = 0.0
    dead: float = 0.0
    harvest: float | None = None
    cuts: tuple[float, ...] = ()
    grain: float = 0.02


COVERS: tuple[Cover, ...] = (
    Cover("winter_wheat", "soil", "wheat", "straw", (0.30, 0.55, 0.070, 90, 0.120, 182), (0.03, 5, 4), 0.30, 0.70, 26),
    Cover("maize", "soil", "maize", "straw", (0.20, 0.64, 0.110, 166, 0.080, 262), (0.03, 6, 6), 0.24, 0.40, 18),
    # Lifted while still green: the limb falls within days.
    Cover("sugar_beet", "soil", "beet", "straw", (0.20, 0.66, 0.100, 153, 0.450, 283), (0.02, 5, 10), 0.14, 0.05, 3),
    Cover("soybean", "soil", "soybean", "straw", (0.20, 0.65, 0.120, 182, 0.130, 258), (0.03, 5, 5), 0.08, 0.40, 16),
    Cover(
        "grassland", "thatch", "grass", "hay", (0.44, 0.34, 0.060, 88, 0.050, 305), (0.03, 6, 8), 0.15,
        cuts=(140, 190, 250), grain=0.025,
    ),
    Cover(
        "alfalfa", "soil", "alfalfa", "hay", (0.30, 0.54, 0.070, 90, 0.060, 308), (0.02, 5, 6), 0.09,
        cuts=(136, 171, 207, 248),
    ),
    Cover(
        "broadleaf_wood", "litter", "broadleaf", "hay", (0.44, 0.42, 0.130, 121, 0.090, 298), (0.01, 3, 4), grain=0.09,
    ),
    Cover("needle_wood", "litter", "needle", "hay", (0.74, 0.08, 0.060, 125, 0.050, 285), (0.01, 3, 4), grain=0.07),
    Cover("verge", "thatch", "grass", "hay", (0.42, 0.28, 0.060, 93, 0.050, 295), (0.02, 3, 4), grain=0.05),
    Cover("garden", "thatch", "grass", "hay", (0.48, 0.24, 0.060, 88, 0.050, 305), (0.03, 4, 4), grain=0.06),
    Cover("tree", "thatch", "broadleaf", "hay", (0.46, 0.38, 0.120, 118, 0.090, 300), (0.01, 3, 4), grain=0.05),
    Cover("water", "water", grain=0.01),
    Cover("road", "asphalt", grain=0.03),
    Cover("track", "gravel", grain=0.04),
    Cover("yard", "paving", grain=0.05),
    Cover("red_roof", "red_roof", grain=0.05),
    Cover("grey_roof", "grey_roof", grain=0.05),
    Cover("bright_roof", "bright_roof", grain=0.04),
)  # fmt: skip

NAMES = tuple(cover.name for cover in COVERS)
CODES = {name: i for i, name in enumerate(NAMES)}
CROPS = tuple(i for i, cover in enumerate(COVERS) if cover.share)
BRIGHT = tuple(CODES[n] for n in ("bright_roof", "yard"))
"""Classes that cloud detectors take for cloud now and then."""


def material(name: str) -> NDArray[np.float64]:
    """Reflectance of a material, shape (band,)."""
    return np.array(MATERIALS[name])
