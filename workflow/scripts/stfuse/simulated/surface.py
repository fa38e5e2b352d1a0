"""The truth: noise-free reflectance of every 10 m pixel on any day.

A pixel's reflectance is linear in a few spectra per object (what it is on average, and how it answers to a brighter
soil, a thicker stand and a late one), weighted by the share of the pixel that the object fills. So one sparse matrix
times the day's spectra is the day's image, and edges between fields are truly mixed pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage, sparse

from stfuse.simulated.covers import BANDS, COVERS, NAMES, NIR08, RED, material
from stfuse.simulated.landscape import CELLS, Landscape, draw_landscape
from stfuse.simulated.seasons import Season, dead_plants, make_seasons, ndvi_curves
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.weather import Weather, make_weather
from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]
ANSWERS = 4  # mean, brighter soil, thicker stand, later stand
DARKENING = 0.28  # share of its reflectance that soil loses when wet


@dataclass(frozen=True)
class World:
    """Everything that is true.

    Attributes
    ----------
    grid : GeoBox
        10 m, the site and a margin around it.
    site : GeoBox
        10 m, the site.
    land : Landscape
    shares : sparse matrix, shape (pixel, object)
        Share of each pixel's area.
    mixing : sparse matrix, shape (pixel, object * ANSWERS)
        Shares times textures.
    spectra : ndarray, shape (day, object * ANSWERS, band), float32
    dates : tuple of date
        Every day of the site's period.
    seasons : list of Season
    weather : Weather
    """

    grid: GeoBox
    site: GeoBox
    land: Landscape
    shares: Any
    mixing: Any
    spectra: FloatArray
    dates: tuple[date, ...]
    seasons: list[Season]
    weather: Weather

    def reflectance(self, day: int) -> FloatArray:
        """Truth of the day with this index, shape (band, y, x) on `grid`, bands as `BANDS`."""
        flat = np.asarray(self.mixing @ self.spectra[day], np.float32)
        return np.ascontiguousarray(flat.T).reshape(len(BANDS), *self.grid.shape)

    def share_of(self, covers: Sequence[int]) -> FloatArray:
        """Share of each pixel that certain classes fill, shape (y, x)."""
        chosen = np.isin(self.land.cover, covers).astype(np.float32)
        return np.asarray(self.shares @ chosen, np.float32).reshape(self.grid.shape)

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the site within `grid`."""
        x, y = ~self.grid.affine @ (self.site.affine.c, self.site.affine.f)
        return (slice(round(y), round(y) + self.site.height), slice(round(x), round(x) + self.site.width))


def make_world(site: GeoBox, period: tuple[date, date], margin: int, settings: Settings) -> World:
    """Make the world of a site.

    Parameters
    ----------
    site : GeoBox
        Its 10 m grid.
    period : (first day, last day)
    margin : int
        Pixels around the site.
    settings : Settings
    """
    grid = site.pad(margin)
    land = draw_landscape(grid, site.extent.boundingbox.bbox, settings.seed)
    dates = tuple(period[0] + timedelta(days=i) for i in range((period[1] - period[0]).days + 1))
    first = period[0].year
    years = range(first - 1, period[1].year + 2)
    seasons = make_seasons(land.cover, years, first, bool(settings.events), settings.seed)
    weather = make_weather(dates, settings.clear_share, settings.seed)
    days = np.array([day_number(d, first) for d in dates], float)
    spectra = object_spectra(days, land.cover, seasons, settings.wetness * weather.wetness, settings.seed)
    shares = object_shares(land, (grid.height, grid.width))
    mixing = texture(shares, land.cover, grid, settings)
    return World(grid, site, land, shares, mixing, spectra, dates, seasons, weather)


def day_number(day: date, first_year: int) -> int:
    """Days counted from 1 January of the period's first year, which is day 1."""
    return (day - date(first_year, 1, 1)).days + 1


def object_shares(land: Landscape, shape: tuple[int, int]) -> Any:
    """Share of each 10 m pixel that each object fills: sparse, shape (pixel, object)."""
    height, width = shape
    cells = land.labels.reshape(height, CELLS, width, CELLS).swapaxes(1, 2).reshape(height * width, -1)
    pixels = np.repeat(np.arange(height * width), CELLS**2)
    values = np.full(pixels.size, 1 / CELLS**2, np.float32)
    size = (height * width, len(land.cover))
    return sparse.coo_matrix((values, (pixels, cells.ravel())), size).tocsr()


def texture(shares: Any, cover: NDArray[np.int64], grid: GeoBox, settings: Settings) -> Any:
    """The mixing matrix: shares, and shares times the patterns within fields."""
    pattern = stream(settings.seed, "texture")
    shape = grid.height, grid.width
    ground = smooth_noise(pattern, shape, 25), smooth_noise(pattern, shape, 4)
    stand, late = smooth_noise(pattern, shape, 6), smooth_noise(pattern, shape, 9)
    fine = smooth_noise(pattern, shape, 0.45)
    soil = 0.09 * ground[0] + 0.06 * ground[1]
    vigour = np.clip(0.055 * stand + 0.035 * ground[0] - 0.02 * ground[1], -0.18, 0.12)
    lag = np.clip(1.6 * late, -4, 4)  # days
    entries = shares.tocoo()
    row, column = entries.row, entries.col
    grain = np.array([COVERS[c].grain for c in cover], np.float32)[column]
    answers = [1 + settings.texture * grain * np.clip(fine, -3, 3).ravel()[row]]
    answers += [settings.texture * values.ravel()[row] for values in (soil, vigour, lag)]
    weights = np.concatenate([entries.data * a for a in answers]).astype(np.float32)
    columns = np.concatenate([column * ANSWERS + k for k in range(ANSWERS)])
    size = (shares.shape[0], shares.shape[1] * ANSWERS)
    mixing = sparse.coo_matrix((weights, (np.tile(row, ANSWERS), columns)), size).tocsr()
    mixing.eliminate_zeros()
    return mixing


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> FloatArray:
    """Random pattern of mean 0 and standard deviation 1 (where there are many patches), `sigma` in pixels."""
    blurred = ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    # Variance that a Gaussian filter leaves of white noise; exact for the infinite plane.
    kernel = ndimage.gaussian_filter1d(np.eye(1, 2 * int(4 * sigma + 2) + 1, int(4 * sigma + 2))[0], sigma)
    return np.asarray(blurred / (kernel**2).sum(), np.float32)


