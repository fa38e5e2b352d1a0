"""Networks of a few filters for tests: one with coarse pixels to take back, one that looks at all it is given."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from stfuse.learning.patches import Scaling
from stfuse.task import FloatArray


class Stepped(nn.Module):
    """Takes every coarse pixel back from its middle fine one, looks around at both sizes; a halo of one cell."""

    def __init__(self, align: int) -> None:
        super().__init__()
        self.align, self.coarse, self.fine = align, nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, inputs: Tensor) -> Tensor:
        middle = self.align // 2
        assert all(n % self.align == 0 for n in inputs.shape[2:])
        maps = torch.relu(self.coarse(inputs[:, :1, middle :: self.align, middle :: self.align]))
        whole = torch.cat([interpolate(maps, scale_factor=self.align), inputs[:, 1:]], 1)
        halo = 2 * self.align
        return self.fine(whole)[:, :, halo:-halo, halo:-halo]


class Overall(nn.Module):
    """Looks at the mean and the largest value of all that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 6, 3), nn.Conv2d(6, 2, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = torch.relu(self.first(inputs))
        return self.last(maps * torch.sigmoid(3 * maps.mean((2, 3), keepdim=True)) + maps.amax((2, 3), keepdim=True))


def seeded(network: nn.Module, spread: float = 0.3) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in network.parameters():
            values.normal_(0, spread, generator=generator)
    return network


def scaling(channels: int, bands: int, plain: bool = True) -> Scaling:
    rng = np.random.default_rng(5)
    made = [rng.normal(size=channels), rng.uniform(1, 2, channels), rng.normal(size=bands), rng.uniform(1, 2, bands)]
    unit = [np.zeros(channels), np.ones(channels), np.zeros(bands), np.ones(bands)]
    return Scaling(*(a.astype(np.float32) for a in (unit if plain else made)))


def image(channels: int, *shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(channels, *shape)).astype(np.float32)
