"""Two layers of long short-term memory for every pixel by itself (Yang et al. 2021)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["PixelLSTM", "begin_lstm"]

PIXELS_AT_ONCE = 8192
"""So many pixels go through the layers together when predicting: their gates take 26 MB and stay in the cache."""


class PixelLSTM(nn.Module):
    """Two LSTM layers, dropout, and a dense layer; each pixel is a sequence of its own.

    Yang et al. 2021 (Remote Sensing 13, 5005), section 2.5.2, equations 5 to 10 and figure 4: dropout stands after
    the two layers, not between them. With six bands, 100 units and one bias a gate this has 123,806 parameters
    (the paper works in Keras); torch adds two biases, so here there are 124,606. It can say just the same.

    Parameters
    ----------
    channels : int
        Dates times bands, the bands of the first date first.
    bands : int
        Of the answer, and of each date.
    units : int
        Cells of each layer.
    dropout : float
        Share of the last layer's outputs that is dropped while training, 0..1.

    Raises
    ------
    ValueError
        If the channels are no whole number of dates.
    """

    def __init__(self, channels: int, bands: int, units: int = 100, dropout: float = 0.25) -> None:
        super().__init__()
        if channels % bands:
            raise ValueError(f"PixelLSTM expected {bands} channels for each date, found {channels} in all.")
        self.bands = bands
        self.layers = nn.LSTM(bands, units, num_layers=2, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(units, bands)

    def forward(self, images: Tensor) -> Tensor:
        """(n, dates x bands, y, x) -> (n, bands, y, x)."""
        n, channels, height, width = images.shape
        pixels = images.permute(0, 2, 3, 1).reshape(-1, channels // self.bands, self.bands)
        parts = [pixels] if self.training else torch.split(pixels, PIXELS_AT_ONCE)
        # The last date's hidden state has seen all dates.
        said = torch.cat([self.dense(self.dropout(self.layers(part)[0][:, -1])) for part in parts])
        return said.reshape(n, height, width, self.bands).permute(0, 3, 1, 2)


def begin_lstm(network: PixelLSTM, seed: int) -> PixelLSTM:
    """The network with weights drawn from the seed as Keras draws them, in which the paper's was made.

    Uniform after Glorot and Bengio 2010 for what enters (over all four gates at once), orthogonal for what
    recurs, biases 0, but 1 at the forget gate (Jozefowicz et al. 2015), so that the first date is not forgotten
    before anything is learnt.
    """
    generator = torch.Generator().manual_seed(seed)
    units = network.layers.hidden_size
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "bias" in name:
                value.zero_()
            elif "weight_hh" in name:
                nn.init.orthogonal_(value, generator=generator)
            else:
                limit = math.sqrt(6 / sum(value.shape))
                value.uniform_(-limit, limit, generator=generator)
            if "bias_ih" in name:
                value[units : 2 * units] = 1.0  # torch's order of gates: input, forget, cell, output
    return network
