"""Methods on folds of real series: radar's own NDVI, trainings, and the errors of hidden values by gap length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from benchmarks.series_data import Fold, Pixels
from small_series import SmallSample
from stfuse.filling.hiding import HIDDEN_SHARE
from stfuse.filling.scoring import SEED, Scores
from stfuse.filling.trials import trials
from stfuse.methods import load, make_params
from stfuse.task import FloatArray, Task

RADAR = "radar alone"
NETWORK = {"hidden": 32, "depth": 1, "width": 64, "epochs": 16, "steps": 20, "batch": 64, "patch": 1, "patience": 6}
NETWORK |= {"learning_rate": 2e-3}
"""A GRU for one core and few series; the paper's has 256 units and three layers, and learns from millions of them.
Chosen on the training parcels of one fold of `flanders_10d`, where larger ones were no better."""


@dataclass(frozen=True)
class Entry:
    """A method as it is compared.

    Attributes
    ----------
    name, file : str
    settings : dict
    radar : bool
        Whether it is run only where there is radar.
    network : bool
        Whether it is a network, which has seeds and is trained on sequences of the fold's lengths.
    """

    name: str
    file: str
    settings: dict[str, Any] = field(default_factory=dict)
    radar: bool = False
    network: bool = False

    @property
    def trained(self) -> bool:
        """Whether it learns from series."""
        return load(self.file).NEEDS.samples == "series"

    def params(self, fold: Fold) -> Any:
        """Its settings in a fold."""
        own = NETWORK | {"months": fold.months} if self.network else {}
        return make_params(load(self.file), own | self.settings)


ENTRIES = [
    Entry("temporal", "temporal"),
    Entry("nearest", "temporal", {"mode": "nearest"}),
    Entry("whittaker", "whittaker"),
    Entry("gaussian_process", "gaussian_process"),
    Entry("hgbrt", "hgbrt"),
    Entry("gru_optical", "gru", {"inputs": "optical_only"}, network=True),
    Entry("gru_backscatter", "gru", {"inputs": "ndvi_backscatter"}, radar=True, network=True),
    Entry("gru", "gru", {"inputs": "ndvi_fusion"}, radar=True, network=True),
    Entry("gru_optical_added", "gru", {"inputs": "optical_only", "residual": True}, network=True),
    Entry("gru_added", "gru", {"inputs": "ndvi_fusion", "residual": True}, radar=True, network=True),
]


def radar_regression(train: Pixels) -> Pipeline:
    """NDVI from vv and vh of the same day, pixel by pixel: squares and a product, by ridge regression.

    It stands in for the U-Net of stage one, which needs images; these sets have single pixels.
    """
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge(1.0))
    rows, seen = _radar_rows(train)
    known = seen & np.isfinite(train.ndvi.ravel())
    model.fit(rows[known], train.ndvi.ravel()[known])
    return model


def radar_ndvi(model: Pipeline, pixels: Pixels) -> FloatArray:
    """What it says of pixels, shape (time, pixel), -1..1; NaN where there is no backscatter."""
    rows, seen = _radar_rows(pixels)
    out = np.full(len(rows), np.nan, np.float32)
    out[seen] = np.clip(model.predict(rows[seen]), -1, 1)
    return out.reshape(pixels.ndvi.shape)


def _radar_rows(pixels: Pixels) -> tuple[FloatArray, np.ndarray]:
    assert pixels.backscatter is not None
    rows = pixels.backscatter.transpose(0, 2, 1).reshape(-1, 2)
    return rows, np.isfinite(rows).all(axis=1)


def samples_of(fold: Fold) -> tuple[SmallSample | None, SmallSample]:
    """Training and test with NDVI from radar beside them, where there is radar to learn it from."""
    if fold.train is None or fold.train.backscatter is None:
        return fold.train.sample() if fold.train else None, fold.test.sample()
    model = radar_regression(fold.train)
    return fold.train.sample(radar_ndvi(model, fold.train)), fold.test.sample(radar_ndvi(model, fold.test))


def measure(fold: Fold, entries: Sequence[Entry], seeds: int) -> Iterator[dict[str, object]]:
    """Tidy rows of every method and seed on the hidden values of a fold's test: the same values for all."""
    train, test = samples_of(fold)
    guided = len(test.task.coarse.dates) > 0
    if guided:
        yield from _scored(fold, RADAR, 0, test, _on_the_day)
    for entry in entries:
        if (entry.radar and not guided) or (entry.trained and train is None):
            continue
        method, params = load(entry.file), entry.params(fold)
        for seed in range(seeds if entry.network else 1):
            state = method.fit([train] if entry.trained and train else [], params, seed)
            used = {k: v for k, v in state.items() if k != "curve"}

            def fill(task: Task, used: Any = used, method: Any = method, params: Any = params) -> FloatArray:
                return np.asarray(method.predict(task, used, params))

            yield from _scored(fold, entry.name, seed, test, fill)


def _on_the_day(task: Task) -> FloatArray:
    """Radar's own NDVI, of the same dates."""
    return task.coarse.values


def _scored(fold: Fold, name: str, seed: int, test: SmallSample, fill: Any) -> list[dict[str, object]]:
    scores = Scores()
    for trial in trials(test, fill, HIDDEN_SHARE, np.ones(test.grid.shape, bool), SEED):
        scores.add(trial, trial.observed, np.full(len(trial.observed), np.nan, np.float32))
    words = {"data_set": fold.data_set, "split": fold.split, "site": fold.name, "method": name, "seed": seed}
    words |= {"truth": "observed"}
    return [words | row._asdict() for row in scores.rows()]
