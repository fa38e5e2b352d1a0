"""Maps of the seasons of every pixel by one source: results/figures/{experiment}/{site}/seasons_{source}.png."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.phenology.logistic import DATE_NAMES, DATE_WORDS
from stfuse.plots import to_png
from stfuse.plots_seasons import Layer, seasons_figure
from stfuse.raster import REMAKE, read_image
from stfuse.raster_stored import read_stored
from stfuse.task import FloatArray, Window

if TYPE_CHECKING:
    snakemake: Any

MOST = 800
"""Pixels a side that are drawn at most; of larger maps every second, third ... pixel."""
STRIP = 512
"""Rows read at a time."""
RARE = 0.01
"""Share of the pixels that a later season needs to be shown."""


def draw_seasons(main: Path, seasons: Sequence[Path], fields: Path, year: int, title: str, png: Path) -> None:
    """Draw the dates, length, height and uncertainty of each pixel's main season, and its seasons by time.

    Parameters
    ----------
    main : Path
        Image of each pixel's largest season, of the stage `phenology`.
    seasons : sequence of Path
        The same of its first, second ... season.
    fields : Path
        Field numbers on the same grid.
    year : int
        First year of the period; day 1 is its 1 January.

    Raises
    ------
    InputError
        If an image cannot be read or the fields lie on another grid.
    """
    names = [*DATE_NAMES, "length", "height", "date1_error", "date6_error"]
    values, grid = _read(main, names)
    found, shown = dict(zip(names, values, strict=True)), grid
    numbered = read_stored(fields)[0].astype(np.int32)
    whole_grid = read_image(main, names[:1], _CORNER)[2]
    if numbered.shape != whole_grid.shape:
        raise InputError(f"{fields} has {numbered.shape} pixels, {main} has {whole_grid.shape}", REMAKE)
    stride = _stride(whole_grid)
    numbered = numbered[::stride, ::stride]
    dates = [Layer(DATE_WORDS[name], found[name], "date") for name in DATE_NAMES]
    measures = [Layer("length", found["length"], "days"), Layer("height", found["height"], "ndvi")]
    by_time = [_read(path, ["date1", "peak", "date6", "height"])[0] for path in seasons]
    count: FloatArray = np.stack([np.isfinite(layers[3]) for layers in by_time]).sum(axis=0).astype(np.float32)
    errors = [Layer(f"{DATE_WORDS[name]}: 1 sigma", found[f"{name}_error"], "days") for name in ("date1", "date6")]
    rows = {
        "main season": [*dates[:3], measures[0]],
        "": [*dates[3:], measures[1]],
        "how sure": [*errors, Layer("seasons found", count, "count")],
    }
    words = (("starts", "date"), ("peak", "date"), ("ends", "date"), ("height", "ndvi"))
    for k, layers in enumerate(by_time, 1):
        if np.isfinite(layers[3]).mean() >= RARE:
            rows[f"season {k}"] = [Layer(w, v, kind) for (w, kind), v in zip(words, layers, strict=True)]
    figure = seasons_figure(rows, shown, numbered, year, title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


_CORNER = (slice(0, 1), slice(0, 1))


def _stride(grid: GeoBox) -> int:
    return -(-max(grid.shape) // MOST)


def _read(path: Path, names: Sequence[str]) -> tuple[FloatArray, GeoBox]:
    """Every n-th pixel of some bands, shape (band, y, x), read strip by strip, and their grid."""
    grid = read_image(path, names[:1], _CORNER)[2]
    stride = _stride(grid)

    def strips() -> Iterator[FloatArray]:
        rows = STRIP // stride * stride
        for start in range(0, grid.shape[0], rows):
            window: Window = (slice(start, min(start + rows, grid.shape[0])), slice(0, grid.shape[1]))
            yield read_image(path, names, window)[0][:, ::stride, ::stride]

    values = np.concatenate(list(strips()), axis=1)
    a = grid.affine
    thin = GeoBox(values.shape[1:], a @ type(a).scale(stride), grid.crs)
    return values, thin


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_seasons(
            main=Path(snakemake.input.main),
            seasons=[Path(p) for p in snakemake.input.seasons],
            fields=Path(snakemake.input.fields),
            year=int(snakemake.params.year),
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
