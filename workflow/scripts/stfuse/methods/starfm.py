"""STARFM: a fine image of another date, and what coarse images say has changed since.

Gao et al. 2006 (IEEE TGRS 44:2207): each pair of a fine image F_k and a coarse image C_k of one date forecasts
``F_k + C_0 - C_k`` with the coarse image C_0 of the target date; a prediction is the weighted mean of the
forecasts of similar pixels around it. Any number of pairs; bands are independent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stfuse.bands import clip_to_valid
from stfuse.errors import InputError
from stfuse.fusion.blending import blend
from stfuse.fusion.blending_rules import Limit, Weight, check_rules, spread_of_references, tolerances
from stfuse.fusion.spread import SD
from stfuse.fusion.windows import surroundings
from stfuse.grid import regrid
from stfuse.task import FloatArray, Needs, State, Task
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict", "prepare"]

NEEDS = Needs(references="nearest", also=("bracketing", "all"), pairs=True)


@dataclass(frozen=True)
class Params:
    """Settings; differences are in reflectance (or NDVI), lengths in fine pixels.

    The article gives no numbers for most. Public codes also differ from it in what follows from no good reason
    and cannot be chosen here: cuSTARFM takes sd / m (that is `classes` doubled), filters by signed differences
    and divides by the whole window at the edge; starfm4py pads the edge with zeros.

    Attributes
    ----------
    window : int
        Width w of the search window, odd. 51 (ImageFusion) sees three MODIS pixels of 500 m in pixels of 30 m,
        so there are neighbours of other coarse pixels; 31 (cuSTARFM, starfm4py) sees fewer than two.
    classes : float
        Number of classes m: similar pixels differ by less than 2 sd / m (Gao's own code, ImageFusion: 40;
        cuSTARFM, starfm4py: 4).
    sd : {"image", "window"}
        Where sd is taken: over the fine image (Gao's own code, ImageFusion) or over the window (cuSTARFM, starfm4py).
    sigma_fine, sigma_coarse : float
        Sensor uncertainties (Gao's own code: 0.002 each; cuSTARFM: 0.002 and 0.005; starfm4py: 0.03 each).
    distance_scale : float
        A in the spatial distance 1 + d / A (equation 9); 0 = w / 2 (ImageFusion). cuSTARFM: 25, starfm4py: 150.
    strict : bool
        True: samples must pass the spectral and the temporal filter (equations 15 and 16); False: either is
        enough (Gao's own code).
    limit : {"smallest", "largest", "own"}
        With several pairs: which of their differences at the centre limits both filters. The article prints the
        largest, which ImageFusion's authors take for a slip: both codes have the smallest. That is strict: a pair
        that is good at the centre by chance shuts out the samples of the other. "own": each pair by its own.
    weight : {"linear", "log"}
        Combined distance as product of differences (equation 10) or of their logarithms (ImageFusion's form).
    temporal_weight : bool
        Whether the temporal difference weighs too (equation 10). With a single pair Gao's own code leaves it out:
        it favours pixels that changed less than the centre. ImageFusion has it in, whatever its comments say.
    max_weight : bool
        Samples within the combined uncertainty all take the largest weight (Gao's own code, ImageFusion).
    epsilon : float
        Added to differences in the linear form: one digital number (Gao's own code, starfm4py, ImageFusion).
    log_scale : float
        Factor b of differences in the logarithmic form, ln(b S + 2).
    copy_on_zero_diff : bool
        The article's special cases, equations 13 and 14. They make visible blocks, hence off.
    clip : bool
        Whether predictions are held to the valid range of their band.
    """

    window: int = 51
    classes: float = 40
    sd: SD = "image"
    sigma_fine: float = 0.002
    sigma_coarse: float = 0.002
    distance_scale: float = 0.0
    strict: bool = True
    limit: Limit = "smallest"
    weight: Weight = "linear"
    temporal_weight: bool = True
    max_weight: bool = False
    epsilon: float = 1e-4
    log_scale: float = 1e4
    copy_on_zero_diff: bool = False
    clip: bool = True

    def __post_init__(self) -> None:
        check_rules(self)
        if self.limit not in ("smallest", "largest", "own"):
            raise ValueError(f"limit must be smallest, largest or own, found {self.limit!r}")


def halo(params: Params) -> int:
    """Half the search window."""
    return params.window // 2


def prepare(pieces: Iterable[Task], state: State, params: Params) -> State:
    """Add what tiles cannot know: the spread of each whole reference image, shape (time, band)."""
    return spread_of_references(pieces, state, params)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from every fine image and the coarse image nearest to its date.

    A pair takes part where all three images are observed; NaN where no pair does.

    Raises
    ------
    InputError
        If there is no fine image.
    """
    if not len(task.fine.dates):
        raise InputError("STARFM was given no fine image", "allow references further from the date, or drop the date")
    state = prepare([task], state, params)
    around, edges = surroundings(task.edges, halo(params), task.fine.values.shape[2:])
    grid, coarse = task.fine.grid[around], task.coarse
    of_pairs = [coarse.nearest(date) for date in task.fine.dates]
    then = regrid(coarse.values[of_pairs], coarse.grid, grid, "bilinear")
    fine = task.fine.values[..., *around]
    sd = state["fine_sd"].T if params.sd == "image" else [None] * len(task.fine.bands)
    out = np.full((len(task.dates), *task.fine.values.shape[1:]), np.nan, np.float32)
    tolerance = [tolerances(fine[:, b], sd[b], params) for b in range(len(sd))]
    for t, date in enumerate(task.dates):
        now = regrid(coarse.values[coarse.nearest(date)], coarse.grid, grid, "bilinear")
        for b in range(len(now)):
            out[t, b, *around] = blend(fine[:, b], then[:, b], now[b], tolerance[b], params, edges, params.limit)
    return clip_to_valid(out, task.fine.bands) if params.clip else out