def object_spectra(
    days: Float64Array, cover: NDArray[np.int64], seasons: list[Season], wetness: Float64Array, seed: int
) -> FloatArray:
    """Spectra of all objects on all days and what their textures change in them.

    The share of green plants is solved for so that an object's NDVI (of red and nir08) is its season's curve exactly,
    whatever dead plants and wet soil do.

    Returns
    -------
    ndarray, shape (day, object * ANSWERS, band), float32
    """
    ground, green, dry = base_spectra(cover, seed)
    soil = np.array([COVERS[c].ground == "soil" for c in cover])
    wet = 1 - DARKENING * np.clip(wetness, 0, 1)[:, None, None] * soil[None, :, None]
    below = ground[None] * wet
    curve = ndvi_curves(days, seasons)
    dead = dead_plants(days, seasons, cover)
    without = (1 - dead)[..., None] * below + dead[..., None] * dry[None]
    more = green[None] - below
    share = green_share(curve, without, more)
    mean = without + share[..., None] * more
    pace = np.clip(np.gradient(share, days, axis=0) if len(days) > 1 else 0 * share, -0.06, 0.06)
    spectra = np.stack(
        [
            mean,
            np.maximum(1 - share - dead, 0)[..., None] * below * soil[None, :, None],
            share[..., None] * more,
            -pace[..., None] * more,
        ],
        axis=2,
    )
    return spectra.reshape(len(days), -1, len(BANDS)).astype(np.float32)


def green_share(curve: Float64Array, without: Float64Array, more: Float64Array) -> Float64Array:
    """Share of green plants that gives an NDVI: NDVI of (without + share * more), solved for the share.

    Parameters
    ----------
    curve : ndarray, shape (day, object)
        NaN where nothing grows: share 0.
    without, more : ndarray, shape (day, object, band)
        Spectrum without green plants, and what a full cover of them adds.
    """
    difference, total = (s * without[..., RED] + without[..., NIR08] for s in (-1, 1))
    rise, gain = (s * more[..., RED] + more[..., NIR08] for s in (-1, 1))
    known = np.isfinite(curve)
    target = np.where(known, curve, 0)
    denominator = np.where(known, target * gain - rise, 1)
    return np.where(known, np.clip((difference - target * total) / denominator, 0, 1.1), 0)


def base_spectra(cover: NDArray[np.int64], seed: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Ground, green and dead plants of every object, each (object, band): no two fields are quite alike."""
    rng = stream(seed, "spectra")
    clay, bright = rng.beta(1.3, 2.0, len(cover)), np.exp(0.07 * np.clip(rng.normal(size=len(cover)), -2, 2))
    lush = np.clip(rng.normal(size=(len(cover), 2)), -2, 2) * (0.05, 0.045)
    visible = np.array([b in ("blue", "green", "red", "swir22") for b in BANDS])
    ground, green, dry = (np.zeros((len(cover), len(BANDS))) for _ in range(3))
    for i, kind in enumerate(cover):
        c = COVERS[kind]
        is_soil = c.ground == "soil"
        soil = (1 - clay[i]) * material("loam") + clay[i] * material("clay")
        ground[i] = soil * bright[i] if is_soil else material(c.ground)
        if c.green:
            green[i] = material(c.green) * np.where(visible, 1 + lush[i, 0], 1 + lush[i, 1])
            dry[i] = material(c.dry)
    return ground, green, dry


def class_map(world: World) -> NDArray[np.int16]:
    """Index into `NAMES` of the class that fills most of each pixel of `world.grid`, shape (y, x)."""
    member = sparse.csr_matrix(np.eye(len(NAMES), dtype=np.float32)[world.land.cover])
    return np.asarray((world.shares @ member).toarray().argmax(axis=1).reshape(world.grid.shape), np.int16)


def field_map(world: World) -> NDArray[np.int32]:
    """Field numbers on `world.site`, 0 = none, shape (y, x): pixels that lie in the field for the most part.

    Each field is one patch (four neighbours); its stray corners are left out.
    """
    fields = world.shares[:, : world.land.fields]
    best = np.asarray(fields.argmax(axis=1)).ravel()
    most = np.asarray(fields.max(axis=1).todense()).ravel()
    numbers = np.where(most > 0.5, best + 1, 0).reshape(world.grid.shape)[world.window].astype(np.int32)
    for number, where in enumerate(ndimage.find_objects(numbers), 1):
        if where is not None:
            own = numbers[where] == number
            parts, count = ndimage.label(own)
            if count > 1:
                largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
                numbers[where][own & (parts != largest)] = 0
    return numbers
