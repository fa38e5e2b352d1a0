"""What can lie on the ground: spectra, seasons and traits of the classes.

Reflectances are typical values for Sentinel-2's bands, chosen so that red, near infrared and NDVI of crops run through
the ranges seen in western Europe. The seasons are those of about 50 degrees north, of rice and double crops those of
the North China Plain and the lower Yangtze; a site's `seasons:` move them. Backscatter is typical of C band at an
incidence of 38 degrees: the courses of cereals, maize and soybean follow Veloso et al. (2017, Remote Sensing of
Environment 199) and Vreugdenhil et al. (2018, Remote Sensing 10, 1396), all others are round figures of that order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.errors import InputError

BANDS = ("blue", "green", "red", "nir", "nir08", "swir16", "swir22")
RED, NIR08 = BANDS.index("red"), BANDS.index("nir08")
PAN_WEIGHTS = {"blue": 0.1, "green": 0.5, "red": 0.4}
"""The panchromatic band of OLI (0.50-0.68 um) as a mean of visible bands."""

MATERIALS: dict[str, tuple[float, ...]] = {
    "loam": (0.085, 0.120, 0.160, 0.205, 0.220, 0.300, 0.260),
    "clay": (0.060, 0.085, 0.115, 0.150, 0.160, 0.230, 0.200),
    "desert": (0.140, 0.200, 0.270, 0.330, 0.345, 0.420, 0.380),
    "rock": (0.120, 0.140, 0.165, 0.190, 0.200, 0.230, 0.210),
    "litter": (0.045, 0.060, 0.080, 0.150, 0.170, 0.210, 0.150),
    "thatch": (0.060, 0.090, 0.110, 0.190, 0.205, 0.260, 0.190),
    "straw": (0.110, 0.170, 0.240, 0.310, 0.330, 0.400, 0.310),
    "residue": (0.085, 0.125, 0.170, 0.245, 0.265, 0.330, 0.260),
    "hay": (0.070, 0.115, 0.150, 0.270, 0.290, 0.320, 0.230),
    "wheat": (0.022, 0.052, 0.024, 0.420, 0.445, 0.190, 0.085),
    "maize": (0.020, 0.055, 0.026, 0.400, 0.425, 0.180, 0.075),
    "beet": (0.022, 0.066, 0.028, 0.480, 0.510, 0.200, 0.085),
    "soybean": (0.022, 0.065, 0.028, 0.470, 0.500, 0.210, 0.090),
    "rice": (0.022, 0.056, 0.027, 0.380, 0.405, 0.150, 0.065),
    "mustard": (0.026, 0.078, 0.036, 0.420, 0.445, 0.205, 0.095),
    "grass": (0.028, 0.066, 0.034, 0.370, 0.395, 0.205, 0.105),
    "alfalfa": (0.024, 0.060, 0.028, 0.420, 0.445, 0.190, 0.085),
    "broadleaf": (0.018, 0.043, 0.020, 0.320, 0.345, 0.150, 0.065),
    "needle": (0.014, 0.030, 0.018, 0.225, 0.245, 0.105, 0.045),
    "olive": (0.030, 0.055, 0.040, 0.280, 0.300, 0.190, 0.110),
    "water": (0.045, 0.050, 0.035, 0.020, 0.018, 0.010, 0.008),
    "paddy": (0.065, 0.085, 0.085, 0.065, 0.060, 0.022, 0.014),
    "flood": (0.090, 0.120, 0.135, 0.090, 0.080, 0.030, 0.020),
    "snow": (0.900, 0.900, 0.890, 0.850, 0.820, 0.120, 0.100),
    "town": (0.120, 0.135, 0.165, 0.205, 0.212, 0.235, 0.215),
    "asphalt": (0.085, 0.095, 0.105, 0.125, 0.130, 0.150, 0.140),
    "track": (0.070, 0.100, 0.115, 0.210, 0.225, 0.260, 0.205),
    "paving": (0.130, 0.145, 0.160, 0.190, 0.195, 0.220, 0.210),
    "red_roof": (0.070, 0.095, 0.190, 0.260, 0.270, 0.300, 0.270),
    "grey_roof": (0.110, 0.120, 0.130, 0.145, 0.150, 0.170, 0.165),
    "bright_roof": (0.300, 0.330, 0.345, 0.360, 0.365, 0.330, 0.290),
}
"""Reflectance per band of `BANDS`, 0..1."""

Curve = tuple[float, float, float, float, float, float]
Pair = tuple[float, float]

CATCH: Curve = (0.0, 0.50, 0.080, 268, 0.060, 402)
"""Season of a catch crop sown at the end of August: frost or the plough ends it in February; on the field's base."""


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
    dead : float
        Share of the ground that ripe plants cover.
    harvest : float or None
        Days from t2 to the harvest.
    cuts : tuple of float
        Mean days of mowing.
    grain : float
        Relative standard deviation from pixel to pixel.
    second : (base, amplitude, k1, t1, k2, t2) or None
        A second crop of the same year; its base is the first one's.
    second_green : str
        Its green material, empty = that of the first.
    catch : float
        Probability that a catch crop (`CATCH`, of mustard) follows in a year.
    flooded : (first, last) or None
        Days relative to t1, of both crops, between which the field stands under water.
    volume, geometry : float
        Volumetric and geometric kernel weights relative to the average land surface's (Roy et al. 2016).
    vv, vh : (bare, green)
        Backscatter in dB of dry bare or leafless land, and under full green cover.
    moist : float
        dB that saturated bare soil adds to VV; VH gets 60 % of it.
    """

    name: str
    ground: str
    green: str = ""
    dry: str = "hay"
    curve: Curve | None = None
    spread: tuple[float, float, float] = (0.02, 3.0, 3.0)
    dead: float = 0.0
    harvest: float | None = None
    cuts: tuple[float, ...] = ()
    grain: float = 0.02
    second: Curve | None = None
    second_green: str = ""
    catch: float = 0.0
    flooded: Pair | None = None
    volume: float = 1.0
    geometry: float = 1.0
    vv: Pair = (-12.0, -11.5)
    vh: Pair = (-19.5, -17.5)
    moist: float = 2.2


FIELDS: tuple[Cover, ...] = (
    Cover(
        "winter_wheat", "soil", "wheat", "straw", (0.30, 0.55, 0.070, 90, 0.120, 182), (0.03, 5, 4), 0.70, 26,
        catch=0.5, volume=1.2, geometry=0.8, vv=(-10, -15.5), vh=(-18.5, -19.5),
    ),
    Cover(
        "spring_wheat", "soil", "wheat", "straw", (0.20, 0.60, 0.100, 162, 0.120, 222), (0.03, 5, 4), 0.65, 22,
        volume=1.2, geometry=0.8, vv=(-10.5, -13.5), vh=(-18.5, -19),
    ),
    Cover(
        "maize", "soil", "maize", "residue", (0.20, 0.64, 0.110, 166, 0.080, 262), (0.03, 6, 6), 0.40, 27,
        catch=0.1, volume=1.2, geometry=1.0, vv=(-11, -9), vh=(-19, -15.5),
    ),
    Cover(
        "soybean", "soil", "soybean", "residue", (0.20, 0.65, 0.120, 182, 0.130, 258), (0.03, 5, 5), 0.40, 20,
        volume=1.2, geometry=0.8, vv=(-11, -10), vh=(-19, -15.5),
    ),
    # Lifted while still green: the limb falls within days.
    Cover(
        "sugar_beet", "soil", "beet", "straw", (0.20, 0.66, 0.100, 153, 0.450, 283), (0.02, 5, 10), 0.05, 5,
        volume=1.2, geometry=0.8, vv=(-11, -8.5), vh=(-19, -14),
    ),
    Cover(
        "alfalfa", "soil", "alfalfa", "hay", (0.30, 0.54, 0.070, 90, 0.060, 308), (0.02, 5, 6),
        cuts=(136, 171, 207, 248), volume=1.1, geometry=0.8, vv=(-11.5, -10.5), vh=(-18.5, -16.5), moist=2.5,
    ),
    Cover(
        "rice", "soil", "rice", "straw", (0.16, 0.64, 0.100, 182, 0.090, 258), (0.03, 5, 5), 0.50, 25,
        flooded=(-30, 45), volume=1.2, geometry=0.7, vv=(-11.5, -9.5), vh=(-19, -15.5),
    ),
    Cover(
        "double_rice", "soil", "rice", "straw", (0.16, 0.58, 0.130, 125, 0.160, 188), (0.03, 4, 4), 0.50, 15,
        second=(0.16, 0.58, 0.130, 232, 0.120, 296), flooded=(-25, 35),
        volume=1.2, geometry=0.7, vv=(-11.5, -9.5), vh=(-19, -15.5),
    ),
    Cover(
        "wheat_maize", "soil", "wheat", "straw", (0.22, 0.58, 0.080, 83, 0.220, 150), (0.03, 4, 3), 0.60, 12,
        second=(0.22, 0.60, 0.140, 194, 0.110, 261), second_green="maize",
        volume=1.2, geometry=0.9, vv=(-10.5, -11.5), vh=(-18.5, -17),
    ),
    Cover(
        "grassland", "thatch", "grass", "hay", (0.44, 0.34, 0.060, 88, 0.050, 305), (0.03, 6, 8),
        cuts=(140, 190, 250), grain=0.025, volume=1.0, geometry=0.8, moist=2.0,
    ),
    # Grass of a dry land, green with the rains; what dies stays standing.
    Cover(
        "rangeland", "soil", "grass", "hay", (0.18, 0.42, 0.060, 125, 0.045, 265), (0.06, 7, 10), 0.45,
        grain=0.06, volume=0.9, geometry=1.1, vv=(-13, -12), vh=(-20.5, -18.5), moist=2.5,
    ),
    Cover("bare", "desert", grain=0.04, volume=0.5, geometry=0.8, vv=(-14, -14), vh=(-24, -24)),
    # Rows of evergreen trees over soil: a weak season and coarse grain.
    Cover(
        "orchard", "soil", "olive", "hay", (0.36, 0.13, 0.045, 75, 0.035, 325), (0.05, 8, 8),
        grain=0.12, volume=0.9, geometry=1.4, vv=(-10.5, -9.5), vh=(-16.5, -15.5), moist=1.5,
    ),
)  # fmt: skip
"""What grows on fields."""

PLACES: tuple[Cover, ...] = (
    Cover(
        "broadleaf_wood", "litter", "broadleaf", "hay", (0.44, 0.42, 0.130, 121, 0.090, 298), (0.01, 3, 4),
        grain=0.09, volume=1.1, geometry=1.4, vv=(-8.5, -8), vh=(-14, -13.5), moist=0.3,
    ),
    Cover(
        "needle_wood", "litter", "needle", "hay", (0.74, 0.08, 0.060, 125, 0.050, 285), (0.01, 3, 4),
        grain=0.07, volume=0.9, geometry=1.6, vv=(-8.8, -8.5), vh=(-14.5, -14), moist=0.3,
    ),
    # A village as one mixture, where its houses are not drawn.
    Cover(
        "built_up", "town", "grass", "hay", (0.28, 0.12, 0.060, 90, 0.050, 303), (0.02, 3, 4),
        grain=0.12, volume=0.6, geometry=1.2, vv=(-5, -5), vh=(-12, -12), moist=0.3,
    ),
    Cover("water", "water", grain=0.01, volume=0.05, geometry=0.05, vv=(-20, -20), vh=(-28, -28), moist=0.0),
)  # fmt: skip
"""What is a place of its own in a land-cover mix."""

PARTS: tuple[Cover, ...] = (
    Cover(
        "verge", "thatch", "grass", "hay", (0.42, 0.28, 0.060, 93, 0.050, 295), (0.02, 3, 4), grain=0.05, moist=2.0,
    ),
    Cover(
        "garden", "thatch", "grass", "hay", (0.48, 0.24, 0.060, 88, 0.050, 305), (0.03, 4, 4), grain=0.06,
        geometry=1.2, vv=(-10, -9.5), vh=(-16.5, -15.5), moist=1.0,
    ),
    Cover(
        "tree", "thatch", "broadleaf", "hay", (0.46, 0.38, 0.120, 118, 0.090, 300), (0.01, 3, 4), grain=0.05,
        geometry=1.5, vv=(-9, -8.5), vh=(-14.5, -14), moist=0.3,
    ),
    Cover("road", "asphalt", grain=0.03, volume=0.4, geometry=0.6, vv=(-14, -14), vh=(-22, -22), moist=0.5),
    Cover("track", "track", grain=0.04, volume=0.5, geometry=0.7, vv=(-13, -13), vh=(-21, -21), moist=1.0),
    Cover("yard", "paving", grain=0.05, volume=0.4, geometry=0.8, vv=(-8, -8), vh=(-15, -15), moist=0.3),
    Cover("red_roof", "red_roof", grain=0.05, volume=0.3, geometry=1.0, vv=(-4, -4), vh=(-11, -11), moist=0.0),
    Cover("grey_roof", "grey_roof", grain=0.05, volume=0.3, geometry=1.0, vv=(-4, -4), vh=(-11, -11), moist=0.0),
    Cover("bright_roof", "bright_roof", grain=0.04, volume=0.3, geometry=0.8, vv=(-4, -4), vh=(-11, -11), moist=0.0),
)  # fmt: skip
"""What villages, farms, banks and the edges of fields are made of."""

COVERS = FIELDS + PLACES + PARTS
NAMES = tuple(cover.name for cover in COVERS)
CODES = {name: i for i, name in enumerate(NAMES)}
CROPS = tuple(range(len(FIELDS)))
"""Classes of fields, as indices into `COVERS`."""

FIELD_CLASSES = tuple(cover.name for cover in FIELDS)
PLACE_CLASSES = tuple(cover.name for cover in PLACES)
BRIGHT = tuple(CODES[n] for n in ("bright_roof", "yard"))
"""Classes that cloud detectors take for cloud now and then."""


def check_land(land: Mapping[str, float], where: str) -> None:
    """Refuse a land-cover mix that cannot be drawn.

    Parameters
    ----------
    land : mapping of class to share of the area
    where : str
        Where it stands, for the message.

    Raises
    ------
    InputError
        If a class is unknown, a share is no number from 0 on, or nothing has a share.
    """
    known = FIELD_CLASSES + PLACE_CLASSES
    unknown = sorted(str(name) for name in set(land) - set(known))
    if unknown:
        raise InputError(f"{where} has unknown classes {unknown}", f"the classes are {list(known)}")
    wrong = [
        k for k, v in land.items() if isinstance(v, bool) or not isinstance(v, (int, float)) or not 0 <= v < np.inf
    ]
    if wrong or sum(land.values()) <= 0:
        raise InputError(f"{where} has no shares for {wrong or 'any class'}", "give shares of the area from 0 on")


def material(name: str) -> NDArray[np.float64]:
    """Reflectance of a material, shape (band,)."""
    return np.array(MATERIALS[name])
