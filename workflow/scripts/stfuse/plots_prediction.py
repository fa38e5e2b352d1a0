"""Predictions beside what was observed: maps, and maps of the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from stfuse.plots import (
    DIVERGING,
    INK,
    SEQUENTIAL,
    SOFT,
    WIDTH,
    Picture,
    bare,
    colour_bar,
    colour_of,
    composite,
    heading,
    limits,
    near_infrared,
    place,
    scale_bar,
    show_map,
    styled,
    symmetric,
)
from stfuse.task import FloatArray

Box = tuple[float, float, float, float]
MARGIN, SIDE, GAP, HEAD, LABEL, BAR = 0.1, 0.34, 0.08, 0.72, 0.36, 0.95
"""Inches: outer margin, upright words at the left, gap between panels, title, panel headings, room for a colour bar."""


@dataclass(frozen=True)
class _Row:
    """One way of showing a picture: three bands, or one in a colour map."""

    title: str
    bands: tuple[str, ...]
    stretch: tuple[tuple[float, float], ...]


def error_of(prediction: Picture, truth: Picture) -> tuple[FloatArray, float]:
    """Error of a prediction.

    Returns
    -------
    error : ndarray, shape (y, x), float32
        Prediction minus truth, mean over the bands; NaN where a band of either is missing.
    rmse : float
        Mean over the bands of each band's RMSE over the pixels valid in all bands, as the stage `scores`
        counts it; NaN if there are none.
    """
    picked = [truth.bands.index(b) for b in prediction.bands]
    difference = prediction.values - truth.values[picked]
    valid = np.isfinite(difference).all(axis=0)
    per_band = np.sqrt((difference[:, valid] ** 2).mean(axis=1)) if valid.any() else np.array([np.nan])
    return difference.mean(axis=0), float(per_band.mean())


def zoom_box(picture: Picture, largest: int = 120) -> Box | None:
    """The central part to show larger, (left, right, bottom, top); None for a scene that is small anyway.

    About 45 % of the longer side, at most `largest` pixels.
    """
    height, width = picture.grid.shape
    if max(height, width) <= largest:
        return None
    side = min(largest, round(0.45 * max(height, width)), height, width)
    left, right, bottom, top = picture.extent
    half_x, half_y = side * (right - left) / width / 2, side * (top - bottom) / height / 2
    x, y = (left + right) / 2, (bottom + top) / 2
    return (x - half_x, x + half_x, y - half_y, y + half_y)


def _rows(basis: Picture) -> list[_Row]:
    """How to show pictures with these bands; the stretch is the basis's, the same for all."""
    if basis.bands == ("ndvi",):
        return [_Row("NDVI", ("ndvi",), (limits(basis.values),))]
    infrared = near_infrared(basis.bands)
    wanted = [
        ("True colour", ("red", "green", "blue")),
        ("False colour\n(nir, red, green)", (infrared, "red", "green")),
    ]
    if "swir16" in basis.bands:
        wanted[1:] = [("False colour\n(nir, swir16, red)", (infrared, "swir16", "red"))]
    found = [(title, tuple(str(b) for b in bands)) for title, bands in wanted if set(bands) <= set(basis.bands)]
    found = found or [(basis.bands[0], basis.bands[:1])]
    return [_Row(t, b, tuple(limits(basis.values[basis.bands.index(x)]) for x in b)) for t, b in found]


def _show(axes: Axes, picture: Picture, row: _Row, box: Box) -> AxesImage:
    values = picture.values[[picture.bands.index(b) for b in row.bands]]
    if len(row.bands) == 3:
        bare(axes)
        shown = axes.imshow(composite(values, row.stretch), extent=picture.extent)
    else:
        shown = show_map(axes, Picture("", values, row.bands, picture.grid), SEQUENTIAL, *row.stretch[0])
    axes.set(xlim=box[:2], ylim=box[2:])
    return shown


@dataclass
class _Sheet:
    """A figure filled from the top: where the next row of panels goes."""

    figure: Figure
    size: float
    top: float = HEAD

    def axes(self, column: int) -> Axes:
        return place(self.figure, MARGIN + SIDE + column * (self.size + GAP), self.top, self.size, self.size)

    def bar(self, column: int, image: AxesImage, label: str) -> None:
        left = MARGIN + SIDE + column * (self.size + GAP) + 0.04
        colour_bar(self.figure, image, place(self.figure, left, self.top + 0.1, 0.1, self.size - 0.2), label)

    def say(self, words: str) -> None:
        """What the row shows, upright at the left."""
        width, height = self.figure.get_size_inches()
        y = 1 - (self.top + self.size / 2) / height
        self.figure.text(
            (MARGIN + SIDE / 2 - 0.04) / width, y, words, rotation=90, size=8.5, color=SOFT, ha="center", va="center"
        )

    def down(self) -> None:
        self.top += self.size + GAP


