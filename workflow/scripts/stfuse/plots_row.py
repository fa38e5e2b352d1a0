"""One row of pixels through time: the images, what was observed, what was filled, and the error."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from stfuse.plots import (
    DIVERGING,
    MISSING,
    SEQUENTIAL,
    SOFT,
    WIDTH,
    Picture,
    bare,
    colour_bar,
    colourmap,
    composite,
    heading,
    limits,
    place,
    scale_bar,
    styled,
    symmetric,
)
from stfuse.plots_scenes import months
from stfuse.task import FloatArray

Dates = NDArray[np.datetime64]
LINE = "#00C8D7"
"""Where the row lies, cyan as in the paper's Fig. 5."""


@dataclass(frozen=True)
class RowSeries:
    """One row of pixels through time.

    Attributes
    ----------
    dates : ndarray, shape (time,), datetime64[D]
        Optical dates.
    colours : ndarray, shape (time, 3, pixel), or None
        Red, green and blue reflectance; None where the experiment has no such bands.
    optical, left_out : ndarray, shape (time, pixel)
        Observed NDVI, and the prediction of each date without its own values.
    filled_dates : ndarray, shape (step,), datetime64[D]
    filled : ndarray, shape (step, pixel)
        The dense series.
    spacing : float
        Metres from pixel to pixel.
    """

    dates: Dates
    colours: FloatArray | None
    optical: FloatArray
    left_out: FloatArray
    filled_dates: Dates
    filled: FloatArray
    spacing: float

    def without_own(self) -> tuple[Dates, FloatArray]:
        """Dates and values of the dense series in which no value was given itself to be filled from."""
        dates = np.union1d(self.dates, self.filled_dates)
        out = np.full((len(dates), self.filled.shape[1]), np.nan, np.float32)
        out[np.searchsorted(dates, self.filled_dates)] = self.filled
        own = np.searchsorted(dates, self.dates)
        # A cloud has nothing to leave out: there both are the same prediction.
        out[own] = np.where(np.isfinite(self.left_out) & np.isfinite(self.optical), self.left_out, out[own])
        return dates, out


def held(dates: Dates, values: FloatArray, days: Dates, longest: int) -> FloatArray:
    """Values day by day: each date's stay until the next date.

    Parameters
    ----------
    dates : ndarray, shape (time,)
        Ascending.
    values : ndarray, shape (time, ...)
    days : ndarray, shape (day,)
    longest : int
        Days that they stay at most.

    Returns
    -------
    ndarray, shape (day, ...)
        NaN before the first date and where the last one is too long ago.
    """
    out = np.full((len(days), *values.shape[1:]), np.nan, np.float32)
    if not len(dates):
        return out
    last = np.searchsorted(dates, days, side="right") - 1
    fresh = (last >= 0) & ((days - dates[np.maximum(last, 0)]).astype(int) < longest)
    out[fresh] = values[last[fresh]]
    return out


def usual_step(dates: Dates) -> int:
    """Days that four of five dates are followed by another within; 1 for a single date."""
    steps = np.diff(dates).astype(int)
    return max(int(np.percentile(steps, 80, method="lower")), 1) if steps.size else 1


@dataclass
class _Lanes:
    """The panels of the figure, one below the other on one time axis."""

    figure: Figure
    days: Dates
    length: float
    high: float = 1.3
    top: float = 0.95

    def show(self, image: NDArray[np.floating], words: str, name: str = "", clim: tuple[float, float] = (0, 1),
             last: bool = False) -> AxesImage:  # fmt: skip
        """One lane of shape (pixel, day) or (pixel, day, 3); NaN is grey."""
        axes = place(self.figure, 0.75, self.top, WIDTH - 0.75 - 3.2, self.high)
        start, end = (mdates.date2num(d) for d in (self.days[0], self.days[-1] + 1))
        extent = (float(start), float(end), self.length, 0.0)
        shown = axes.imshow(
            image, extent=extent, aspect="auto", cmap=colourmap(name or SEQUENTIAL), vmin=clim[0], vmax=clim[1]
        )
        months(axes, pd.Timestamp(self.days[0]), pd.Timestamp(self.days[-1] + 1), labels=last)
        axes.grid(visible=False)
        axes.set_title(words, size=9)
        axes.set_ylabel("m along the row", size=8)
        axes.locator_params(axis="y", nbins=4)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        self.top += self.high + 0.3
        return shown

    def bar(self, image: AxesImage, label: str) -> None:
        """A colour bar beside the lane shown last."""
        top = self.top - self.high - 0.3
        axes = place(self.figure, WIDTH - 3.1, top + 0.05, 0.1, self.high - 0.1)
        colour_bar(self.figure, image, axes, label)


