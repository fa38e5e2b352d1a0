"""How a network's weights begin."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import nn

__all__ = ["Beginning", "initialise"]

Beginning = Literal["he", "normal"]


def initialise(network: nn.Module, seed: int, beginning: Beginning) -> nn.Module:
    """The network, with the weights of all convolutions drawn from the seed; biases begin at 0.

    Parameters
    ----------
    beginning : {"he", "normal"}
        ``normal``: N(0, 0.01), as Shao et al. 2019's public options say. ``he``: He et al. 2015
        for layers under a ReLU and N(0, 0.001) for the last, so that training starts from
        the mean of the goal; it needs far fewer steps.
    """
    generator = torch.Generator().manual_seed(seed)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]
    with torch.no_grad():
        for convolution in convolutions:
            fan_in = _fan_in(convolution)
            hidden = 0.01 if beginning == "normal" else float(np.sqrt(2 / fan_in))
            last = 0.01 if beginning == "normal" else 0.001
            spread = last if convolution is convolutions[-1] else hidden
            convolution.weight.normal_(0.0, spread, generator=generator)
            if convolution.bias is not None:
                convolution.bias.zero_()
    return network


def _fan_in(convolution: nn.Conv2d | nn.ConvTranspose2d) -> int:
    """How many products are added up in a value; a transposed filter has its input channels first."""
    taps = convolution.weight[0, 0].numel()
    if isinstance(convolution, nn.ConvTranspose2d):
        return max(1, convolution.in_channels * taps // (convolution.stride[0] * convolution.stride[1]))
    return convolution.weight[0].numel()
