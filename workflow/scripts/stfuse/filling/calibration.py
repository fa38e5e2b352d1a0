"""How sure a filled value is: errors by gap length on ground that a method has not seen."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from stfuse.errors import InputError
from stfuse.filling.hiding import days_to_kept
from stfuse.filling.trials import Fill, Trial, trials, windows
from stfuse.job import whole
from stfuse.months import month_of, month_weights
from stfuse.task import FloatArray, Sample, days_of

__all__ = ["BINS", "CALIBRATE", "LEARN", "SCORE", "Errors", "calibrate", "ground", "read_errors", "uncertainty"]

BINS: Final = (2.0, 5.0, 9.0, 14.0, 19.0, 29.0, 44.0, 89.0, np.inf)
"""Longest gap of each bin in days; a bin begins on the day after the one before ends."""

_MIDDLES: Final = (1.0, 4.0, 7.5, 12.0, 17.0, 24.5, 37.0, 67.0, 90.0)

LEAST: Final = 30
"""Fewest values of a bin that has an error of its own."""

LEARN, CALIBRATE, SCORE = 0, 1, 2

_SEED: Final = 2
"""Apart from that of the scores: values hidden there are other ones."""

_LONG, _LONG_SHARE = 20, 0.9

_STEP: Final = 5
"""Days from one to the next of which it is counted how far they really are from any value."""


def ground(shape: tuple[int, int], scored: bool, share: float = 0.2) -> NDArray[np.int8]:
    """What each pixel of a lattice is for: blocks of it are held out of learning, the same for every method and seed.

    Parameters
    ----------
    shape : (y, x)
        Of the lattice.
    scored : bool
        Whether the same lattice is scored: it must then hold out as much ground again, since what calibrates is chosen
        by its errors and what is learned from is known.
    share : float
        Of the blocks that calibrate, 0..0.4.

    Returns
    -------
    ndarray of int8, shape (y, x)
        `LEARN`, `CALIBRATE` or `SCORE`.

    Raises
    ------
    InputError
        If there are fewer than nine pixels.
    """
    if shape[0] * shape[1] < 9:
        raise InputError(
            f"A lattice of {shape[0]} x {shape[1]} pixels is too small to hold ground out of it",
            "widen the site, or lower `lattice:` of the experiment",
        )
    # Of fields, not of pixels: neighbours resemble each other. Six blocks a side at least, where there is room.
    side = int(np.clip(min(shape) // 6, 1, 8))
    rows, columns = -(-shape[0] // side), -(-shape[1] // side)
    order = np.random.default_rng(_SEED).permutation(rows * columns)
    count = max(1, round(share * order.size))
    use = np.full(order.size, LEARN, np.int8)
    use[order[:count]] = CALIBRATE
    if scored:
        use[order[count : 2 * count]] = SCORE
    blocks = np.repeat(np.repeat(use.reshape(rows, columns), side, axis=0), side, axis=1)
    return np.asarray(blocks[: shape[0], : shape[1]], np.int8)


class Errors(NamedTuple):
    """Errors by gap length, one element for each of `BINS`; NaN where a bin is empty.

    Attributes
    ----------
    n : ndarray of int
        Hidden values, or as many equal ones as tell as much as weighted ones do.
    mae, rmse, bias : ndarray of float64
        Of NDVI; bias is prediction minus observation.
    """

    n: NDArray[np.int64]
    mae: NDArray[np.float64]
    rmse: NDArray[np.float64]
    bias: NDArray[np.float64]

    @classmethod
    def of(cls, sums: NDArray[np.float64], real: NDArray[np.float64]) -> Self:
        """From sums, shape (4, bin, month), of ones, absolute, squared and plain errors.

        ``real``, shape (bin, month), counts the days that really lie in such gaps: a bin's errors are weighted by
        month as these lie. A bin without any, as none is so long, has its errors as they come; so has one whose errors
        would be smaller: where clouds come in winter here, they may come in summer at the next place.
        """
        weights = month_weights(sums[0], real)
        weights[~real.any(axis=1)] = 1
        with np.errstate(invalid="ignore", divide="ignore"):
            milder = (sums[2] * weights).sum(axis=1) / (sums[0] * weights).sum(axis=1) < sums[2].sum(1) / sums[0].sum(1)
        weights[milder] = 1
        n, absolute, square, plain = (sums * weights).sum(axis=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            # Few values that stand for many are few: Kish's effective number of them.
            equal = np.nan_to_num(n**2 / (sums[0] * weights**2).sum(axis=1))
            return cls(np.rint(equal).astype(np.int64), absolute / n, np.sqrt(square / n), plain / n)


def _sums(trial: Trial, months: NDArray[np.int64], shortest: float) -> NDArray[np.float64]:
    """Sums of a trial's errors in gaps of at least so many days, as `Errors.of` takes them."""
    given = np.isfinite(trial.predicted) & np.isfinite(trial.gap) & (trial.gap >= shortest)
    error = (trial.predicted - trial.observed)[given].astype(np.float64)
    parts = (np.ones_like(error), np.abs(error), error**2, error)
    return np.stack([_by_month(trial.gap[given], months[trial.when[given]], part) for part in parts])


