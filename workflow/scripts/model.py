"""Stage `model`: what a method learns from the training dates of an experiment, and its training curve."""

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stfuse.errors import InputError
from stfuse.job import job
from stfuse.learning.curves import write_curve
from stfuse.learning.fitting import learn
from stfuse.learning.resuming import MINUTES
from stfuse.methods import load, make_params
from stfuse.state import image_name, save_state

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)


def train(
    samples: list[dict[str, Any]],
    method: dict[str, Any],
    bands: list[str],
    variable: str,
    seed: int,
    state: Path,
    curve: Path,
    processes: int = 1,
    minutes: float = MINUTES,
) -> None:
    """Fit a method to samples and write its state and its curve.

    While it learns it writes checkpoints into a folder beside the state. When the job is killed and run again, it goes
    on from there; the folder is no declared output, so Snakemake leaves it alone. It goes when the state is written.

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
    processes : int
        That train together, a GPU each (or, without enough GPUs, on the CPU); methods without a network take one.
    minutes : float
        From one checkpoint to the next.

    Raises
    ------
    InputError
        If a sample cannot be read, a setting is unknown, or the samples do not suffice.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    checkpoints = state.with_suffix(".checkpoint")
    processes = min(processes, getattr(params, "batch", 1))  # each needs a patch of every batch
    if processes > 1:
        from stfuse.learning.distributed import learn_together

        logger.info("%d processes train together", processes)
        learned = learn_together(processes, samples, method, bands, variable, seed, checkpoints, minutes)
    else:
        learned = learn(samples, method, bands, variable, seed, checkpoints, minutes)
    write_curve(curve, learned)
    save_state(state, learned, method, bands, variable, _scale(samples), [*map(_scene, samples)], seed)
    shutil.rmtree(checkpoints, ignore_errors=True)


def _scale(samples: list[dict[str, Any]]) -> dict[str, float] | None:
    """Pixel sizes of the samples and their ratio."""
    found = {
        tuple(float(sample["grids"][role]["resolution"]) for role in ("fine", "coarse"))  # metres
        for sample in samples
    }
    if not found:
        return None
    (fine, coarse), *others = sorted(found)
    ratio = coarse / fine
    if any(abs(c / f / ratio - 1) > 1e-6 for f, c in others):
        raise InputError(
            f"The training samples have different ratios of coarse to fine pixels: {sorted(c / f for f, c in found)}",
            "train each site on its own (`train: site`), or pool sites of one ratio",
        )
    return {"fine": fine, "coarse": coarse, "ratio": ratio}


def _scene(sample: dict[str, Any]) -> dict[str, Any]:
    """A sample by the names of its images."""
    inputs = [*sample["fine"], *sample["coarse"], *(path for paths in sample.get("aux", {}).values() for path in paths)]
    truth = sample.get("truth")
    return {
        "date": sample["date"],
        "truth": image_name(truth) if truth else None,
        "inputs": sorted(map(image_name, inputs)),
    }


def processes_for(gpus: int) -> int:
    """How many processes train: one for each GPU that the job was given and can see."""
    if gpus <= 1:
        return 1
    from stfuse.learning.distributed import visible_gpus

    return visible_gpus(gpus)


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
            processes=processes_for(int(snakemake.resources.get("gpu", 0))),
            minutes=float(snakemake.resources.get("checkpoint", MINUTES)),
        )
