"""Patterns within fields: random, smooth, and the same at a place however much land is drawn around it."""

from __future__ import annotations

import numpy as np
from odc.geo.geobox import GeoBox
from scipy import ndimage

from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.spectra import ANSWERS
from stfuse.task import FloatArray

BLOCK = 64  # values along a side that one stream draws
REACH = 4.0  # standard deviations after which the filter ends
PITCH = 4.0  # values per standard deviation: a smoother pattern need not be drawn any finer


def make_textures(grid: GeoBox, site: GeoBox, settings: Settings) -> FloatArray:
    """How strongly each pixel shows each answer of its object: 1, grain, soil, stand and lag (days).

    Parameters
    ----------
    grid : GeoBox
        Pixels wanted.
    site : GeoBox
        Of the same pixels; patterns are drawn from its top left corner on.
    settings : Settings

    Returns
    -------
    ndarray, shape (ANSWERS, y, x), float32
    """
    column, row = (round(v) for v in ~site.affine @ (grid.affine.c, grid.affine.f))

    def noise(name: str, metres: float) -> FloatArray:
        sigma = metres / settings.resolution
        return smooth_noise((settings.seed, "texture", name), (row, column), (grid.height, grid.width), sigma)

    wide, narrow = noise("wide soil", 250), noise("narrow soil", 40)
    patterns = (
        np.clip(noise("grain", 4.5), -3, 3),
        0.09 * wide + 0.06 * narrow,
        np.clip(0.055 * noise("stand", 60) + 0.035 * wide - 0.02 * narrow, -0.18, 0.12),
        np.clip(1.6 * noise("lag", 90), -4, 4),
    )
    out = np.ones((ANSWERS, grid.height, grid.width), np.float32)
    for answer, pattern in enumerate(patterns, 1):
        out[answer] = settings.texture * pattern
    return out


def smooth_noise(
    names: tuple[int, *tuple[object, ...]], corner: tuple[int, int], shape: tuple[int, int], sigma: float
) -> FloatArray:
    """A window of an endless random pattern of mean 0 and standard deviation 1.

    Parameters
    ----------
    names : (seed, ...)
        Which pattern.
    corner : (row, column)
        Of the window's first pixel.
    shape : (rows, columns)
    sigma : float
        Standard deviation of the Gaussian that white noise is smoothed with, in pixels.
    """
    step = max(1.0, sigma / PITCH)  # pixels from one drawn value to the next
    reach = int(np.ceil(REACH * sigma / step)) + 1
    first = [int(np.floor(c / step)) - reach for c in corner]
    last = [int(np.ceil((c + n) / step)) + reach for c, n in zip(corner, shape, strict=True)]
    drawn = _white_noise(names, first, last)
    # `reach` more than the filter needs, so that its edges never come into the window.
    smooth = ndimage.gaussian_filter(drawn, sigma / step, mode="constant", truncate=REACH)
    line = np.zeros(2 * reach + 1)
    line[reach] = 1
    kernel = ndimage.gaussian_filter1d(line, sigma / step, mode="constant", truncate=REACH)
    # What the filter leaves of the standard deviation of white noise.
    smooth = (smooth / (kernel**2).sum()).astype(np.float32)
    start = [c / step - f for c, f in zip(corner, first, strict=True)]
    if step == 1:
        rows, columns = (slice(round(s), round(s) + n) for s, n in zip(start, shape, strict=True))
        return np.ascontiguousarray(smooth[rows, columns])
    scale = [1 / step, 1 / step]
    return np.asarray(ndimage.affine_transform(smooth, scale, start, shape, order=1, mode="nearest"), np.float32)


def _white_noise(names: tuple[int, *tuple[object, ...]], first: list[int], last: list[int]) -> FloatArray:
    """Values of an endless plane of white noise, rows and columns `first` to `last`; drawn block by block."""
    blocks = [range(a // BLOCK, (b - 1) // BLOCK + 1) for a, b in zip(first, last, strict=True)]
    plane = np.empty((len(blocks[0]) * BLOCK, len(blocks[1]) * BLOCK), np.float32)
    for i, row in enumerate(blocks[0]):
        for j, column in enumerate(blocks[1]):
            own = stream(names[0], *names[1:], row, column).standard_normal((BLOCK, BLOCK), np.float32)
            plane[i * BLOCK : (i + 1) * BLOCK, j * BLOCK : (j + 1) * BLOCK] = own
    rows, columns = (slice(a - r[0] * BLOCK, b - r[0] * BLOCK) for a, b, r in zip(first, last, blocks, strict=True))
    return plane[rows, columns]
