"""Bringing one sensor's reflectance to another's bandpass: ``reference = slope * observed + offset`` per band.

The line is fitted day by day and averaged over the days (see `daylines`). Over the pixels of all days together
the haze of single days decides: on thirty simulated places such slopes were off by 5 to 6 % (root mean square), the
mean lines of three and of six days by 2.5 and 2.2 %. That is still more than such sensors differ, so the fit
only moves the published line, or the identity, as far as it is the better known (see `shrinkage`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.grid import degrade
from stfuse.harmonisation.daylines import LEAST, DayLine, MeanLine, day_line, mean_line, with_common_errors
from stfuse.harmonisation.shrinkage import shrink
from stfuse.task import FloatArray

Pair = tuple[FloatArray, FloatArray, FloatArray]
"""Observed, reference and the reference's spread within each coarse pixel, each (band, y, x), NaN = unknown."""

MIN_DATES = 3  # fewer are a matter of those days' haze and of what grew between the two images
MIN_PAIRS = 60  # pixels
MIN_R = 0.8
SLOPES = (0.7, 1.3)
MAX_OFFSET = 0.03  # reflectance; published adjustments of these sensors stay below a fifth of it
MAX_ERROR = 0.1  # of the fitted slope; a line known no better says next to nothing beside the published one
BLOCKS = 4  # by as many the site is cut for the error of a day's line
HOMOGENEOUS = 0.5  # share of the pixels, the most even ones, that the fit prefers


@dataclass(frozen=True)
class Line:
    """One band's adjustment.

    Attributes
    ----------
    slope, offset : float
        ``reference = slope * observed + offset``, reflectance.
    rule : {"fit", "published", "identity"}
        Where it comes from.
    n : int
        Pixel pairs that the dates' lines rest on: clear, even, no outliers.
    r : float or None
        Their mean correlation on a date.
    why : str
        Why the fit was not taken, if it was tried, and which dates were left out of it.
    slope_error, offset_error : float or None
        Standard errors of a fit; None where unknown. `daylines.mean_line` says what they hold.
    days : mapping of str to DayLine
        ISO dates that the line was fitted to, each with its own line.
    weight : float or None
        Of a fit: its share in the slope, 0 to 1; the rest is the published line's, or the identity's.
    """

    slope: float
    offset: float
    rule: str
    n: int = 0
    r: float | None = None
    why: str = ""
    slope_error: float | None = None
    offset_error: float | None = None
    days: Mapping[str, DayLine] = field(default_factory=dict)
    weight: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def published(sensor: Mapping[str, Any], band: str, reference: str) -> Line:
    """The sensor file's line of a band to a reference sensor.

    The identity where the file has none for the band, or has it to other sensors than this one (`bandpass_to`).
    """
    line = (sensor.get("bandpass") or {}).get(band)
    if line is None:
        return Line(1.0, 0.0, "identity")
    leads_to = sensor.get("bandpass_to", ["sentinel2"])
    if reference not in leads_to:
        return Line(1.0, 0.0, "identity", why=f"the published line leads to {', '.join(leads_to)}, not to {reference}")
    return Line(float(line[0]), float(line[1]), "published")


Pixels = tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]
"""Observed, reference, and number of the block of land, shape (n,) each."""


def choose_pixels(pair: Pair, band: int) -> Pixels:
    """The pixels to fit a band with.

    The more even half of the clear pixels, where misregistration and point spread matter least;
    all where that leaves too few.
    """
    x, y, spread = (part[band].ravel() for part in pair)
    clear = np.isfinite(x) & np.isfinite(y) & np.isfinite(spread)
    if HOMOGENEOUS * clear.sum() >= MIN_PAIRS:
        clear &= spread <= np.quantile(spread[clear], HOMOGENEOUS)
    block = _blocks(pair[0].shape[1:]).ravel()
    return x[clear].astype(np.float64), y[clear].astype(np.float64), block[clear]


