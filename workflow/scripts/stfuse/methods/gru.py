"""A recurrent network that fuses a pixel's optical NDVI with NDVI from radar: any date of a series with gaps.

Roßberg and Schmitt 2024 (IEEE JSTARS 17, 10.1109/JSTARS.2024.3379838), sections III and IV. Kind: network, series.
Two thirds of the optical values of a series are hidden and must be said from the others, from radar on every day that
it saw, and from the day of the year. Sequences of one to six months; steps at which nothing is known and nothing is
asked are left out; what is unknown at a step is the mean. ``inputs: optical_only`` and ``inputs: ndvi_backscatter``
are the paper's comparisons.

The first hidden state is drawn from N(0, 1) as in the paper, but in use it is fixed (``draws``), because a result must
come out again. Not in the paper, and off by default: ``residual`` and ``flags``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from torch import nn

from stfuse.errors import InputError
from stfuse.filling.feeding import Drawing, SequenceFeed
from stfuse.filling.hiding import HIDDEN_SHARE
from stfuse.filling.opening import open_sequences
from stfuse.filling.sequences import Form
from stfuse.filling.stack import CHANNELS, Inputs
from stfuse.filling.windows import fill_series
from stfuse.learning.devices import device, placed, steady
from stfuse.learning.plan import Plan, Precision
from stfuse.learning.training import train_on
from stfuse.learning.weights import restore, scaling_of
from stfuse.networks.gru import SeriesGRU
from stfuse.task import FloatArray, Needs, Sample, State, Task

NEEDS = Needs(
    references="all", coarse=False, uses=("sar",), samples="series", fills=True, gpu=True, cost=2.0,
    by_setting=(
        ("inputs", "ndvi_fusion", "guides", "sar"), ("inputs", "ndvi_backscatter", "aux", "sar"),
        ("inputs", "optical_only", "", ""),
    ),
)  # fmt: skip
VERSION = 1


@dataclass(frozen=True)
class Params(Plan):
    """Settings; see `stfuse.learning.plan.Plan` for those of the training.

    Attributes
    ----------
    inputs : {"ndvi_fusion", "optical_only", "ndvi_backscatter"}
        Beside optical NDVI and the day of the year: NDVI from radar, nothing, or vv and vh in dB.
    hidden, depth, width : int
        Units of the GRU in each direction, its layers, and units of the dense layers: 256, 3 and 128 (section III).
    dropout : float
        Between the layers of the GRU, 0..1 (section III).
    months : (float, float)
        Shortest and longest sequence in training (section III); in use the longest.
    hidden_share : float
        Of the optical values, 0..1, hidden in training (section III).
    draws : int
        First hidden states to average over in use; 0: one that is zero.
    flags : bool
        Whether the network is told which inputs are known at a step, not in the paper.
    residual : bool
        False: the network says the NDVI, as in the paper. True: it says what to add, as a logit, to the linear
        interpolation of the kept values, and begins with the interpolation itself. False is the default because its
        held-out loss ends lower: 2.3e-4 beside 2.6e-4 after 600 steps on 2000 simulated series (hidden 64, width 64;
        RMSE 0.047 beside 0.059 on other ground, the interpolation 0.079; MAE 0.038 beside 0.032 and 0.046). True is
        ahead up to some 200 steps: after 25 the losses are 4e-4 and 11e-4.
    batch, learning_rate : int, float
        128 and 5e-4 (section III).
    patch : int
        Pixels a side of the blocks of ground that are held out for early stopping; ``min_valid`` is the share of such
        a block that must have been observed.
    epochs, steps, schedule, clip, patience, held_share
        Not in the paper.
    precision : {"auto", "full"}
        Full, because recurrence adds up what is lost at each step.
    """

    inputs: Inputs = "ndvi_fusion"
    hidden: int = 256
    depth: int = 3
    width: int = 128
    dropout: float = 0.3
    months: tuple[float, float] = (1.0, 6.0)
    hidden_share: float = HIDDEN_SHARE
    draws: int = 1
    flags: bool = False
    residual: bool = False
    patch: int = 8
    batch: int = 128
    epochs: int = 40
    steps: int = 50
    learning_rate: float = 5e-4
    patience: int = 10
    precision: Precision = "full"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "months", tuple(self.months))  # a list in the config
        if self.inputs not in get_args(Inputs):
            raise ValueError(f"inputs must be one of {', '.join(get_args(Inputs))}, found {self.inputs!r}.")
        if len(self.months) != 2 or not 0 < self.months[0] <= self.months[1]:
            raise ValueError(f"months must be two lengths above 0, the shorter first, found {self.months}.")
        for name in ("hidden_share", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in 0..1, below 1, found {getattr(self, name)}.")
        for name, least in (("hidden", 1), ("depth", 1), ("width", 1), ("draws", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be {least} at least, found {getattr(self, name)}.")

    def network(self, features: int, draws: int) -> SeriesGRU:
        """The network for so many features of a step."""
        return SeriesGRU(features, self.hidden, self.depth, self.width, self.dropout, self.residual, draws)


def halo(params: Params) -> int:
    """None: each pixel is its own series."""
    return 0


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on the series of the samples, of which it hides values itself.

    Raises
    ------
    InputError
        If the series are no NDVI, too few or too cloudy, or lack what `inputs` asks of radar.
    """
    scenes = list(samples)
    for scene in scenes:
        _check(scene.bands)
    drawing = Drawing(params.inputs, params.months, params.hidden_share, params.flags, params.residual)

    def feed(rank: int, ranks: int) -> SequenceFeed:
        return open_sequences(scenes, drawing, params, seed, rank, ranks)

    def build(feed: SequenceFeed) -> nn.Module:
        # One draw while training: which epoch is best does not hang on the first state.
        return params.network(feed.form.features, min(params.draws, 1))

    return train_on(feed, build, params, seed, name="gru")


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict every date from all that is known of each pixel, in sequences of at most ``months[1]``.

    Returns
    -------
    ndarray, shape (time, 1, y, x), float32
        NDVI -1..1. NaN for pixels of which nothing is known on any day, neither from optics nor from radar.

    Raises
    ------
    InputError
        If the series are no NDVI, or the state was trained with other inputs.
    """
    _check(task.fine.bands)
    channels = CHANNELS[params.inputs]
    where, form = device(), Form(scaling_of(state), params.flags, params.residual)
    network = params.network(channels + 2 + params.flags * channels, params.draws)
    restore(network, state)
    placed(network, where).eval()
    with steady(where, params.precision):
        return fill_series(network, where, task, params.inputs, form, params.months[1])


def _check(bands: tuple[str, ...]) -> None:
    if tuple(bands) != ("ndvi",):
        raise InputError(f"Series of {', '.join(bands)} cannot be filled by this network", "set variable: ndvi")
