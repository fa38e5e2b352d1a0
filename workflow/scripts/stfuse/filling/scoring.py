"""How well hidden values of series are filled, over all and by gap length, from exact sums in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stfuse.errors import InputError
from stfuse.filling.calibration import Errors, uncertainty
from stfuse.filling.hiding import GAP_CLASSES, gap_class
from stfuse.filling.trials import Trial
from stfuse.normal import NINETY
from stfuse.scores import Row
from stfuse.task import FloatArray

__all__ = ["SEED", "Known", "Scores", "refuse_seen", "score"]

SEED: Final = 1
"""What is hidden for the scores: the same for all methods, seeds and experiments."""

STRATA: Final = ("all", *(f"gap {name}" for name in GAP_CLASSES))

Known = Callable[[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]], FloatArray]
"""The truth at (date, row, column), indices of the sample's dates and pixels, shape (n,); NaN where it is not known."""

_SUMS: Final = ("n", "wanted", "absolute", "square", "error", "truth", "truth_square", "sure", "within", "series")


@dataclass
class Scores:
    """Sums over hidden values by stratum, against one truth."""

    _sums: dict[str, NDArray[np.float64]] = field(default_factory=lambda: {n: np.zeros(len(STRATA)) for n in _SUMS})

    def add(self, trial: Trial, truth: FloatArray, sigma: FloatArray) -> None:
        """Add hidden values.

        Parameters
        ----------
        truth, sigma : ndarray, shape (n,)
            What they are held against, and the uncertainty stated for them.
        """
        wanted = np.isfinite(truth)
        given = wanted & np.isfinite(trial.predicted)
        of_class = gap_class(trial.gap).astype(np.intp) + 1
        t = np.where(given, truth, 0).astype(np.float64)
        error = np.where(given, trial.predicted, 0).astype(np.float64) - t
        sure = given & np.isfinite(sigma)
        # NaN compares as False: values without an uncertainty are in neither.
        inside = sure & (np.abs(error) <= NINETY * sigma)
        values = {
            "n": given, "wanted": wanted, "absolute": np.abs(error), "square": error**2, "error": error, "truth": t,
            "truth_square": t**2, "sure": sure, "within": inside,
        }  # fmt: skip
        for name, of_values in values.items():
            self._sums[name] += _by_stratum(of_class, of_values.astype(np.float64))
        self._sums["series"] += _series(of_class[given], trial.row[given], trial.column[given])

    def rows(self, by_gap: bool = True) -> list[Row]:
        """The metrics of every stratum.

        Returns
        -------
        list of Row
            mae, rmse, bias (prediction minus truth), r2, and the mean and the population standard deviation of the
            truth, all over the same n; ``covered`` of the wanted values, ``coverage90`` of those with an uncertainty,
            and the number of series. Empty strata have NaN.
        """
        return [row for i, name in enumerate(STRATA if by_gap else STRATA[:1]) for row in self._rows(i, name)]

    def _rows(self, i: int, stratum: str) -> list[Row]:
        s = {name: float(sums[i]) for name, sums in self._sums.items()}
        n = s["n"]

        def mean(name: str, over: str = "n") -> float:
            return s[name] / s[over] if s[over] else float("nan")

        centre = mean("truth")
        spread = max(mean("truth_square") - centre**2, 0.0) if n else float("nan")
        # Rounding leaves a spread of equal numbers that is not 0.
        flat = not spread > 1e-12
        values = {
            "mae": mean("absolute"),
            "rmse": mean("square") ** 0.5,
            "bias": mean("error"),
            "r2": float("nan") if flat else 1 - mean("square") / spread,
            "truth_mean": centre,
            "truth_sd": spread**0.5,
        }
        found = [Row("ndvi", stratum, name, value, int(n)) for name, value in values.items()]
        found.append(Row("ndvi", stratum, "covered", mean("n", "wanted"), int(s["wanted"])))
        found.append(Row("ndvi", stratum, "coverage90", mean("within", "sure"), int(s["sure"])))
        return [*found, Row("ndvi", stratum, "n_series", s["series"], int(n))]


def _by_stratum(of_class: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of values over all of them, and over each gap class (1, 2, ...)."""
    sums = np.bincount(of_class, values, len(STRATA)).astype(np.float64)
    sums[0] = values.sum()
    return sums


def _series(of_class: NDArray[np.intp], row: NDArray[np.intp], column: NDArray[np.intp]) -> NDArray[np.float64]:
    """Number of pixels with any value, and with any of each gap class."""
    counts = np.zeros(len(STRATA))
    counts[0] = np.unique(np.stack([row, column]), axis=1).shape[1]
    of_kinds = np.unique(np.stack([of_class, row, column]), axis=1)[0]
    counts[1:] = np.bincount(of_kinds, minlength=len(STRATA))[1:]
    return counts


def score(
    tries: Iterable[Trial], errors: Errors, known: Known | None = None
) -> tuple[dict[str, Scores], dict[int, int]]:
    """Sum up what a method made of hidden values.

    Parameters
    ----------
    tries : iterable of Trial
        See `stfuse.filling.trials.trials`; one is in memory at a time.
    errors : Errors
        Of the method, for the uncertainty that it states.
    known : callable, optional
        The truth of a simulated site.

    Returns
    -------
    scores : dict
        ``observed`` and, where there is one, ``known``.
    gaps : dict
        Gap length in whole days -> number of values scored.
    """
    scores = {"observed": Scores()} | ({"known": Scores()} if known else {})
    gaps: Counter[int] = Counter()
    for one in tries:
        sigma = uncertainty(one.gap, errors)
        scores["observed"].add(one, one.observed, sigma)
        if known:
            scores["known"].add(one, known(one.when, one.row, one.column), sigma)
        whole_days = np.rint(one.gap[np.isfinite(one.predicted) & np.isfinite(one.gap)]).astype(int)
        gaps.update(whole_days.tolist())
    return scores, dict(sorted(gaps.items()))


def refuse_seen(scenes: Iterable[Mapping[str, Any]], name: str, after: str | None, apart: bool) -> None:
    """Refuse to score what was learned from.

    Parameters
    ----------
    scenes : iterable of mapping
        Of the state: ``truth``, the `stfuse.state.image_name` of a data set that was learned from; ``until``, its last
        date (ISO) or None; ``held_out``, whether ground of it was left for the scores.
    name : str
        That of the data set that is scored.
    after : str, optional
        The date (ISO) after which values are scored; all of them where it is None.
    apart : bool
        Whether only the ground is scored that is held out where learning and scoring share a place.

    Raises
    ------
    InputError
    """
    for scene in scenes:
        if scene["truth"] != name:
            continue
        later = after is not None and scene["until"] is not None and scene["until"] <= after
        if not later and not (apart and scene["held_out"]):
            raise InputError(
                f"The state learned from {name} ({scene['date']}), the very values that would be scored",
                "delete the state and run again, so that ground or dates are held out of the training",
            )
