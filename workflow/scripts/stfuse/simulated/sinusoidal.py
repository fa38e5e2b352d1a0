"""The grid of MODIS, and how its pixels mix what lies in them.

The sinusoidal projection has x = R longitude cos(latitude) and y = R latitude (radians) on a sphere, so its pixels are
sheared in a local CRS: by about 45 degrees at 88 W, 40 N. A truth's reflectance is linear in the spectra of objects,
and so is a mean over it: the sparse matrix of that mean, made once, turns a day's spectra into a day's coarse image.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from scipy import sparse
from scipy.special import ndtr

from stfuse.simulated.surface import World

Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Sparse = Any
"""A scipy sparse matrix; scipy ships no types for it."""

RADIUS = 6371007.181
TILE = 20015109.354 / 18
"""Metres; tiles of 10 degrees, from the products' own rounding of half the equator."""
TILE_PIXELS = 2400
PIXEL = TILE / TILE_PIXELS
WKT = (
    'PROJCS["unnamed",GEOGCS["Unknown datum based upon the custom spheroid",'
    'DATUM["Not specified (based on custom spheroid)",SPHEROID["Custom spheroid",6371007.181,0]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]]],PROJECTION["Sinusoidal"],'
    'PARAMETER["longitude_of_center",0],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["Meter",1],'
    'AXIS["Easting",EAST],AXIS["Northing",NORTH]]'
)
"""As the archive's items have it."""
CUT = 2.0
"""Standard deviations beyond which a pixel's blur ends."""
TYPICAL_BLUR = 0.35
"""Standard deviation of the blur beyond a pixel's area, in pixels."""
LEAST_KNOWN = 0.5
"""Share of a pixel's weight that must lie in the world, or the pixel stays empty."""
BLOCK = 200_000  # pixels of the truth at a time


def tile_of(longitude: float, latitude: float) -> tuple[int, int]:
    """Horizontal and vertical number of the tile at a place, h 0..35 from the west and v 0..17 from the north.

    Parameters
    ----------
    longitude, latitude : float
        Degrees.
    """
    x = RADIUS * math.radians(longitude) * math.cos(math.radians(latitude))
    y = RADIUS * math.radians(latitude)
    return math.floor(x / TILE) + 18, math.floor(9 - y / TILE)


