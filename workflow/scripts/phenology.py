"""Stage `phenology`: curve and transition dates of every pixel (an image) and of every field (a table)."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.cube import read_cube
from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.phenology.seasons import SEASON_NAMES, PhenologySettings, find_seasons
from stfuse.phenology.transitions import field_series, season_table
from stfuse.raster import REMAKE, write_image
from stfuse.raster_stored import read_stored
from stfuse.series import FUSED, NOISE, day_numbers

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.phenology")


def find_phenology(
    series: Path, fields: Path, labels: dict[str, Any], params: dict[str, Any], image: Path, table: Path
) -> None:
    """Fit the season of every pixel and field of a series.

    Parameters
    ----------
    series : path
        NetCDF of stage `series`.
    fields : path
        Field numbers on the series' grid, 0 = none.
    labels : dict
        Experiment, site, source and seed: tags of the image, first columns of the table.
    params : dict
        Of `stfuse.phenology.seasons.PhenologySettings`.
    image : path
        GeoTIFF to write, bands `SEASON_NAMES`; dates as days counted from 1 January of the period's first year.
    table : path
        CSV to write, one row a field.

    Raises
    ------
    InputError
        If a file cannot be read, the fields lie on another grid, or a setting is unknown.
    """
    try:
        settings = PhenologySettings(**params)
    except (TypeError, ValueError) as error:
        known = ", ".join(PhenologySettings.__dataclass_fields__)
        raise InputError(f"`phenology:` of the config does not fit: {error}", f"the settings are {known}") from error
    cube = read_cube(series, ["ndvi", "flags"])
    year = int(cube.attrs["period"][:4])
    days = day_numbers(cube.dates["time"], year)
    flags = cube.values["flags"]
    weights = np.where(flags & FUSED, np.float32(settings.fused_weight), np.float32(1))
    weights[(flags == 0) | (flags & NOISE > 0)] = 0
    numbered, grid = read_stored(fields)
    if numbered.shape != cube.grid.shape or not grid.affine.almost_equals(cube.grid.affine, 1e-6):
        raise InputError(f"{fields} lies on {grid}, the series {series} on {cube.grid}", REMAKE)

    seasons = find_seasons(cube.values["ndvi"], weights, days, settings)
    logger.info("%.0f %% of %d pixels have a season", 100 * np.isfinite(seasons[7]).mean(), seasons[0].size)
    tags = {**{k: str(v) for k, v in labels.items()}, "year": str(year), "days": f"1 = {year}-01-01"}
    tags["settings"] = ", ".join(f"{k}={v}" for k, v in asdict(settings).items())
    write_image(image, seasons.astype(np.float32), SEASON_NAMES, cube.grid, tags, packed=False)

    numbers, pixels, medians, trust = field_series(cube.values["ndvi"], weights, numbered)
    of_fields = find_seasons(medians, trust, days, settings)
    with whole(table) as part:
        rows = season_table(numbers, pixels, of_fields, year, labels)
        rows.to_csv(part, index=False, float_format="%.5g", lineterminator="\n")


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        find_phenology(
            series=Path(snakemake.input.series),
            fields=Path(snakemake.input.fields),
            labels=dict(snakemake.params.labels),
            params=dict(snakemake.params.params),
            image=Path(snakemake.output.image),
            table=Path(snakemake.output.table),
        )
