"""How alike the sensors' coincident images are, before and after harmonisation: results/ard/{site}/agreement.csv."""

import csv
import json
import logging
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.ard import merge_day
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.harmonisation.agreement import Agreement, Image, adjusted_anew, compare, on_coarser
from stfuse.harmonisation.bandpass import published, without_date
from stfuse.job import job, whole
from stfuse.raster import REMAKE, read_image
from stfuse.rawscene import read_native

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.ard_agreement")

COLUMNS = (
    "site", "sensor", "reference", "date", "reference_date", "days", "registered_to", "band", "stage", "rule", "fitted",
    "n", "r", "slope", "bias", "rmse",
)  # fmt: skip
AS_DELIVERED = {"nbar": "none", "band_shifts_m": {}}


def compare_sensors(
    pairs: list[dict[str, Any]], sensors: dict[str, dict[str, Any]], site: dict[str, Any], out: Path
) -> None:
    """Write one row per coincident pair, band and stage.

    Stages: ``before`` - scaled, masked and brought to the site's grid, nothing else; ``after`` - the images of the
    stage `ard`; ``left_out`` - as after, but with the band line fitted without this date, for dates that took part in
    the fit (column `fitted`): what the fit is worth on a day that is not its own. All stages of a pair are compared on
    the same pixels of the coarser sensor's grid. Every date serves: nothing is fitted here.

    Parameters
    ----------
    pairs : list of dict
        ``sensor``, ``scenes`` and ``image`` of one sensor, ``reference_scenes`` and ``reference`` of the reference,
        ``bandpass`` (file or empty), the ``bands`` that both have, and the date that the image was ``registered_to``:
        another one where an experiment hides the pair's.
    sensors : mapping of name to contents of the sensor's file
    site
        Contents of its file.
    out : Path

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    with whole(out) as part, part.open("w", newline="") as table:
        rows = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        rows.writeheader()
        for pair in pairs:
            for row in _rows(pair, sensors, site):
                rows.writerow(row)


def _rows(pair: dict[str, Any], sensors: dict[str, dict[str, Any]], site: dict[str, Any]) -> list[dict[str, Any]]:
    sensor, bands = sensors[pair["sensor"]], pair["bands"]
    day, other = (Path(pair[key]).stem for key in ("image", "reference"))
    lines = _lines(pair["bandpass"], bands)
    before = (
        _delivered(pair["scenes"], bands, sensor, site),
        _delivered(pair["reference_scenes"], bands, sensors[site["reference"]], site),
    )
    delivered, made = on_coarser([before, (read_image(pair["image"]), read_image(pair["reference"]))], bands)
    expected = [published(sensor, band, site["reference"]) for band in bands]
    anew = [line.as_dict() for line in without_date(lines, day, expected)]
    others = [new if _took_part(line, day) else line for line, new in zip(lines, anew, strict=True)]
    left_out = adjusted_anew(made[0], lines, others), made[1]
    labels = {
        "site": site["name"], "sensor": sensor["name"], "reference": site["reference"], "date": day,
        "reference_date": other, "days": (date.fromisoformat(day) - date.fromisoformat(other)).days,
        "registered_to": pair["registered_to"],
    }  # fmt: skip
    rows = []
    for i, (band, line) in enumerate(zip(bands, lines, strict=True)):
        fitted = _took_part(line, day)
        stages = {"before": ("", delivered), "after": (line["rule"], made)}
        stages |= {"left_out": (others[i]["rule"], left_out)} if fitted else {}
        for stage, (rule, (observed, known)) in stages.items():
            told = {"band": band, "stage": stage, "rule": rule, "fitted": int(fitted)}
            rows.append(labels | told | _numbers(compare(observed[i], known[i])))
    logger.info("%s on %s with %s: %d bands", sensor["name"], day, other, len(bands))
    return rows


def _numbers(found: Agreement) -> dict[str, Any]:
    """For the table; empty where a number is not known."""
    return {k: v if k == "n" else f"{v:.5f}" if np.isfinite(v) else "" for k, v in asdict(found).items()}


def _took_part(line: dict[str, Any], day: str) -> bool:
    """Whether a band's line was fitted to a date."""
    return line["rule"] == "fit" and day in line["days"]


def _lines(path: str, bands: list[str]) -> list[dict[str, Any]]:
    """The band lines that the sensor's images were made with; the identity where there are none."""
    if not path:
        return [{"slope": 1.0, "offset": 0.0, "rule": "none", "days": {}} for _ in bands]
    try:
        known = json.loads(Path(path).read_text())
        return [known[band] for band in bands]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error


def _delivered(scenes: list[str], bands: list[str], sensor: dict[str, Any], site: dict[str, Any]) -> Image:
    """A day's scenes on the site's grid, scaled and masked and no more."""
    grid = site_grid(site["crs"], tuple(site["bounds"]), sensor["resolution"])
    native = read_native([Path(p) for p in scenes], bands, sensor, site | AS_DELIVERED)
    return merge_day(native, grid), bands, grid


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        compare_sensors(
            pairs=list(snakemake.params.pairs),
            sensors=snakemake.params.sensors,
            site=snakemake.params.site,
            out=Path(snakemake.output[0]),
        )
