"""How like a real place a simulated one is: results/figures/{site}/likeness_{real}.png and two tables."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.errors import InputError
from stfuse.frames import read_table
from stfuse.job import job, whole
from stfuse.likeness import Archive, unadjusted, windows
from stfuse.likeness_table import cloud_statistics, compare, statistics, unlike
from stfuse.plots import to_png
from stfuse.plots_likeness import Side, likeness_figure
from stfuse.raster import REMAKE, read_image, read_series
from stfuse.task import Series

if TYPE_CHECKING:
    snakemake: Any


def draw_likeness(
    sites: Mapping[str, Mapping[str, Any]],
    bands: Sequence[str],
    days: int,
    sensors: tuple[str, str],
    png: Path,
    table: Path,
    sentences: Path,
) -> None:
    """Compare a simulated site with a real one by their analysis-ready images.

    Parameters
    ----------
    sites : mapping with the keys real and simulated
        Of each its `title`, the images of the `fine` and `coarse` sensor named ``{date}.tif``, the `bandpass` file of
        the coarse one and its `scenes` table (Paths).
    bands : sequence of str
        Bands to compare; red and a near-infrared one among them.
    days : int
        Most days between two images of a pair of the sensors.
    sensors : (fine, coarse)
        Their names in `scenes`.
    table : Path
        CSV of all statistics, see `stfuse.likeness_table.compare`.
    sentences : Path
        CSV of one column: the largest differences in words.

    Raises
    ------
    InputError
        If an image or table cannot be read, or a site has no image of a sensor.
    """
    archives = {name: read_archive(site, bands) for name, site in sites.items()}
    box = archives["real"].coarse.grid.extent.boundingbox
    patches = list(windows(archives["simulated"], (box.right - box.left, box.top - box.bottom)))
    found = [statistics(patch, days) for patch in patches]
    compared = [compare(statistics(archives["real"], days), found)]
    clouds = {name: read_table(Path(site["scenes"])) for name, site in sites.items()}
    compared.append(compare(cloud_statistics(clouds["real"]), [cloud_statistics(clouds["simulated"])]))
    joined = pd.concat(compared, ignore_index=True)
    real = Side(str(sites["real"]["title"]), [archives["real"]], clouds["real"], sensors)
    simulated = Side(f"{sites['simulated']['title']} (simulated)", patches, clouds["simulated"], sensors)
    figure = likeness_figure(real, simulated, joined, days)
    with whole(png) as part:
        part.write_bytes(to_png(figure))
    with whole(table) as part:
        joined.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    with whole(sentences) as part, part.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerows([["unlike"], *([words] for words in unlike(joined))])


def read_archive(site: Mapping[str, Any], bands: Sequence[str]) -> Archive:
    """The images of a site's two sensors; what the bandpass adjustment did to the coarse one is taken back."""
    series: dict[str, Series] = {}
    for role in ("fine", "coarse"):
        paths = [Path(p) for p in site[role]]
        if not paths:
            raise InputError(f"{site['title']} has no {role} image", "widen the site's period or lower min_clear")
        series[role] = read_series(paths, bands, "reflectance", read_image(paths[0])[2])
    try:
        lines = json.loads(Path(site["bandpass"]).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{site['bandpass']} cannot be read ({error})", REMAKE) from error
    return Archive(series["fine"], unadjusted(series["coarse"], lines))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_likeness(
            sites={
                name: {
                    "title": snakemake.params.compared["titles"][name],
                    "fine": snakemake.input[f"{name}_fine"],
                    "coarse": snakemake.input[f"{name}_coarse"],
                    "bandpass": snakemake.input[f"{name}_bandpass"],
                    "scenes": snakemake.input[f"{name}_scenes"],
                }
                for name in ("real", "simulated")
            },
            bands=list(snakemake.params.compared["bands"]),
            days=int(snakemake.params.compared["days"]),
            sensors=tuple(snakemake.params.compared["sensors"]),
            png=Path(snakemake.output.figure),
            table=Path(snakemake.output.table),
            sentences=Path(snakemake.output.unlike),
        )
