"""What the processes of one training say to each other; a single process is spared all of it."""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor

__all__ = ["joined", "rank", "ranks", "together"]


def _joined() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def rank() -> int:
    """The number of this process, from 0."""
    return torch.distributed.get_rank() if _joined() else 0


def ranks() -> int:
    """How many processes train together."""
    return torch.distributed.get_world_size() if _joined() else 1


def joined(values: Tensor) -> Tensor:
    """The sum over all processes, the same bits in each; a single process gets its own values back."""
    if ranks() > 1:
        torch.distributed.all_reduce(values)
        torch.distributed.broadcast(values, 0)
    return values


def together() -> None:
    """Wait until all processes are here."""
    if ranks() > 1:
        torch.distributed.barrier()
