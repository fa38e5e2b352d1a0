"""CARN, the cascading residual network that makes one image finer (Ahn et al. 2018)."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CARN_REACH", "RATIOS", "Carn"]

WIDTH = 64
"""Feature maps."""

DEPTH = 3
"""Blocks in a cascade."""

CARN_REACH = 21
"""Coarse pixels that all filters reach together: 1 at the entry, 2 in each of 9 residual blocks, 1 before the image
grows, and less than 1 after."""

RATIOS = tuple(Fraction(*r) for r in ((3, 2), (2, 1), (5, 2), (3, 1), (4, 1), (5, 1)))
"""Coarse pixel / fine pixel that it can be built for."""


def _filter(channels: int, maps: int) -> nn.Conv2d:
    return nn.Conv2d(channels, maps, 3, padding=1)


class _Residual(nn.Module):
    """3x3, ReLU, 3x3, the input added, ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(_filter(WIDTH, WIDTH), nn.ReLU(), _filter(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + x)


class _Cascade(nn.Module):
    """Blocks one after the other; after each, a 1x1 filter sees the input and what all of them so far have made."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.mixers = nn.ModuleList(nn.Conv2d((i + 2) * WIDTH, WIDTH, 1) for i in range(len(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        known, out = x, x
        for block, mixer in zip(self.blocks, self.mixers, strict=True):
            known = torch.cat([known, block(out)], 1)
            out = functional.relu(mixer(known))
        return out


class Carn(nn.Module):
    """A coarse image in, the fine one out; layers and widths as in Ahn et al. 2018, section 3 (CARN, not CARN-M).

    The coarse image comes on the fine grid, each value repeated over its pixels (`stfuse.channels.repeated`), and is
    taken back here. Enlargement is by p and, for a ratio p/2, a mean over 2 x 2 of its pixels: that is exact, while
    to enlarge by 1.25 and then by 2 (Michel et al. 2022 do not say how they get 2.5) would blur the input. Four is
    twice two, as in the paper; five one step of 64 -> 1600 maps, as two and three are.

    Parameters
    ----------
    bands : int
        The paper has 3, whose mean over the training images two fixed layers take away and add; here the
        scaling of the training does that.
    ratio : Fraction
        Coarse pixel / fine pixel, one of `RATIOS`.
    halo : int
        Fine pixels cut off on every side of what is predicted, whole coarse ones. As the paper's filters
        pad with zeros, the result is exact only with `CARN_REACH` coarse pixels around.

    Raises
    ------
    ValueError
        If it cannot be built for the ratio, or the halo is not of whole cells.
    """

    def __init__(self, bands: int, ratio: Fraction, halo: int = 0) -> None:
        super().__init__()
        if ratio not in RATIOS:
            raise ValueError(f"ratio must be one of {', '.join(map(str, RATIOS))}, found {ratio}.")
        if halo % ratio.numerator:
            raise ValueError(f"halo must be a multiple of {ratio.numerator}, found {halo}.")
        self.ratio, self.halo = ratio, halo
        self.entry = _filter(bands, WIDTH)
        self.body = _Cascade([_Cascade([_Residual() for _ in range(DEPTH)]) for _ in range(DEPTH)])
        p = ratio.numerator
        steps = [2, 2] if p == 4 else [p]
        grow = [part for s in steps for part in (_filter(WIDTH, WIDTH * s * s), nn.ReLU(), nn.PixelShuffle(s))]
        self.grow = nn.Sequential(*grow)
        self.exit = _filter(WIDTH, bands)

    def coarse(self, inputs: Tensor) -> Tensor:
        """The coarse image of one that is repeated on the fine grid and begins with a whole cell."""
        p, q = self.ratio.numerator, self.ratio.denominator
        rows, columns = (
            torch.tensor([(2 * k + 1) * p // (2 * q) for k in range(n * q // p)], device=inputs.device)
            for n in inputs.shape[2:]
        )
        return inputs.index_select(2, rows).index_select(3, columns)

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, band, y + 2 halo, x + 2 halo) -> (n, band, y, x)."""
        out: Tensor = self.exit(self.grow(self.body(self.entry(self.coarse(inputs)))))
        if self.ratio.denominator > 1:
            out = functional.avg_pool2d(out, self.ratio.denominator)
        h = self.halo
        return out[..., h : out.shape[2] - h, h : out.shape[3] - h]
