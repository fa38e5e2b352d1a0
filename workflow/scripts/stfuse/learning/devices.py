"""The device that a network works on."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["device", "placed"]


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def placed(network: nn.Module, where: torch.device) -> nn.Module:
    """The network on a device, its filters in the layout in which convolutions are fastest."""
    network.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
