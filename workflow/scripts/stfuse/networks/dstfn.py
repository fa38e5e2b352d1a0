"""The network of DSTFN: dense blocks that attend, a coarse branch at its own size, and what it says is added to Y.

Wu et al. 2022 (Int. J. Appl. Earth Obs. Geoinf. 108, 102738), section 2.2, figures 1 and 2.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

__all__ = ["DenseBlock", "Dstfn", "area_mean", "cubic_up", "pixels_of"]

LAYERS, BLOCKS = 6, 3
"""Convolutions of a block, and blocks at the fine size (section 2.2.2)."""


def pixels_of(image: Tensor, ratio: Fraction) -> Tensor:
    """The coarse image of which every value is repeated over its fine pixels, (..., y, x) from whole cells.

    The fine pixel in the middle is taken, so that a turned image gives the turned coarse one.
    """
    p, q = ratio.numerator, ratio.denominator
    rows, columns = (
        torch.arange(n // p * q, device=image.device).mul(2).add(1).mul(p).div(2 * q, rounding_mode="floor")
        for n in image.shape[-2:]
    )
    return image.index_select(-2, rows).index_select(-1, columns)


def area_mean(image: Tensor, ratio: Fraction) -> Tensor:
    """f_d of equation 7: the mean over the area of every coarse pixel, (n, band, y, x) from whole cells.

    What `stfuse.grid.degrade` gives of an image without gaps, and thus the operator that made the Wald pair.
    """
    p, q = ratio.numerator, ratio.denominator
    fine = image.repeat_interleave(q, -2).repeat_interleave(q, -1) if q > 1 else image
    return avg_pool2d(fine, p)


@lru_cache(maxsize=64)
def _cubic(count: int, ratio: Fraction) -> NDArray[np.float32]:
    """Weights (fine, coarse) of the cubic convolution of a row; beyond its ends the last pixel goes on."""
    p, q = ratio.numerator, ratio.denominator
    middle = (np.arange(count * p // q) + 0.5) * q / p - 0.5
    below = np.floor(middle).astype(int)
    weights = np.zeros((len(middle), count))
    for step in (-1, 0, 1, 2):
        away = np.abs(middle - below - step)
        near = (1.5 * away - 2.5) * away**2 + 1
        far = ((-0.5 * away + 2.5) * away - 4) * away + 2
        # Keys 1981 with a = -1/2, the kernel of GDAL's "cubic".
        np.add.at(
            weights, (np.arange(len(middle)), np.clip(below + step, 0, count - 1)), np.where(away <= 1, near, far)
        )
    return weights.astype(np.float32)


def cubic_up(image: Tensor, ratio: Fraction) -> Tensor:
    """f_u: bicubic convolution from coarse to fine pixels, (n, band, y, x) from whole cells.

    As two products of matrices: torch's own interpolation has another kernel (a = -3/4), and on a GPU
    no gradient that comes out the same twice.
    """
    rows, columns = (torch.from_numpy(_cubic(n, ratio)).to(image) for n in image.shape[-2:])
    return torch.matmul(rows, torch.matmul(image, columns.T))


def _conv(channels: int, maps: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels, maps, kernel, padding=kernel // 2)


class Attention(nn.Module):
    """Spatial and channel attention side by side, added up (section 2.2.2).

    Left open by the paper: a ReLU between the two layers of a branch (without it they were one), a sigmoid over the
    weights (as in Woo et al. 2018, which it cites), one spatial weight for all maps, and that the two maps of the
    channel branch are concatenated.
    """

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        middle = max(features // reduction, 1)

        def weights() -> nn.Sequential:
            return nn.Sequential(_conv(features, middle, 1), nn.ReLU(), _conv(middle, features, 1), nn.Sigmoid())

        self.where = nn.Sequential(_conv(features, features), nn.ReLU(), _conv(features, 1, 1), nn.Sigmoid())
        self.mean, self.most = weights(), weights()
        self.join = _conv(2 * features, features)

    def forward(self, maps: Tensor) -> Tensor:
        """Recalibrated feature maps (n, features, y, x)."""
        mean = self.mean(maps.mean((2, 3), keepdim=True))
        most = self.most(maps.amax((2, 3), keepdim=True))
        out: Tensor = maps * self.where(maps) + self.join(torch.cat([maps * mean, maps * most], 1))
        return out


class DenseBlock(nn.Module):
    """ARDB: attention, then six convolutions of which each sees what all before it said (equations 3 and 4).

    Parameters
    ----------
    features : int
        Maps that come in and go out.
    growth : int
        Maps that each of the six adds.
    reduction : int
        See `Dstfn`.
    """

    def __init__(self, features: int, growth: int, reduction: int) -> None:
        super().__init__()
        self.attention = Attention(features, reduction)
        self.layers = nn.ModuleList(_conv(features + i * growth, growth) for i in range(LAYERS))
        self.last = _conv(LAYERS * growth, features, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """F_o = F_a + F_r, shape (n, features, y, x)."""
        seen = self.attention(maps)
        first, *others = self.layers
        known = [first(seen).relu_()]
        for layer in others:
            # Copied together each time: one array for all, of which each layer sees the beginning, is copied as well,
            # for torch's convolutions want dense images; a sum of convolutions, one for each part, is no quicker.
            known.append(layer(torch.cat([seen, *known], 1)).relu_())
        out: Tensor = seen + self.last(torch.cat(known, 1))
        return out


class Dstfn(nn.Module):
    """X = xi + f_u(Y); xi from a fine and a coarse branch and three dense blocks in a row (section 2.2.1).

    With the paper's numbers (6 coarse bands, 6 + 1 fine ones, 64 features, growth 64): 3,676,138 parameters.

    Parameters
    ----------
    coarse : int
        Leading channels, the coarse image on the fine grid with every value repeated (`stfuse.channels.repeated`).
        The first `bands` of them are Y, in units of the prediction.
    fine : int
        Channels that follow: fine reference bands, and pan resampled to their grid. The paper leaves open how the
        15 m band comes in; resampled it needs no branch of its own, nor that it nests in the fine grid.
    bands : int
        Bands of X, at most `coarse`.
    ratio : Fraction
        Coarse pixel / fine pixel.
    features : int
        Feature maps; 64 in the paper.
    growth : int
        Maps that a layer of a dense block adds. Not in the paper; 64 is what its shallow layers have.
    reduction : int
        Channel attention squeezes the maps by this factor (16 in Woo et al. 2018; not in the paper).
    fusion : int
        Kernel of the convolution that brings the maps of both branches back to `features`. Not in the paper, but a
        block keeps its width (equation 4), so there must be one; 1 costs least and the block behind it looks around.
    context : int
        Fine pixels, whole cells, that are seen around those that are predicted; 0 for all.

    Notes
    -----
    Convolutions are padded with zeros, which is the channels' mean: nothing is known there. A mirrored edge
    would be copied for every layer. Patches have such edges as windows have, so training knows them.
    """

    def __init__(
        self,
        coarse: int,
        fine: int,
        bands: int,
        ratio: Fraction,
        features: int = 64,
        growth: int = 64,
        reduction: int = 16,
        fusion: int = 1,
        context: int = 0,
    ) -> None:
        super().__init__()
        self.coarse, self.bands, self.ratio, self.context = coarse, bands, ratio, context
        self.fine_branch = _conv(fine, features)
        self.coarse_branch = nn.Sequential(_conv(coarse, features), DenseBlock(features, growth, reduction))
        self.fuse = _conv(2 * features, features, fusion)
        self.blocks = nn.ModuleList(DenseBlock(features, growth, reduction) for _ in range(BLOCKS))
        self.gather = _conv(BLOCKS * features, features, 1)
        self.last = _conv(features, bands, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        """Predict.

        Parameters
        ----------
        inputs : Tensor, shape (n, coarse + fine, y + 2 context, x + 2 context)
            From a corner of a cell; gaps 0.

        Returns
        -------
        Tensor, shape (n, bands, y, x)
        """
        height, width = inputs.shape[-2:]
        below, right = (-n % self.ratio.numerator for n in (height, width))
        # The last pixel goes on: what is cut off of a coarse pixel is repeated as the rest of it.
        whole = pad(inputs, (0, right, 0, below), mode="replicate") if below or right else inputs
        image = pixels_of(whole[:, : self.coarse], self.ratio)
        base = cubic_up(image[:, : self.bands], self.ratio)
        said = base + self._residual(whole[:, self.coarse :], image)
        c = self.context
        return said[..., c : height - c, c : width - c]

    def _residual(self, fine: Tensor, image: Tensor) -> Tensor:
        """The residual xi of equation 8, from the fine channels and the coarse image on its own grid."""
        form = torch.channels_last
        ground = cubic_up(self.coarse_branch(image.contiguous(memory_format=form)), self.ratio)
        shallow = self.fine_branch(fine.contiguous(memory_format=form))
        maps: Tensor = self.fuse(torch.cat([shallow, ground], 1).contiguous(memory_format=form))
        outcomes: list[Tensor] = []
        for block in self.blocks:
            maps = block(maps)
            outcomes.append(maps)
        xi: Tensor = self.last(self.gather(torch.cat(outcomes, 1)) + ground)
        return xi
