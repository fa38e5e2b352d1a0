"""How to train. Standard library only: the Snakefile reads the settings that every network shares from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """How to train; a method's ``Params`` inherits these settings and gives them its own defaults.

    Attributes
    ----------
    patch : int
        Side of a training patch in pixels; smaller where the images are.
    batch : int
        Patches a step.
    epochs, steps : int
        At most so many epochs of so many steps. Steps are counted, never timed, so that a slow
        machine trains the same network as a fast one.
    learning_rate : float
        Of Adam, at the beginning.
    schedule : {"cosine", "constant"}
        Cosine falls to 0 at the last step (Loshchilov and Hutter 2017, without restarts).
    clip : float
        Longest gradient; longer ones are shortened to it.
    patience : int
        Epochs without a better held-out loss after which training stops.
    held_share : float
        Share of the blocks of the images that is held out, 0..1.
    min_valid : float
        Observed share that a patch must have, 0..1.

    Raises
    ------
    ValueError
        If a number lies outside its range.
    """

    patch: int = 33
    batch: int = 16
    epochs: int = 40
    steps: int = 10
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: float = 1.0
    patience: int = 15
    held_share: float = 0.2
    min_valid: float = 0.5

    def __post_init__(self) -> None:
        for name in ("patch", "batch", "epochs", "steps", "learning_rate", "clip", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}.")
        for name in ("held_share", "min_valid"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in 0..1, below 1, found {getattr(self, name)}.")
        if self.schedule not in ("cosine", "constant"):
            raise ValueError(f"schedule must be cosine or constant, found {self.schedule!r}.")
