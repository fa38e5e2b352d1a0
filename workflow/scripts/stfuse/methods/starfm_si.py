"""STARFM with simplified input: one fine image of another date, one coarse image of the target date.

The baseline of Wu et al. 2022 (section 3.1), after Wu et al. 2020 (IEEE JSTARS 13:6206). That
article's text was not at hand; this is a reconstruction: the coarse image missing at the
fine date is simulated by degrading the fine image, then STARFM runs on that single pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stfuse.bands import clip_to_valid
from stfuse.blending import Weight, blend, check_rules
from stfuse.grid import degrade_inside, regrid
from stfuse.similar import SD, image_sd, window_sd
from stfuse.task import FloatArray, Needs, State, Task
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict", "prepare"]

NEEDS = Needs(references="nearest")


@dataclass(frozen=True)
class Params:
    """Settings; differences are in reflectance (or NDVI), lengths in fine pixels.

    Attributes
    ----------
    window : int
        Width w of the search window, odd (31 in cuSTARFM and starfm4py, 51 in ImageFusion).
    classes : float
        Number of classes m: similar pixels differ by less than 2 sd / m (Gao's own code and ImageFusion: 40;
        cuSTARFM and starfm4py: 4, with which the prediction is smooth and slight changes drown in it).
    sd : {"image", "window"}
        Where sd is taken: over the reference image (Gao's own code) or over the window.
    sigma_fine, sigma_coarse : float
        Sensor uncertainties (Gao's own code: 0.002 each).
    distance_scale : float
        A in the spatial distance 1 + d / A; 0 = w / 2 (Gao et al. 2006, equation 9).
    strict : bool
        True: samples must pass the spectral and the temporal filter (the paper, equations 15 and 16);
        False: either is enough (Gao's own code).
    weight : {"linear", "log"}
        Combined distance as product of differences or of their logarithms.
    temporal_weight : bool
        Whether the temporal difference weighs too (the paper). Gao's own code and ImageFusion leave it out
        with a single pair, which this always is: it would favour pixels that changed less than the centre.
    max_weight : bool
        Samples within the combined uncertainty all take the largest weight (Gao's own code, ImageFusion).
    epsilon : float
        Added to differences in the linear form: one digital number.
    log_scale : float
        Factor of differences in the logarithmic form.
    copy_on_zero_diff : bool
        The paper's special cases, equations 13 and 14. They make visible blocks, hence off.
    clip : bool
        Whether predictions are held to the valid range of their band.
    """

    window: int = 31
    classes: float = 40
    sd: SD = "image"
    sigma_fine: float = 0.002
    sigma_coarse: float = 0.002
    distance_scale: float = 0.0
    strict: bool = True
    weight: Weight = "linear"
    temporal_weight: bool = False
    max_weight: bool = False
    epsilon: float = 1e-4
    log_scale: float = 1e4
    copy_on_zero_diff: bool = False
    clip: bool = True

    def __post_init__(self) -> None:
        check_rules(self)
        if self.sd not in ("image", "window"):
            raise ValueError(f"sd must be image or window, found {self.sd!r}")
        if self.classes <= 0:
            raise ValueError(f"classes must be positive, found {self.classes}")


def halo(params: Params) -> int:
    """Half the search window."""
    return params.window // 2


def prepare(pieces: Iterable[Task], state: State, params: Params) -> State:
    """Add what tiles cannot know: the spread of each whole reference image, shape (time, band)."""
    if params.sd == "window":
        return state
    return {**state, "fine_sd": image_sd(task.fine.values[..., *task.core] for task in pieces)}


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from the fine image nearest in time; NaN where that image or the coarse one is."""
    state = state if "fine_sd" in state else prepare([task], state, params)
    grid, coarse = task.fine.grid, task.coarse
    out = np.empty((len(task.dates), *task.fine.values.shape[1:]), np.float32)
    for t, date in enumerate(task.dates):
        reference = task.fine.nearest(date)
        fine = task.fine.values[reference]
        # The same way down and up as the coarse image came: no resampling bias enters the difference.
        simulated = regrid(degrade_inside(fine, grid, coarse.grid), coarse.grid, grid, "bilinear")
        now = regrid(coarse.values[coarse.nearest(date)], coarse.grid, grid, "bilinear")
        for b in range(len(fine)):
            sd = state["fine_sd"][reference, b] if params.sd == "image" else window_sd(fine[b], params.window)
            tolerance = np.asarray(2 * sd / params.classes, np.float32)
            out[t, b] = blend(fine[b][None], simulated[b][None], now[b], tolerance, params)
    return clip_to_valid(out, task.fine.bands) if params.clip else out
