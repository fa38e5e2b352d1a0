"""The U-Net: what lies around a pixel is seen at ever larger steps, and brought back to it step by step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

__all__ = ["Unet", "unet_reach"]


def unet_reach(levels: int) -> int:
    """Pixels around a window that have a say in it, where the window begins and ends at multiples of ``2**levels``.

    Each of the two 3 x 3 filters of a level looks one of its pixels further; going down, what is seen is rounded up to
    whole pixels of the level below. With 4 levels 94, of which the filters alone make 92 (Ronneberger's 572 pixels
    that become 388).
    """
    seen = 0
    for _ in range(levels):
        seen = -(-(seen + 2) // 2)
    seen += 2
    for _ in range(levels):
        seen = 2 * seen + 2
    return seen


def _two(channels: int, maps: int) -> nn.Sequential:
    """3 x 3, ReLU, 3 x 3, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, maps, 3, padding=1), nn.ReLU(), nn.Conv2d(maps, maps, 3, padding=1), nn.ReLU()
    )


class Unet(nn.Module):
    """Ronneberger et al. 2015 (MICCAI, arXiv:1505.04597), section 2 and figure 1, for images in place of classes.

    Layers and widths as there: two 3 x 3 filters a level, pooling by maxima, widths that double, 2 x 2 filters on the
    way up, maps of the way down set beside them, one 1 x 1 filter at the end. With width 64, 4 levels, two channels
    and one band: 31,031,169 parameters.

    Parameters
    ----------
    channels, bands : int
        Of the images that come in and go out.
    width : int
        Maps of the first level; 64 in the paper.
    levels : int
        Poolings; 4 in the paper.
    context : int
        Pixels around the prediction that are given and looked at, but not answered for. The filters pad with zeros,
        the training mean at the first of them: with `unet_reach` pixels of context nothing of that reaches the
        answer, which is then that of the paper's unpadded filters.
    """

    def __init__(self, channels: int, bands: int, width: int = 64, levels: int = 4, context: int = 0) -> None:
        super().__init__()
        self.context, self.step = context, 2**levels
        maps = [width * 2**level for level in range(levels + 1)]
        self.down = nn.ModuleList(_two(a, b) for a, b in zip([channels, *maps], maps, strict=False))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, stride=2) for m in maps[:-1])
        self.up = nn.ModuleList(_two(2 * m, m) for m in maps[:-1])
        self.last = nn.Conv2d(width, bands, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, channels, y + 2 context, x + 2 context) -> (n, bands, y, x); any y and x."""
        height, width = inputs.shape[-2:]
        below, right = (-n % self.step for n in (height, width))
        maps = pad(inputs, (0, right, 0, below)) if below or right else inputs
        beside: list[Tensor] = []
        for number, filters in enumerate(self.down):
            maps = filters(max_pool2d(maps, 2) if number else maps)
            beside.append(maps)
        beside.pop()
        for grow, filters in zip(reversed(self.grow), reversed(self.up), strict=True):
            maps = filters(torch.cat([beside.pop(), grow(maps)], 1))
        c = self.context
        said: Tensor = self.last(maps)[..., c : height - c, c : width - c]
        return said
