"""Hybrid of SRCNN and LSTM: what coarse images tell about change, learnt per pixel and applied to the fine ones.

Yang, Diao and Li 2021 (Remote Sensing 13, 5005), section 2.5. Kind: network, trained anew for each target date on
the images it is predicted from. With coarse images C and fine images F of the dates 1, 2, 3, of which F_2 is
looked for: a three-layer network U learns F_1 and F_3 from C_1 and C_3; an LSTM learns U(C_2) from U(C_1) and
U(C_3), pixel by pixel; and F_2 is what that LSTM says of F_1 and F_3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from torch import nn

from stfuse.bands import clip_to_valid
from stfuse.channels import bracket, gaps
from stfuse.crops import reach
from stfuse.errors import InputError, TooLittleError
from stfuse.grid import regrid
from stfuse.learning.inference import apply
from stfuse.learning.lessons import Example, Lesson
from stfuse.learning.levels import Levels, Scaling, levels_of, require_scaling
from stfuse.learning.plan import Plan
from stfuse.learning.training import train
from stfuse.learning.weights import part, staged
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.lstm import PixelLSTM, begin_lstm
from stfuse.networks.three_layer import THREE_LAYER_HALO, three_layer
from stfuse.task import FloatArray, Needs, Scene, State, Task, Window

logger = logging.getLogger(__name__)

NEEDS = Needs(references="bracketing", pairs=True, samples="target", gpu=True)
VERSION = 1
LSTM_SETTINGS = ("batch", "epochs", "steps", "learning_rate", "patience")


@dataclass(frozen=True)
class Params(Plan):
    """Settings; those of `stfuse.learning.plan.Plan` hold for both trainings but for what ``lstm_`` says otherwise.

    The paper (section 2.5.3) trains U on 10,000 sub-images of 33 x 33 pixels (2,500 held out), 50 epochs of batches
    of 128, and the LSTM on 150,000 pixels (30,000 held out), 150 epochs of batches of 128, both by Adam from 0.001:
    an hour for each target date on its device. For just these numbers say ``batch: 128, steps: 78, epochs: 50,
    lstm_steps: 1172, lstm_epochs: 150, lstm_learning_rate: 0.001``. The defaults take a minute of one core for
    192 x 192 pixels of six bands.

    Attributes
    ----------
    residual : bool
        True: U says what to add to the coarse image. False: it says the fine image itself, as in the paper,
        which takes longer to learn (see `stfuse.methods.srcnn`).
    scaling : {"date", "pairs"}
        Units in which U sees images and answers; the paper is silent. "date": every date's own mean and spread. U then
        says how detail grows out of contrast, which holds on a date with colours that neither pair has. "pairs": those
        of both pairs together: U takes such colours for detail. Chosen without any target's truth, by U trained on
        one pair of the simulated Champaign and tried on the other (2017-05-30 and 10-02, RMSE of SR): 0.0293 and
        0.0316 against 0.0298 and 0.0334, and 0.0304 and 0.0321 for the coarse images themselves.
    beginning : {"he", "normal"}
        How U's weights begin, see `stfuse.networks.beginning.initialise`; the paper does not say. The LSTM's
        begin as in Keras, in which the paper's was made.
    lstm_batch : int
        Pixels a step.
    lstm_epochs, lstm_steps : int
        At most so many epochs of so many steps.
    lstm_learning_rate : float
        Of Adam, at the beginning. Three times the paper's, for a training of a sixtieth of its steps.
    lstm_patience : int
        Epochs without a better held-out loss after which the LSTM's training stops.
    units : int
        Cells in each layer of the LSTM.
    dropout : float
        Share of the cells that is dropped while training, 0..1.
    """

    residual: bool = True
    scaling: Scaling = "date"
    beginning: Beginning = "he"
    epochs: int = 20
    lstm_batch: int = 128
    lstm_epochs: int = 30
    lstm_steps: int = 100
    lstm_learning_rate: float = 3e-3
    lstm_patience: int = 15
    units: int = 100
    dropout: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in (*(f"lstm_{setting}" for setting in LSTM_SETTINGS), "units"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in 0..1, below 1, found {self.dropout}.")
        require_scaling(self.scaling)

    @property
    def lstm_plan(self) -> Plan:
        """How the LSTM is trained: on single pixels."""
        shared = {name: getattr(self, name) for name in Plan.__dataclass_fields__}
        own = {name: getattr(self, f"lstm_{name}") for name in LSTM_SETTINGS}
        return Plan(**{**shared, **own, "patch": 1})


def halo(params: Params) -> int:
    """None: predicting, each pixel is a sequence of its own."""
    return 0


def _coarse(task: Task, date: np.datetime64) -> FloatArray:
    """The coarse image (band, y, x) of a date on the fine grid, bilinear as in section 2.2."""
    return regrid(task.coarse.values[task.coarse.nearest(date)], task.coarse.grid, task.fine.grid, "bilinear")


def _pair_dates(task: Task, date: np.datetime64) -> list[int]:
    """Which of the task's fine images are F_1 and F_3."""
    if len(task.fine.dates) < 2:
        raise InputError(
            f"srcnn_lstm needs a fine image before and one after {date}, found {len(task.fine.dates)}",
            "give it the references that its NEEDS ask for, or use a method that works with one pair",
        )
    return list(bracket(task.fine.dates, date))


