"""How to train. Standard library only: the Snakefile reads the settings that every network shares from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["Plan", "Precision", "Schedule"]

Precision = Literal["auto", "full"]
Schedule = Literal["cosine", "constant", "plateau"]


@dataclass(frozen=True)
class Plan:
    """How to train; a method's ``Params`` inherits these settings and gives them its own defaults.

    Attributes
    ----------
    patch : int
        Side of a training patch in pixels; smaller where the images are.
    batch : int
        Patches a step, over all GPUs together.
    epochs, steps : int
        At most so many epochs of so many steps. Steps are counted, never timed, so that a slow
        machine trains the same network as a fast one.
    learning_rate : float
        Of Adam, at the beginning.
    schedule : {"cosine", "constant", "plateau"}
        Cosine falls to 0 at the last step (Loshchilov and Hutter 2017, without restarts). Plateau halves the rate
        whenever the held-out loss (the training loss where nothing is held out) has not improved for a third of
        `patience`.
    clip : float
        Longest gradient; longer ones are shortened to it.
    patience : int
        Epochs without a better held-out loss after which training stops.
    held_share : float
        Share of the blocks of the images that is held out, 0..1.
    min_valid : float
        Observed share that a patch must have, 0..1.
    precision : {"auto", "full"}
        Auto: a GPU multiplies in bfloat16, or in float16 where it has no other; sums, losses and weights stay float32.
        A CPU works in float32 either way.
    compile : bool
        Let torch compile the network: quicker steps after a slow beginning. It needs a C++ compiler, on a GPU Triton.

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
    schedule: Schedule = "cosine"
    clip: float = 1.0
    patience: int = 15
    held_share: float = 0.2
    min_valid: float = 0.5
    precision: Precision = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("patch", "batch", "epochs", "steps", "learning_rate", "clip", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}.")
        for name in ("held_share", "min_valid"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in 0..1, below 1, found {getattr(self, name)}.")
        for name, known in (("schedule", get_args(Schedule)), ("precision", get_args(Precision))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, found {getattr(self, name)!r}.")