def _blocks(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Number of the block of land that each pixel lies in, shape (y, x)."""
    rows, columns = (np.arange(length) * BLOCKS // length for length in shape)
    return np.asarray(rows[:, None] * BLOCKS + columns, np.intp)


def fit_bands(pairs: Sequence[Pair], names: Sequence[str], fallbacks: Sequence[Line]) -> list[Line]:
    """Fit every band over coincident images, or fall back.

    A date counts for all bands or for none, so that their lines rest on the same images: one on which half of the
    bands or more give alone too poor a correlation or too odd a slope (haze, a change between the days) is left out. A
    band's fit is taken from three dates on, within plain limits of correlation, slope and offset, and weighed against
    the fallback.

    Parameters
    ----------
    pairs : sequence of Pair
        One per date; a band that is unknown throughout a pair has no say on it.
    names : sequence of str
        The pairs' dates, ISO.
    fallbacks : sequence of Line
        Per band: what the fit is weighed against, and taken where it is refused, with the reason in `why`.
    """
    return lines_of([day_lines(pair) for pair in pairs], names, fallbacks)


def day_lines(pair: Pair) -> list[DayLine | None]:
    """The line of every band on one date, None where the two share no clear pixel."""
    chosen = [choose_pixels(pair, band) for band in range(len(pair[0]))]
    return [day_line(*pixels) if len(pixels[0]) else None for pixels in chosen]


def lines_of(days: Sequence[Sequence[DayLine | None]], names: Sequence[str], fallbacks: Sequence[Line]) -> list[Line]:
    """As `fit_bands`, of the dates' own lines."""
    kept: dict[str, Sequence[DayLine | None]] = {}
    left_out = []
    for lines, name in zip(days, names, strict=True):
        fault = _fault(lines)
        if fault:
            left_out.append(f"{name} ({fault})")
        else:
            kept[name] = lines
    note = f"left out {', '.join(left_out)}" if left_out else ""
    return _fit_days(
        [{n: d for n, lines in kept.items() if (d := lines[i])} for i in range(len(fallbacks))], fallbacks, note
    )


def _fault(lines: Sequence[DayLine | None]) -> str:
    """Why a date is left out, empty if it is kept."""
    known = [line for line in lines if line]
    odd = [f"slope {line.slope:.2f}, r {line.r:.2f}, n {line.n}" for line in known if not _is_plain(line)]
    if not known:
        return "no common clear pixel"
    return f"{len(odd)} of {len(known)} bands odd: {'; '.join(odd)}" if 2 * len(odd) >= len(known) else ""


def _is_plain(line: DayLine) -> bool:
    return line.n >= LEAST and line.r >= MIN_R and SLOPES[0] <= line.slope <= SLOPES[1]


def _fit_days(bands: Sequence[Mapping[str, DayLine]], fallbacks: Sequence[Line], note: str) -> list[Line]:
    """One line per band from its days, weighed against the fallback."""
    raw = [_raw_line(days, fallback, note) for days, fallback in zip(bands, fallbacks, strict=True)]
    errors = iter(with_common_errors([fit for _, fit in raw if fit]))
    return [
        _weighed(line, next(errors), fallback) if fit else line
        for (line, fit), fallback in zip(raw, fallbacks, strict=True)
    ]


def _raw_line(days: Mapping[str, DayLine], fallback: Line, note: str) -> tuple[Line, MeanLine | None]:
    """What the days' mean line rests on, and that line; the fallback and None where it is refused."""
    used = {name: line for name, line in days.items() if line.n >= LEAST and line.r > 0}
    n = sum(line.n for line in used.values())
    r = float(np.mean([line.r for line in used.values()])) if used else None
    why = f"too few dates ({len(used)}, {MIN_DATES} are needed)"
    if len(used) >= MIN_DATES:
        fit = mean_line(list(used.values()))
        plain = n >= MIN_PAIRS and r is not None and r >= MIN_R and SLOPES[0] <= fit.slope <= SLOPES[1]
        if plain and abs(fit.offset) <= MAX_OFFSET and fit.slope_error <= MAX_ERROR:
            return Line(fit.slope, fit.offset, "fit", n, r, note, days=used), fit
        why = f"slope {fit.slope:.2f} +- {fit.slope_error:.2f}, offset {fit.offset:.3f}, r {r:.2f}, n {n}"
    told = (f"fit refused: {why}", note, fallback.why)
    return replace(fallback, n=n, r=r, why="; ".join(part for part in told if part)), None


def _weighed(line: Line, fit: MeanLine, fallback: Line) -> Line:
    return replace(line, **asdict(shrink(fit, fallback.slope, fallback.offset)))


def without_date(lines: Sequence[Mapping[str, Any]], date: str, fallbacks: Sequence[Line]) -> list[Line]:
    """Fitted lines had they not seen one of their dates: what they are worth on a day that is not their own.

    Parameters
    ----------
    lines : sequence of mapping
        The bands' entries of ``bandpass.json``.
    date : str
        ISO.
    fallbacks : sequence of Line
        As in `fit_bands`.
    """
    others = [
        {name: DayLine(**known) for name, known in line["days"].items() if name != date and line["rule"] == "fit"}
        for line in lines
    ]
    return _fit_days(others, fallbacks, "")


def apply_lines(values: FloatArray, bands: Sequence[str], lines: Mapping[str, Mapping[str, Any]]) -> FloatArray:
    """Adjust an image of shape (band, y, x), float32.

    Raises
    ------
    InputError
        If a band has no line.
    """
    missing = [band for band in bands if band not in lines]
    if missing:
        raise InputError(f"The bandpass adjustment lacks {missing}", "delete its JSON file so that it is made anew")
    slopes = np.array([lines[band]["slope"] for band in bands], np.float32)[:, None, None]
    offsets = np.array([lines[band]["offset"] for band in bands], np.float32)[:, None, None]
    return np.asarray(values * slopes + offsets, np.float32)


def spread_within(values: FloatArray, fine: GeoBox, grid: GeoBox) -> FloatArray:
    """Standard deviation of the fine pixels within each coarse pixel, shape (band, y, x)."""
    mean = degrade(values, fine, grid).astype(np.float64)
    square = degrade(values * values, fine, grid).astype(np.float64)
    return np.sqrt(np.maximum(square - mean * mean, 0.0)).astype(np.float32)
