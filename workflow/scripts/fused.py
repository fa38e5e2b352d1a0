"""Stage `fused`: the prediction of one date by one method, as a COG that says where it comes from."""

import json
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse import __version__
from stfuse.bands import BACKSCATTER
from stfuse.errors import InputError
from stfuse.inputs import read_task
from stfuse.job import job
from stfuse.methods import Method, load, make_params
from stfuse.raster import write_image
from stfuse.state import load_state
from stfuse.task import Task
from stfuse.tiles import predict

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)


def fuse(
    sample: dict[str, Any], method: dict[str, Any], bands: list[str], variable: str, state: Path, out: Path
) -> None:
    """Predict one date and write it.

    Parameters
    ----------
    sample : dict
        See `stfuse.inputs.read_task`; its truth is not opened.
    method : dict
        ``name``, ``file`` and ``settings``.
    bands : list of str
    variable : {"reflectance", "ndvi"}
    state : path
        ``seed{seed}.npz`` of the stage `model`.
    out : path
        The COG to write. It is all NaN where the method has nothing to predict from; the log says why.

    Raises
    ------
    InputError
        If an input is missing, damaged or of another grid, a setting is unknown, the state is
        another method's, or the method's answer has the wrong shape.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    learned = load_state(state, method, bands, variable)
    task = read_task(sample, bands, variable)
    _check_inputs(method["name"], module, task)
    start = time.perf_counter()
    values = predict(method["name"], module, task, learned, params)[0]
    share = float(np.isfinite(values).mean())
    logger.info(
        "%s predicted %s in %.2f s, %.1f %% finite",
        method["name"],
        sample["date"],
        time.perf_counter() - start,
        100 * share,
    )
    if not share:
        logger.warning("%s is all NaN: %s", out, _reason(method["name"], task))
    write_image(
        out,
        values,
        task.fine.bands,
        task.fine.grid,
        _tags(sample, method, asdict(params), variable, state),
        packed=BACKSCATTER.isdisjoint(task.fine.bands),
    )


def _check_inputs(name: str, module: Method, task: Task) -> None:
    """Refuse a task without the images that the method cannot do without."""
    needs = module.NEEDS
    lacking = [
        *(["a fine reference image"] if needs.references != "none" and not len(task.fine.dates) else []),
        *(["a coarse image"] if needs.coarse and not len(task.coarse.dates) else []),
        *(f"the auxiliary series {aux}" for aux in needs.aux if aux not in task.aux),
    ]
    if lacking:
        raise InputError(
            f"Method {name} needs {' and '.join(lacking)} to predict {task.dates[0]}, the sample has none",
            "name it in the experiment, or leave the method out there",
        )


def _reason(name: str, task: Task) -> str:
    """Why there may be no finite prediction."""
    roles = {"fine references": task.fine, "coarse images": task.coarse, **task.aux}
    empty = [role for role, series in roles.items() if series.values.size and not np.isfinite(series.values).any()]
    if empty:
        return f"the {' and '.join(empty)} of {task.dates[0]} have no observed pixel"
    return f"{name} returned no finite value, though its inputs have observed pixels (perhaps nowhere together)"


def _tags(
    sample: dict[str, Any], method: dict[str, Any], settings: dict[str, Any], variable: str, state: Path
) -> dict[str, str]:
    """Provenance: enough to make the image again."""

    def dates(paths: list[str]) -> str:
        return " ".join(sorted(Path(p).stem for p in paths))

    return {
        "method": method["name"],
        "file": method["file"],
        "settings": json.dumps(settings, sort_keys=True),
        "seed": state.stem.removeprefix("seed"),
        "date": sample["date"],
        "variable": variable,
        "references": dates(sample["fine"]),
        "coarse": dates(sample["coarse"]),
        "aux": " ".join(sorted(sample.get("aux", {}))),
        "stfuse": __version__,
    }


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        fuse(
            sample=dict(snakemake.params.sample),
            method=dict(snakemake.params.method),
            bands=list(snakemake.params.bands),
            variable=str(snakemake.params.variable),
            state=Path(snakemake.input.state),
            out=Path(snakemake.output[0]),
        )
