"""A simulated place as pictures: through the year, and on one day as every sensor sees it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stfuse.plots import SOFT, WIDTH, bare, composite, heading, limits, place, scale_bar, styled
from stfuse.task import FloatArray

Stretch = list[tuple[float, float]]
EDGE, GAP = 0.12, 0.08
"""Inches around and between pictures."""


@dataclass(frozen=True)
class View:
    """What one panel shows.

    Attributes
    ----------
    label, detail : str
        Heading, and a softer line under the panel.
    values : ndarray, shape (3, y, x) or (1, y, x), float32
        Red, green and blue reflectance, or one band in grey; NaN = not observed.
    kind : str
        Panels of one kind share a stretch.
    """

    label: str
    detail: str
    values: FloatArray
    kind: str


def even_stretch(images: Sequence[FloatArray]) -> Stretch:
    """One stretch for all three bands and all images of shape (3, y, x), so that hues are the real ones."""
    return [_typical([limits(image, 0.5, 99.0) for image in images])] * 3


def band_stretch(images: Sequence[FloatArray]) -> Stretch:
    """A stretch for each band over all images of shape (band, y, x)."""
    return [_typical([limits(image[b], 1.0, 99.0) for image in images]) for b in range(images[0].shape[0])]


def _typical(found: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The median of the images' limits: a day of snow must not leave all others in the dark."""
    low, high = np.median(np.array(found), axis=0)
    return float(low), float(high)


def _show(axes: Axes, values: FloatArray, stretch: Stretch, width: float) -> None:
    """A picture `width` metres wide; smoothed where it has more pixels than the panel."""
    bare(axes)
    rows, columns = values.shape[1:]
    extent = (0, width, 0, width * rows / columns)
    if len(values) == 1:
        values, stretch = np.repeat(values, 3, axis=0), stretch * 3
    axes.imshow(composite(values, stretch), extent=extent, interpolation="antialiased")


@styled
def year_figure(
    true: Sequence[FloatArray], false: Sequence[FloatArray], dates: Sequence[str], width: float, title: str
) -> Figure:
    """Dates through the year, true colour above and false colour below.

    Parameters
    ----------
    true, false : sequence of ndarray, shape (3, y, x)
        Red, green, blue; near infrared, red, green. One per date.
    dates : sequence of str
    width : float
        Metres that a picture is wide.

    Raises
    ------
    ValueError
        If there is no date.
    """
    if not dates:
        raise ValueError("A year needs at least one date, found none.")
    columns = min(6, len(dates))
    size = (WIDTH - 2 * EDGE - (columns - 1) * GAP) / columns
    high = size * true[0].shape[1] / true[0].shape[2]
    strip = 2 * high + GAP + 0.36
    head = 0.78
    figure = Figure((WIDTH, head + math.ceil(len(dates) / columns) * strip))
    note = "The known truth, free of clouds and noise. Above true colour (red, green, blue), below false colour (near "
    note += "infrared, red, green: plants are red). One stretch for all dates."
    heading(figure, title, note)
    pair = (even_stretch(true), band_stretch(false))
    for i, date in enumerate(dates):
        row, column = divmod(i, columns)
        for k, (images, stretch) in enumerate(zip((true, false), pair, strict=True)):
            left, top = EDGE + column * (size + GAP), head + row * strip + 0.2 + k * (high + GAP)
            axes = place(figure, left, top, size, high)
            _show(axes, images[i], stretch, width)
            if k == 0:
                axes.set_title(date, pad=3)
            if (i, k) == (0, 0):
                scale_bar(axes, width)
    return figure


@styled
def sensors_figure(views: Sequence[View], width: float, title: str, note: str) -> Figure:
    """One place in several views, those of one kind in one stretch.

    Parameters
    ----------
    width : float
        Metres that a view is wide.

    Raises
    ------
    ValueError
        If there is no view.
    """
    if not views:
        raise ValueError("A figure of sensors needs at least one view, found none.")
    columns = min(4, len(views))
    size = (WIDTH - 2 * EDGE - (columns - 1) * GAP) / columns
    high = size * views[0].values.shape[1] / views[0].values.shape[2]
    head, strip = 0.95, high + 0.62
    figure = Figure((WIDTH, head + math.ceil(len(views) / columns) * strip))
    heading(figure, title, note)
    stretches = {}
    for kind in {view.kind for view in views}:
        # The truth comes first and sets the stretch where it shows the same: a bright cloud must not.
        first = next(view for view in views if view.kind == kind)
        stretches[kind] = even_stretch([first.values]) if kind == "true colour" else band_stretch([first.values])
    for i, view in enumerate(views):
        row, column = divmod(i, columns)
        axes = place(figure, EDGE + column * (size + GAP), head + row * strip + 0.2, size, high)
        _show(axes, view.values, stretches[view.kind], width)
        axes.set_title(view.label, pad=3, weight="bold")
        axes.text(0, -0.02, view.detail, transform=axes.transAxes, va="top", size=8.5, color=SOFT)
        if i == 0:
            scale_bar(axes, width)
    return figure
