"""How an archive stores one band's numbers, and the numbers read: reflectance, or backscatter as power."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Encoding:
    """How one band of one scene is stored: ``value = stored * scale + offset``.

    Attributes
    ----------
    scale, offset : float
    nodata : float or None
        Stored number that means "not observed"; masked before scaling.
    valid : (lowest, highest) or None
        Stored numbers outside are invalid.
    rule : str
        What decided, in words.
    decibel : bool
        The scaled numbers are decibels and are turned into power, so that all backscatter can be averaged alike.
    """

    scale: float
    offset: float
    nodata: float | None
    valid: tuple[float, float] | None
    rule: str
    decibel: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file; `from_dict` reads it back."""
        return asdict(self)

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Encoding:
        """The inverse of `as_dict`."""
        valid = stored["valid"]
        return Encoding(
            stored["scale"],
            stored["offset"],
            stored["nodata"],
            tuple(valid) if valid else None,
            stored["rule"],
            bool(stored.get("decibel", False)),
        )


def decode(stored: NDArray[Any], encoding: Encoding) -> FloatArray:
    """Reflectance, or power of backscatter, of stored numbers.

    Parameters
    ----------
    stored : ndarray, any shape and type

    Returns
    -------
    ndarray, same shape, float32
        NaN where there is no data or the number is invalid.
    """
    values = stored.astype(np.float32)
    bad = ~np.isfinite(values)
    if encoding.nodata is not None:
        bad |= stored == encoding.nodata
    if encoding.valid is not None:
        bad |= (values < encoding.valid[0]) | (values > encoding.valid[1])
    values = values * np.float32(encoding.scale) + np.float32(encoding.offset)
    values[bad] = np.nan
    return to_power(values) if encoding.decibel else values


def to_power(decibels: FloatArray) -> FloatArray:
    """Linear power of decibels, any shape, float32."""
    return np.asarray(np.power(np.float32(10), decibels / np.float32(10)), np.float32)


def to_decibels(power: FloatArray) -> FloatArray:
    """Decibels of linear power, any shape, float32: ``10 log10``, NaN where there is none or it is not positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        decibels = 10 * np.log10(power)
    return np.where(np.isfinite(decibels), decibels, np.nan).astype(np.float32)


def stated(asset: Mapping[str, Any]) -> dict[str, Any]:
    """What an asset says about its numbers: the first of ``raster:bands``, or of STAC 1.1 ``bands``."""
    bands = asset.get("raster:bands") or asset.get("bands") or [{}]
    first = dict(bands[0])
    for key in ("scale", "offset"):
        first.setdefault(key, first.get(f"raster:{key}", asset.get(f"raster:{key}")))
    for key in ("nodata", "data_type", "unit"):
        first.setdefault(key, asset.get(key))
    return first


def projection(item: Item) -> str:
    """The coordinate reference system that an item states: ``EPSG:32631`` or WKT, empty where it states none.

    Of STAC's projection extension both spellings count, ``proj:code`` and the older ``proj:epsg``.
    """
    properties = item["properties"]
    epsg = properties.get("proj:epsg")
    return str(properties.get("proj:code") or (f"EPSG:{epsg}" if epsg else properties.get("proj:wkt2")) or "")