def _by_month(gap: FloatArray, months: NDArray[np.int64], of: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Sums by bin and month, shape (len(BINS), 12); of ones by default."""
    at = np.searchsorted(BINS, gap, side="left") * 12 + months
    return np.bincount(at, of, 12 * len(BINS)).reshape(len(BINS), 12).astype(np.float64)


def _real(sample: Sample, held: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many days (each `_STEP`-th) lie in gaps of each bin in each month, on some ground."""
    found = np.zeros((len(BINS), 12))
    if not len(sample.dates):
        return found
    steps = np.arange(sample.dates[0], sample.dates[-1] + 1, _STEP)
    for window in windows(sample):
        if held[window].any():
            seen = np.isfinite(sample.truth(window)[:, 0][:, held[window]])
            gap = days_to_kept(seen, days_of(sample.dates), days_of(steps))
            open_ = np.isfinite(gap) & (gap > 0)
            months = np.broadcast_to(month_of(steps)[:, None], gap.shape)
            found += _by_month(gap[open_], months[open_])
    return found


def calibrate(
    samples: Iterable[tuple[Sample, NDArray[np.bool_]]], fill: Fill, share: float, threads: int = 1
) -> Errors:
    """Errors of a method by gap length where it has not learned.

    Gaps of 20 days and more are rare when values are hidden at random: for them nine tenths are hidden once more. Such
    long gaps lie in clear months, in which there is much to hide, and real ones where the clouds are, often while
    fields change fastest. So the errors of a gap length are weighted by month as real gaps of that length lie.

    Parameters
    ----------
    samples : iterable of (Sample, ndarray of bool, shape (y, x))
        Samples, and the ground of each that is held out of learning.
    fill : callable
        The method.
    share : float
        Of the values that are hidden, 0..1.
    threads : int
        Windows worked on at a time.
    """
    sums, real = np.zeros((4, len(BINS), 12)), np.zeros((len(BINS), 12))
    for sample, held in samples:
        months = month_of(sample.dates)
        real += _real(sample, held)
        for one in trials(sample, fill, share, held, _SEED, threads):
            sums += _sums(one, months, 0)
        for one in trials(sample, fill, max(share, _LONG_SHARE), held, _SEED + 1, threads):
            sums += _sums(one, months, _LONG)
    return Errors.of(sums, real)


def uncertainty(gap_days: FloatArray, errors: Errors) -> FloatArray:
    """One standard deviation of the error of filled values, by their gap length.

    The root mean square error of the bins, made non-decreasing with gap length by isotonic regression (weighted by the
    number of values), and interpolated between the middles of the bins. Bins of fewer than 30 values take part in
    none of this and so have what their neighbours have. On an observed date (gap 0) it is that of the
    shortest gaps: the value there is the method's, too, and not the observation.

    Parameters
    ----------
    gap_days : ndarray, shape (...)
        Days to the nearest value known; inf where there is none has that of the longest gaps.
    errors : Errors

    Returns
    -------
    ndarray, shape (...), float32
        In units of NDVI; NaN where the gap is NaN, and everywhere if nothing at all was calibrated.
    """
    total = errors.n.sum()
    if not total:
        return np.full(gap_days.shape, np.nan, np.float32)
    enough = errors.n >= LEAST
    middles, square, n = np.array(_MIDDLES), errors.rmse**2, errors.n
    if enough.any():
        middles, square, n = middles[enough], square[enough], n[enough]
    else:
        middles, square, n = middles[:1], np.array([np.nansum(square * n) / total]), np.array([total])
    rising = np.sqrt(isotonic_regression(square, weights=n).x)
    return np.interp(gap_days, middles, rising).astype(np.float32)


COLUMNS: Final = ("gap_days", *Errors._fields)


def write_errors(path: str | Path, errors: Errors) -> None:
    """Write a table of `COLUMNS`, with the longest gap of each bin in days."""
    with whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for longest, n, *values in zip(BINS, *errors, strict=True):
            table.writerow([f"{longest:g}", int(n), *(f"{value:.6g}" for value in values)])


def read_errors(path: str | Path) -> Errors:
    """Read what `write_errors` wrote.

    Raises
    ------
    InputError
        If the file is missing or no such table.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
        if [float(row["gap_days"]) for row in found] != list(BINS):
            raise ValueError("other bins")
        values = [np.array([float(row[name]) for row in found]) for name in Errors._fields]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no table of errors by gap length ({error})", "delete it and run again") from error
    return Errors(values[0].astype(np.int64), *values[1:])
