"""Predicted against observed values, pixel by pixel, and the distribution of the residuals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from stfuse.plots import COUNTS, FAINT, INK, WIDTH, colour_bar, colour_of, heading, limits, place, styled

Pairs = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Predicted and observed values of the same pixels, both of shape (n,) and finite."""


def agreement(predicted: NDArray[np.float32], observed: NDArray[np.float32]) -> dict[str, float]:
    """Pearson r, RMSE, bias (predicted minus observed) and n of finite pairs, shape (n,); NaN for none."""
    if not predicted.size:
        return {"r": math.nan, "rmse": math.nan, "bias": math.nan, "n": 0}
    error = predicted.astype(np.float64) - observed
    spread = predicted.std() > 0 and observed.std() > 0
    r = float(np.corrcoef(predicted, observed)[0, 1]) if spread else math.nan
    return {"r": r, "rmse": float(np.sqrt(np.mean(error**2))), "bias": float(error.mean()), "n": error.size}


def _residuals(figure: Figure, pairs: Mapping[str, Pairs], quantity: str, top: float, left: float) -> None:
    axes = place(figure, left, top, WIDTH - left - 2.3, 1.9)
    errors = {name: p - o for name, (p, o) in pairs.items()}
    pooled = np.concatenate(list(errors.values()))
    reach = max(float(np.percentile(np.abs(pooled), 99)), 1e-4) if pooled.size else 1.0
    edges = np.linspace(-reach, reach, 81)
    for name, error in errors.items():
        share = np.histogram(error, edges)[0] / max(error.size, 1) * 100
        axes.stairs(share, edges, color=colour_of(name), lw=1.6, label=name)
    axes.axvline(0, color=INK, lw=0.8, zorder=0)
    axes.set(xlabel=f"residual, predicted - observed ({quantity})", ylabel="share of pixels (%)", xlim=(-reach, reach))
    axes.set_title("Residuals of all methods (central 99 %)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), handlelength=1.6)


def _density(
    axes: Axes, name: str, predicted: NDArray[np.float32], observed: NDArray[np.float32], low: float, high: float
) -> PolyCollection:
    """One method's panel: hexagons, the 1:1 line and the numbers."""
    hexes = axes.hexbin(
        observed,
        predicted,
        gridsize=60,
        extent=(low, high, low, high),
        mincnt=1,
        cmap=COUNTS,
        bins="log",
        linewidths=0.1,
    )
    halo = [withStroke(linewidth=2.4, foreground="white", alpha=0.7)]
    axes.plot([low, high], [low, high], color=INK, lw=1.1, ls=(0, (4, 3)), path_effects=halo)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set_title(name, color=colour_of(name), weight="bold", pad=3)
    axes.locator_params(nbins=5)
    axes.grid(color=FAINT)
    axes.set_axisbelow(True)
    at = agreement(predicted, observed)
    bias = at["bias"] if abs(at["bias"]) >= 5e-5 else 0.0
    words = f"r = {at['r']:.3f}\nRMSE = {at['rmse']:.4f}\nbias = {bias:+.4f}\nn = {at['n']:,}".replace(",", " ")
    patch: dict[str, Any] = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 2}
    axes.text(0.03, 0.97, words, transform=axes.transAxes, va="top", size=8.5, linespacing=1.25, bbox=patch)
    return hexes


@styled
def scatter_figure(pairs: Mapping[str, Pairs], quantity: str, title: str, note: str) -> Figure:
    """Density of predicted against observed values per method, and histograms of the residuals.

    Parameters
    ----------
    pairs : mapping of method to (predicted, observed)
        Finite values of common valid pixels, shape (n,).
    quantity : str
        What the values are, with the unit in words: ``red reflectance``, ``NDVI``.

    Raises
    ------
    ValueError
        If there is no method.
    """
    if not pairs:
        raise ValueError("A scatter figure needs at least one method, found none.")
    columns = min(3, len(pairs)) if len(pairs) < 4 else 3 if len(pairs) <= 6 else 4
    rows = math.ceil(len(pairs) / columns)
    left, gap, room, head = 0.75, 0.28, 0.85, 0.85
    size = min((WIDTH - left - room - (columns - 1) * gap) / columns, 2.9)
    below = head + rows * (size + 0.3) + 0.65
    figure = Figure((WIDTH, below + 1.9 + 0.55))
    heading(figure, title, note + " Dashed line: predicted = observed.")
    low, high = limits(np.concatenate([v for pair in pairs.values() for v in pair]), 0.2, 99.8)
    pad = 0.03 * (high - low)
    low, high = low - pad, high + pad
    shown = []
    for i, (name, pair) in enumerate(pairs.items()):
        row, column = divmod(i, columns)
        axes = place(figure, left + column * (size + gap), head + row * (size + 0.3), size, size)
        shown.append(_density(axes, name, *pair, low, high))
        lowest = i + columns >= len(pairs)
        axes.tick_params(labelleft=column == 0, labelbottom=lowest)
        axes.set_ylabel(f"predicted {quantity}" if column == 0 else "")
        axes.set_xlabel(f"observed {quantity}" if lowest else "")
    # One scale for all panels, so that density can be compared.
    most = max((int(counts.max()) for s in shown if (counts := np.asarray(s.get_array())).size), default=1)
    for hexes in shown:
        hexes.set_clim(1, max(most, 2))
    bar = place(figure, left + columns * (size + gap) - gap + 0.12, head + 0.1, 0.12, size - 0.2)
    colour_bar(figure, shown[0], bar, "pixels per hexagon", extend="neither")
    _residuals(figure, pairs, quantity, below, left)
    return figure
