"""Maps of the seasons of every pixel: their dates, length and height, how sure the dates are, and later seasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.plots import (
    COUNTS,
    INK,
    SEQUENTIAL,
    SOFT,
    WIDTH,
    Picture,
    heading,
    limits,
    place,
    scale_bar,
    show_map,
    styled,
)
from stfuse.plots import colour_bar as bar_of
from stfuse.task import FloatArray

__all__ = ["Layer", "month_ticks", "outlines", "seasons_figure"]

HEAD, GAP, LEFT, BAR, COLUMNS = 0.85, 0.34, 0.42, 0.78, 4
SIZE = (WIDTH - LEFT - 0.1 - COLUMNS * BAR) / COLUMNS
"""Inches a side of a map; `BAR` is what its colour bar and the labels of that take."""


@dataclass(frozen=True)
class Layer:
    """One map.

    Attributes
    ----------
    words : str
        Heading.
    values : ndarray, shape (y, x), float32
        NaN = no season.
    kind : {"date", "days", "ndvi", "count"}
        Dates are days counted from 1 January of the figure's year (1 = 1 January).
    """

    words: str
    values: FloatArray
    kind: str


def month_ticks(low: float, high: float, year: int, most: int = 7) -> tuple[list[float], list[str]]:
    """First days of months between two days counted from 1 January of `year` (1 = 1 January), and their ISO names.

    Every month, or every second, third, ... so that there are at most `most`; ``2020-05`` where the year changes and
    at the first tick, else ``05``. Fewer than two months: the days at both ends, ``05-14``.
    """
    start = date(year, 1, 1).toordinal() - 1
    first, last = (date.fromordinal(start + round(day)) for day in (low, high))
    number = range(12 * first.year + first.month - 1, 12 * last.year + last.month)
    days = [(n, date(n // 12, n % 12 + 1, 1)) for n in number]
    inside = [(n, day) for n, day in days if low <= day.toordinal() - start <= high]
    if len(inside) < 2:
        return [low, high], [f"{day:%m-%d}" for day in (first, last)]
    every = next(step for step in (1, 2, 3, 4, 6, 12, 24, 60, 240) if len(inside) <= most * step)
    kept = [day for n, day in inside if n % every == 0] or [inside[0][1]]
    years = [day.year for day in kept]
    words = [f"{d:%Y-%m}" if i == 0 or years[i - 1] != d.year else f"{d:%m}" for i, d in enumerate(kept)]
    return [float(day.toordinal() - start) for day in kept], words


def outlines(fields: NDArray[np.int32], grid: GeoBox) -> list[list[tuple[float, float]]]:
    """The borders of fields as lines in units of the CRS: a piece between any two pixels of different numbers.

    Parameters
    ----------
    fields : ndarray of int, shape (y, x)
        0 = none; there is a border between a field and none.
    grid : GeoBox
    """
    a = grid.affine
    found = []
    for row, column in np.argwhere(fields[:, 1:] != fields[:, :-1]):
        x = a.c + a.a * (column + 1)
        found.append([(x, a.f + a.e * row), (x, a.f + a.e * (row + 1))])
    for row, column in np.argwhere(fields[1:] != fields[:-1]):
        y = a.f + a.e * (row + 1)
        found.append([(a.c + a.a * column, y), (a.c + a.a * (column + 1), y)])
    return found


def _show(axes: Axes, layer: Layer, grid: GeoBox, span: tuple[float, float]) -> Axes:
    """The map, and the axes of its colour bar."""
    name = COUNTS if layer.kind == "count" else SEQUENTIAL
    image = show_map(axes, Picture(layer.words, layer.values[None], (layer.words,), grid), name, *span)
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    box = axes.get_position()
    bar = figure.add_axes((box.x1 + 0.05 / WIDTH, box.y0 + 0.04 * box.height, 0.09 / WIDTH, 0.92 * box.height))
    bar_of(figure, image, bar, "", "neither" if layer.kind == "count" else "both")
    return bar


def _panel(figure: Figure, layer: Layer, grid: GeoBox, where: tuple[float, float], year: int,
           lines: Sequence[list[tuple[float, float]]]) -> None:  # fmt: skip
    axes = place(figure, *where, SIZE, SIZE)
    span = limits(layer.values, 2, 98)
    if layer.kind == "count":
        span = -0.5, max(float(np.nanmax(layer.values, initial=0.0)), 1.0) + 0.5
    bar = _show(axes, layer, grid, span)
    if lines:
        axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.35, alpha=0.7), autolim=False)
    seen = layer.values[np.isfinite(layer.values)]
    middle = float(np.median(seen)) if seen.size else np.nan
    words = {"days": f"{middle:.0f} days", "ndvi": f"{middle:.2f}", "count": f"{middle:.0f}"}
    if layer.kind == "date":
        ticks, names = month_ticks(*span, year)
        bar.set_yticks(ticks, names)
        iso = date.fromordinal(date(year, 1, 1).toordinal() - 1 + round(middle)) if seen.size else ""
        words["date"] = f"{iso}"
    if layer.kind == "count":
        bar.set_yticks(range(round(span[1] - 0.5) + 1))
    axes.set_title(layer.words, size=8.5, pad=3, weight="bold")
    said = f"median {words[layer.kind]}" if seen.size else "no season found"
    axes.text(0, -0.02, said, size=8, color=SOFT, va="top", transform=axes.transAxes)


@styled
def seasons_figure(
    rows: Mapping[str, Sequence[Layer]],
    grid: GeoBox,
    fields: NDArray[np.int32],
    year: int,
    title: str,
) -> Figure:
    """Maps of a source's seasons.

    Parameters
    ----------
    rows : mapping of words to sequence of Layer
        What stands at the left of a row, and its maps, at most four.
    grid : GeoBox
        Of the maps.
    fields : ndarray of int, shape (y, x)
        Field numbers on the same grid, 0 = none, drawn as outlines.
    year : int
        Days are counted from its 1 January.
    """
    figure = Figure((WIDTH, HEAD + len(rows) * (SIZE + GAP) + 0.05))
    note = (
        "Per pixel, from double logistic curves fitted to the series; each map has a scale of its own, dates with the "
    )
    note += "first days of months. Lines: borders of fields. Grey: no season."
    heading(figure, title, note)
    lines = outlines(fields, grid)
    for i, (words, layers) in enumerate(rows.items()):
        top = HEAD + i * (SIZE + GAP)
        for column, layer in enumerate(layers):
            _panel(figure, layer, grid, (LEFT + column * (SIZE + BAR), top), year, lines)
        if i == 0:
            scale_bar(figure.axes[0], abs(grid.extent.boundingbox.span_x))
        where = (0.2 / WIDTH, 1 - (top + SIZE / 2) / figure.get_figheight())
        figure.text(*where, words, rotation=90, size=9.5, weight="bold", ha="center", va="center")
    return figure