def _locator(figure: Figure, overview: Picture, row: float, top: float) -> None:
    """An image of one clear date, and where the row lies in it."""
    axes: Axes = place(figure, WIDTH - 2.2, top, 2.05, 2.05)
    bare(axes)
    stretch = [limits(band) for band in overview.values]
    shown = composite(overview.values, stretch) if len(overview.values) == 3 else overview.values[0]
    axes.imshow(shown, extent=overview.extent, cmap=colourmap(SEQUENTIAL))
    axes.axhline(row, color=LINE, lw=1.6)
    axes.set_title(overview.label, size=8.5)
    scale_bar(axes, overview.extent[1] - overview.extent[0])


@styled
def row_figure(series: RowSeries, overview: Picture | None, y: float, method: str, title: str) -> Figure:
    """A row of pixels through time (Fig. 7): true colours, observed NDVI, filled NDVI, and the errors.

    Parameters
    ----------
    series : RowSeries
    overview : Picture, optional
        Red, green and blue (or one band) of the whole place on a clear date.
    y : float
        Northing of the row, in the overview's CRS.
    method : str
        What filled the row.
    title : str

    Raises
    ------
    ValueError
        If there is no date.
    """
    if not len(series.dates) or not len(series.filled_dates):
        raise ValueError("A figure of a row through time needs dates, found none.")
    ends = np.concatenate([series.dates, series.filled_dates])
    days = np.arange(ends.min(), ends.max() + 1)
    lanes = 3 + (series.colours is not None)
    figure = Figure((WIDTH, 0.95 + lanes * 1.6 + 0.2))
    error = series.left_out - series.optical
    known = error[np.isfinite(error)]
    step = usual_step(series.dates)
    words = f"Filled by {method}. Each image is as wide as the time to the next, at most {step} day{'s' * (step > 1)}. "
    words += "Grey: not observed. "
    words += f"Mean |error| {np.abs(known).mean():.3f}." if known.size else "No value could be held against another."
    heading(figure, title, words)
    sheet = _Lanes(figure, days, series.spacing * series.optical.shape[1])
    if series.colours is not None:
        coloured = held(series.dates, series.colours, days, step).transpose(1, 2, 0)
        sheet.show(composite(coloured, [limits(band) for band in coloured], MISSING), "true colours")
    scale = limits(np.concatenate([series.optical.ravel(), series.filled.ravel()]), 1, 99)
    image = sheet.show(held(series.dates, series.optical, days, step).T, "observed NDVI", clim=scale)
    filled = held(*series.without_own(), days, len(days))
    image = sheet.show(filled.T, "filled NDVI; where observed, without that date", clim=scale)
    sheet.bar(image, "NDVI (both)")
    reach = symmetric([error])
    said = "error: NDVI filled without that date, minus observed"
    image = sheet.show(held(series.dates, error, days, step).T, said, DIVERGING, (-reach, reach), last=True)
    sheet.bar(image, "error (NDVI)")
    if overview is not None:
        _locator(figure, overview, y, 0.95)
        figure.text(1 - 2.2 / WIDTH, 1 - 3.12 / figure.get_figheight(), "cyan: the row", size=8.5, color=SOFT)
    return figure