def _sharpened(task: Task, date: np.datetime64, state: State, levels: Levels, residual: bool) -> FloatArray:
    """SR of a date: what U makes of its coarse image, NaN where that is."""
    coarse = levels.scaled(_coarse(task, date), date)
    said = apply(three_layer(len(coarse), len(coarse)), state, coarse, THREE_LAYER_HALO)
    said = levels.restored(said + coarse if residual else said, date)
    said[:, gaps(coarse)] = np.nan
    return np.asarray(said, np.float32)


def _sharpen_lessons(scene: Scene, levels: Levels, residual: bool) -> list[Lesson]:
    """C_k and F_k for k = 1 and 3, in units of their levels."""

    def of_pair(which: int) -> Callable[[Window], Example]:
        def see(window: Window) -> Example:
            task = scene.crop(window)
            k = _pair_dates(task, scene.dates[0])[which]
            date = task.fine.dates[k]
            coarse, goal = (levels.scaled(image, date) for image in (_coarse(task, date), task.fine.values[k]))
            goal = goal - coarse if residual else goal
            goal[:, gaps(coarse)] = np.nan
            return Example(coarse, goal)

        return see

    shape = scene.grid.height, scene.grid.width
    return [Lesson(shape, of_pair(which), reach(scene), scene.grid) for which in (0, 1)]


def _follow_lessons(scene: Scene, sharpen: State, levels: Levels, residual: bool) -> list[Lesson]:
    """SR_1 and SR_3, and SR_2 as the goal; a pixel that is masked in any image of any date teaches nothing."""

    def see(window: Window) -> Example:
        task = scene.crop(window)
        date, pair = scene.dates[0], _pair_dates(task, scene.dates[0])
        fine = task.fine.values[pair]
        before, after = (_sharpened(task, task.fine.dates[k], sharpen, levels, residual) for k in pair)
        goal = _sharpened(task, date, sharpen, levels, residual)
        inputs = np.concatenate([before, after])
        goal[:, gaps(np.concatenate([inputs, *fine]))] = np.nan
        return Example(inputs, goal)

    return [Lesson((scene.grid.height, scene.grid.width), see, reach(scene) + THREE_LAYER_HALO, scene.grid)]


def fit(samples: Iterable[Scene], params: Params, seed: int) -> State:
    """Train U on the two pairs, then the LSTM on what U makes of the three coarse images.

    Returns
    -------
    dict of str to ndarray
        Stages ``sharpen`` (U) and ``follow`` (the LSTM); empty where too little is observed to train either.

    Raises
    ------
    InputError
        If the scene has fewer than two fine images.
    """
    (scene,) = samples
    first = scene.crop((slice(0, 1), slice(0, 1)))
    pair = [first.fine.dates[k] for k in _pair_dates(first, scene.dates[0])]
    date = scene.dates[0]
    levels = levels_of(scene, (*pair, date), _coarse, params.scaling)

    def build_u(channels: int, bands: int) -> nn.Module:
        return initialise(three_layer(channels, bands), seed, params.beginning)

    def build_lstm(channels: int, bands: int) -> nn.Module:
        return begin_lstm(PixelLSTM(channels, bands, params.units, params.dropout), seed)

    try:
        lessons = _sharpen_lessons(scene, levels, params.residual)
        sharpen = train(lessons, build_u, params, seed, THREE_LAYER_HALO, name=f"srcnn_lstm {date}, sharpening")
        lessons = _follow_lessons(scene, sharpen, levels, params.residual)
        follow = train(lessons, build_lstm, params.lstm_plan, seed, 0, name=f"srcnn_lstm {date}, following")
    except TooLittleError as error:
        logger.warning("nothing is predicted for %s: %s", date, error)
        return {}
    return staged(sharpen=sharpen, follow=follow)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from the fine images before and after it, by the change that the LSTM has learnt.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
        NDVI in -1..1, reflectance in 0..1.2; NaN where either fine image is, and everywhere when nothing was learnt.

    Raises
    ------
    InputError
        If the state was trained for other bands, or the task has fewer than two fine images.
    """
    bands = task.fine.bands
    out = np.full((len(task.dates), len(bands), *task.fine.grid.shape), np.nan, np.float32)
    for i, date in enumerate(task.dates if state else ()):
        inputs = np.concatenate([task.fine.values[k][:, *task.core] for k in _pair_dates(task, date)])
        network = PixelLSTM(len(inputs), len(bands), params.units, params.dropout)
        said = clip_to_valid(apply(network, part(state, "follow"), inputs, 0), bands)
        said[:, gaps(inputs)] = np.nan
        out[i][:, *task.core] = said
    return out
