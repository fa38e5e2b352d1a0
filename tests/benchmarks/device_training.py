"""How fast networks learn on a device: through the engine, with its feed, from files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks.device_rates import Yard, forget, memory
from benchmarks.device_work import Call, counter
from stfuse.learning import training
from stfuse.learning.devices import bfloat16_here, choose_precision
from stfuse.learning.weights import CURVE

__all__ = ["QUICK", "Lesson", "arguments_of", "study", "trained"]

QUICK = {"epochs": 1, "steps": 1}
"""Of the trainings whose state is predicted with: rates do not depend on how well it learned."""
MOST_STEPS = 500


@dataclass(frozen=True)
class Lesson:
    """What a training is about, from one step with one patch.

    Attributes
    ----------
    flops : int
        Forward and backward, of one patch.
    side : int
        Fine pixels a side of a patch.
    channels, bands, parameters : int
    dtype : dtype
        Of its convolutions and matrix products.
    """

    flops: int
    side: int
    channels: int
    bands: int
    parameters: int
    dtype: torch.dtype


def arguments_of(call: Call, **changed: Any) -> dict[str, Any]:
    """What `train` was given, by name, with other settings of the plan; nothing is held out."""
    given = inspect.signature(training.train).bind(*call.args, **call.kwargs)
    given.apply_defaults()
    return given.arguments | {"plan": replace(given.arguments["plan"], held_share=0.0, **changed)}


def study(call: Call, **changed: Any) -> Lesson:
    """One step of a training with one patch, counted.

    Parameters
    ----------
    **changed
        Settings of the plan.
    """
    given = arguments_of(call, **changed | QUICK | {"batch": 1, "compile": False})
    own_build, own_loss = given["build"], given["loss"]
    made: list[torch.nn.Module] = []
    seen: list[tuple[torch.Tensor, ...]] = []

    def build(channels: int, bands: int) -> torch.nn.Module:
        made.append(own_build(channels, bands))
        return made[-1]

    def loss(*images: torch.Tensor) -> torch.Tensor:
        seen.append(images[1:])
        value: torch.Tensor = own_loss(*images)
        return value

    training.train(**given | {"build": build, "loss": loss})
    (network,), (goal, mask, inputs) = made, seen[0]
    # Once more and outside of the engine: what lessons do to be seen (a network of their own) does not count.
    with counter() as count:
        own_loss(network.train()(inputs), goal, mask, inputs).backward()
    where, wanted = inputs.device, given["plan"].precision
    return Lesson(
        flops=count.get_total_flops(),
        side=goal.shape[-1],
        channels=inputs.shape[1],
        bands=goal.shape[1],
        parameters=sum(p.numel() for p in network.parameters()),
        dtype=choose_precision(where.type, wanted, bfloat16_here(where)),
    )


def _timed(call: Call, epochs: int, steps: int, changed: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds of a step and the share of waiting, over all epochs of a training but the first, which warms up."""
    curve = training.train(**arguments_of(call, **changed, epochs=epochs, steps=steps))["curve"]
    seconds, waiting = (curve[:, CURVE.index(name)] for name in ("seconds", "waiting"))
    taken = np.diff(seconds)[1:]
    return float(taken.sum() / (len(taken) * steps)), float((waiting[2:] * taken).sum() / taken.sum())


def trained(call: Call, changed: Mapping[str, Any], where: torch.device, seconds: float) -> dict[str, Any]:
    """A row about a training: its rate over about so many seconds.

    Parameters
    ----------
    call : Call
        Of `train`, by a method.
    changed : mapping
        Settings of the plan: another batch, patch, precision, or compiled.
    """
    plan, lesson = arguments_of(call, **changed)["plan"], study(call, **changed)
    yard = Yard(where, lesson.dtype, exact=plan.precision == "full")
    before = yard()
    step, waiting = _timed(call, 2, 1, changed)
    forget(where)
    # The first steps of a GPU are slow ones: how long they take is asked twice.
    for share in (0.1, 0.5):
        if step < share * seconds:
            step, waiting = _timed(call, 3, min(max(round(share * seconds / step), 1), MOST_STEPS), changed)
    most = memory(where)
    pixels = plan.batch * lesson.side**2
    return {
        "what": "training", "precision": yard.kind, "compiled": plan.compile, "batch": plan.batch,
        "window": lesson.side, "channels": lesson.channels, "bands": lesson.bands, "parameters": lesson.parameters,
        "seconds": step, "pixels_per_s": pixels / step, "patches_per_s": plan.batch / step, "waiting": waiting,
        "peak_mb": most, "flops_per_pixel": lesson.flops / lesson.side**2,
        "flops_per_s": plan.batch * lesson.flops / step, "matrix_flops_per_s": (before + yard()) / 2,
    }  # fmt: skip
