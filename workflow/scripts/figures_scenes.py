"""A site's scenes in one picture and one table: results/figures/{site}/scenes.png, results/tables/{site}/scenes.csv."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.plots import to_png
from stfuse.plots_scenes import scenes_figure
from stfuse.raster import REMAKE
from stfuse.scene_table import line_table, scene_table

if TYPE_CHECKING:
    snakemake: Any


def draw_scenes(
    scenes: Path,
    quality: Path,
    bandpass: Mapping[str, Path],
    min_clear: float,
    title: str,
    png: Path,
    table: Path,
    lines: Path,
) -> None:
    """Join what the search and the preparation say of every scene, and draw it.

    Parameters
    ----------
    scenes, quality : Path
        ``results/raw/{site}/scenes.csv`` and ``results/ard/{site}/quality.csv``.
    bandpass : mapping
        Sensor -> its ``bandpass.json``, for the sensors that are adjusted.
    min_clear : float
        The site's, 0..1.
    png, table, lines : Path
        The figure, the table of scenes and the table of bandpass lines to write.

    Raises
    ------
    InputError
        If a file cannot be read, or no scene was found.
    """
    found = _read(scenes)
    if found.empty:
        raise InputError(f"{scenes} lists no scene", "widen `period:` or correct `bounds:` in the site's file")
    adjusted = line_table({sensor: _read_lines(path) for sensor, path in bandpass.items()})
    joined = scene_table(found, _read(quality), adjusted)
    with whole(table) as part:
        joined.to_csv(part, index=False, lineterminator="\n")
    with whole(lines) as part:
        adjusted.to_csv(part, index=False, lineterminator="\n", float_format="%.6g")
    with whole(png) as part:
        sensors = list(dict.fromkeys(found["sensor"]))
        part.write_bytes(to_png(scenes_figure(joined, adjusted, sensors, min_clear, title)))


def _read(path: Path) -> pd.DataFrame:
    try:
        # Names such as "nan", "NA" or "20200101" are names, and only empty cells are empty.
        return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"scene": str, "scenes": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", REMAKE) from error


def _read_lines(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_scenes(
            scenes=Path(snakemake.input.scenes),
            quality=Path(snakemake.input.quality),
            bandpass={Path(p).parent.name: Path(p) for p in snakemake.input.bandpass},
            min_clear=float(snakemake.params.min_clear),
            title=snakemake.params.title,
            png=Path(snakemake.output.figure),
            table=Path(snakemake.output.table),
            lines=Path(snakemake.output.lines),
        )
