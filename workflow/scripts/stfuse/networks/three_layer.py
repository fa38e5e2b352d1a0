"""The three-layer network of SRCNN, ESRCNN and their kin (Dong et al. 2016)."""

from __future__ import annotations

from torch import nn

__all__ = ["THREE_LAYER_HALO", "three_layer"]

THREE_LAYER_HALO = 8
"""Fine pixels that a 9x9, a 5x5 and a 5x5 filter reach together: 4 + 2 + 2."""


def three_layer(channels: int, bands: int) -> nn.Sequential:
    """9x9 -> 64, ReLU, 5x5 -> 32, ReLU, 5x5 -> bands, without padding.

    Dong et al. 2016 (SRCNN, section 3) with the filters of Htitiou et al. 2020, section 3.2.
    The image is padded by reflection before (`stfuse.learning.lattice.mirrored`), not each layer with
    zeros, so that a tile with its halo gives what the whole image gives.
    """
    return nn.Sequential(
        nn.Conv2d(channels, 64, 9),
        nn.ReLU(),
        nn.Conv2d(64, 32, 5),
        nn.ReLU(),
        nn.Conv2d(32, bands, 5),
    )
