"""STARFM with simplified input: one fine image of another date, one coarse image of the target date.

The baseline of Wu et al. 2022 (section 3.1), after Wu et al. 2020 (IEEE JSTARS 13:6206). That
article's text was not at hand; this is a reconstruction: the coarse image missing at the
fine date is simulated by degrading the fine image, then STARFM runs on that single pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox
from scipy.ndimage import gaussian_filter

from stfuse.bands import clip_to_valid
from stfuse.fusion.blending import blend
from stfuse.fusion.blending_rules import Weight, check_rules, spread_of_references, tolerances
from stfuse.fusion.spread import SD
from stfuse.fusion.windows import surroundings
from stfuse.grid import degrade_inside, regrid
from stfuse.task import FloatArray, Needs, State, Task
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict", "prepare"]

NEEDS = Needs(references="nearest")
AREA_MTF = 2 / math.pi

LEAST_MTF = 0.1
"""With less the Gaussian, four sigmas wide, would reach beyond the four coarse pixels that tiles have around them."""


@dataclass(frozen=True)
class Params:
    """Settings; differences are in reflectance (or NDVI), lengths in fine pixels.

    They are those of STARFM. What differs: the window, because the ratio is small; and the temporal difference
    does not weigh.

    Attributes
    ----------
    window : int
        Width w of the search window, odd: 31 sees ten coarse pixels at ratio 3.
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
        True: samples must pass the spectral and the temporal filter (the article, equations 15 and 16);
        False: either is enough (Gao's own code).
    weight : {"linear", "log"}
        Combined distance as product of differences or of their logarithms.
    temporal_weight : bool
        Whether the temporal difference weighs too (the article, and ImageFusion whatever its comments say). Gao's
        own code leaves it out with a single pair, which this always is: it would favour pixels that changed less
        than the centre.
    max_weight : bool
        Samples within the combined uncertainty all take the largest weight (Gao's own code, ImageFusion).
    epsilon : float
        Added to differences in the linear form: one digital number.
    log_scale : float
        Factor of differences in the logarithmic form.
    copy_on_zero_diff : bool
        The article's special cases, equations 13 and 14. They make visible blocks, hence off.
    mtf : float, optional
        What is left of a wave of two coarse pixels in the simulated coarse image. None: an area mean, by which
        2 / pi = 0.64 is left; real sensors leave about 0.3, to which a Gaussian before the mean brings it. At
        least 0.1: the Gaussian would be wider than what is read around a tile.
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
    mtf: float | None = None
    clip: bool = True

    def __post_init__(self) -> None:
        check_rules(self)
        if self.mtf is not None and not LEAST_MTF <= self.mtf <= AREA_MTF:
            raise ValueError(
                f"mtf must lie between {LEAST_MTF}, below which the blur is wider than what is read around a tile, "
                f"and {AREA_MTF:.3f}, that of an area mean, or be left out, found {self.mtf}"
            )


def halo(params: Params) -> int:
    """Half the search window."""
    return params.window // 2


def prepare(pieces: Iterable[Task], state: State, params: Params) -> State:
    """Add what tiles cannot know: the spread of each whole reference image, shape (time, band)."""
    return spread_of_references(pieces, state, params)


def simulate(image: FloatArray, fine: GeoBox, coarse: GeoBox, mtf: float | None) -> FloatArray:
    """Coarse images (..., coarse y, coarse x) that a sensor with that `mtf` has of fine images (..., y, x)."""
    if mtf is None:
        return degrade_inside(image, fine, coarse)
    # A Gaussian leaves exp(-(pi sigma / ratio)^2 / 2) of a wave of two coarse pixels.
    ratio = abs(coarse.affine.a / fine.affine.a)
    sigma = ratio / math.pi * math.sqrt(-2 * math.log(mtf / AREA_MTF))
    seen = np.isfinite(image)
    share = gaussian_filter(seen.astype(np.float32), sigma, mode="constant", axes=(-2, -1))
    mean = gaussian_filter(np.where(seen, image, np.float32(0)), sigma, mode="constant", axes=(-2, -1))
    blurred = np.divide(mean, share, out=np.full_like(image, np.nan), where=seen)
    return degrade_inside(blurred, fine, coarse)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from the fine image nearest in time; NaN where that image or the coarse one is."""
    state = prepare([task], state, params)
    around, edges = surroundings(task.edges, halo(params), task.fine.values.shape[2:])
    grid, coarse = task.fine.grid[around], task.coarse
    out = np.full((len(task.dates), *task.fine.values.shape[1:]), np.nan, np.float32)
    for t, date in enumerate(task.dates):
        reference, target = task.fine.nearest(date), coarse.nearest(date)
        # The same way down and up as the coarse image came: no resampling bias enters the difference.
        simulated = simulate(task.fine.values[reference], task.fine.grid, coarse.grid, params.mtf)
        then, now = regrid(np.stack([simulated, coarse.values[target]]), coarse.grid, grid, "bilinear")
        for b in range(len(now)):
            fine = task.fine.values[[reference], b, *around]
            tolerance = tolerances(fine, state["fine_sd"][[reference], b] if params.sd == "image" else None, params)
            out[t, b, *around] = blend(fine, then[[b]], now[b], tolerance, params, edges)
    return clip_to_valid(out, task.fine.bands) if params.clip else out
