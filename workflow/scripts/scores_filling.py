"""Score how a method fills hidden values: results/scores/{experiment}/{site}/{method}/seed{seed}.csv."""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.filling.calibration import SCORE, ground, read_errors
from stfuse.filling.pixels import PixelStore
from stfuse.filling.scoring import SEED, Known, refuse_seen, score
from stfuse.filling.trials import filler, trials
from stfuse.job import job, whole
from stfuse.methods import load, make_params
from stfuse.state import image_name, load_state, read_meta
from stfuse.summary import Score
from stfuse.truth import read_truth

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.scores")

LABELS = ("experiment", "site", "method", "seed")


def score_filling(
    store: Path,
    method: dict[str, Any],
    bands: list[str],
    variable: str,
    state: Path,
    errors: Path,
    known: Path | None,
    labels: Mapping[str, str],
    hidden: float,
    after: str | None,
    apart: bool,
    out: Path,
    gaps: Path,
    threads: int = 1,
) -> None:
    """Hide values at random, let a method fill them, and write a row per truth, gap class and metric.

    Parameters
    ----------
    store : path
        The data set of the site.
    known : path, optional
        ``truth.nc`` of a simulated site.
    hidden : float
        Share of the values of each series that are hidden, 0..1.
    after : str, optional
        Values up to this date (ISO) are not looked at, neither to be filled nor to fill from: as if the method were
        used on new series.
    apart : bool
        Whether the method learned at this very site: then only ground is scored that was held out for it.
    gaps : path
        Table of gap lengths in whole days, and how many values were scored there.
    threads : int
        Windows worked on at a time by a method without a network.

    Raises
    ------
    InputError
        If a file cannot be read, or the method learned from what is scored.
    """
    refuse_seen(read_meta(state)["scenes"], image_name(store), after, apart)
    module = load(method["file"])
    params = make_params(module, method["settings"])
    fill = filler(method["name"], module, load_state(state, method, bands, variable), params)
    sample = PixelStore(store, after=after)
    shape = sample.grid.shape
    where = np.asarray(ground(shape, True) == SCORE) if apart else np.ones(shape, np.bool_)
    truth = _known(known, sample, bands, variable) if known else None
    tries = trials(sample, fill, hidden, where, SEED, 1 if module.NEEDS.gpu else threads)
    scores, counts = score(tries, read_errors(errors), truth)
    _write(out, Score._fields, (
        [*(labels[name] for name in LABELS), "", against, *row[:3], f"{row.value:.9g}", row.n]
        for against, sums in scores.items()
        # What is averaged over weeks has no gap length of its own.
        for row in sums.rows(by_gap=module.NEEDS.step_days == 1)
    ))  # fmt: skip
    _write(gaps, ("gap_days", "n"), counts.items())
    logger.info(
        "%d hidden values were scored, on %s", sum(counts.values()), "held-out ground" if apart else "all ground"
    )


def _write(path: Path, head: Sequence[str], rows: Any) -> None:
    with whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        table.writerows(rows)


def _known(path: Path, sample: PixelStore, bands: Sequence[str], variable: str) -> Known:
    """The truth of a simulated site on the sample's dates and pixels."""
    (row, column), step, resolution = sample.offset, sample.lattice, abs(sample.site_grid.resolution.x)
    images = (read_truth(path, date, bands, variable, resolution)[0] for date in sample.dates)
    # Copied, or each would keep the image that it is a part of.
    values = np.stack([image[row::step, column::step].copy() for image in images])
    return lambda when, rows, columns: values[when, rows, columns]


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        score_filling(
            store=Path(snakemake.input.store),
            method=dict(snakemake.params.method),
            bands=list(snakemake.params.bands),
            variable=str(snakemake.params.variable),
            state=Path(snakemake.input.state),
            errors=Path(snakemake.input.errors),
            known=Path(str(snakemake.input.known)) if snakemake.input.known else None,
            labels=dict(snakemake.params.labels),
            hidden=float(snakemake.params.hidden),
            after=snakemake.params.after,
            apart=bool(snakemake.params.apart),
            out=Path(snakemake.output.rows),
            gaps=Path(snakemake.output.gaps),
            threads=int(snakemake.threads),
        )