def tiles(grid: GeoBox) -> list[tuple[tuple[int, int], tuple[slice, slice]]]:
    """Numbers (h, v) of the tiles that a window of the global grid lies in, and its rows and columns in each."""
    column, row = round(grid.affine.c / PIXEL) + 18 * TILE_PIXELS, 9 * TILE_PIXELS - round(grid.affine.f / PIXEL)

    def parts(first: int, count: int) -> list[tuple[int, slice]]:
        numbers = range(first // TILE_PIXELS, (first + count - 1) // TILE_PIXELS + 1)
        starts = [n * TILE_PIXELS - first for n in numbers]
        return [(n, slice(max(0, s), min(count, s + TILE_PIXELS))) for n, s in zip(numbers, starts, strict=True)]

    down, across = parts(row, int(grid.height)), parts(column, int(grid.width))
    return [((h, v), (rows, columns)) for v, rows in down for h, columns in across]


def coarse_grid(site: GeoBox, pixel: float = 0.0) -> GeoBox:
    """Whole pixels that hold a site, and one more all around.

    Parameters
    ----------
    site : GeoBox
    pixel : float
        0: of the global sinusoidal grid; else metres, of a grid in the site's CRS that begins at its top left corner.
        There a multiple of the truth's pixel makes the coarse image its exact block means.
    """
    if pixel:
        left, top = site.affine.c, site.affine.f
        whole = GeoBox((1, 1), Affine(pixel, 0, left, 0, -pixel, top), site.crs)
    else:
        whole = GeoBox((1, 1), Affine(PIXEL, 0, -18 * TILE, 0, -PIXEL, 9 * TILE), CRS(WKT))
    u, v = _place(*_outline(site), site.crs, whole)
    first = math.floor(u.min()) - 1, math.floor(v.min()) - 1
    shape = math.floor(v.max()) + 2 - first[1], math.floor(u.max()) + 2 - first[0]
    return GeoBox(shape, whole.affine @ Affine.translation(*first), whole.crs)


def reach(site: GeoBox, pixel: float = 0.0) -> float:
    """Metres beyond a site's bounds to which the pixels reach that touch it, with a blur of `TYPICAL_BLUR`."""
    grid = coarse_grid(site, pixel)
    u, v = _place(*_outline(site), site.crs, grid)
    touched = np.unique(np.floor(np.stack([u, v])), axis=1)
    far = CUT * TYPICAL_BLUR
    corners = np.array([(-far, -far), (1 + far, -far), (-far, 1 + far), (1 + far, 1 + far)])
    x, y = grid.affine @ (touched[:, :, None] + corners.T[:, None, :])
    if grid.crs != site.crs:
        assert grid.crs is not None and site.crs is not None
        x, y = grid.crs.transformer_to_crs(site.crs)(x, y)
    left, bottom, right, top = site.extent.boundingbox.bbox
    beyond = max(left - np.min(x), np.max(x) - right, bottom - np.min(y), np.max(y) - top)
    return float(beyond) + 2 * float(abs(site.resolution.x))


def mean_weights(source: GeoBox, target: GeoBox, blur: float, rows: slice) -> Sparse:
    """Weights of some rows of small pixels in the large ones: sparse, shape (pixel of the target, pixel of the rows).

    A small pixel counts where its centre lies. Without blur it counts wholly in one large pixel; with it, by the
    integral of a Gaussian over each, row and column apart, cut at `CUT` standard deviations.

    Parameters
    ----------
    source, target : GeoBox
        North up in their CRS, which may differ.
    blur : float
        Standard deviation in pixels of the target.
    rows : slice
        Of the source.
    """
    columns, lines = np.meshgrid(np.arange(int(source.width)) + 0.5, np.arange(rows.start, rows.stop) + 0.5)
    x, y = source.affine @ np.stack([columns.ravel(), lines.ravel()])
    u, v = _place(x, y, source.crs, target)
    across, down = _shares(u, blur), _shares(v, blur)
    height, width = target.shape
    parts = []
    for row, row_weight in down:
        for column, column_weight in across:
            weight = row_weight * column_weight
            here = np.flatnonzero((weight > 0) & (row >= 0) & (row < height) & (column >= 0) & (column < width))
            parts.append((weight[here], row[here] * int(width) + column[here], here))
    values, large, small = (np.concatenate(p) for p in zip(*parts, strict=True))
    return sparse.csr_matrix((values, (large, small)), (int(height * width), u.size))


def _shares(place: Float64Array, blur: float) -> list[tuple[NDArray[np.int64], Float64Array]]:
    """Along one axis: numbers of the pixels around each place, and the part of its light that they take."""
    own = np.floor(place).astype(np.int64)
    if blur <= 0:
        return [(own, np.ones(place.size))]
    out = []
    for step in range(-math.ceil(CUT * blur), math.ceil(CUT * blur) + 1):
        low = own + step - place
        part = ndtr((low + 1) / blur) - ndtr(low / blur)
        part[np.abs(low + 0.5) > 0.5 + CUT * blur] = 0
        out.append((own + step, part))
    return out


def mixing(world: World, target: GeoBox, blur: float) -> tuple[Sparse, BoolArray]:
    """What a coarse image is of the spectra of objects.

    Parameters
    ----------
    world : World
    target : GeoBox
    blur : float
        Standard deviation in pixels of the target.

    Returns
    -------
    matrix : sparse, shape (pixel, answer * object)
        Times spectra of shape (answer * object, band) it gives the coarse image, the mean of the truth over each pixel
        and its blur, as far as the world reaches.
    known : ndarray, shape (y, x), bool
        Pixels of which enough lies in the world; the others' rows are empty or uncertain.
    """
    height, width = (int(n) for n in world.grid.shape)
    textures = np.asarray(world.textures, np.float64).reshape(len(world.textures), -1)
    sums: list[Sparse] = [0] * len(textures)
    total = np.zeros(int(target.height * target.width))
    step = max(1, BLOCK // width)
    for first in range(0, height, step):
        rows = slice(first, min(first + step, height))
        pixels = slice(rows.start * width, rows.stop * width)
        weights = mean_weights(world.grid, target, blur, rows)
        total += np.asarray(weights.sum(axis=1)).ravel()
        shares = world.shares[pixels].astype(np.float64)
        for answer, texture in enumerate(textures):
            sums[answer] = sums[answer] + weights @ (sparse.diags(texture[pixels]) @ shares)
    # Both are areas to better than a part in 500: the sinusoidal projection is true to area, a local CRS nearly so.
    filled = total * abs(world.grid.affine.determinant / target.affine.determinant)
    return _scaled(sparse.hstack(sums), total), (filled >= LEAST_KNOWN).reshape(target.shape)


def means(weights: Sparse) -> Sparse:
    """Weights whose rows sum to 1, or to 0 where there are none."""
    return _scaled(weights, np.asarray(weights.sum(axis=1)).ravel())


def _scaled(matrix: Sparse, total: Float64Array) -> Sparse:
    scale = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    return (sparse.diags(scale) @ matrix).tocsr()


def _outline(site: GeoBox) -> tuple[Float64Array, Float64Array]:
    """Points along a site's bounds, just inside of them."""
    left, bottom, right, top = site.extent.boundingbox.bbox
    count = 2 + int(max(right - left, top - bottom) / 10)
    x, y = np.linspace(left + 0.01, right - 0.01, count), np.linspace(bottom + 0.01, top - 0.01, count)
    ends = np.full(count, 1.0)
    return (
        np.concatenate([x, x, x[0] * ends, x[-1] * ends]),
        np.concatenate([y[0] * ends, y[-1] * ends, y, y]),
    )


def _place(x: Float64Array, y: Float64Array, crs: CRS | None, grid: GeoBox) -> tuple[Float64Array, Float64Array]:
    """Columns and rows of points in a grid, with fractions."""
    assert crs is not None and grid.crs is not None
    if crs != grid.crs:
        x, y = crs.transformer_to_crs(grid.crs)(x, y)
    u, v = ~grid.affine @ np.stack([x, y])
    return np.asarray(u, float), np.asarray(v, float)
