"""How much the season changes between the dates of a prediction: rapid, moderate or minimal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scenario = Literal["rapid", "moderate", "minimal"]


def stages(days: ArrayLike, transitions: ArrayLike) -> NDArray[np.int64]:
    """Stage of each day: how many transition dates have passed, the day's own included.

    Parameters
    ----------
    days : array_like
        Day numbers.
    transitions : array_like, shape (6,)
        Day numbers of the transition dates, in any order; NaN = no such date.
    """
    known = np.asarray(transitions, np.float64)
    return np.asarray(np.searchsorted(np.sort(known[np.isfinite(known)]), days, side="right"), np.int64)


def scenario(first: float, target: float, last: float, transitions: ArrayLike) -> Scenario:
    """Change around a target date between the two reference dates before and after it.

    Rapid where the three dates lie in three stages, minimal where all lie in one, moderate where the
    target shares its stage with one reference only.

    Raises
    ------
    ValueError
        If the dates are not in order.

    References
    ----------
    Yang et al. 2021, section 2.6.
    """
    if not first < target < last:
        raise ValueError(f"A scenario needs first < target < last, found {first}, {target}, {last}.")
    found = len(set(stages([first, target, last], transitions).tolist()))
    names: Sequence[Scenario] = ("minimal", "moderate", "rapid")
    return names[found - 1]


def bonferroni(p: ArrayLike, comparisons: int) -> NDArray[np.float64]:
    """p-values corrected for so many comparisons: min(1, comparisons p)."""
    return np.minimum(1.0, comparisons * np.asarray(p, np.float64))
