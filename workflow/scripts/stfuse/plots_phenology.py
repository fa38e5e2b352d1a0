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

from stfuse.phenology.logistic import DATE_NAMES
from stfuse.phenology.scores import CATCH, match_seasons
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
    symmetric,
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


def _errors(axes: Axes, errors: Mapping[str, FloatArray], title: str, reach: float, names: bool) -> None:
    """Strips of per-field errors in days, one line per source, with the mean absolute error."""
    rng = np.random.default_rng(0)
    for y, (source, found) in enumerate(errors.items()):
        seen = found[np.isfinite(found)]
        colour = colour_of(source)
        jitter = y + rng.uniform(-0.16, 0.16, seen.size)
        axes.plot(np.clip(seen, -reach, reach), jitter, marker_of(source), color=colour, ms=4, alpha=0.5, mew=0)
        words = f"{np.abs(seen).mean():.1f} d, {seen.size} of {found.size}" if seen.size else f"none of {found.size}"
        axes.text(
            0.98, y - 0.31, words, size=8, color=colour, ha="right", va="center", transform=axes.get_yaxis_transform()
        )
        if seen.size:
            axes.plot([np.median(seen)] * 2, [y - 0.25, y + 0.25], color=colour, lw=2.4)
    axes.axvline(0, color=INK, lw=0.9)
    axes.set_yticks(range(len(errors)), list(errors) if names else [])
    for text, source in zip(axes.get_yticklabels(), errors, strict=False):
        text.set(color=colour_of(source), weight="bold")
    axes.set(ylim=(len(errors) - 0.6, -0.5), xlim=(-reach * 1.03, reach * 1.03), xlabel="error (days)")
    axes.set_title(title, size=9)
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
    size = min((WIDTH - LEFT - BAR - (columns - 1) * GAP) / columns, 2.7)
    maps_end = HEAD + len(dates) * (size + 0.28)
    strip = 0.6 * len(sources) + 0.2
    figure = Figure((WIDTH, maps_end + (strip + 1.15 if errors else 0.05)))
    note = "Per pixel, from a double logistic curve fitted to the NDVI series; one colour scale a row. Grey: no season."
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
        _error_row(figure, errors, maps_end + 0.15, strip)
    return figure


def _error_row(figure: Figure, errors: Mapping[str, Mapping[str, FloatArray]], top: float, high: float) -> None:
    """One panel of errors per transition date, all on one scale."""
    words = "Errors of the dates of the fields' seasons against the known truth: found - true, negative = too early. "
    words += "Bar: median. Numbers: mean |error|, seasons with a date."
    figure.text(0.1 / WIDTH, 1 - top / figure.get_figheight(), words, size=8.5, color=SOFT, va="top")
    reach = max(symmetric([e for found in errors.values() for e in found.values()], 99), 2.0)
    wide = (WIDTH - 1.2 - 0.2 - (len(errors) - 1) * 0.2) / len(errors)
    for column, (transition, found) in enumerate(errors.items()):
        axes = place(figure, 1.2 + column * (wide + 0.2), top + 0.5, wide, high)
        _errors(axes, found, transition, reach, column == 0)


def field_errors(found: pd.DataFrame, known: pd.DataFrame) -> dict[str, FloatArray]:
    """Found minus true dates per field and season, in days; seasons stand for each other as in the scores.

    Parameters
    ----------
    found : DataFrame
        A row per field and season: field and `DATE_NAMES` as numbers of days, NaN = not found.
    known : DataFrame
        A row per field and season, see `stfuse.phenology.transitions.true_dates`.

    Returns
    -------
    mapping of date to ndarray, shape (season,), float32
        Rows of `known` other than catch crops; NaN = not found, or no such date in the truth.
    """
    asked = known["season"] != CATCH if "season" in known else np.ones(len(known), bool)
    errors = match_seasons(found, known)[0][list(DATE_NAMES)] - known[list(DATE_NAMES)]
    return {name: errors.loc[asked, name].to_numpy(np.float32) for name in DATE_NAMES}
