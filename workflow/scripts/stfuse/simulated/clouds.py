"""Clouds and their shadows over one acquisition, and what an archive's classification makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from stfuse.simulated.covers import BANDS
from stfuse.task import FloatArray

BoolArray = NDArray[np.bool_]

COARSE = 20.0  # metres, the grid on which clouds are drawn
EXTENT = 10_240.0  # metres, least side of the sky drawn; it repeats beyond
LARGEST = 2_500.0  # metres, scale above which clouds do not grow
STEEPNESS = 1.6  # amplitude of the pattern falls with wave number to this power
BRIGHT = dict(zip(BANDS, (0.62, 0.62, 0.63, 0.66, 0.66, 0.50, 0.38), strict=True)) | {"pan": 0.62}
SHADE = dict(zip(BANDS, (0.45, 0.50, 0.53, 0.60, 0.60, 0.62, 0.62), strict=True)) | {"pan": 0.50}
"""Share of the light that a thick cloud's shadow takes."""
FAINTEST = 0.01


@dataclass(frozen=True)
class Sky:
    """Clouds over a grid, each shape (y, x), 0..1.

    Attributes
    ----------
    cloud : ndarray
        Share of the view that the cloud blocks.
    shadow : ndarray
        Depth of the shadow, 1 = that of a thick cloud.
    """

    cloud: FloatArray
    shadow: FloatArray


def clear_sky(shape: tuple[int, int]) -> Sky:
    """No cloud."""
    return Sky(np.zeros(shape, np.float32), np.zeros(shape, np.float32))


def draw_sky(
    shape: tuple[int, int], pixel: float, cover: float, sun: tuple[float, float], rng: np.random.Generator
) -> Sky:
    """Clouds of one acquisition.

    Parameters
    ----------
    shape : (rows, columns)
    pixel : float
        Pixel size in metres.
    cover : float
        Share of the sky, 0..1; what falls onto the grid is more or less by chance.
    sun : (elevation, azimuth)
        Degrees; azimuth clockwise from north.
    rng : Generator
    """
    side = fft.next_fast_len(int(np.ceil(max(EXTENT, 2 * max(shape) * pixel) / COARSE)), real=True)
    pattern = _pattern(side, rng)
    height, thick = rng.uniform(700, 2200), rng.uniform(0.85, 0.99)  # metres; densest cloud's opacity
    if cover <= 0:
        return clear_sky(shape)
    # A closed deck still has thinner and thicker parts.
    threshold = np.quantile(pattern, 1 - cover) if cover < 0.99 else pattern.min() - 0.5
    opacity = thick * (1 - np.exp(-np.maximum(pattern - threshold, 0) / 0.22))
    opacity[opacity < FAINTEST] = 0
    throw = height / np.tan(np.radians(max(sun[0], 12.0)))
    azimuth = np.radians(sun[1])
    # The cloud that shades a point stands from it towards the sun.
    east, north = throw * np.sin(azimuth), throw * np.cos(azimuth)
    rows = np.arange(shape[0]) * pixel / COARSE
    columns = np.arange(shape[1]) * pixel / COARSE

    def seen(down: float, right: float) -> FloatArray:
        grid = np.meshgrid(rows + down / COARSE, columns + right / COARSE, indexing="ij")
        return np.asarray(ndimage.map_coordinates(opacity, grid, order=1, mode="grid-wrap"), np.float32)

    return Sky(seen(0, 0), seen(-north, east))


