"""Clouds and their shadows over one acquisition, and what an archive's classification makes of them."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft, ndimage

from stfuse.simulated.covers import BANDS
from stfuse.task import FloatArray

BoolArray = NDArray[np.bool_]

COARSE = 20.0  # metres, the grid on which clouds are drawn
EXTENT = 10_240.0  # metres, least side of the sky drawn; it repeats beyond
LARGEST = 2_500.0  # metres, scale above which clouds do not grow
STEEPNESS, SMOOTH = 1.6, 2.4  # amplitude of the pattern falls with wave number to this power; of a veil
VEILED = 0.35  # share of acquisitions with a veil
BRIGHT = dict(zip(BANDS, (0.62, 0.62, 0.63, 0.66, 0.66, 0.50, 0.38), strict=True)) | {"pan": 0.62}
SHADE = dict(zip(BANDS, (0.45, 0.50, 0.53, 0.60, 0.60, 0.62, 0.62), strict=True)) | {"pan": 0.50}
"""Share of the light that a thick cloud's shadow takes."""
FAINTEST = 0.01
UNSEEN = 1e-3
"""Opacity of a mask pixel that changes reflectance by less than the noise, where masks are without error."""


@dataclass(frozen=True)
class Sky:
    """Clouds over a grid, each shape (y, x), 0..1.

    Attributes
    ----------
    cloud : ndarray
        Share of the view that the cloud blocks.
    shadow : ndarray
        Depth of the shadow, 1 = that of a thick cloud.
    veil : ndarray
        Share of the view that a thin high cloud blocks; it has no shadow to speak of.
    """

    cloud: FloatArray
    shadow: FloatArray
    veil: FloatArray

    @property
    def empty(self) -> bool:
        """Neither cloud nor shadow anywhere."""
        return not (self.cloud.any() or self.shadow.any() or self.veil.any())


def clear_sky(shape: tuple[int, int]) -> Sky:
    """No cloud."""
    return Sky(np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32))


