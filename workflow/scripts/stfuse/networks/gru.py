"""The recurrent network that fuses optical and radar series of pixels (Rossberg and Schmitt 2024, section III)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

__all__ = ["SeriesGRU"]

FAR: Final = 1e4
"""Logits that no training reaches which is well: labels lie within 1.4 of 0."""


class SeriesGRU(nn.Module):
    """Dense layer, three bidirectional GRU layers, two dense layers, sigmoid; a number for every step.

    With four features, and hidden and width as in the paper, 3,024,769 parameters, 2,958,336 of them in the GRU.
    Dropout stands between the layers of the GRU. The first hidden state is drawn from N(0, 1): in training anew for
    each sequence of each batch; in use a few fixed draws, whose answers are averaged, so that a series gets the same
    answer whatever is predicted beside it.

    Parameters
    ----------
    features : int
        Of a step.
    hidden, depth, width : int
        Units of a layer of the GRU in each direction; its layers; units of the dense layers.
    dropout : float
        0..1, below 1.
    residual : bool
        The last channel of the input is a logit that the network adds to. It begins with adding nothing.
    draws : int
        First hidden states to average over in use; 0: one that is zero.
    """

    def __init__(
        self,
        features: int,
        hidden: int = 256,
        depth: int = 3,
        width: int = 128,
        dropout: float = 0.3,
        residual: bool = False,
        draws: int = 1,
    ) -> None:
        super().__init__()
        self.residual, self.draws = residual, draws
        self.enter = nn.Linear(features, width)
        between = dropout if depth > 1 else 0.0
        self.gru = nn.GRU(width, hidden, depth, batch_first=True, dropout=between, bidirectional=True)
        self.between = nn.Linear(2 * hidden, width)
        self.leave = nn.Linear(width, 1)
        if residual:
            nn.init.zeros_(self.leave.weight)
            nn.init.zeros_(self.leave.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """(sequence, feature, step, 1), padded at the end with NaN -> (sequence, 1, step, 1), 0..1.

        What a network says that has run off to infinity is NaN: its sigmoids would look calm.
        """
        steps = inputs[..., 0].transpose(1, 2)
        # A sequence of no step is shown one of zeros: recurrent layers take no empty ones.
        lengths = torch.isfinite(steps[..., 0]).sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(steps.nan_to_num(0.0), lengths, batch_first=True, enforce_sorted=False)
        features = packed.data[:, :-1] if self.residual else packed.data
        entered = _like(packed, torch.relu(self.enter(features)))
        logits = torch.stack([self._run(entered, state) for state in self._first(entered, len(steps))])
        if self.residual:
            logits = logits + packed.data[:, -1:]
        said = torch.where(logits.abs() < FAR, torch.sigmoid(logits), torch.nan).mean(dim=0)
        padded = pad_packed_sequence(_like(packed, said), batch_first=True, total_length=steps.shape[1])[0]
        return padded.transpose(1, 2)[..., None]

    def _run(self, entered: PackedSequence, first: Tensor) -> Tensor:
        found = self.gru(entered, first)[0].data
        return self.leave(torch.relu(self.between(found)))  # type: ignore[no-any-return]

    def _first(self, entered: PackedSequence, count: int) -> list[Tensor]:
        """First hidden states, (2 depth, sequence, hidden) each."""
        like, shape = entered.data, (2 * self.gru.num_layers, count, self.gru.hidden_size)
        if self.training:
            return [torch.randn(shape, device=like.device, dtype=like.dtype)]
        if not self.draws:
            return [like.new_zeros(shape)]
        found = []
        for number in range(self.draws):
            # Drawn on the CPU: every device is to have the same.
            drawn = torch.randn((shape[0], 1, shape[2]), generator=torch.Generator().manual_seed(number))
            found.append(drawn.to(like).expand(shape).contiguous())
        return found


def _like(packed: PackedSequence, data: Tensor) -> PackedSequence:
    """Other values for the steps of packed sequences."""
    return PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