def _pattern(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random field without edges, mean 0 and standard deviation 1."""
    noise = fft.rfft2(rng.normal(size=(side, side)))
    ky, kx = fft.fftfreq(side)[:, None], fft.rfftfreq(side)[None, :]
    wave = np.hypot(np.hypot(ky, kx), COARSE / LARGEST)
    pattern = fft.irfft2(noise / wave**STEEPNESS, (side, side))
    return np.asarray((pattern - pattern.mean()) / pattern.std())


def through(values: FloatArray, bands: tuple[str, ...], sky: Sky) -> FloatArray:
    """Reflectance as seen with clouds and shadows, shape (band, y, x)."""
    bright = np.array([BRIGHT[b] for b in bands], np.float32)[:, None, None]
    shade = np.array([SHADE[b] for b in bands], np.float32)[:, None, None]
    # Thick cloud is brighter than its thin rim, and no light is lost below a cloud that hides the ground.
    cloudy = bright * (0.75 + 0.25 * sky.cloud)
    return np.asarray(values * (1 - shade * sky.shadow) * (1 - sky.cloud) + cloudy * sky.cloud, np.float32)


@dataclass(frozen=True)
class Found:
    """What a classification finds, each shape (y, x) bool; shadow only where no cloud is."""

    cloud: BoolArray
    thick: BoolArray
    shadow: BoolArray


def classify(
    cloud: FloatArray, shadow: FloatArray, bright: FloatArray, dark: FloatArray, error: bool, rng: np.random.Generator
) -> Found:
    """Cloud and shadow as an archive's classification finds them.

    Parameters
    ----------
    cloud, shadow : ndarray, shape (y, x)
        True opacity and depth, averaged over the mask's pixels.
    bright, dark : ndarray, shape (y, x)
        Share of the pixel that bright roofs and yards fill, or dark water: taken for cloud or shadow by mistake.
    error : bool
        False: everything that is there is found and nothing else.
    rng : Generator
    """
    cloud_from, shadow_from = np.exp(rng.normal(np.log((0.07, 0.14)), 0.3))
    speckle = ndimage.gaussian_filter(rng.normal(size=cloud.shape), 1.0)
    roofs, waters = rng.random(2) < (0.3, 0.15)
    if not error:
        found = cloud > FAINTEST
        return Found(found, cloud > 0.6, (shadow > FAINTEST) & ~found)
    unsure = np.exp(speckle)
    found = cloud * unsure > cloud_from
    found |= roofs & (bright * unsure > 0.45)
    shaded = shadow * unsure > shadow_from
    shaded |= waters & (dark * unsure > 0.9) & (shadow.max() > 0)
    return Found(found, cloud > 0.6, shaded & ~found)


SCL_VEGETATION, SCL_BARE, SCL_WATER, SCL_SHADOW, SCL_MEDIUM, SCL_HIGH = 4, 5, 6, 3, 8, 9


def scl(found: Found, ndvi: FloatArray, water: FloatArray) -> NDArray[np.uint8]:
    """Sentinel-2 scene classification, shape (y, x); nodata is set where the scene ends."""
    out = np.where(ndvi > 0.35, SCL_VEGETATION, SCL_BARE)
    out[water > 0.5] = SCL_WATER
    out[found.shadow] = SCL_SHADOW
    out[found.cloud] = SCL_MEDIUM
    out[found.cloud & found.thick] = SCL_HIGH
    return out.astype(np.uint8)


def qa_pixel(found: Found, water: FloatArray, dilation: int = 3) -> NDArray[np.uint16]:
    """Landsat Collection 2 QA_PIXEL bits, shape (y, x).

    1 dilated cloud, 3 cloud, 4 shadow, 6 clear (neither cloud nor dilated), 7 water, then two bits each for the
    confidence of cloud (8), shadow (10), snow (12) and cirrus (14): 1 low, 2 medium, 3 high.
    """
    wide = ndimage.binary_dilation(found.cloud, iterations=dilation, structure=np.ones((3, 3), bool)) & ~found.cloud
    one = np.uint16(1)
    confidence = np.where(found.cloud, 3, np.where(wide, 2, 1)).astype(np.uint16)
    out = (confidence << 8) | (np.where(found.shadow, 3, 1).astype(np.uint16) << 10) | (one << 12) | (one << 14)
    for bit, here in ((1, wide), (3, found.cloud), (4, found.shadow), (6, ~found.cloud & ~wide), (7, water > 0.5)):
        out |= here.astype(np.uint16) << bit
    return np.asarray(out, np.uint16)
