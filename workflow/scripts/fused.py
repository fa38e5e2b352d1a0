"""Stage `fused`: the prediction of one date by one method, as a COG that says where it comes from."""

import logging
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.bands import BACKSCATTER
from stfuse.errors import InputError
from stfuse.inputs import TaskFiles
from stfuse.job import job
from stfuse.methods import Method, load, make_params
from stfuse.raster import image_file
from stfuse.state import load_state, provenance
from stfuse.task import FloatArray, Window
from stfuse.tiles import pieces, predict_into

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)


def fuse(
    sample: dict[str, Any],
    method: dict[str, Any],
    bands: list[str],
    variable: str,
    state: Path,
    out: Path,
    threads: int = 1,
    truth: str | None = None,
) -> None:
    """Predict one date and write it, window by window: a scene of any size fits into the memory.

    Parameters
    ----------
    sample : dict
        See `stfuse.inputs.TaskFiles`; its truth is not opened.
    method : dict
        ``name``, ``file`` and ``settings``.
    bands : list of str
    variable : {"reflectance", "ndvi"}
    state : path
        ``seed{seed}.npz`` of the stage `model`.
    out : path
        The COG to write. It is all NaN where the method has nothing to predict from; the log says why.
    threads : int
        Windows worked on at a time.
    truth : str, optional
        Path of the image that the prediction will be compared with. It is never opened: a state that learned from it
        is refused.

    Raises
    ------
    InputError
        If an input is missing, damaged or of another grid, a setting is unknown, the state is
        another method's or learned from the truth, or the method's answer has the wrong shape.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    grids = sample["grids"]
    ratio = float(grids["coarse"]["resolution"]) / float(grids["fine"]["resolution"])
    learned = load_state(state, method, bands, variable, ratio, truth)
    _check_inputs(method["name"], module, sample)
    scene = TaskFiles(sample, bands, variable)
    start, finite = time.perf_counter(), 0
    tags = provenance(sample, method, asdict(params), variable, state)
    with image_file(out, scene.bands, scene.grid, tags, BACKSCATTER.isdisjoint(scene.bands)) as image:

        def put(window: Window, values: FloatArray) -> None:
            nonlocal finite
            finite += int(np.isfinite(values).sum())
            image.put(window, values[0])

        predict_into(put, method["name"], module, scene, learned, params, threads=threads)
    seconds, values = time.perf_counter() - start, len(scene.bands) * math.prod(scene.grid.shape)
    logger.info(
        "%s predicted %s in %.2f s, %.3g band-pixels a second on %d threads, %.1f %% finite",
        *(method["name"], sample["date"], seconds, values / seconds, threads, 100 * finite / values),
    )
    if not finite:
        logger.warning("%s is all NaN: %s", out, _reason(method["name"], scene))


def _check_inputs(name: str, module: Method, sample: dict[str, Any]) -> None:
    """Refuse a sample without the images that the method cannot do without."""
    needs = module.NEEDS
    lacking = [
        *(["a fine reference image"] if needs.references != "none" and not sample["fine"] else []),
        *(["a coarse image"] if needs.coarse and not sample["coarse"] else []),
        *(f"the auxiliary series {aux}" for aux in needs.aux if not sample.get("aux", {}).get(aux)),
    ]
    if lacking:
        raise InputError(
            f"Method {name} needs {' and '.join(lacking)} to predict {sample['date']}, the sample has none",
            "name it in the experiment, or leave the method out there",
        )


def _reason(name: str, scene: TaskFiles) -> str:
    """Why there may be no finite prediction."""
    seen: dict[str, bool] = {}
    for task in pieces(scene, 0):
        for role, series in {"fine references": task.fine, "coarse images": task.coarse, **task.aux}.items():
            if series.values.size:
                seen[role] = seen.get(role, False) or bool(np.isfinite(series.values).any())
    empty = [role for role, anything in seen.items() if not anything]
    if empty:
        return f"the {' and '.join(empty)} of {scene.dates[0]} have no observed pixel"
    return f"{name} returned no finite value, though its inputs have observed pixels (perhaps nowhere together)"


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        fuse(
            sample=dict(snakemake.params.sample),
            method=dict(snakemake.params.method),
            bands=list(snakemake.params.bands),
            variable=str(snakemake.params.variable),
            state=Path(snakemake.input.state),
            out=Path(snakemake.output[0]),
            threads=int(snakemake.threads),
            truth=snakemake.params.truth,
        )
