"""NDVI through the season in single fields, by source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from stfuse.normal import NINETY
from stfuse.plots import FAINT, INK, SOFT, TRUTH, WIDTH, bare, colour_of, heading, marker_of, place, styled
from stfuse.plots_scenes import months
from stfuse.task import FloatArray

Dates = NDArray[np.datetime64]
MIN_PIXELS = 12
"""Fields smaller than this are not shown: a third of them would be edges shared with the neighbours."""
ALIKE = 0.9
"""Fields whose smoothed courses correlate more than this count as having the same seasonal course."""


@dataclass(frozen=True)
class Course:
    """The mean NDVI of one field from one source.

    Attributes
    ----------
    dates, values : ndarray, shape (time,)
        Dates and NDVI, NaN = not observed.
    fused : ndarray of bool, shape (time,)
        True where the value is predicted, False where it was observed.
    steps, smooth : ndarray, shape (step,)
        The gap-filled, smoothed curve.
    transitions : ndarray, shape (n,), datetime64[D]
        Transition dates found for the field; NaT = not found.
    sigma : ndarray, shape (step,), optional
        Standard deviation of `smooth`.
    events : ndarray, shape (n,), datetime64[D]
        Cuts and harvests found.
    """

    dates: Dates
    values: FloatArray
    fused: NDArray[np.bool_]
    steps: Dates
    smooth: FloatArray
    transitions: Dates = field(default_factory=lambda: np.zeros(0, "datetime64[D]"))
    sigma: FloatArray | None = None
    events: Dates = field(default_factory=lambda: np.zeros(0, "datetime64[D]"))


@dataclass(frozen=True)
class Profile:
    """One field with its courses by source, the truth where it is known (dates, NDVI, transitions), and its crop."""

    number: int
    pixels: int
    courses: Mapping[str, Course]
    truth: Course | None = None
    crop: str = ""


def field_means(
    values: FloatArray, fields: NDArray[np.int32], numbers: Sequence[int], least: float = 0.5
) -> FloatArray:
    """Mean over the pixels of each field.

    Parameters
    ----------
    values : ndarray, shape (time, y, x)
        NaN = not observed.
    fields : ndarray of int, shape (y, x)
    numbers : sequence of int
        The fields wanted.
    least : float
        Share of a field's pixels that must be observed; NaN where fewer are.

    Returns
    -------
    ndarray, shape (len(numbers), time), float32
    """
    out = np.full((len(numbers), len(values)), np.nan, np.float32)
    for i, number in enumerate(numbers):
        inside = values[:, fields == number]
        seen = np.isfinite(inside)
        enough = seen.mean(axis=1) >= least if inside.shape[1] else np.zeros(len(values), bool)
        out[i, enough] = np.nansum(inside[enough], axis=1) / seen[enough].sum(axis=1)
    return out


def choose_fields(courses: FloatArray, numbers: Sequence[int], pixels: Sequence[int], shown: int) -> list[int]:
    """The largest fields of different seasonal course.

    Fields are visited from the largest down; one is taken if its course correlates less than `ALIKE` with every
    course taken before. If too few differ, the largest of the rest fill up.

    Parameters
    ----------
    courses : ndarray, shape (field, step)
        Smoothed mean NDVI; fields with NaN are passed over.
    numbers, pixels : sequence of int, length field
    shown : int
        How many to choose at most.

    Returns
    -------
    list of int
        Field numbers, largest first.
    """
    usable = [i for i in range(len(numbers)) if pixels[i] >= MIN_PIXELS and np.isfinite(courses[i]).all()]
    order = sorted(usable, key=lambda i: (-pixels[i], numbers[i]))
    taken: list[int] = []
    for i in order:
        if len(taken) < shown and all(_correlation(courses[i], courses[j]) < ALIKE for j in taken):
            taken.append(i)
    taken += [i for i in order if i not in taken][: shown - len(taken)]
    return [numbers[i] for i in sorted(taken, key=lambda i: (-pixels[i], numbers[i]))]


def _correlation(one: FloatArray, other: FloatArray) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else 0.0


def _draw_course(
    axes: Axes, source: str, course: Course, styles: Mapping[str, tuple[float, object]], observed_too: bool
) -> None:
    colour = colour_of(source)
    width, dash = styles[source]
    axes.plot(course.steps, course.smooth, color=colour, lw=width, ls=dash, zorder=3)
    if course.sigma is not None:
        reach = NINETY * course.sigma
        axes.fill_between(course.steps, course.smooth - reach, course.smooth + reach, color=colour, alpha=0.13, lw=0)
    shape = marker_of(source)
    observed, fused = ~course.fused, course.fused
    if observed_too:
        axes.plot(
            course.dates[observed], course.values[observed], shape, color=colour, mfc="white", ms=5, mew=1.2, zorder=4
        )
    axes.plot(course.dates[fused], course.values[fused], shape, color=colour, ms=5, mec="white", mew=0.4, zorder=5)


def _rug(axes: Axes, profile: Profile, bottom: float, step: float) -> None:
    """Transition dates as ticks, one line per source, under the curves."""
    lines = {**({"truth": profile.truth} if profile.truth else {}), **profile.courses}
    for row, (source, course) in enumerate(lines.items()):
        known = course.transitions[~np.isnat(course.transitions)]
        colour = TRUTH if source == "truth" else colour_of(source)
        y = bottom - (row + 0.75) * step
        axes.plot(known, np.full(len(known), y), "|", color=colour, ms=6.5, mew=1.8, zorder=3, clip_on=True)
        happened = np.full(len(course.events), y)
        axes.plot(course.events, happened, "v", color=colour, ms=5.5, mec="white", mew=0.5, zorder=4)
    for row in range(len(lines)):
        axes.axhline(bottom - (row + 0.75) * step, color=FAINT, lw=0.5, zorder=0)


def _draw_profile(axes: Axes, profile: Profile, styles: Mapping[str, tuple[float, object]], letter: str) -> None:
    drawn: list[list[np.datetime64]] = []
    for source, course in profile.courses.items():
        # Series with fused or filled values hold the fine sensor's dates too: these are drawn once, as its own.
        seen = course.dates[~course.fused & np.isfinite(course.values)].tolist()
        first = not course.fused.any() and seen not in drawn
        drawn += [seen] if first else []
        _draw_course(axes, source, course, styles, first)
    if profile.truth is not None:
        axes.plot(profile.truth.steps, profile.truth.smooth, color=TRUTH, lw=1, zorder=6)
    shown = [c.smooth for c in profile.courses.values()] + [c.values for c in profile.courses.values()]
    pooled = np.concatenate([d[np.isfinite(d)] for d in shown])
    low, high = (float(pooled.min()), float(pooled.max())) if pooled.size else (0.0, 1.0)
    low, high = min(low, 0.2) - 0.03, max(high, 0.8) + 0.03
    rows = len(profile.courses) + (profile.truth is not None)
    step = 0.055 * (high - low)
    _rug(axes, profile, low, step)
    axes.set_ylim(low - (rows + 0.4) * step, high)
    axes.set_yticks([t for t in (0, 0.2, 0.4, 0.6, 0.8, 1.0) if low <= t <= high])
    axes.set_ylabel("NDVI")
    size = f"field {profile.number}, {profile.pixels} pixels"
    axes.set_title(f"{letter}   {profile.crop or size}", weight="bold", pad=3)
    if profile.crop:
        axes.set_title(size, size=8.5, color=SOFT, loc="right", pad=3)
    axes.grid(axis="y", color=FAINT)


def _locator(axes: Axes, fields: NDArray[np.int32], profiles: Sequence[Profile]) -> None:
    """All fields faint, the shown ones dark with their letter."""
    bare(axes)
    picture = np.where(fields > 0, 1 + fields % 2, 0)
    for profile in profiles:
        picture[fields == profile.number] = 3
    axes.imshow(picture, cmap=ListedColormap(["#FFFFFF", "#E4E4E4", "#D2D2D2", "#5B7FA6"]), vmin=0, vmax=3)
    for letter, profile in zip("ABCDEFGHIJ", profiles, strict=False):
        rows, columns = np.nonzero(fields == profile.number)
        # The pixel nearest to the centre lies inside the field even where the centre does not.
        nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        halo = [withStroke(linewidth=2.2, foreground="white")]
        at = (columns[nearest], rows[nearest])
        axes.annotate(letter, at, size=10, weight="bold", ha="center", va="center", path_effects=halo)
    axes.set_title("Where the fields lie", size=8.5)


def _legend(figure: Figure, sources: Sequence[str], profiles: Sequence[Profile], words: Mapping[str, str],
            styles: Mapping[str, tuple[float, object]], corner: tuple[float, float]) -> None:  # fmt: skip
    handles = []
    for source in sources:
        width, dash = styles[source]
        fused = any(p.courses[source].fused.any() for p in profiles if source in p.courses)
        look: dict[str, Any] = {
            "mfc": colour_of(source) if fused else "white",
            "ms": 5,
            "mew": 1.2,
            "marker": marker_of(source),
        }
        handles.append(
            Line2D(
                [],
                [],
                color=colour_of(source),
                lw=width,
                ls=dash,
                label=f"{source}:\n{words[source]}" if source in words else source,
                **look,
            )
        )
    if any(p.truth for p in profiles):
        handles.append(Line2D([], [], color=TRUTH, lw=1, label="known truth"))
    look = {"color": SOFT, "ls": ""}
    handles.append(Line2D([], [], marker="|", ms=8, mew=1.8, label="transition dates,\none line per source", **look))
    if any(len(course.events) for p in profiles for course in p.courses.values()):
        handles.append(Line2D([], [], marker="v", ms=5.5, label="cuts and harvests found", **look))
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=corner, handlelength=3.2, labelspacing=0.8,
                  borderaxespad=0)  # fmt: skip


@styled
def profiles_figure(
    profiles: Sequence[Profile],
    fields: NDArray[np.int32],
    words: Mapping[str, str],
    period: tuple[str, str],
    title: str,
) -> Figure:
    """The mean NDVI of single fields through the season, one panel per field.

    Parameters
    ----------
    profiles : sequence of Profile
    fields : ndarray of int, shape (y, x)
        Field numbers, 0 = none, for the locator map.
    words : mapping of source to str
        What a source is, for the legend: ``observed alone``.
    period : (ISO date, ISO date)
        What the time axis spans.
    title : str
    """
    head, high, gap, side = 0.85, 1.75, 0.42, 2.5
    rows = max(len(profiles), 1)
    figure = Figure((WIDTH, max(head + rows * (high + gap) + 0.1, head + 5.2)))
    note = (
        "Means over the field. Lines: gap-filled and smoothed; around them 1.64 times the pixels' mean standard "
        "deviation, within which a single pixel's error stays in 90 %. Points: dates; hollow observed, solid fused."
    )
    heading(figure, title, note)
    sources = list(dict.fromkeys(s for p in profiles for s in p.courses))
    fused = [s for s in sources if any(p.courses[s].fused.any() for p in profiles if s in p.courses)]
    dashes = iter([(0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1, 2))] * len(sources))
    styles = {s: (2.2, "-") if s in fused[:1] else (1.5, "-") if s in fused else (1.4, next(dashes)) for s in sources}
    for i, (letter, profile) in enumerate(zip("ABCDEFGHIJ", profiles, strict=False)):
        axes = place(figure, 0.6, head + i * (high + gap), WIDTH - 0.6 - side - 0.25, high)
        _draw_profile(axes, profile, styles, letter)
        months(axes, pd.Timestamp(period[0]), pd.Timestamp(period[1]), labels=i == len(profiles) - 1)
    left = WIDTH - side
    _locator(place(figure, left, head, side - 0.15, side - 0.15), fields, profiles)
    corner = (left / WIDTH, 1 - (head + side + 0.1) / figure.get_figheight())
    if profiles:
        _legend(figure, sources, profiles, words, styles, corner)
    else:
        figure.text(0.3, 0.5, f"No field of at least {MIN_PIXELS} pixels with a whole series.", color=INK)
    return figure
