"""NDVI of single fields through the season: results/figures/{experiment}/{site}/profiles.png."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stfuse.cube import read_cube, read_window
from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.phenology.logistic import DATE_NAMES
from stfuse.phenology.transitions import true_dates
from stfuse.plots import to_png
from stfuse.plots_profiles import Course, Dates, Profile, choose_fields, field_means, profiles_figure
from stfuse.raster import REMAKE
from stfuse.raster_stored import read_stored
from stfuse.series import FILLED, NOISE
from stfuse.task import FloatArray
from stfuse.tiles import plan

if TYPE_CHECKING:
    snakemake: Any

BLOCK = 512
"""Pixels a side of what is read at a time."""
LAYERS = ("ndvi", "flags", "origin", "ndvi_smooth", "uncertainty_smooth")
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
    classes: Path | None = None,
    events: Mapping[str, Path] | None = None,
) -> None:
    """Draw the mean NDVI of a few fields: each source's dates, its smoothed curve, its transition dates and events.

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
    classes : Path, optional
        ``fields.csv`` of the stage `ard`: what grows in each field.
    events : mapping of source to Path, optional
        Tables of events of the stage `phenology`.

    Raises
    ------
    InputError
        If a file cannot be read or the fields lie on another grid.
    """
    frames = {source: read_cube(path, ["origin"]) for source, path in series.items()}
    first = next(iter(frames.values()))
    chooser = next((s for s, cube in frames.items() if (cube.values["origin"] == 1).any()), next(iter(frames)))
    steps, year = first.dates["step"], int(str(first.dates["step"][0])[:4])
    numbered = read_stored(fields)[0].astype(np.int32)
    if numbered.shape != first.grid.shape:
        raise InputError(f"{fields} has {numbered.shape} pixels, {series[chooser]} has {first.grid.shape}", REMAKE)
    numbers, sizes = np.unique(numbered[numbered > 0], return_counts=True)
    smooth = _smooth_means(series[chooser], numbered, numbers, len(steps))
    chosen = choose_fields(smooth, numbers.tolist(), sizes.tolist(), shown)
    found = {s: (_read(tables.get(s)), _read(events.get(s)) if events else None) for s in series}
    dates = true_dates(seasons) if (seasons := _read(phenology)) is not None else None
    crops = _crops(_read(classes), seasons)
    pixel = abs(first.grid.resolution.x)
    truths = _truths(known, pixel, numbered, chosen, bands, steps, dates, year) if known else {}
    pixels = dict(zip(numbers.tolist(), sizes.tolist(), strict=True))
    profiles = []
    for n in chosen:
        courses = {s: _course(path, numbered, n, *found[s], year) for s, path in series.items()}
        profiles.append(Profile(n, pixels[n], courses, truths.get(n), crops.get(n, "")))
    figure = profiles_figure(profiles, numbered, words, (str(steps[0]), str(steps[-1])), title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


def _smooth_means(path: Path, fields: NDArray[np.int32], numbers: NDArray[np.int32], steps: int) -> FloatArray:
    """Mean smoothed NDVI of every field, shape (field, step), read window by window; NaN where a pixel has none."""
    sums = np.zeros((len(numbers), steps))
    for tile in plan((fields.shape[0], fields.shape[1]), (BLOCK, BLOCK), 0):
        part = fields[tile.core]
        if not (part > 0).any():
            continue
        values = read_window(path, ["ndvi_smooth"], tile.core).values["ndvi_smooth"]
        at = np.searchsorted(numbers, part[part > 0])
        for i in range(steps):
            sums[:, i] += np.bincount(at, values[i][part > 0], minlength=len(numbers))
    sizes = np.bincount(np.searchsorted(numbers, fields[fields > 0]), minlength=len(numbers))
    return np.asarray(sums / np.maximum(sizes, 1)[:, None], np.float32)


def _crops(classes: pd.DataFrame | None, seasons: pd.DataFrame | None) -> dict[int, str]:
    """What grows in each field: by the field map's names, or in the simulated world its class."""
    found: dict[int, str] = {}
    if classes is not None:
        named = classes.dropna(subset=["name"])
        found |= dict(zip(named["field"].astype(int), named["name"].astype(str), strict=True))
    if seasons is not None:
        known = zip(seasons["field"].astype(int), seasons["class"].astype(str).str.replace("_", " "), strict=True)
        found |= dict(known)
    return found


def _read(path: Path | None) -> pd.DataFrame | None:
    return pd.read_csv(path) if path else None


def _days(days: NDArray[np.float64], year: int) -> Dates:
    whole_days = np.rint(days[np.isfinite(days)]).astype(int)
    return np.datetime64(f"{year}-01-01") + (whole_days - 1).astype("timedelta64[D]")


def _transitions(table: pd.DataFrame | None, number: int, year: int) -> Dates:
    if table is None:
        return np.zeros(0, "datetime64[D]")
    return _days(table.loc[table["field"] == number, list(DATE_NAMES)].to_numpy(np.float64).ravel(), year)


def _course(
    path: Path,
    fields: NDArray[np.int32],
    number: int,
    table: pd.DataFrame | None,
    events: pd.DataFrame | None,
    year: int,
) -> Course:
    """One field's course, of the window that holds it."""
    rows, columns = np.nonzero(fields == number)
    window = slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
    inside = (fields[window] == number).astype(np.int32)
    cube = read_window(path, LAYERS, window)
    trusted = np.where(cube.values["flags"] & (NOISE | FILLED), np.float32(np.nan), cube.values["ndvi"])
    layers = (trusted, cube.values["ndvi_smooth"], cube.values["uncertainty_smooth"])
    values, smooth, sigma = (field_means(layer, inside, [1])[0] for layer in layers)
    happened = np.zeros(0, "datetime64[D]")
    if events is not None:
        happened = _days(events.loc[events["field"] == number, "day"].to_numpy(np.float64), year)
    times, steps, fused = cube.dates["time"], cube.dates["step"], cube.values["origin"] == 1
    return Course(times, values, fused, steps, smooth, _transitions(table, number, year), sigma, happened)


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
            classes=Path(snakemake.input.classes),
            events=dict(zip(sources, map(Path, snakemake.input.events), strict=True)),
        )
