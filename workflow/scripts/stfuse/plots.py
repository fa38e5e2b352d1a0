"""One look for every figure: style constants, colours by name, and the panels that figures share.

Figures are built on `matplotlib.figure.Figure` directly, never through pyplot: no global
state, no display, and the Agg renderer whatever the machine.
"""

from __future__ import annotations

import functools
import io
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec
from zlib import crc32

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.grid import ndvi
from stfuse.task import FloatArray

WIDTH = 11.0
"""Inches. The report shows figures up to 1100 px wide, so an inch is 100 px and 9 pt reads as 12 px."""
DPI = 150
INK, SOFT, FAINT, MISSING = "#1A1A1A", "#5F5F5F", "#DDDDDD", "#C4C4C4"
TRUTH = "#000000"
SEQUENTIAL, DIVERGING, COUNTS = "viridis", "RdBu_r", "cividis"

COLOURS = {
    # methods
    "bilinear": "#4D4D4D", "bicubic": "#767676", "nearest": "#9A9A9A", "temporal": "#AA4499", "starfm_si": "#E69F00",
    "srcnn": "#56B4E9", "esrcnn": "#0072B2", "starfm": "#D55E00", "estarfm": "#CC6677", "fsdaf": "#009E73",
    "atprk": "#999933", "dstfn": "#332288", "srcnn_lstm": "#661100",
    "stfdcnn": "#CC79A7", "ddi": "#BBA93C", "carn": "#6699CC",
    "gru": "#0E7C55", "gru_optical": "#56A8D6", "gru_backscatter": "#B5762A", "hgbrt": "#D6518F",
    "whittaker": "#7A6FB0", "gaussian_process": "#EE7733", "unet_sar": "#44AA99",
    # sensors
    "sentinel2": "#117733", "landsat8": "#882255", "landsat8_pan": "#B0728F", "landsat": "#C2185B",
    "modis": "#0B5FA5", "sentinel1": "#5B4B9A", "venus": "#2F8F83",
}  # fmt: skip
RADAR = "#3B1F8F"
SPARE = ("#D55E00", "#009E73", "#CC79A7", "#332288", "#999933", "#44AA99", "#661100", "#6699CC")
MARKERS = "os^DvPX<>ph*"
SENSOR_MARKERS = {"sentinel2": "d", "landsat8": "8", "landsat8_pan": "H"}

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "image.interpolation": "nearest",
}  # fmt: skip

Spec = ParamSpec("Spec")


