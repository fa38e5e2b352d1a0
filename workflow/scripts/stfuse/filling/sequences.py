"""From series of pixels to sequences for a recurrent network: cut, freed of empty steps, scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stfuse.filling.labels import doy_features, to_label
from stfuse.learning.patches import Scaling
from stfuse.task import FloatArray

__all__ = ["MONTH", "Form", "Sequences", "cut", "interpolated", "joined"]

MONTH: Final = 365.25 / 12
"""Days."""


@dataclass(frozen=True)
class Form:
    """How a network is shown its sequences.

    Attributes
    ----------
    scaling : Scaling
        Mean and standard deviation of each channel, of the sine and of the cosine, from the training data alone.
    flags : bool
        Whether each channel has a second one that says where it is known (1) and where not (0).
    residual : bool
        Whether the network is also given what it adds to: the interpolation of the optical values, as a logit.
    """

    scaling: Scaling
    flags: bool = False
    residual: bool = False

    @property
    def features(self) -> int:
        """Features of a step that the network reads: without the interpolation, which it only adds to."""
        return len(self.scaling.in_mean) + (len(self.scaling.in_mean) - 2 if self.flags else 0)


@dataclass(frozen=True)
class Sequences:
    """Sequences of unlike lengths, side by side.

    Attributes
    ----------
    values : ndarray, shape (channel, longest, sequence), float32
        What the network may see, the optical NDVI first; NaN = not observed.
    days : ndarray of datetime64[D], shape (longest, sequence)
    base : ndarray, shape (longest, sequence), float32
        The optical values, interpolated; NaN where a series has none.
    label : ndarray, shape (longest, sequence), float32
        NDVI to be said; NaN where none is known.
    lengths : ndarray of int64, shape (sequence,)
        Steps of each; what follows is padding.
    steps : ndarray of int64, shape (longest, sequence)
        Which step of the series' axis each one is.
    """

    values: FloatArray
    days: NDArray[np.datetime64]
    base: FloatArray
    label: FloatArray
    lengths: NDArray[np.int64]
    steps: NDArray[np.int64]

    def network_inputs(self, form: Form) -> FloatArray:
        """What a network is given, shape (sequence, feature, longest, 1), float32.

        Channels, sine and cosine of the day, each brought to mean 0 and standard deviation 1; then what is unknown
        becomes 0 (Rossberg and Schmitt 2024, section III). Flags follow if asked for, and in a residual form the
        logit that is added to. Padding is NaN.
        """
        channels, longest, count = self.values.shape
        features = form.features
        out = np.empty((count, features + form.residual, longest, 1), np.float32)
        mean, scale = form.scaling.in_mean, form.scaling.in_scale
        turn = doy_features(self.days)
        for k in range(channels):
            seen = np.isfinite(self.values[k])
            out[:, k, :, 0] = np.where(seen, (self.values[k] - mean[k]) / scale[k], 0).T
            if form.flags:
                out[:, channels + 2 + k, :, 0] = seen.T
        for k in range(2):
            out[:, channels + k, :, 0] = ((turn[..., k] - mean[channels + k]) / scale[channels + k]).T
        if form.residual:
            base = to_label(np.where(np.isfinite(self.base), self.base, mean[0]))
            out[:, features, :, 0] = np.log(base / (1 - base)).T
        out.transpose(0, 2, 1, 3)[(np.arange(longest)[:, None] >= self.lengths).T] = np.nan
        return out

    def goal(self) -> tuple[FloatArray, FloatArray]:
        """Labels 0.2..0.8 (0 where there is none) and where there are (1, else 0), (sequence, 1, longest, 1) each."""
        there = np.isfinite(self.label)
        both = np.where(there, to_label(self.label), np.float32(0)), there.astype(np.float32)
        return np.ascontiguousarray(both[0].T[:, None, :, None]), np.ascontiguousarray(both[1].T[:, None, :, None])


def interpolated(days: NDArray[np.datetime64], values: FloatArray) -> FloatArray:
    """Each series, linear between its known values; beyond them the nearest holds, as in the method `temporal`.

    Parameters
    ----------
    days : ndarray, shape (step,)
        Ascending.
    values : ndarray, shape (step, pixel)

    Returns
    -------
    ndarray, shape (step, pixel), float32
        NaN where a series has no value.
    """
    count, known = len(days), np.isfinite(values)
    index = np.arange(count, dtype=np.int32)[:, None]
    before = np.maximum.accumulate(np.where(known, index, np.int32(-1)), axis=0)
    after = np.minimum.accumulate(np.where(known, index, np.int32(count))[::-1], axis=0)[::-1]
    low = np.where(before < 0, after, before)
    high = np.where(after >= count, before, after)
    low, high = np.clip(low, 0, count - 1), np.clip(high, 0, count - 1)
    day = (days - days[0]).astype(np.float32) if count else np.empty(0, np.float32)
    span = day[high] - day[low]
    share = np.where(span > 0, (day[:, None] - day[low]) / np.maximum(span, 1), 0)
    first, second = np.take_along_axis(values, low, 0), np.take_along_axis(values, high, 0)
    return np.asarray(first + share * (second - first), np.float32)


def cut(
    days: NDArray[np.datetime64],
    values: FloatArray,
    label: FloatArray,
    first: NDArray[np.datetime64],
    last: NDArray[np.datetime64],
    wanted: NDArray[np.bool_] | None = None,
    base: FloatArray | None = None,
) -> Sequences:
    """Cut a sequence out of each series, and drop the steps at which nothing is known and nothing is asked.

    Parameters
    ----------
    days : ndarray, shape (step,)
    values : ndarray, shape (channel, step, series)
        What the network may see: hidden values are NaN.
    label : ndarray, shape (step, series)
        NaN where there is none.
    first, last : ndarray, shape (series,) or ()
        Days with which the sequences begin and end. What lies outside still serves the interpolation.
    wanted : ndarray of bool, shape (step,), optional
        Steps that every sequence has if they lie within it, whether anything is known there or not.
    base : ndarray, shape (step, series), optional
        What `interpolated` makes of the optical values, if it is known already.
    """
    there = np.isfinite(values).any(axis=0) | np.isfinite(label)
    if wanted is not None:
        there |= wanted[:, None]
    there &= (days[:, None] >= first) & (days[:, None] <= last)
    lengths = there.sum(axis=0)
    longest = max(1, int(lengths.max(initial=0)))
    steps = np.argsort(~there, axis=0, kind="stable")[:longest]
    base = interpolated(days, values[0]) if base is None else base
    # The steps that are dropped come after the others: in a shorter sequence they are the padding.
    within = np.arange(longest)[:, None] < lengths

    def taken(array: FloatArray) -> FloatArray:
        return np.where(within, np.take_along_axis(array, steps, 0), np.float32(np.nan))

    kept = np.stack([taken(channel) for channel in values])
    return Sequences(kept, days[steps], taken(base), taken(label), lengths, steps)


def joined(parts: Sequence[Sequences], order: NDArray[np.integer]) -> Sequences:
    """Several groups of sequences as one, padded to the longest.

    Parameters
    ----------
    order : ndarray, shape (sequence,)
        Where each sequence of all groups, one after the other, belongs.
    """
    longest = max(part.values.shape[1] for part in parts)
    place = np.argsort(order)

    def together(name: str, fill: object) -> NDArray[np.generic]:
        padded = []
        for part in parts:
            array = getattr(part, name)
            more = [(0, 0)] * array.ndim
            more[-2] = (0, longest - array.shape[-2])
            padded.append(np.pad(array, more, constant_values=fill))  # type: ignore[call-overload]
        return np.concatenate(padded, axis=-1)[..., place]

    day = parts[0].days.ravel()[0]
    return Sequences(
        together("values", np.nan),  # type: ignore[arg-type]
        together("days", day),  # type: ignore[arg-type]
        together("base", np.nan),  # type: ignore[arg-type]
        together("label", np.nan),  # type: ignore[arg-type]
        np.concatenate([part.lengths for part in parts])[place],
        together("steps", 0),  # type: ignore[arg-type]
    )
