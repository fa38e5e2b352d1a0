"""The NDVI of single pixels through the period: observed, from radar, and filled with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from stfuse.normal import NINETY
from stfuse.plots import FAINT, INK, SOFT, WIDTH, heading, place, styled
from stfuse.plots_scenes import months
from stfuse.task import FloatArray

Dates = NDArray[np.datetime64]
OPTICAL, RADAR, FILLED = "#0B5FA5", "#9A9A9A", "#0E7C55"
"""Blue, grey and green, as in the paper's Fig. 6."""
NEAR = 2
"""Days between a radar date and the optical one that it is held against, at most."""


@dataclass(frozen=True)
class PixelSeries:
    """All that is known of one pixel.

    Attributes
    ----------
    label : str
        Where it lies and why it is shown.
    dates, optical, left_out : ndarray, shape (time,)
        Optical dates, what was observed on them, and the prediction of each date without its own value. NaN = none.
    filled_dates, filled, uncertainty : ndarray, shape (step,)
        The dense series and its standard deviation.
    radar_dates, radar : ndarray, shape (radar,)
        NDVI made of backscatter; empty where there is none.
    """

    label: str
    dates: Dates
    optical: FloatArray
    left_out: FloatArray
    filled_dates: Dates
    filled: FloatArray
    uncertainty: FloatArray
    radar_dates: Dates
    radar: FloatArray

    def radar_error(self) -> tuple[Dates, FloatArray]:
        """Optical dates with a radar date within `NEAR` days, and radar's NDVI minus the observed one."""
        kept = np.isfinite(self.radar)
        dates, radar = self.radar_dates[kept], self.radar[kept]
        if not len(dates):
            return self.dates[:0], self.optical[:0]
        apart = np.abs((self.dates[:, None] - dates[None]).astype(int))
        nearest = apart.argmin(axis=1)
        close = (apart.min(axis=1) <= NEAR) & np.isfinite(self.optical)
        return self.dates[close], (radar[nearest] - self.optical)[close]


def choose_pixels(optical: FloatArray, left_out: FloatArray, least: int = 8) -> list[tuple[int, str]]:
    """The pixels of a row that say most: the one of the widest season, and the one that is filled worst.

    Parameters
    ----------
    optical, left_out : ndarray, shape (time, pixel)
        Observed NDVI, and the prediction of each value without it; NaN = none.
    least : int
        Values that a pixel needs.

    Returns
    -------
    list of (int, str)
        Index and why; fewer where a pixel is both, or none has enough values.
    """
    error = np.abs(left_out - optical)
    usable = np.flatnonzero(np.isfinite(error).sum(axis=0) >= least)
    if not usable.size:
        return []
    low, high = np.nanpercentile(optical[:, usable], [5, 95], axis=0)
    widest = int(usable[np.argmax(high - low)])
    worst = int(usable[np.argmax(np.nanmean(error[:, usable], axis=0))])
    return [(widest, "the widest range of NDVI"), *([(worst, "the largest mean error")] if worst != widest else [])]


def _draw_series(axes: Axes, pixel: PixelSeries) -> None:
    known = np.isfinite(pixel.filled)
    dates, filled, sigma = pixel.filled_dates[known], pixel.filled[known], pixel.uncertainty[known]
    axes.fill_between(dates, filled - NINETY * sigma, filled + NINETY * sigma, color=FILLED, alpha=0.2, lw=0, zorder=1)
    axes.plot(pixel.radar_dates, pixel.radar, "-", color=RADAR, lw=0.9, marker=".", ms=3, zorder=2)
    axes.plot(dates, filled, color=FILLED, lw=1.6, zorder=3)
    own = np.isfinite(pixel.optical)
    axes.plot(pixel.dates[own], pixel.left_out[own], "o", color=FILLED, mfc="white", ms=4.4, mew=1.2, zorder=4)
    axes.plot(pixel.dates, pixel.optical, "o", color=OPTICAL, ms=4.2, mec="white", mew=0.5, zorder=5)
    axes.set_ylabel("NDVI")
    axes.set_title(pixel.label, weight="bold")
    axes.grid(axis="y", color=FAINT)