@dataclass(frozen=True)
class Picture:
    """An image with what a figure says about it.

    Attributes
    ----------
    label : str
        Heading of its panel.
    values : ndarray, shape (band, y, x), float32
        Reflectance 0..1 or NDVI -1..1, NaN = not observed.
    bands : tuple of str
    grid : GeoBox
    """

    label: str
    values: FloatArray
    bands: tuple[str, ...]
    grid: GeoBox

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) in units of the CRS."""
        box = self.grid.extent.boundingbox
        return (box.left, box.right, box.bottom, box.top)


def styled(draw: Callable[Spec, Figure]) -> Callable[Spec, Figure]:
    """Draw with the style of this module, leaving matplotlib's settings as they were."""

    @functools.wraps(draw)
    def drawn(*args: Spec.args, **kwargs: Spec.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file's bytes, the same for the same figure (no date, no version inside)."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def colour_of(name: str) -> str:
    """The colour of a method or sensor, the same in every figure; one not listed gets a lasting one by its name."""
    alone = name.removesuffix("_sar")
    if name not in COLOURS and alone in COLOURS:
        # With radar's help: the same colour, darker and towards the violet of radar.
        pairs = zip(*(matplotlib.colors.to_rgb(c) for c in (COLOURS[alone], RADAR)), strict=True)
        red, green, blue = (0.45 * own + 0.55 * other for own, other in pairs)
        return str(matplotlib.colors.to_hex((red, green, blue)))
    return COLOURS.get(name) or SPARE[crc32(name.encode()) % len(SPARE)]


def marker_of(name: str) -> str:
    """The marker of a method or sensor, so that colour is never the only difference."""
    if name in SENSOR_MARKERS:
        return SENSOR_MARKERS[name]
    listed = list(COLOURS)
    place = listed.index(name) if name in listed else crc32(name[::-1].encode())
    return MARKERS[place % len(MARKERS)]


def heading(figure: Figure, title: str, note: str = "", top: float = 0.08) -> None:
    """Title at the top left and a softer line under it, `top` inches below the upper edge."""
    height = figure.get_figheight()
    left = 0.1 / figure.get_figwidth()
    figure.text(left, 1 - top / height, title, size=11, weight="bold", va="top")
    lines = [part for line in note.splitlines() for part in textwrap.wrap(line, 150)]
    figure.text(left, 1 - (top + 0.24) / height, "\n".join(lines), size=8.5, color=SOFT, va="top", linespacing=1.3)


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the upper left corner of the figure."""
    full_width, full_height = figure.get_size_inches()
    box = (left / full_width, 1 - (top + height) / full_height, width / full_width, height / full_height)
    return figure.add_axes(box)


def limits(values: FloatArray, low: float = 2.0, high: float = 98.0) -> tuple[float, float]:
    """Display limits from two percentiles of the finite values; (0, 1) if there are none, never equal."""
    seen = values[np.isfinite(values)]
    if not seen.size:
        return 0.0, 1.0
    bottom, top = (float(v) for v in np.percentile(seen, [low, high]))
    return bottom, max(top, bottom + 1e-4)


def symmetric(errors: Sequence[FloatArray], percentile: float = 98.0) -> float:
    """Half width of a symmetric error scale: a percentile of all |errors|, rounded up to two digits."""
    sizes = [np.abs(e[np.isfinite(e)]) for e in errors]
    pooled = np.concatenate(sizes) if sizes else np.zeros(0)
    top = float(np.percentile(pooled, percentile)) if pooled.size else 0.0
    if top <= 0:
        return 0.01
    step = 10.0 ** (math.floor(math.log10(top)) - 1)
    return math.ceil(top / step) * step


def composite(
    values: FloatArray, stretch: Sequence[tuple[float, float]], missing: str = MISSING
) -> NDArray[np.float64]:
    """Three bands as an RGB picture.

    Parameters
    ----------
    values : ndarray, shape (3, y, x)
    stretch : three (low, high) pairs
        What is shown black and full, per band.

    Returns
    -------
    ndarray, shape (y, x, 3), 0..1
        Grey where any band is NaN.
    """
    low, high = (np.array(s, np.float64)[:, None, None] for s in zip(*stretch, strict=True))
    scaled = np.moveaxis(np.clip((values - low) / (high - low), 0, 1), 0, -1)
    scaled[~np.isfinite(scaled).all(axis=-1)] = matplotlib.colors.to_rgb(missing)
    return scaled


def colourmap(name: str) -> Colormap:
    """A colour map that shows NaN grey."""
    return matplotlib.colormaps[name].with_extremes(bad=MISSING)


def bare(axes: Axes) -> None:
    """A map's frame: thin, no ticks (the scale bar says the size)."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.6, color=SOFT)


def show_map(axes: Axes, picture: Picture, name: str, low: float, high: float) -> AxesImage:
    """Show the first band of a picture in one colour map; returns the image for a colour bar."""
    bare(axes)
    return axes.imshow(picture.values[0], extent=picture.extent, cmap=colourmap(name), vmin=low, vmax=high)


def colour_bar(figure: Figure, image: ScalarMappable, axes: Axes, label: str, extend: str = "both") -> None:
    """A thin vertical colour bar in axes of its own, with its quantity and unit."""
    bar = figure.colorbar(image, cax=axes, extend=extend)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(length=2, labelsize=8)
    bar.set_label(label, size=8.5)


def scale_bar(axes: Axes, width: float) -> None:
    """A bar of a round length, about a quarter of the panel's `width` in metres, at the lower left."""
    step = 10.0 ** math.floor(math.log10(width / 4))
    length = max(n * step for n in (1, 2, 5) if n * step <= width / 4)
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    x, y = left + 0.05 * (right - left), bottom + 0.06 * (top - bottom)
    halo = [withStroke(linewidth=3.5, foreground="black")]
    axes.plot([x, x + length], [y, y], color="white", lw=2, solid_capstyle="butt", path_effects=halo)
    thin = [withStroke(linewidth=2, foreground="black")]
    axes.text(x, y + 0.025 * (top - bottom), words, size=8, color="white", va="bottom", path_effects=thin)


def near_infrared(bands: Sequence[str]) -> str | None:
    """The near-infrared band of a set: `nir`, else `nir08`, else None."""
    return next((b for b in ("nir", "nir08") if b in bands), None)


def ndvi_of(picture: Picture) -> FloatArray | None:
    """NDVI of a picture, shape (y, x); None if its bands do not give one."""
    if picture.bands == ("ndvi",):
        only: FloatArray = picture.values[0]
        return only
    infrared = near_infrared(picture.bands)
    if infrared is None or "red" not in picture.bands:
        return None
    return ndvi(picture.values[picture.bands.index("red")], picture.values[picture.bands.index(infrared)])
