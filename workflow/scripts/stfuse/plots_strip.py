"""A strip of images: what was observed date by date, what was filled without it, and the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.plots import (
    DIVERGING,
    SEQUENTIAL,
    SOFT,
    WIDTH,
    Picture,
    bare,
    colour_bar,
    composite,
    heading,
    limits,
    place,
    scale_bar,
    show_map,
    styled,
    symmetric,
)
from stfuse.task import FloatArray

ACROSS = 8
"""Dates beside one another."""
LEFT, RIGHT, GAP, HEAD = 0.95, 0.85, 0.06, 0.72


@dataclass(frozen=True)
class Strip:
    """A window on several dates.

    Attributes
    ----------
    dates : ndarray, shape (time,), datetime64[D]
    colours : ndarray, shape (time, 3, y, x), or None
        Red, green and blue reflectance.
    optical, left_out : ndarray, shape (time, y, x)
        Observed NDVI, and the prediction of each date without its own values.
    grid : GeoBox
    """

    dates: NDArray[np.datetime64]
    colours: FloatArray | None
    optical: FloatArray
    left_out: FloatArray
    grid: GeoBox


@dataclass(frozen=True)
class _Scales:
    stretch: Sequence[tuple[float, float]]
    ndvi: tuple[float, float]
    error: float


def _colour_panel(axes: Axes, strip: Strip, t: int, scales: _Scales) -> None:
    assert strip.colours is not None
    bare(axes)
    extent = Picture("", strip.colours[t], (), strip.grid).extent
    axes.imshow(composite(strip.colours[t], scales.stretch), extent=extent)


def _maps(strip: Strip, t: int, axes: Sequence[Axes], scales: _Scales) -> list[AxesImage]:
    """Observed, filled and error of one date."""
    error = strip.left_out[t] - strip.optical[t]
    layers = [(strip.optical[t], SEQUENTIAL, scales.ndvi), (strip.left_out[t], SEQUENTIAL, scales.ndvi)]
    layers.append((error, DIVERGING, (-scales.error, scales.error)))
    shown = [
        show_map(panel, Picture("", values[None], ("ndvi",), strip.grid), name, *clim)
        for panel, (values, name, clim) in zip(axes, layers, strict=True)
    ]
    known = error[np.isfinite(error)]
    words = f"{np.abs(known).mean():.3f}" if known.size else "-"
    axes[-1].set_xlabel(words, size=8, color=SOFT, labelpad=2)
    return shown


@styled
def strip_figure(strip: Strip, method: str, title: str) -> Figure:
    """Images on several dates (Fig. 8): true colours, observed NDVI, NDVI filled without that date, and the error.

    Parameters
    ----------
    strip : Strip
    method : str
        What filled the dates.
    title : str

    Raises
    ------
    ValueError
        If there is no date.
    """
    count = len(strip.dates)
    if not count:
        raise ValueError("A strip of images needs dates, found none.")
    # As few blocks as need be, and none much shorter than the others.
    blocks = -(-count // ACROSS)
    across = -(-count // blocks)
    wide = (WIDTH - LEFT - RIGHT - (across - 1) * GAP) / max(across, 5)
    high = wide * strip.grid.shape[0] / strip.grid.shape[1]
    words = ["true colours"] * (strip.colours is not None)
    words += ["observed\nNDVI", "filled\nNDVI", "error\n(NDVI)"]
    block = len(words) * (high + GAP) + 0.55
    figure = Figure((WIDTH, HEAD + blocks * block))
    errors = strip.left_out - strip.optical
    note = f"Filled by {method}, each date from the others alone. Grey: not observed. Below: mean |error| of the date"
    heading(figure, title, note + (f"; of all {np.nanmean(np.abs(errors)):.3f}." if np.isfinite(errors).any() else "."))
    bands = [] if strip.colours is None else [limits(strip.colours[:, b]) for b in range(3)]
    scale = limits(np.concatenate([strip.optical.ravel(), strip.left_out.ravel()]), 1, 99)
    scales = _Scales(bands, scale, symmetric([errors]))
    for t, date in enumerate(strip.dates):
        row, column = divmod(t, across)
        top, left = HEAD + row * block + 0.2, LEFT + column * (wide + GAP)
        panels = [place(figure, left, top + i * (high + GAP), wide, high) for i in range(len(words))]
        if strip.colours is not None:
            _colour_panel(panels[0], strip, t, scales)
        shown = _maps(strip, t, panels[-3:], scales)
        panels[0].set_title(str(date), size=8, pad=3, loc="center")
        if t == 0:
            scale_bar(panels[0], strip.grid.shape[1] * abs(strip.grid.resolution.x))
            _bars(figure, shown, top + (len(words) - 3) * (high + GAP), high)
        if column == 0:
            for panel, word in zip(panels, words, strict=True):
                panel.set_ylabel(word, size=8.5, rotation=0, ha="right", va="center", labelpad=5)
    return figure


def _bars(figure: Figure, shown: Sequence[AxesImage], top: float, high: float) -> None:
    """Colour bars at the right of the first block: NDVI beside both of its rows, the error below."""
    left = WIDTH - RIGHT + 0.08
    colour_bar(figure, shown[0], place(figure, left, top, 0.1, 2 * high + GAP), "NDVI")
    colour_bar(figure, shown[-1], place(figure, left, top + 2 * (high + GAP) + 0.02, 0.1, high - 0.04), "error")
