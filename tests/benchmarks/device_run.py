"""What one method's networks do on the device, in a process of its own: a line of JSON for each measurement.

``python -m benchmarks.device_run JSON`` asks for ``file``, ``settings``, ``bands``, ``ratio``, ``size`` (fine pixels
a side of the scene to predict), ``places`` and ``place_size`` (of what is learned from), ``batches``, ``patches`` and
``windows`` (0 = the method's own), ``plans`` (settings of the training to try), ``seconds``, ``repeats``, ``folder``,
and ``processes`` that train together (0 = one for each GPU).
With ``{}`` it tells about the device alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks.device_inference import predicted
from benchmarks.device_rates import matrix_rate
from benchmarks.device_scenes import samples_of, task_of
from benchmarks.device_together import processes_here, together
from benchmarks.device_training import QUICK, arguments_of, trained
from benchmarks.device_work import overheard
from stfuse.learning import training
from stfuse.learning.devices import device
from stfuse.methods import load, make_params


def about(where: torch.device) -> dict[str, Any]:
    """The device, what it is called and what it can."""
    kinds = ["float32"] if where.type == "cpu" else ["float32", "tf32", "bfloat16"]
    return {
        "device": where.type,
        "gpu": torch.cuda.get_device_name(where) if where.type == "cuda" else None,
        "gpus": torch.cuda.device_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "matrix_flops_per_s": {kind: matrix_rate(where, kind) for kind in kinds},
    }


def tries(asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings of a training to try, its own first; one thing at a time is changed."""
    first = asked["plans"][0]
    yield first
    for name, values in (("batch", asked["batches"]), ("patch", asked["patches"])):
        yield from (first | {name: value} for value in values if value)
    yield from asked["plans"][1:]


def measured(asked: Mapping[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each training of the method as often as it is tried, then one for each window predicted with."""
    method, where = load(asked["file"]), device()
    params = make_params(method, asked["settings"])
    of = {name: asked[name] for name in ("bands", "ratio")}
    samples = samples_of(method.NEEDS, folder, asked["places"], size=asked["place_size"], **of)
    with overheard(training.train, where, lambda call: arguments_of(call, **QUICK)) as trainings:
        state = method.fit(samples, params, 0)
    state = {name: values for name, values in state.items() if name != "curve"}
    if not trainings:
        raise RuntimeError(f"{asked['file']} did not call stfuse.learning.training.train")

    def row(stage: int, own: bool, found: dict[str, Any]) -> dict[str, Any]:
        return {"stage": stage, "own": own, **found, "load_average": os.getloadavg()[0]}

    alone = []
    for (stage, call), (number, changed) in product(enumerate(trainings, 1), enumerate(tries(asked))):
        alone.append(row(stage, number == 0, trained(call, changed, where, asked["seconds"])))
        yield alone[-1]
    if processes := processes_here(asked["processes"]):
        alone = [one for one in alone if one["own"]]
        rest = (samples, alone, processes, asked["seconds"], folder)
        yield from together(asked["file"], asked["settings"], *rest)
    task = task_of(method.NEEDS, size=asked["size"], **of)
    for window in asked["windows"]:
        found = predicted(method, task, state, params, where, window, asked["repeats"])
        yield row(0, not window, found | {"size": asked["size"]})


def tell(found: Mapping[str, Any]) -> None:
    """A line for the process that asks."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure what the first word asks for."""
    asked = json.loads(sys.argv[1])
    if "OMP_NUM_THREADS" in os.environ:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if not asked:
        tell(about(device()))
        return
    for row in measured(asked, Path(asked["folder"])):
        tell(row)


if __name__ == "__main__":
    main()
