"""What a method shows of how it predicted: one COG a date, a band for each of its layers."""

import logging
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.errors import InputError
from stfuse.inputs import TaskFiles
from stfuse.job import job
from stfuse.methods import load, make_params
from stfuse.raster import image_file
from stfuse.state import load_state, provenance
from stfuse.task import FloatArray, Task, Window
from stfuse.tiles import each_tile

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)


def show_layers(
    sample: dict[str, Any], method: dict[str, Any], bands: list[str], variable: str, state: Path, out: Path
) -> None:
    """Write a method's layers of one date, window by window.

    Parameters
    ----------
    sample : dict
        See `stfuse.inputs.TaskFiles`.
    method : dict
        ``name``, ``file`` and ``settings``.
    bands : list of str
    variable : {"reflectance", "ndvi"}
    state : path
        Of the stage `model`.
    out : path
        The COG to write, float32, a band for each layer.

    Raises
    ------
    InputError
        If the method has no layers, an input is missing or damaged, or the state is another method's.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    layers = getattr(module, "layers", None)
    if layers is None:
        raise InputError(f"Method {method['name']} has no layers to show", "leave the line `layers:` out of its entry")
    learned = load_state(state, method, bands, variable)
    scene = TaskFiles(sample, bands, variable)
    tags = provenance(sample, method, asdict(params), variable, state)
    names: list[str] = []

    def work(task: Task) -> FloatArray:
        shown = layers(task, learned, params)
        names[:] = shown
        return np.stack(list(shown.values()))

    with ExitStack() as stack:
        images = []

        def put(window: Window, values: FloatArray) -> None:
            if not images:  # how many layers there are, the method says with the first
                images.append(stack.enter_context(image_file(out, names, scene.grid, tags, packed=False)))
            images[0].put(window, values)

        each_tile(put, work, scene, module.halo(params), name=method["name"])
    logger.info("%s: %d layers of %s", out, len(names), method["name"])


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        show_layers(
            sample=dict(snakemake.params.sample),
            method=dict(snakemake.params.method),
            bands=list(snakemake.params.bands),
            variable=str(snakemake.params.variable),
            state=Path(snakemake.input.state),
            out=Path(snakemake.output[0]),
        )