def draw_sky(
    shape: tuple[int, int], pixel: float, cover: float, sun: tuple[float, float], rng: np.random.Generator
) -> Sky:
    """Clouds of one acquisition, without a veil.

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
    if cover <= 0:
        return clear_sky(shape)
    side = _side(shape, pixel)
    pattern = _pattern(side, STEEPNESS, rng)
    height, thick = rng.uniform(700, 2200), rng.uniform(0.85, 0.99)  # metres; densest cloud's opacity
    # A closed deck still has thinner and thicker parts.
    threshold = np.quantile(pattern, 1 - cover) if cover < 0.99 else pattern.min() - 0.5
    opacity = (thick * (1 - np.exp(-np.maximum(pattern - threshold, 0) / 0.22))).astype(np.float32)
    opacity[opacity < FAINTEST] = 0
    throw = height / np.tan(np.radians(max(sun[0], 12.0)))
    azimuth = np.radians(sun[1])
    # The cloud that shades a point stands from it towards the sun.
    east, north = throw * np.sin(azimuth), throw * np.cos(azimuth)

    def seen(down: float, right: float) -> FloatArray:
        return _look(opacity, shape, pixel, (down, right))

    return Sky(seen(0.0, 0.0), seen(-north, east), np.zeros(shape, np.float32))


def draw_veil(shape: tuple[int, int], pixel: float, rng: np.random.Generator) -> FloatArray:
    """Thin high cloud over one acquisition, on `VEILED` of all draws: opacity, shape (y, x), else 0 everywhere.

    Parameters
    ----------
    shape : (rows, columns)
    pixel : float
        Metres.
    rng : Generator
    """
    falls, densest = rng.random(), rng.uniform(0.02, 0.08)
    if falls > VEILED:
        return np.zeros(shape, np.float32)
    pattern = _pattern(_side(shape, pixel), SMOOTH, rng)
    opacity = np.clip(densest * (0.5 + 0.5 * pattern), 0, None).astype(np.float32)
    return _look(opacity, shape, pixel, (0.0, 0.0))


def _side(shape: tuple[int, int], pixel: float) -> int:
    """Cells along a side of the sky drawn."""
    return int(fft.next_fast_len(int(np.ceil(max(EXTENT, 2 * max(shape) * pixel) / COARSE)), real=True))


def _pattern(side: int, steepness: float, rng: np.random.Generator) -> FloatArray:
    """Random field without edges, mean 0 and standard deviation 1."""
    noise = fft.rfft2(rng.standard_normal((side, side), np.float32))
    pattern = fft.irfft2(noise * _spectrum(side, steepness), (side, side))
    return np.asarray((pattern - pattern.mean()) / pattern.std(), np.float32)


@lru_cache(maxsize=8)
def _spectrum(side: int, steepness: float) -> FloatArray:
    ky, kx = fft.fftfreq(side)[:, None], fft.rfftfreq(side)[None, :]
    return np.asarray(np.hypot(np.hypot(ky, kx), COARSE / LARGEST) ** -steepness, np.float32)


def _look(image: FloatArray, shape: tuple[int, int], pixel: float, off: tuple[float, float]) -> FloatArray:
    """The sky as pixels see it, displaced by metres (down, right)."""
    out = np.empty(shape, np.float32)
    # Reckoned from the middle of the first pixel.
    _interpolate(image, (off[0] + pixel / 2) / COARSE, (off[1] + pixel / 2) / COARSE, pixel / COARSE, out)
    return out


@njit(cache=True, nogil=True)
def _interpolate(image, top, left, step, out):  # type: ignore[no-untyped-def]
    """Linear between the cells of an image that repeats, from (top, left) in steps of `step` cells."""
    height, width = image.shape
    for i in range(out.shape[0]):
        y = top + i * step
        row = int(np.floor(y))
        lower = np.float32(y - row)
        one, two = image[row % height], image[(row + 1) % height]
        for j in range(out.shape[1]):
            x = left + j * step
            column = int(np.floor(x))
            right = np.float32(x - column)
            a, b = column % width, (column + 1) % width
            above, below = one[a] + right * (one[b] - one[a]), two[a] + right * (two[b] - two[a])
            out[i, j] = above + lower * (below - above)


def through(values: FloatArray, bands: Sequence[str], sky: Sky) -> FloatArray:
    """Reflectance as seen with clouds and shadows, shape (band, y, x); without any, the very same array."""
    if sky.empty:
        return values
    out = np.empty(values.shape, np.float32)
    for image, band, seen in zip(values, bands, out, strict=True):
        _through(image, np.float32(BRIGHT[band]), np.float32(SHADE[band]), sky.cloud, sky.shadow, sky.veil, seen)
    return out


@njit(cache=True, nogil=True)
def _through(image, bright, shade, cloud, shadow, veil, out):  # type: ignore[no-untyped-def]
    one, base, rest = np.float32(1), np.float32(0.75), np.float32(0.25)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            c = cloud[i, j]
            # Thick cloud is brighter than its thin rim, and no light is lost below a cloud that hides the ground.
            ground = image[i, j] * (one - shade * shadow[i, j]) * (one - c)
            below = ground + bright * (base + rest * c) * c
            out[i, j] = below + veil[i, j] * (bright * base - below)


@dataclass(frozen=True)
class Found:
    """What a classification finds, each shape (y, x) bool; shadow and veil only where no cloud is."""

    cloud: BoolArray
    thick: BoolArray
    shadow: BoolArray
    veil: BoolArray


def classify(sky: Sky, bright: FloatArray, dark: FloatArray, error: bool, rng: np.random.Generator) -> Found:
    """Cloud, shadow and veil as an archive's classification finds them.

    Parameters
    ----------
    sky : Sky
        As it is, averaged over the mask's pixels.
    bright, dark : ndarray, shape (y, x)
        Share of the pixel that bright roofs and yards fill, or dark water: taken for cloud or shadow by mistake.
    error : bool
        False: everything that is there is found and nothing else.
    rng : Generator
    """
    thick = sky.cloud > 0.6
    if not error:
        found, shaded, veiled = (values > UNSEEN for values in (sky.cloud, sky.shadow, sky.veil))
        return Found(found, thick, shaded & ~found, veiled & ~found)
    cloud_from, shadow_from, veil_from = np.exp(rng.normal(np.log((0.07, 0.14, 0.05)), 0.3))
    roofs, waters = rng.random(2) < (0.3, 0.15)
    speckle = rng.standard_normal(sky.cloud.shape, np.float32)
    unsure = np.exp(ndimage.gaussian_filter(speckle, 1.0))
    found = sky.cloud * unsure > cloud_from
    found |= roofs & (bright * unsure > 0.45)
    shaded = sky.shadow * unsure > shadow_from
    shaded |= waters & (dark * unsure > 0.9) & (sky.shadow.max() > 0)
    return Found(found, thick, shaded & ~found, (sky.veil * unsure > veil_from) & ~found)
