"""Filled series as pictures: results/figures/{experiment}/{site}/pixel_{method}.png, row_... and strip_..."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.cube import Cube, read_cube, read_window
from stfuse.errors import InputError
from stfuse.filling.files import SeriesFiles
from stfuse.job import job, whole
from stfuse.plots import Picture, to_png
from stfuse.plots_pixel import Dates, PixelSeries, choose_pixels, pixel_figure
from stfuse.plots_row import RowSeries, row_figure
from stfuse.plots_strip import Strip, strip_figure
from stfuse.raster import REMAKE, read_series
from stfuse.task import FloatArray, Window

if TYPE_CHECKING:
    snakemake: Any

AROUND = 500
"""Pixels around a row, at most, in the image that shows where it lies."""
LAYERS = ("observed", "ndvi", "uncertainty")


@dataclass(frozen=True)
class Given:
    """What the series of a site are filled from.

    Attributes
    ----------
    files : SeriesFiles
    colours : sequence of str
        Red, green and blue; empty where the fine sensor has no such bands.
    method, title : str
        What filled them, and what the figures are of.
    """

    files: SeriesFiles
    colours: Sequence[str]
    method: str
    title: str

    def window(self, part: Cube, path: Path) -> Window:
        """Where a cube's grid lies in the site's."""
        rows, columns = self.files.grid.overlap_roi(part.grid)
        found = rows.stop - rows.start, columns.stop - columns.start
        if found != tuple(part.grid.shape) or part.grid.crs != self.files.grid.crs:
            raise InputError(f"{path} lies on {part.grid}, not within the site's grid {self.files.grid}", REMAKE)
        return rows, columns

    def coloured(self, dates: Dates, window: Window) -> FloatArray | None:
        """Red, green and blue of a window on dates, shape (time, 3, y, x); None without such bands."""
        if not self.colours:
            return None
        wanted = set(dates.astype(str))
        paths = [path for path in self.files.sample["fine"] if Path(path).stem in wanted]
        found = read_series(paths, self.colours, "reflectance", self.files.grid, window)
        shape = (len(dates), *found.values.shape[1:])
        out = np.full(shape, np.nan, np.float32)
        out[np.isin(dates, found.dates)] = found.values
        return out


def draw_row(given: Given, filled: Path, left_out: Path, pixel: Path, row: Path) -> None:
    """Draw a row of pixels through time, and single pixels of it.

    Parameters
    ----------
    given : Given
    filled : Path
        Cube of the whole site with the layers ndvi and uncertainty.
    left_out : Path
        Cube of one row: `LAYERS` of every optical date, the prediction from all other dates.
    pixel, row : Path
        The pictures.

    Raises
    ------
    InputError
        If a file cannot be read, has no date, or lies elsewhere.
    """
    own = read_cube(left_out, LAYERS)
    dates = own.dates["time"]
    if not len(dates):
        raise InputError(f"{left_out} has no date", REMAKE)
    window = given.window(own, left_out)
    dense = read_window(filled, LAYERS[1:], window)
    observed, without = own.values["observed"][:, 0], own.values["ndvi"][:, 0]
    radar = given.files.crop(window).coarse
    pixels = []
    for column, why in choose_pixels(observed, without):
        values = [dense.values[name][:, 0, column] for name in LAYERS[1:]]
        series = [observed[:, column], np.where(np.isfinite(observed), without, np.nan)[:, column]]
        label = f"Pixel {column + 1} of the row: {why}"
        of_radar = radar.values[:, 0, 0, column]
        pixels.append(PixelSeries(label, dates, *series, dense.dates["time"], *values, radar.dates, of_radar))
    _write(pixel_figure(pixels, given.method, given.title), pixel)
    colours = given.coloured(dates, window)
    spacing = abs(own.grid.resolution.x)
    lines = None if colours is None else colours[:, :, 0]
    series_of_row = RowSeries(dates, lines, observed, without, dense.dates["time"], dense.values["ndvi"][:, 0], spacing)
    box = own.grid.extent.boundingbox
    overview = _overview(given, dates[np.isfinite(observed).sum(axis=1).argmax()], window)
    figure = row_figure(series_of_row, overview, (box.top + box.bottom) / 2, given.method, given.title)
    _write(figure, row)


def _overview(given: Given, date: np.datetime64, row: Window) -> Picture | None:
    """What lies around a row on a date: all of a small site."""
    high, wide = given.files.grid.shape
    middle = row[0].start
    rows = slice(max(middle - AROUND, 0), min(middle + AROUND, high))
    columns = slice(max(wide // 2 - AROUND, 0), min(wide // 2 + AROUND, wide))
    found = given.coloured(np.array([date]), (rows, columns))
    if found is None:
        return None
    return Picture(f"true colours, {date}", found[0], tuple(given.colours), given.files.grid[rows, columns])


def draw_strip(given: Given, strip: Path, png: Path) -> None:
    """Draw a window on several dates.

    Parameters
    ----------
    strip : Path
        Cube of the window: `LAYERS` of each date, the prediction from all other dates.

    Raises
    ------
    InputError
        If a file cannot be read, has no date, or lies elsewhere.
    """
    own = read_cube(strip, LAYERS[:2])
    dates = own.dates["time"]
    if not len(dates):
        raise InputError(f"{strip} has no date", REMAKE)
    colours = given.coloured(dates, given.window(own, strip))
    shown = Strip(dates, colours, own.values["observed"], own.values["ndvi"], own.grid)
    _write(strip_figure(shown, given.method, given.title), png)


def _write(figure: Any, png: Path) -> None:
    with whole(png) as part:
        part.write_bytes(to_png(figure))


def given_of(params: Mapping[str, Any], method: str) -> Given:
    """What a job's parameters say."""
    files = SeriesFiles(dict(params["sample"]), list(params["bands"]))
    return Given(files, list(params["colours"]), method, params["title"])


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        found = given_of(dict(snakemake.params.items()), snakemake.wildcards.method)
        made = snakemake.output
        cubes = {name: Path(snakemake.input[name]) for name in ("filled", "left_out", "strip")}
        draw_row(found, cubes["filled"], cubes["left_out"], pixel=Path(made.pixel), row=Path(made.row))
        draw_strip(found, cubes["strip"], Path(made.strip))
