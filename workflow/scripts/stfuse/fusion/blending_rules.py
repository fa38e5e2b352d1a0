"""What STARFM and its kin count as a similar pixel, and how much each weighs.

Source: Gao et al. 2006 (IEEE TGRS 44:2207), section III. Where public codes differ from the article, it is a rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import numpy as np

from stfuse.fusion.spread import SD, references_sd, window_sd
from stfuse.task import FloatArray, State, Task

Weight = Literal["linear", "log"]
Limit = Literal["smallest", "largest", "own"]


class Rules(Protocol):
    """Which pixels count as similar and how much each weighs; a method's ``Params`` has these fields."""

    @property
    def window(self) -> int:
        """Width of the search window, fine pixels, odd."""

    @property
    def classes(self) -> float:
        """Number of classes m: similar pixels differ by less than 2 sd / m."""

    @property
    def sd(self) -> SD:
        """Where sd is taken: over the fine image or over the window."""

    @property
    def sigma_fine(self) -> float:
        """Uncertainty of fine reflectance."""

    @property
    def sigma_coarse(self) -> float:
        """Uncertainty of coarse reflectance."""

    @property
    def distance_scale(self) -> float:
        """Distance A in ``D = 1 + d / A``, fine pixels; 0 = half the window."""

    @property
    def strict(self) -> bool:
        """Whether a sample must pass the spectral AND the temporal filter, or either."""

    @property
    def weight(self) -> Weight:
        """Form of the combined distance."""

    @property
    def temporal_weight(self) -> bool:
        """Whether the temporal difference is part of the combined distance."""

    @property
    def max_weight(self) -> bool:
        """Whether samples within the combined uncertainty all take the largest weight."""

    @property
    def epsilon(self) -> float:
        """Added to differences in the linear form, reflectance."""

    @property
    def log_scale(self) -> float:
        """Factor b of differences in the logarithmic form, 1/reflectance."""

    @property
    def copy_on_zero_diff(self) -> bool:
        """Whether a zero spectral or temporal difference copies the coarse or fine value."""


def check_rules(rules: Rules) -> None:
    """Refuse rules that mean nothing.

    Raises
    ------
    ValueError
        If the window is even or not positive, a form is unknown, or a number is out of range.
    """
    if rules.window < 1 or rules.window % 2 == 0:
        raise ValueError(f"window must be an odd number of pixels, found {rules.window}")
    if not rules.classes > 0:
        raise ValueError(f"classes must be positive, found {rules.classes}")
    if rules.sd not in ("image", "window"):
        raise ValueError(f"sd must be image or window, found {rules.sd!r}")
    if rules.weight not in ("linear", "log"):
        raise ValueError(f"weight must be linear or log, found {rules.weight!r}")
    if not min(rules.sigma_fine, rules.sigma_coarse, rules.distance_scale) >= 0:
        raise ValueError("sigma_fine, sigma_coarse and distance_scale must not be negative")
    if not min(rules.epsilon, rules.log_scale) > 0:
        raise ValueError("epsilon and log_scale must be positive")


def numbers_of(rules: Rules) -> FloatArray:
    """Of the rules, as the kernels take them.

    Slack of the spectral and the temporal filter (equations 15 and 16), epsilon, b, and the product of
    differences, in units of epsilon, below which all weights are the same.
    """
    slack_s, slack_t = np.hypot(rules.sigma_fine, rules.sigma_coarse), np.sqrt(2) * rules.sigma_coarse
    # Of digital numbers the product is whole, and may be the uncertainty itself, which is not below. The margin
    # keeps that from the last bits, by which weights would differ a hundredfold.
    uncertainty = np.hypot(slack_s, slack_t) / rules.epsilon * (1 - 1e-3)
    return np.array([slack_s, slack_t, rules.epsilon, rules.log_scale, uncertainty], np.float32)


def spread_of_references(pieces: Iterable[Task], state: State, rules: Rules) -> State:
    """The state and in it ``fine_sd``, shape (time, band): what `prepare` of a method of this kind gives.

    It is the spread of each whole reference image, which tiles cannot know; left out where it is not asked for.
    """
    if rules.sd == "window" or "fine_sd" in state:
        return state
    return {**state, "fine_sd": references_sd(pieces)}


def tolerances(fine: FloatArray, sd: FloatArray | None, rules: Rules) -> FloatArray:
    """Largest difference of a similar pixel to the centre, 2 sd / m (Gao et al. 2006, section III-B).

    Parameters
    ----------
    fine : ndarray, shape (pair, y, x), float32
    sd : ndarray, shape (pair,), or None
        Spread of the whole images; None = that of the window around each pixel.

    Returns
    -------
    ndarray, shape (pair, 1, 1) or (pair, y, x), float32
    """
    spread = np.stack([window_sd(image, rules.window) for image in fine]) if sd is None else sd[:, None, None]
    return (2 * spread / rules.classes).astype(np.float32)
