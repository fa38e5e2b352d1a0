"""Maps of the season's dates, and how far they are from the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from odc.geo.geobox import GeoBox

from stfuse.plots import (
    FAINT,
    INK,
    SEQUENTIAL,
    SOFT,
    WIDTH,
    Picture,
    colour_bar,
    colour_of,
    heading,
    limits,
    marker_of,
    place,
    scale_bar,
    show_map,
    styled,
)
from stfuse.task import FloatArray

HEAD, GAP, LEFT, BAR = 0.95, 0.1, 0.42, 1.1


def day_words(day: float, year: int, full: bool = False) -> str:
    """Day counted from 1 January of a year (1 = 1 January), in words: ``14 May`` or ``14 May 2023``."""
    found = date(year, 1, 1) + timedelta(days=round(day) - 1)
    return f"{found.day} {found:%b %Y}" if full or found.year != year else f"{found.day} {found:%b}"


def _dates_on_bar(figure: Figure, image: AxesImage, axes: Axes, year: int, label: str) -> None:
    colour_bar(figure, image, axes, label)
    low, high = image.get_clim()
    ticks = np.linspace(low, high, 5)
    axes.set_yticks(ticks, [day_words(t, year) for t in ticks])


def _errors(axes: Axes, errors: Mapping[str, FloatArray], title: str) -> None:
    """Strips of per-field errors in days, one line per source, with the mean absolute error."""
    rng = np.random.default_rng(0)
    labels = []
    for y, (source, found) in enumerate(errors.items()):
        seen = found[np.isfinite(found)]
        colour = colour_of(source)
        jitter = y + rng.uniform(-0.16, 0.16, seen.size)
        axes.plot(seen, jitter, marker_of(source), color=colour, ms=4.5, alpha=0.55, mew=0)
        mean = f"{np.abs(seen).mean():.1f} d" if seen.size else "none"
        labels.append(f"{source}\nmean |error| {mean}, n = {seen.size}")
        if seen.size:
            axes.plot([np.median(seen)] * 2, [y - 0.32, y + 0.32], color=colour, lw=2.2)
    axes.axvline(0, color=INK, lw=0.9)
    axes.set_yticks(range(len(labels)), labels)
    for text, source in zip(axes.get_yticklabels(), errors, strict=True):
        text.set_color(colour_of(source))
    axes.set(ylim=(len(labels) - 0.5, -0.5), xlabel="error (days; negative = too early)")
    axes.set_title(title)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


@styled
def phenology_figure(
    dates: Mapping[str, Mapping[str, FloatArray]],
    grid: GeoBox,
    year: int,
    errors: Mapping[str, Mapping[str, FloatArray]],
    title: str,
) -> Figure:
    """Transition dates per pixel, sources side by side, and their errors per field where the truth is known.

    Parameters
    ----------
    dates : mapping of transition in words to mapping of source to ndarray, shape (y, x)
        Days counted from 1 January of `year` (1 = 1 January), NaN = not found.
    grid : GeoBox
        The fine grid of the maps.
    year : int
        First year of the period.
    errors : mapping of transition in words to mapping of source to ndarray, shape (field,)
        Found minus true date in days, NaN = not found. Empty for a real place.
    title : str

    Raises
    ------
    ValueError
        If there is no map.
    """
    sources = list(dict.fromkeys(s for by_source in dates.values() for s in by_source))
    if not sources:
        raise ValueError("A phenology figure needs at least one source, found none.")
    columns = max(len(sources), 3)
    size = min((WIDTH - LEFT - BAR - (columns - 1) * GAP) / columns, 2.9)
    maps_end = HEAD + len(dates) * (size + 0.28)
    strip = 0.55 * len(sources) + 0.2
    figure = Figure((WIDTH, maps_end + (strip + 1.1 if errors else 0.05)))
    note = "Per pixel, from a double logistic curve fitted to the NDVI series; the same colours in one row. Grey: no season found."
    heading(figure, title, note)
    for row, (transition, by_source) in enumerate(dates.items()):
        top = HEAD + row * (size + 0.28)
        low, high = limits(np.stack(list(by_source.values())), 3, 97)
        for column, source in enumerate(sources):
            axes = place(figure, LEFT + column * (size + GAP), top, size, size)
            values = by_source[source]
            image = show_map(axes, Picture(source, values[None], (transition,), grid), SEQUENTIAL, low, high)
            middle = float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan
            words = "no date found" if math.isnan(middle) else f"median {day_words(middle, year)}"
            axes.set_title((f"{source}: " if row == 0 else "") + words, color=colour_of(source), size=8.5, pad=3)
            if row == 0 and column == 0:
                scale_bar(axes, abs(grid.extent.boundingbox.span_x))
        right = LEFT + len(sources) * (size + GAP)
        bar = place(figure, right + 0.02, top + 0.1, 0.12, size - 0.2)
        _dates_on_bar(figure, image, bar, year, "")
        where = (0.2 / WIDTH, 1 - (top + size / 2) / figure.get_figheight())
        figure.text(*where, transition, rotation=90, size=9.5, weight="bold", ha="center", va="center")
    if errors:
        wide = (WIDTH - 1.95 - 0.2 - (len(errors) - 1) * 0.3) / len(errors)
        for column, (transition, found) in enumerate(errors.items()):
            axes = place(figure, 1.95 + column * (wide + 0.3), maps_end + 0.35, wide, strip)
            _errors(axes, found, f"{transition}: fields against the known truth")
    return figure


def field_errors(found: Mapping[str, pd.DataFrame], known: pd.DataFrame, column: str) -> dict[str, FloatArray]:
    """Found minus true date per field, in days.

    Parameters
    ----------
    found : mapping of source to DataFrame
        A row per field: field, and `column` as a number of days, NaN = not found.
    known : DataFrame
        The same columns with the truth, counted from the same day.
    column : str
        The transition date's column.

    Returns
    -------
    mapping of source to ndarray, shape (fields in both tables,), float32
    """
    errors: dict[str, FloatArray] = {}
    for source, table in found.items():
        both = table.merge(known[["field", column]], on="field", suffixes=("", "_known"))
        errors[source] = (both[column] - both[f"{column}_known"]).to_numpy(np.float32)
    return errors
