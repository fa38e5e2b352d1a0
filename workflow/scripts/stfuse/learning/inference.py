"""Networks over images of any size."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from stfuse.learning.devices import device, placed
from stfuse.learning.patches import scaled, window
from stfuse.learning.weights import restore, scaling_of
from stfuse.task import FloatArray, State

__all__ = ["apply"]

TILE = 256
"""Pixels a side that go through the network at once: 64 feature maps of a tile take 19 MB."""


def apply(network: nn.Module, state: State, inputs: FloatArray, halo: int, tile: int = TILE) -> FloatArray:
    """Run a network over an image of any size, piece by piece.

    Parameters
    ----------
    network : Module
        Takes (1, channel, y + 2 halo, x + 2 halo), gives (1, band, y, x).
    inputs : ndarray, shape (channel, y, x), float32
        In physical units; gaps (NaN) count as the channel's training mean.
    tile : int
        Pixels a side at once; bounds the memory, does not change the result.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        In physical units.
    """
    restore(network, state)
    scaling, where = scaling_of(state), device()
    placed(network, where).eval()
    height, width = inputs.shape[1:]
    out = np.empty((len(scaling.out_mean), height, width), np.float32)
    with torch.inference_mode():
        for row in range(0, height, tile):
            for column in range(0, width, tile):
                shape = (min(tile, height - row), min(tile, width - column))
                piece = torch.from_numpy(scaled(window(inputs, row, column, shape, halo), scaling)[None])
                said = network(piece.to(where, memory_format=torch.channels_last))[0].cpu().numpy()
                said = said * scaling.out_scale[:, None, None] + scaling.out_mean[:, None, None]
                out[:, row : row + shape[0], column : column + shape[1]] = said
    return out
