"""NDVI of single fields through the season: results/figures/{experiment}/{site}/profiles.png."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stfuse.cube import Cube, read_cube
from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.phenology.logistic import DATE_NAMES
from stfuse.phenology.transitions import true_dates
from stfuse.plots import to_png
from stfuse.plots_profiles import Course, Dates, Profile, choose_fields, field_means, profiles_figure
from stfuse.raster import REMAKE
from stfuse.raster_stored import read_stored
from stfuse.series import NOISE

if TYPE_CHECKING:
    snakemake: Any

TRUTH_STEP = 5
"""Days between the dates on which the known truth is read: the step of the smoothed series."""


def draw_profiles(
    series: Mapping[str, Path],
    fields: Path,
    tables: Mapping[str, Path],
    known: Path | None,
    phenology: Path | None,
    bands: Sequence[str],
    shown: int,
    words: Mapping[str, str],
    title: str,
    png: Path,
) -> None:
    """Draw the mean NDVI of a few fields: each source's dates, its smoothed curve and its transition dates.

    Parameters
    ----------
    series : mapping of source to Path
        NetCDF of the stage `series`; the curves of the first one with fused dates choose the fields.
    fields : Path
        Field numbers on the same grid.
    tables : mapping of source to Path
        Tables of the stage `phenology`; a source may have none.
    known : Path, optional
        ``truth.nc`` of a simulated site.
    phenology : Path, optional
        ``phenology.csv`` of a simulated site: the curve of every field and season.
    bands : sequence of str
        Red and near-infrared, for the NDVI of the truth.
    shown : int
        How many fields.
    words : mapping of source to str
        What it is, for the legend.

    Raises
    ------
    InputError
        If a file cannot be read or the fields lie on another grid.
    """
    cubes = {source: read_cube(path, ["ndvi", "flags", "origin", "ndvi_smooth"]) for source, path in series.items()}
    first = next(iter(cubes.values()))
    chooser = next((s for s, cube in cubes.items() if (cube.values["origin"] == 1).any()), next(iter(cubes)))
    year = int(str(first.dates["step"][0])[:4])
    numbered = read_stored(fields)[0].astype(np.int32)
    if numbered.shape != first.grid.shape:
        raise InputError(f"{fields} has {numbered.shape} pixels, {series[chooser]} has {first.grid.shape}", REMAKE)
    numbers, sizes = np.unique(numbered[numbered > 0], return_counts=True)
    smooth = field_means(cubes[chooser].values["ndvi_smooth"], numbered, numbers.tolist())
    chosen = choose_fields(smooth, numbers.tolist(), sizes.tolist(), shown)
    courses = {s: _courses(cube, numbered, chosen, _read(tables.get(s)), year) for s, cube in cubes.items()}
    seasons = _read(phenology)
    dates = true_dates(seasons) if seasons is not None else None
    pixel = abs(first.grid.resolution.x)
    truths = _truths(known, pixel, numbered, chosen, bands, first.dates["step"], dates, year) if known else {}
    pixels = dict(zip(numbers.tolist(), sizes.tolist(), strict=True))
    profiles = [Profile(n, pixels[n], {s: c[n] for s, c in courses.items()}, truths.get(n)) for n in chosen]
    steps = first.dates["step"]
    figure = profiles_figure(profiles, numbered, words, (str(steps[0]), str(steps[-1])), title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


def _read(path: Path | None) -> pd.DataFrame | None:
    return pd.read_csv(path) if path else None


def _transitions(table: pd.DataFrame | None, number: int, year: int) -> Dates:
    if table is None:
        return np.zeros(0, "datetime64[D]")
    days = table.loc[table["field"] == number, list(DATE_NAMES)].to_numpy(np.float64).ravel()
    whole_days = np.rint(days[np.isfinite(days)]).astype(int)
    return np.datetime64(f"{year}-01-01") + (whole_days - 1).astype("timedelta64[D]")


def _courses(
    cube: Cube, fields: NDArray[np.int32], numbers: Sequence[int], table: pd.DataFrame | None, year: int
) -> dict[int, Course]:
    trusted = np.where(cube.values["flags"] & NOISE, np.float32(np.nan), cube.values["ndvi"])
    values = field_means(trusted, fields, numbers)
    smooth = field_means(cube.values["ndvi_smooth"], fields, numbers)
    fused = cube.values["origin"] == 1
    return {
        n: Course(cube.dates["time"], values[i], fused, cube.dates["step"], smooth[i], _transitions(table, n, year))
        for i, n in enumerate(numbers)
    }


def _truths(
    known: Path,
    pixel: float,
    fields: NDArray[np.int32],
    numbers: Sequence[int],
    bands: Sequence[str],
    steps: Dates,
    seasons: pd.DataFrame | None,
    year: int,
) -> dict[int, Course]:
    from stfuse.truth import read_truth  # real places do without

    days = np.arange(steps[0], steps[-1] + 1, TRUTH_STEP)
    images = np.concatenate([read_truth(known, str(day), list(bands), "ndvi", pixel) for day in days])
    means = field_means(images, fields, numbers)
    none = np.zeros(len(days), bool)
    return {
        n: Course(days, means[i], none, days, means[i], _transitions(seasons, n, year)) for i, n in enumerate(numbers)
    }


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        sources = list(snakemake.params.sources)
        draw_profiles(
            series=dict(zip(sources, map(Path, snakemake.input.series), strict=True)),
            fields=Path(snakemake.input.fields),
            tables=dict(zip(sources, map(Path, snakemake.input.tables), strict=True)),
            known=next(map(Path, snakemake.input.known), None),
            phenology=next(map(Path, snakemake.input.phenology), None),
            bands=list(snakemake.params.bands),
            shown=int(snakemake.params.shown),
            words=dict(snakemake.params.words),
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