def _head(axes: Axes, label: str, colour: str = INK, weight: str = "normal") -> None:
    axes.set_title(label, size=8.5, color=colour, weight=weight, pad=3, linespacing=1.1)


def _draw_inputs(sheet: _Sheet, inputs: Sequence[Picture], rows: Sequence[_Row], whole: Picture, box: Box) -> None:
    left, right = whole.extent[:2]
    zoomed = box != whole.extent
    role = whole.label.partition(":")[0]
    shown = [*([Picture(f"{role}, whole scene", whole.values, whole.bands, whole.grid)] if zoomed else []), *inputs]
    for number, row in enumerate(rows):
        for column, picture in enumerate(shown):
            axes = sheet.axes(column)
            first_whole = zoomed and column == 0
            image = _show(axes, picture, row, whole.extent if first_whole else box)
            if number == 0:
                _head(axes, picture.label + ("\nbox: part shown" if first_whole else ""))
                if column < 1 + zoomed:
                    scale_bar(axes, right - left if first_whole else box[1] - box[0])
            if first_whole:
                frame: dict[str, Any] = {"fill": False, "edgecolor": "white", "linewidth": 1.4}
                axes.add_patch(Rectangle((box[0], box[2]), box[1] - box[0], box[3] - box[2], **frame))
            if column == len(shown) - 1 and len(row.bands) == 1:
                sheet.bar(len(shown), image, row.title)
        sheet.say(row.title)
        sheet.down()


def _draw_predictions(
    sheet: _Sheet, predictions: Sequence[Picture], rows: Sequence[_Row], truth: Picture | None, box: Box, scale: float
) -> None:
    for number, row in enumerate(rows):
        for column, picture in enumerate(predictions):
            axes = sheet.axes(column)
            _show(axes, picture, row, box)
            if number == 0:
                _head(axes, picture.label, colour_of(picture.label), "bold")
        sheet.say(row.title)
        sheet.down()
    if truth is None:
        return
    errors = [error_of(picture, truth) for picture in predictions]
    for column, (picture, (error, rmse)) in enumerate(zip(predictions, errors, strict=True)):
        axes = sheet.axes(column)
        image = show_map(axes, Picture("", error[None], ("error",), picture.grid), DIVERGING, -scale, scale)
        axes.set(xlim=box[:2], ylim=box[2:])
        patch: dict[str, Any] = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
        axes.text(0.03, 0.965, f"RMSE {rmse:.4f}", transform=axes.transAxes, size=8.5, va="top", bbox=patch)
    sheet.bar(len(predictions), image, "error (NDVI)" if truth.bands == ("ndvi",) else "error (reflectance)")
    sheet.say("Prediction - truth")
    sheet.down()


@styled
def prediction_figure(
    inputs: Sequence[Picture], truth: Picture | None, predictions: Sequence[Picture], title: str, note: str
) -> Figure:
    """What was given, what was observed, what was predicted, and the error, for one date.

    The same stretch everywhere (2-98 % of the truth, or of the last input where there is no truth, or of the first
    prediction where there is no input that could be shown so, as of radar; that one then stands in the first row).
    Scenes wider than 120 pixels are shown whole once and otherwise by their central part.

    Parameters
    ----------
    inputs : sequence of Picture
        Coarse image and references, on their own grids.
    truth : Picture or None
        The observed image of the date, on the predictions' grid.
    predictions : sequence of Picture
        One per method, labelled with its name.
    title, note : str
        Heading and the line under it.

    Raises
    ------
    ValueError
        If there is no prediction.
    """
    if not predictions:
        raise ValueError("A prediction figure needs at least one prediction, found none.")
    basis = truth or (inputs[-1] if inputs else predictions[0])
    rows = _rows(basis)
    zoomed = zoom_box(basis)
    box = zoomed or basis.extent
    given = [*inputs, *([truth] if truth else [])]
    if not given and not zoomed:
        given, predictions = [basis], predictions[1:]
    columns = min(6, max(len(predictions), len(given) + 1, 4))
    size = (WIDTH - 2 * MARGIN - SIDE - BAR - (columns - 1) * GAP) / columns
    blocks = [predictions[i : i + columns] for i in range(0, len(predictions), columns)]
    count = len(rows) + len(blocks) * (len(rows) + (truth is not None))
    figure = Figure((WIDTH, HEAD + (1 + len(blocks)) * LABEL + count * (size + GAP) + MARGIN))
    heading(figure, title, note)
    sheet = _Sheet(figure, size, HEAD + LABEL)
    _draw_inputs(sheet, given, rows, basis, box)
    scale = symmetric([error_of(p, truth)[0] for p in predictions]) if truth else 0.0
    for block in blocks:
        sheet.top += LABEL - GAP
        _draw_predictions(sheet, block, rows, truth, box, scale)
    return figure
