"""The network of Data Driven Interpolation: from what is known of a pixel to how much each guide counts there."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Shares", "Weigher"]


class _OnPixels(nn.Conv2d):
    """A 1 x 1 convolution as the matrix product that it is: batches of single pixels go through it twice as fast."""

    def forward(self, inputs: Tensor) -> Tensor:
        said = functional.linear(inputs.movedim(1, -1), self.weight[:, :, 0, 0], self.bias)
        return said.movedim(-1, 1)


class Weigher(nn.Module):
    """A multi-layer perceptron over pixels whose answer weighs other channels of the same pixel.

    Michel et al. 2022, "Data Driven Interpolation": a pixel is a linear combination of the same pixel at the
    guides' dates, and a perceptron says its weights. As 1 x 1 convolutions it takes images and has no halo.

    Parameters
    ----------
    guides, bands, features : int
        Channels: ``guides * bands`` values, those of the first guide first, then the features.
    hidden : int
        Units of each hidden layer.
    layers : int
        Hidden layers.
    clip : float
        Features are held to +- so many standard deviations: fine pixels are more extreme than
        the coarse ones that the network learned from, and beyond those it would extrapolate.
    """

    def __init__(self, guides: int, bands: int, features: int, hidden: int, layers: int, clip: float) -> None:
        super().__init__()
        self.guides, self.bands, self.clip = guides, bands, clip
        sides = [features, *[hidden] * layers]
        steps = [part for a, b in pairwise(sides) for part in (_OnPixels(a, b, 1), nn.ReLU())]
        self.perceptron = nn.Sequential(*steps, _OnPixels(sides[-1], guides * bands, 1))
        self.offset = nn.Parameter(torch.zeros(bands))

    def shares(self, inputs: Tensor) -> Tensor:
        """What each value counts for, shape (n, guide * band, y, x), float32."""
        features = inputs[:, self.guides * self.bands :].clamp(-self.clip, self.clip)
        said: Tensor = self.perceptron(features)
        return said.float()

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, channel, y, x) -> (n, band, y, x); while it trains, the shares follow as further bands."""
        values, shares = inputs[:, : self.guides * self.bands], self.shares(inputs)
        weighed = (shares * values).reshape(len(inputs), self.guides, self.bands, *inputs.shape[2:]).sum(1)
        said = weighed + self.offset[:, None, None]
        return torch.cat([said, shares], 1) if self.training else said


class Shares(Weigher):
    """The same network, which shows its shares instead of what they make of the values."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, channel, y, x) -> (n, guide * band, y, x)."""
        return self.shares(inputs)
