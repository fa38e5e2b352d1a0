"""Maps of transition dates and their errors: results/figures/{experiment}/{site}/phenology.png."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stfuse.errors import InputError
from stfuse.frames import read_table
from stfuse.job import job, whole
from stfuse.phenology.logistic import DATE_WORDS
from stfuse.phenology.transitions import true_dates
from stfuse.plots import to_png
from stfuse.plots_phenology import field_errors, phenology_figure
from stfuse.raster import read_image

if TYPE_CHECKING:
    snakemake: Any

SHOWN = {"Start of season": "date1", "Peak of season": "peak", "End of season": "date6"}
"""Row of the figure -> band; the peak is the day of the highest value of the curve."""
COMPARED = ("date1", "date2", "date5", "date6")


def draw_phenology(
    images: Mapping[str, Path],
    tables: Mapping[str, Path],
    known: Path | None,
    year: int,
    title: str,
    png: Path,
) -> None:
    """Draw start, peak and end of the season per pixel, sources side by side, and errors per field where known.

    Parameters
    ----------
    images, tables : mapping of source to Path
        Of the stage `phenology`.
    known : Path, optional
        ``phenology.csv`` of a simulated site: the curve of every field and season.
    year : int
        First year of the period; day 1 is its 1 January.

    Raises
    ------
    InputError
        If there is no image or one cannot be read.
    """
    if not images:
        raise InputError(f"There is no phenology to draw in {png}", "add a product experiment")
    found, grid = {}, None
    for source, path in images.items():
        values, _, grid = read_image(path, list(SHOWN.values()))
        found[source] = dict(zip(SHOWN.values(), values, strict=True))
    assert grid is not None
    dates = {words: {source: layers[name] for source, layers in found.items()} for words, name in SHOWN.items()}
    errors = {}
    if known is not None:
        truth = true_dates(read_table(known))
        of_fields = {source: field_errors(read_table(path), truth) for source, path in tables.items()}
        errors = {DATE_WORDS[name]: {s: found[name] for s, found in of_fields.items()} for name in COMPARED}
    figure = phenology_figure(dates, grid, year, errors, title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        sources = list(snakemake.params.sources)
        draw_phenology(
            images=dict(zip(sources, map(Path, snakemake.input.images), strict=True)),
            tables=dict(zip(sources, map(Path, snakemake.input.tables), strict=True)),
            known=next(map(Path, snakemake.input.known), None),
            year=int(snakemake.params.year),
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
