"""Checkpoints of a training, in torch's own files, which are read without pickled code."""

from __future__ import annotations

import logging
import os
import pickle
import zipfile
from typing import Any

import torch

from stfuse.learning.resuming import Place
from stfuse.task import State

__all__ = ["arrays", "put_aside", "read_checkpoint", "tensors", "write_checkpoint"]

logger = logging.getLogger(__name__)

LAYOUT = 1
"""What a checkpoint holds; counted up when older ones can no longer be read."""


def write_checkpoint(place: Place, content: dict[str, Any]) -> None:
    """Write a checkpoint beside the last one and put it in its place: a kill at any moment leaves a whole one.

    Parameters
    ----------
    content : dict
        Tensors, numbers, texts, and lists and dictionaries of such.
    """
    place.file.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name, so that a process killed again and again leaves one such file, not many.
    part = place.file.with_suffix(".part")
    with part.open("wb") as file:
        torch.save({"layout": LAYOUT, "belongs": place.belongs, **content}, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(place.file)


def read_checkpoint(place: Place) -> dict[str, Any] | None:
    """The checkpoint of a training, on the CPU; None, with a line in the log, where there is none that fits."""
    if not place.file.exists():
        return None
    try:
        content = torch.load(place.file, map_location="cpu", weights_only=True)
        fits = isinstance(content, dict) and content.get("layout") == LAYOUT
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        logger.warning("checkpoint %s cannot be read (%s): training begins anew", place.file, type(error).__name__)
        return None
    if not fits or content.get("belongs") != place.belongs:
        logger.warning("checkpoint %s belongs to other data, settings or code: training begins anew", place.file)
        return None
    return dict(content)


def put_aside(place: Place) -> None:
    """Rename a checkpoint that does not fit, so that it is no longer in the way and can still be looked at."""
    if place.file.exists():
        place.file.replace(place.file.with_suffix(".unfit"))


def tensors(state: State) -> dict[str, torch.Tensor]:
    """A state's arrays as a checkpoint holds them."""
    return {name: torch.from_numpy(array) for name, array in state.items()}


def arrays(held: dict[str, torch.Tensor]) -> State:
    """The state again."""
    return {name: tensor.numpy() for name, tensor in held.items()}
