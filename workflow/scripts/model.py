"""Stage `model`: what a method learns from the training dates of an experiment, and its training curve."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.inputs import SampleFiles, TaskFiles
from stfuse.job import job, whole
from stfuse.methods import load, make_params
from stfuse.state import save_state

if TYPE_CHECKING:
    snakemake: Any

CURVE = ("stage", "epoch", "train_loss", "held_loss", "learning_rate", "seconds", "waiting")


def train(
    samples: list[dict[str, Any]],
    method: dict[str, Any],
    bands: list[str],
    variable: str,
    seed: int,
    state: Path,
    curve: Path,
) -> None:
    """Fit a method to samples and write its state and its curve.

    Parameters
    ----------
    samples : list of dict
        One per training date, see `stfuse.inputs.SampleFiles`; empty for closed-form methods.
    method : dict
        ``name``, ``file`` and ``settings``.
    bands : list of str
    variable : {"reflectance", "ndvi"}
    state, curve : path
        The ``.npz`` and the ``.csv`` to write; a closed-form method's are empty but for their heads.

    Raises
    ------
    InputError
        If a sample cannot be read, a setting is unknown, or the samples do not suffice.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    kind = TaskFiles if module.NEEDS.samples == "target" else SampleFiles
    learned = dict(module.fit([kind(sample, bands, variable) for sample in samples], params, seed))
    rows = learned.pop("curve", np.zeros((0, len(CURVE))))
    save_state(state, learned, method, bands, variable, _ratio(samples), [s["date"] for s in samples], seed)
    with whole(curve) as part, part.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(CURVE)
        for stage, epoch, *values in rows:
            table.writerow([int(stage), int(epoch), *(f"{value:.6g}" for value in values)])


def _ratio(samples: list[dict[str, Any]]) -> float | None:
    """Coarse pixel / fine pixel of the samples."""
    if not samples:
        return None
    grids = samples[0]["grids"]
    return float(grids["coarse"]["resolution"] / grids["fine"]["resolution"])


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        train(
            samples=snakemake.params.samples,
            method=snakemake.params.method,
            bands=list(snakemake.params.bands),
            variable=snakemake.params.variable,
            seed=int(snakemake.params.seed),
            state=Path(snakemake.output.state),
            curve=Path(snakemake.output.curve),
        )
