"""STFDCNN: coarse images made fine in two steps by two networks, and the detail of the fine dates modulated on them.

Song et al. 2018 (IEEE JSTARS 11:821-829), as Yang et al. 2021 compare with it. Kind: networks, trained anew for each
target date on the pairs it is predicted from. One network (NLM) learns the non-linear mapping from the coarse
image to the fine one at an intermediate resolution, the other (SR) the way from there to the fine image. What both
together make of a coarse image is a transitional image T; each pair predicts ``F_k T_2 / T_k``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox
from torch import nn

from stfuse.bands import clip_to_valid
from stfuse.channels import gaps
from stfuse.crops import MARGIN, covering, reach
from stfuse.errors import InputError, TooLittleError
from stfuse.fusion.highpass import local_change, modulate, shares
from stfuse.fusion.windows import surroundings
from stfuse.grid import coarser, degrade_inside, regrid
from stfuse.learning.inference import apply
from stfuse.learning.lessons import Example, Lesson
from stfuse.learning.levels import Levels, Scaling, levels_of, require_scaling
from stfuse.learning.plan import Plan
from stfuse.learning.training import train
from stfuse.learning.weights import part, staged
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.three_layer import THREE_LAYER_HALO, three_layer
from stfuse.task import FloatArray, Needs, Scene, State, Task, Window

logger = logging.getLogger(__name__)

NEEDS = Needs(references="bracketing", also=("nearest",), pairs=True, samples="target", gpu=True)
VERSION = 1


@dataclass(frozen=True)
class Params(Plan):
    """Settings; see `stfuse.learning.plan.Plan` for those of the training, which hold for both networks.

    Attributes
    ----------
    reduction : float
        The intermediate pixel's size as a share of the coarse one's, 0..1. The paper reduces Landsat by 10 where
        MODIS is about 16.7 times as coarse: 0.6. A share, because ratios here go down to 2.5.
    cells : float
        Width of the window of local change, in coarse pixels, 1..7. Three of them are the 51 fine pixels of other
        methods at MODIS' ratio.
    threshold : float
        Where the change since one pair is larger by more than this than that since the other, the other
        pair is taken alone. In reflectance (or NDVI); the paper has such a threshold, its value could not be found.
        Below it the weights, inverse to the change, do: a pair with a tenth of the change has nine tenths of the say.
    floor, limit : float
        Guards of the modulation, see `stfuse.fusion.highpass.modulate`. Transitional images overshoot beside dark
        ground, down to 0 and below, where a ratio is noise: `floor` must be larger than what little they err by.
        0.02 by the trial of `scaling` below, after 20 epochs: ERGAS 0.44 and 0.48 (2017-05-30 to 06-14 and to
        10-02) against 0.48 and 0.53 with 0.001. With 0.05 0.39 and 0.45, but the spectral angle grows again.
    residual : bool
        True: each network says what to add to its input. False: its output itself.
    scaling : {"date", "pairs"}
        Units in which the networks see images and answers; the paper is silent. "date": every date's own mean and
        spread, so that a date that is another one but for gain and offset gets the same detail. "pairs": those of
        all pairs together; networks that know one or two dates then take colours for detail. Chosen without any
        target's truth, by networks trained on one pair of the simulated Champaign that predict the other's fine image
        from it (8 epochs of batches of 8, `floor` 0.001): ERGAS 0.33 and 0.38 (2017-05-30 and 06-14, both ways), 0.44
        and 0.41 (05-30 and 10-02) against 0.51, 0.47, 0.50 and 0.44. Networks that add nothing reach
        0.31, 0.31, 0.33 and 0.33.
    beginning : {"he", "normal"}
        See `stfuse.networks.beginning.initialise`.
    patch, batch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        Yang et al. 2021 train their networks on 10,000 sub-images of 33 x 33 pixels (2,500 held out) for 50 epochs of
        batches of 128 by Adam from 0.001: ``batch: 128, steps: 78, epochs: 50``. The defaults take 55 seconds
        of one core for 192 x 192 pixels of six bands.
    """

    reduction: float = 0.6
    cells: float = 3.0
    threshold: float = 0.05
    floor: float = 0.02
    limit: float = 5.0
    residual: bool = True
    scaling: Scaling = "date"
    beginning: Beginning = "he"
    epochs: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.reduction <= 1:
            raise ValueError(f"reduction must lie in 0..1, above 0, found {self.reduction}.")
        # The window must lie within what is read around a tile for resampling.
        if not 1 <= self.cells <= 2 * MARGIN - 1:
            raise ValueError(f"cells must lie in 1..{2 * MARGIN - 1}, found {self.cells}.")
        for name in ("threshold", "floor"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, found {getattr(self, name)}.")
        if not self.limit > 1:
            raise ValueError(f"limit must be above 1, found {self.limit}.")
        require_scaling(self.scaling)


def halo(params: Params) -> int:
    """Fine pixels that the filters of both networks reach, one after the other."""
    return 2 * THREE_LAYER_HALO


def _coarse(task: Task, date: np.datetime64, grid: GeoBox | None = None) -> FloatArray:
    """The coarse image (band, y, x) of a date on the fine grid (or a window of it), bilinear."""
    grid = task.fine.grid if grid is None else grid
    return regrid(task.coarse.values[task.coarse.nearest(date)], task.coarse.grid, grid, "bilinear")


def _reduced(fine: FloatArray, grid: GeoBox, small: GeoBox) -> FloatArray:
    """The fine image at the intermediate resolution, brought back to its own grid: as blurred as that."""
    small = small[covering(small, grid)]
    return regrid(degrade_inside(fine, grid, small), small, grid, "bilinear")


def _lessons(scene: Scene, levels: Levels, params: Params, step: str) -> list[Lesson]:
    """For each pair: from the coarse image to the intermediate one, or from there to the fine one, in their levels."""
    first = scene.crop((slice(0, 1), slice(0, 1)))
    # One lattice for the whole scene, so that no window has cells of its own.
    small = coarser(scene.grid, max(1.0, params.reduction * first.ratio))

    def of_pair(k: int) -> Callable[[Window], Example]:
        def see(window: Window) -> Example:
            task = scene.crop(window)
            date, images = task.fine.dates[k], [task.fine.values[k]]
            images += [_coarse(task, date), _reduced(images[0], task.fine.grid, small)]
            fine, coarse, between = (levels.scaled(image, date) for image in images)
            inputs, goal = (coarse, between) if step == "map" else (between, fine)
            goal = goal - inputs if params.residual else goal
            goal[:, gaps(inputs)] = np.nan
            return Example(inputs, goal)

        return see

    shape = scene.grid.height, scene.grid.width
    return [Lesson(shape, of_pair(k), reach(scene), scene.grid) for k in range(len(first.fine.dates))]


def fit(samples: Iterable[Scene], params: Params, seed: int) -> State:
    """Train both networks on the pairs that the date is predicted from.

    Returns
    -------
    dict of str to ndarray
        Stages ``map`` (NLM) and ``sharpen`` (SR), and the dates' ``levels``; empty where too little is observed to
        train either.

    Raises
    ------
    InputError
        If the scene has no fine image.
    """
    (scene,) = samples
    first = scene.crop((slice(0, 1), slice(0, 1)))
    _require_pair(first)
    levels = levels_of(scene, (*first.fine.dates, *scene.dates), _coarse, params.scaling)

    def build(channels: int, bands: int) -> nn.Module:
        return initialise(three_layer(channels, bands), seed, params.beginning)

    try:
        lessons = [_lessons(scene, levels, params, step) for step in ("map", "sharpen")]
        names = (f"stfdcnn {scene.dates[0]}, {step}" for step in ("mapping", "sharpening"))
        steps = [
            train(shown, build, params, seed, THREE_LAYER_HALO, name=name)
            for shown, name in zip(lessons, names, strict=True)
        ]
    except TooLittleError as error:
        logger.warning("nothing is predicted for %s: %s", scene.dates[0], error)
        return {}
    return staged(map=steps[0], sharpen=steps[1], levels=levels.state())


def _require_pair(task: Task) -> None:
    if not len(task.fine.dates):
        raise InputError("stfdcnn was given no fine image", "allow references further from the date, or drop the date")


def transitional(coarse: FloatArray, date: np.datetime64, levels: Levels, state: State, params: Params) -> FloatArray:
    """T: what both networks make of a date's coarse image (band, y, x) on the fine grid; NaN where it is."""
    said, unknown = levels.scaled(coarse, date), gaps(coarse)
    for step in ("map", "sharpen"):
        added = apply(three_layer(len(said), len(said)), part(state, step), said, THREE_LAYER_HALO)
        said = said + added if params.residual else added
        said[:, unknown] = np.nan
    return levels.restored(said, date)


