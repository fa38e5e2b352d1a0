"""How fast networks predict on a device, beside a bare loop over their convolutions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.device_rates import Yard, forget, memory, seconds_of
from benchmarks.device_work import Call, Loop, Watch, overheard
from stfuse import tiles
from stfuse.learning import inference
from stfuse.methods import Method
from stfuse.task import State, Task

__all__ = ["predicted", "with_windows"]


@contextmanager
def with_windows(side: int, where: torch.device) -> Iterator[list[Call]]:
    """Networks look at windows of so many pixels a side meanwhile; the calls of `inference.apply`.

    Parameters
    ----------
    side : int
        Without halo, at most; 0 = as the method and the engine have it.
    """

    def change(call: Call) -> dict[str, Any]:
        given = inspect.signature(inference.apply).bind(*call.args, **call.kwargs).arguments
        own, align = given.get("lattice"), given.get("align", 1)
        if side and own is not None:
            window = max(side // align, 2) * align
            overlap = min(round(own.overlap / own.window * window / align), window // 2 // align) * align
            given["lattice"] = replace(own, window=window, overlap=overlap)
        return given

    with patch.object(inference, "LARGEST", side or inference.LARGEST), overheard(inference.apply, where, change) as c:
        yield c


def predicted(
    method: Method, task: Task, state: State, params: Any, where: torch.device, window: int = 0, repeats: int = 3
) -> dict[str, Any]:
    """A row about predicting a scene: the method as it is, its networks alone, and the bare loop, in turn.

    What a busy machine does to neighbouring measurements cancels in their quotients, of which the median is taken.
    """

    def predict() -> object:
        return tiles.predict("method", method, task, state, params)

    with with_windows(window, where):
        predict()  # the memory that a network takes is tried once, and libraries choose their kernels
    with with_windows(window, where), Watch() as watch:
        predict()
    loop = Loop(watch.products, where)
    loop.run()
    yard = Yard(where, watch.dtype)
    taken: dict[str, list[float]] = {name: [] for name in ("all", "networks", "loop", "rate")}
    most = 0.0
    for _ in range(repeats):
        forget(where)
        with with_windows(window, where) as calls:
            taken["all"].append(seconds_of(predict, where))
        most = max(most, memory(where))
        taken["networks"].append(sum(call.seconds for call in calls))
        taken["loop"].append(seconds_of(loop.run, where))
        taken["rate"].append(yard())
    return _row(task, watch, taken, most) | {"precision": yard.kind}


def _row(task: Task, watch: Watch, taken: dict[str, list[float]], most: float) -> dict[str, Any]:
    def paired(one: str, other: str) -> float:
        return median(a / b for a, b in zip(taken[one], taken[other], strict=True))

    pixels = int(np.prod(task.fine.grid.shape)) * len(task.dates)
    flops = sum(one.flops for one in watch.products)
    images = [one.shapes[0] for one in watch.products if len(one.shapes[0]) == 4]
    middle = {name: median(values) for name, values in taken.items()}
    return {
        "what": "inference", "window": max((max(size[2:]) for size in images), default=0),
        "batch": max((size[0] for size in images), default=0), "bands": len(task.coarse.bands),
        "seconds": middle["all"], "pixels_per_s": pixels / middle["all"], "networks_seconds": middle["networks"],
        "networks_pixels_per_s": pixels / middle["networks"], "loop_seconds": middle["loop"],
        "loop_pixels_per_s": pixels / middle["loop"], "share_of_loop": paired("loop", "networks"),
        "whole_share_of_loop": paired("loop", "all"), "peak_mb": most,
        "flops_per_pixel": flops / pixels, "flops_per_s": flops / middle["networks"],
        "loop_flops_per_s": flops / middle["loop"], "matrix_flops_per_s": middle["rate"],
    }  # fmt: skip
