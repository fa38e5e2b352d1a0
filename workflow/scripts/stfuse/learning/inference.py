"""Networks over images of any size, window by window, with the result of the whole."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from stfuse.learning.devices import device, placed
from stfuse.learning.lattice import Axis, Lattice, cells, corner_of, mirrored, pieces
from stfuse.learning.memory import budget, taken
from stfuse.learning.patches import Scaling
from stfuse.learning.weights import restore, scaling_of
from stfuse.task import FloatArray, State

__all__ = ["Lattice", "apply", "corner_of"]

logger = logging.getLogger(__name__)

LARGEST = 1024
"""Pixels a side of a window at most: beyond, there is next to no context left to save."""

TRIAL = 32
"""Pixels a side of the window on which a network's memory is measured."""

SCRATCH = 1.5
"""What convolutions take for themselves beside their inputs and outputs."""

_taken: dict[tuple[str, int, str], float] = {}
"""Bytes a pixel by network, channels and device: measured once in a process, not for each tile of a scene."""


def apply(
    network: nn.Module,
    state: State,
    inputs: FloatArray,
    halo: int,
    *,
    align: int = 1,
    corner: tuple[int, int] = (0, 0),
    lattice: Lattice | None = None,
    core: tuple[int, int, int, int] | None = None,
) -> FloatArray:
    """Run a network over an image of any size.

    As many windows at a time as there is memory for; the result does not depend on it.

    Parameters
    ----------
    network : Module
        Takes (window, channel, y + 2 halo, x + 2 halo), gives (window, band, y, x), in units of the state's scaling.
    inputs : ndarray, shape (channel, y, x), float32
        In physical units; gaps (NaN) count as the channel's training mean.
    halo : int
        Pixels of context that the network takes on every side, a multiple of `align`.
    align : int
        The network is given windows that begin at a multiple of it and whose sides are multiples. Pixels
        around a pixel that have a say in it are then up to halo + align - 1: a method's ``halo()``.
    corner : (row, column)
        Of ``inputs[:, 0, 0]``, counted from a fixed point of the ground: `corner_of`.
    lattice : Lattice, optional
        For networks that look at the whole of what they are given. Without it they must be convolutional.
    core : (first row, row after the last, first column, column after the last), optional
        Where the answer counts (``task.edges``); beyond, it is NaN and costs nothing. All by default.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        In physical units.

    Raises
    ------
    ValueError
        If halo or lattice are no multiples of `align`.
    InputError
        If the state was made by another network.
    """
    sizes = {"halo": halo} | ({"window": lattice.window, "stride": lattice.stride} if lattice else {})
    for name, size in sizes.items():
        if size % align:
            raise ValueError(f"{name} must be a multiple of the alignment {align}, found {size}.")
    restore(network, state)
    where, scaling = device(), scaling_of(state)
    placed(network, where).eval()
    top, bottom, left, right = core or (0, inputs.shape[1], 0, inputs.shape[2])
    out = np.full((len(scaling.out_mean), *inputs.shape[1:]), np.nan, np.float32)
    if bottom > top and right > left:
        with torch.inference_mode():
            run = _Run(network, inputs, scaling, halo, align, corner, lattice, (top, bottom, left, right), where)
            out[:, top:bottom, left:right] = run.result()
    return out