def fuse(fine: FloatArray, then: FloatArray, now: FloatArray, changes: FloatArray, params: Params) -> FloatArray:
    """What the pairs predict, joined by how little has changed since each.

    Parameters
    ----------
    fine, then, changes : ndarray, shape (pair, band, y, x), float32
        Fine images, transitional images of their dates, and size of the local change since.
    now : ndarray, shape (band, y, x), float32
        Transitional image of the target date.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        NaN where no pair can say anything.
    """
    said = modulate(fine, then, np.broadcast_to(now, fine.shape), params.floor, params.limit)
    weight = shares(np.where(np.isnan(said), np.nan, changes), params.threshold)
    joined = (np.where(weight > 0, said, 0) * weight).sum(axis=0)
    return np.asarray(joined, np.float32)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from its coarse image and one pair or two.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
        NDVI in -1..1, reflectance in 0..1.2; NaN where the coarse image is, where no pair is observed, and
        everywhere when nothing was learnt.

    Raises
    ------
    InputError
        If the state was trained for other bands or dates, or there is no fine image.
    """
    _require_pair(task)
    bands = task.fine.bands
    out = np.full((len(task.dates), len(bands), *task.fine.grid.shape), np.nan, np.float32)
    if not state:
        return out
    window = 2 * int(params.cells * task.ratio / 2) + 1
    around, (top, bottom, left, right) = surroundings(task.edges, max(halo(params), window // 2), out.shape[2:])
    fine, grid = task.fine.values[..., *around], task.fine.grid[around]
    levels = Levels.of_state(part(state, "levels"), (*task.fine.dates, *task.dates), len(bands))
    coarse = np.stack([_coarse(task, date, grid) for date in task.fine.dates])
    dated = zip(coarse, task.fine.dates, strict=True)
    then = np.stack([transitional(image, date, levels, state, params) for image, date in dated])
    for i, date in enumerate(task.dates):
        image = _coarse(task, date, grid)
        changes = np.stack([local_change(before, image, window) for before in coarse])
        now = transitional(image, date, levels, state, params)
        said = fuse(fine, then, now, changes, params)
        out[i][:, *task.core] = clip_to_valid(said[:, top:bottom, left:right], bands)
    return out
