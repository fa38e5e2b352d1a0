"""A fitted line weighed against what is published of such sensors: a few hazy days must not outweigh it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stfuse.harmonisation.daylines import MeanLine

SLOPE_SPREADS = (0.014, 0.06)
VALUE_SPREADS = (0.002, 0.012)
"""How far lines between such sensors lie from the expected one, in the slope and, in reflectance, at mean brightness.

The first are the root mean square differences from the identity of HLS's lines between OLI and the three MSI (Claverie
et al. 2018, RSE 219, 145-161), the second those of Chastain et al. (2019, RSE 221, 274-285), at the brightness of
fields: 0.06 (blue), 0.08 (green, red), 0.3 (near infrared), 0.22 and 0.13 (shortwave infrared). The two teams differ by
more than either says, so neither is taken for the one truth."""


@dataclass(frozen=True)
class Shrunk:
    """A line between the fitted and the expected one.

    Attributes
    ----------
    slope, offset : float
    slope_error, offset_error : float
        Standard deviations of what is then believed of them.
    weight : float
        The fit's share in the slope, 0 (the expected line) to 1 (the fitted one).
    """

    slope: float
    offset: float
    slope_error: float
    offset_error: float
    weight: float


def shrink(fit: MeanLine, slope: float, offset: float) -> Shrunk:
    """The posterior of a line whose prior is centred on the expected one.

    Slope and value at the fit's mean brightness are taken for independent, each normal about the expected one. Of the
    spread two views are even odds beforehand, `SLOPE_SPREADS` and `VALUE_SPREADS`; the fit tells which of them holds.
    So a small difference is drawn near, and a large one that is well seen stays. Within a view the fit counts by
    inverse variance. (A mixture of conjugate priors: Gelman et al. 2013, Bayesian Data Analysis, 2.4 and 5.4.)

    Parameters
    ----------
    fit : MeanLine
    slope, offset : float
        The expected line: the published one, or the identity.
    """
    off = np.array([fit.slope - slope, fit.value - (slope * fit.centre + offset)])
    error = np.square([fit.slope_error, fit.value_error])[:, None]
    spread = np.square([SLOPE_SPREADS, VALUE_SPREADS])  # (slope and value, view)
    together = spread + error
    shares = spread / together
    odds = -0.5 * (off[:, None] ** 2 / together + np.log(together)).sum(axis=0)
    odds = np.exp(odds - odds.max())
    odds /= odds.sum()
    weight = shares @ odds
    moved = shares * off[:, None]
    variance = (shares * error + (moved - (weight * off)[:, None]) ** 2) @ odds
    found = slope + float(weight[0] * off[0])
    value = slope * fit.centre + offset + float(weight[1] * off[1])
    return Shrunk(
        found,
        value - found * fit.centre,
        math.sqrt(variance[0]),
        math.sqrt(variance[1] + variance[0] * fit.centre**2),
        float(weight[0]),
    )