def _draw_errors(axes: Axes, pixel: PixelSeries, reach: float) -> None:
    error = pixel.left_out - pixel.optical
    known = np.isfinite(error)
    radar_dates, radar = pixel.radar_error()
    axes.plot(radar_dates, np.clip(radar, -reach, reach), ".", color=RADAR, ms=5, zorder=2)
    axes.vlines(pixel.dates[known], 0, np.clip(error[known], -reach, reach), color=FILLED, lw=1.8, zorder=3)
    axes.axhline(0, color=INK, lw=0.8)
    axes.set_ylim(-1.05 * reach, 1.05 * reach)
    axes.set_ylabel("error (NDVI)")
    mean = f"{np.abs(error[known]).mean():.3f} (n = {known.sum()})" if known.any() else "none"
    words = f"mean |error|: filled {mean}"
    words += f", from radar {np.abs(radar).mean():.3f} (n = {radar.size})" if radar.size else ""
    axes.text(0.995, 1.02, words, size=8, color=SOFT, ha="right", va="bottom", transform=axes.transAxes)
    axes.grid(axis="y", color=FAINT)


def _legend(figure: Figure, radar: bool, top: float) -> None:
    handles = [
        Line2D([], [], ls="", marker="o", color=OPTICAL, ms=4.5, label="observed"),
        Line2D([], [], ls="", marker="o", color=FILLED, mfc="white", mew=1.2, ms=4.5, label="filled without that date"),
        Line2D([], [], color=FILLED, lw=1.6, label="filled, with all dates"),
        Patch(color=FILLED, alpha=0.2, lw=0, label="its stated 90 % interval"),
    ]
    if radar:
        handles.append(Line2D([], [], color=RADAR, lw=0.9, marker=".", ms=5, label="from radar alone"))
    corner = (0.65 / WIDTH, 1 - top / figure.get_figheight())
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=corner, ncols=5, borderaxespad=0)


@styled
def pixel_figure(pixels: Sequence[PixelSeries], method: str, title: str) -> Figure:
    """Series of single pixels, and below each the errors of what was filled without the date's own value (Fig. 6).

    All panels share their scales.

    Parameters
    ----------
    pixels : sequence of PixelSeries
        None gives a figure that says so.
    method : str
        What filled them.
    title : str
    """
    head, high, low, between = 1.2, 1.95, 0.85, 0.26
    step = high + low + between + 0.62
    figure = Figure((WIDTH, head + max(len(pixels) * step, 1.0)))
    note = f"Filled by {method}. Each observed value is held against what is filled when its whole date is hidden."
    heading(figure, title, note)
    if not pixels:
        figure.text(0.1, 0.3, "No pixel of the row has enough clear dates.", color=INK)
        return figure
    _legend(figure, any(np.isfinite(p.radar).any() for p in pixels), 0.62)
    drawn = np.concatenate([np.concatenate([p.optical, p.filled, p.left_out, p.radar]) for p in pixels])
    bottom, top = np.nanmin(drawn) - 0.04, np.nanmax(drawn) + 0.04
    errors = np.abs(np.concatenate([np.concatenate([p.left_out - p.optical, p.radar_error()[1]]) for p in pixels]))
    reach = max(float(np.nanpercentile(errors, 98)) if np.isfinite(errors).any() else 0.0, 0.1)
    dates = np.concatenate([np.concatenate([p.dates, p.filled_dates]) for p in pixels])
    for i, pixel in enumerate(pixels):
        above = place(figure, 0.65, head + i * step, WIDTH - 0.8, high)
        below = place(figure, 0.65, head + i * step + high + between, WIDTH - 0.8, low)
        _draw_series(above, pixel)
        above.set_ylim(bottom, top)
        _draw_errors(below, pixel, reach)
        for axes in (above, below):
            months(axes, pd.Timestamp(dates.min()), pd.Timestamp(dates.max()), labels=axes is below)
            axes.set_xlim(mdates.date2num(dates.min()) - 2, mdates.date2num(dates.max()) + 2)
    return figure
