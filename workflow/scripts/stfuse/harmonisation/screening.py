"""Clouds and haze that the archives' masks missed, found by comparison with other days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.grid import degrade
from stfuse.harmonisation.masks import BoolArray
from stfuse.task import FloatArray


def without_missed_clouds(
    values: FloatArray,
    bands: Sequence[str],
    grid: GeoBox,
    reference: tuple[FloatArray, Sequence[str], GeoBox],
    dates: tuple[str, str],
    snow: BoolArray | None = None,
) -> tuple[FloatArray, float]:
    """An image without the cloud that its mask missed, by comparison with the reference (see `missed_clouds`).

    Parameters
    ----------
    values : ndarray, shape (band, y, x), float32
        On `grid`.
    reference : (ndarray (band, y, x), bands, GeoBox)
        The reference sensor's image nearest in time.
    dates : (str, str)
        ISO dates of the image and of the reference.
    snow : ndarray, shape (y, x), bool, optional
        Snow that the site keeps: fresh snow rises in blue as a cloud does, and is not taken for one.

    Returns
    -------
    values : ndarray, shape (band, y, x), float32
        With NaN there; as it was where the two do not share blue and red, which the test needs.
    missed : float
        Share of the pixels that it took; NaN where nothing could be tested: no blue or red, no pixel seen by both.
    """
    known, names, fine = reference
    days = (date.fromisoformat(dates[0]) - date.fromisoformat(dates[1])).days
    if not {"blue", "red"} <= set(bands) & set(names):
        return values, float("nan")
    blue, red = bands.index("blue"), bands.index("red")
    before = degrade(known[[names.index("blue"), names.index("red")]], fine, grid)
    found = missed_clouds(values[blue], values[red], before[0], before[1], days)
    if not np.isfinite(values[[blue, red]] + before).all(axis=0).any():
        return values, float("nan")
    if snow is not None:
        found &= ~snow
    return np.where(found, np.float32(np.nan), values), float(found.mean())


def missed_clouds(
    blue: FloatArray, red: FloatArray, before_blue: FloatArray, before_red: FloatArray, days: int
) -> BoolArray:
    """Bright cloud that the archive's mask missed, by comparison with an image of another day.

    The multi-temporal test of Hagolle et al. (2010, RSE 114, 1747-1755): over land, blue reflectance changes slowly, so
    a jump is cloud, unless red rose far more than blue, as it does where a crop gives way to bare soil.

    Parameters
    ----------
    blue, red : ndarray, shape (y, x)
        Surface reflectance of the image tested.
    before_blue, before_red : ndarray, shape (y, x)
        Of the image compared with, NaN = unknown: such pixels are not flagged.
    days : int
        Days between the two; the threshold grows with them.
    """
    rise_blue, rise_red = blue - before_blue, red - before_red
    with np.errstate(invalid="ignore"):
        # The paper has 0.03 within one sensor; two sensors with two atmospheric corrections differ by as much again.
        return np.asarray((rise_blue > 0.06 * (1 + min(abs(days), 30) / 30)) & (rise_red < 1.5 * rise_blue))