@dataclass(frozen=True)
class _Run:
    """One call of `apply`."""

    network: nn.Module
    inputs: FloatArray
    scaling: Scaling
    halo: int
    align: int
    corner: tuple[int, int]
    lattice: Lattice | None
    core: tuple[int, int, int, int]
    where: torch.device

    def result(self) -> FloatArray:
        """Bands of the core, in physical units."""
        while True:
            pixels = budget(self.where) / self._per_pixel()
            rows, columns = (self._axis(axis, math.isqrt(int(pixels))) for axis in (0, 1))
            one = (rows.length + 2 * self.halo) * (columns.length + 2 * self.halo)
            count = max(1, int(pixels / one))
            try:
                return self._over(rows, columns, count)
            except torch.OutOfMemoryError:
                if count == 1 and (self.lattice or one <= self._trial**2):
                    raise
                _taken[self._name] *= 2
                torch.cuda.empty_cache()
                logger.info("not enough memory for %d windows of %d pixels at once: now half of that", count, one)

    @property
    def _name(self) -> tuple[str, int, str]:
        return repr(self.network), len(self.inputs), str(self.where)

    @property
    def _trial(self) -> int:
        """Pixels a side on which the memory is measured, halo and all."""
        return math.ceil(TRIAL / self.align) * self.align + 2 * self.halo

    def _per_pixel(self) -> float:
        """Bytes that the network takes for each pixel it is given."""
        if self._name not in _taken:
            _taken[self._name] = SCRATCH * taken(self.network, (len(self.inputs), self._trial, self._trial), self.where)
        return _taken[self._name]

    def _axis(self, axis: int, side: int) -> Axis:
        """Windows over the core along one axis, those without a lattice of `side` pixels at most, halo and all."""
        wanted, corner = (self.core[2 * axis], self.core[2 * axis + 1]), self.corner[axis]
        if self.lattice:
            return self.lattice.along(wanted, cells(self.inputs.shape[1 + axis], self.align, corner), corner)
        return pieces(wanted, max(min(side - 2 * self.halo, LARGEST), TRIAL), self.align, corner)

    def _over(self, rows: Axis, columns: Axis, count: int) -> FloatArray:
        """The core, `count` windows at a time."""
        image, halo = self._image(rows, columns), self.halo
        first, last = rows.starts[0], rows.starts[-1] + rows.length
        left, right = columns.starts[0], columns.starts[-1] + columns.length
        out = torch.zeros((len(self.scaling.out_mean), last - first, right - left), device=self.where)
        weights = [torch.from_numpy(axis.weights).to(self.where) for axis in (rows, columns)]
        places = list(product(range(len(rows.starts)), range(len(columns.starts))))
        for some in (places[i : i + count] for i in range(0, len(places), count)):
            corners = [(rows.starts[i] - first, columns.starts[j] - left) for i, j in some]
            cut = [image[..., y : y + rows.length + 2 * halo, x : x + columns.length + 2 * halo] for y, x in corners]
            windows = torch.cat(cut) if len(cut) > 1 else cut[0]
            said = self.network(windows.contiguous(memory_format=torch.channels_last)).float()
            for one, (i, j), (y, x) in zip(said, some, corners, strict=True):
                part = out[:, y : y + rows.length, x : x + columns.length]
                part += one * (weights[0][i][:, None] * weights[1][j])
        mean, scale = (self._there(v)[:, None, None] for v in (self.scaling.out_mean, self.scaling.out_scale))
        out = out[:, self.core[0] - first : self.core[1] - first, self.core[2] - left : self.core[3] - left]
        return np.asarray((out * scale + mean).cpu().numpy())

    def _image(self, rows: Axis, columns: Axis) -> Tensor:
        """What all windows see, (1, channel, y, x) in units of the scaling, mirrored beyond the image."""
        index = [
            mirrored(axis.starts[0] - self.halo, axis.starts[-1] + axis.length + self.halo, length, self.align, corner)
            for axis, length, corner in zip((rows, columns), self.inputs.shape[1:], self.corner, strict=True)
        ]
        spans = [slice(int(i.min()), int(i.max()) + 1) for i in index]
        # A pixel's channels side by side, as convolutions like them best: once here, not for every window.
        image = torch.tensor(self.inputs[:, *spans], device=self.where).permute(1, 2, 0).contiguous()
        for dim, (i, span) in enumerate(zip(index, spans, strict=True)):
            if np.any(np.diff(i) != 1):  # else nothing is mirrored
                image = image.index_select(dim, torch.from_numpy(i - span.start).to(self.where))
        mean, scale = (self._there(values) for values in (self.scaling.in_mean, self.scaling.in_scale))
        return image.sub_(mean).div_(scale).nan_to_num_(0.0, 0.0, 0.0).permute(2, 0, 1)[None]

    def _there(self, values: FloatArray) -> Tensor:
        return torch.tensor(values, device=self.where)
