"""Let a method learn from files, in this process; torch comes in only with the methods that need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stfuse.inputs import SampleFiles, TaskFiles
from stfuse.learning.resuming import MINUTES, fingerprint, resuming
from stfuse.methods import load, make_params
from stfuse.sources import digest
from stfuse.task import State

__all__ = ["learn", "learn_from"]


def learn(
    samples: Sequence[Mapping[str, Any]],
    method: Mapping[str, Any],
    bands: Sequence[str],
    variable: str,
    seed: int,
    checkpoints: Path,
    minutes: float = MINUTES,
) -> State:
    """Fit a method to samples, going on from the checkpoints that an earlier, killed job left.

    Parameters
    ----------
    samples : sequence of mapping
        One per training date, see `stfuse.inputs.SampleFiles`; empty for closed-form methods.
    method : mapping
        ``name``, ``file`` and ``settings``.
    checkpoints : path
        The folder of the checkpoints; whoever writes the state removes it.
    minutes : float
        From one checkpoint to the next.

    Raises
    ------
    InputError
        If a sample cannot be read, a setting is unknown, or the samples do not suffice.
    """
    kind = TaskFiles if load(method["file"]).NEEDS.samples == "target" else SampleFiles
    scenes = [kind(sample, bands, variable) for sample in samples]
    return learn_from(scenes, list(samples), method, bands, variable, seed, checkpoints, minutes)


def learn_from(
    scenes: Sequence[Any],
    described: object,
    method: Mapping[str, Any],
    bands: Sequence[str],
    variable: str,
    seed: int,
    checkpoints: Path,
    minutes: float = MINUTES,
) -> State:
    """The same from scenes as they are.

    Parameters
    ----------
    scenes : sequence of stfuse.task.Sample
    described : object
        What the scenes are made of, as JSON has it: checkpoints of other scenes are not gone on from.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    code = digest(Path(__file__), Path(module.__file__))  # type: ignore[attr-defined]
    about = (method["file"], asdict(params), code, version("torch"))
    belongs = fingerprint(described, *about, list(bands), variable, seed)
    with resuming(checkpoints, belongs, minutes):
        return dict(module.fit(scenes, params, seed))
