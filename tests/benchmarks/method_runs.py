"""Every method that needs no training, with every number of references it takes, run on images that are in memory.

What runs is read from stfuse/methods/ and config/config.yaml: a new method is compared without a word here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

import stfuse.methods
from benchmarks import ROOT
from stfuse import cases, tiles
from stfuse.methods import load, make_params
from stfuse.needs import Needs, read_needs
from stfuse.scores import Row, score_image
from stfuse.task import FloatArray, Series, Task

FILES = {p.stem: p for p in sorted(Path(str(stfuse.methods.__file__)).parent.glob("[!_]*.py"))}
METRICS = ("rmse", "mae", "cc", "ssim", "ergas", "sam_deg")
LEAST = 0.5
"""A run that predicts less of the truth than this share has no say in which pixels are compared."""


@dataclass(frozen=True, eq=False)
class Run:
    """A method with its settings and its choice of references.

    Attributes
    ----------
    name : str
        As in ``methods:`` of the config, else the file's.
    file : str
        Of the method.
    needs : Needs
        With the one choice of references.
    settings : mapping
    """

    name: str
    file: str
    needs: Needs
    settings: Mapping[str, Any] = field(default_factory=dict)

    def label(self, count: int) -> str:
        """The name, with the number of references where the method can do with more or fewer."""
        unit = "pair" if self.needs.pairs else "date"
        words = f"{count} {unit}{'s' * (count != 1)}"
        return f"{self.name} ({words})" if read_needs(FILES[self.file]).also else self.name

    def __str__(self) -> str:
        return f"{self.name}-{self.needs.references}"

    @property
    def trivial(self) -> bool:
        """Whether it knows half of the inputs only, coarse or fine: fusion must beat it."""
        return not self.needs.coarse or self.needs.references == "none"

    def predict(self, task: Task) -> FloatArray:
        """The prediction of the task's one date, shape (band, y, x)."""
        method = load(self.file)
        params = make_params(method, self.settings)
        return tiles.predict(self.name, method, task, {}, params)[0]


def all_runs() -> list[Run]:
    """Every method file that learns nothing and the config's variants of such files, trivial ones first."""
    configured = yaml.safe_load((ROOT / "config/config.yaml").read_text())["methods"]
    entries = {stem: {} for stem in FILES} | {name: entry or {} for name, entry in configured.items()}
    found: list[Run] = []
    for name, entry in entries.items():
        file = entry.get("file", name)
        if file not in FILES or read_needs(FILES[file]).samples != "none":
            continue
        needs = read_needs(FILES[file])
        settings = {k: v for k, v in entry.items() if k not in ("file", "seeds", "references")}
        choices = [entry["references"]] if "references" in entry else [needs.references, *needs.also]
        known = [(run.file, run.settings, run.needs.references) for run in found]
        new = [choice for choice in choices if (file, settings, choice) not in known]
        found += [Run(name, file, replace(needs, references=choice), settings) for choice in new]
    return sorted(found, key=lambda run: not run.trivial)


def pick(series: Series, dates: Sequence[str]) -> Series:
    """The images of these dates alone."""
    wanted = np.isin(series.dates.astype(str), list(dates))
    return Series(series.values[wanted], series.dates[wanted], series.bands, series.grid)


@dataclass(frozen=True)
class Scene:
    """What is known of a place: the fine images, the target's among them, and the coarse ones.

    Attributes
    ----------
    name : str
    fine, coarse : Series
    ratio : float
        Coarse pixel / fine pixel.
    references : sequence of str, optional
        ISO dates that may be references; all fine dates with a coarse image if left out.
    """

    name: str
    fine: Series
    coarse: Series
    ratio: float
    references: Sequence[str] | None = None

    def truth(self, target: str) -> FloatArray:
        """The fine image of a date, shape (band, y, x)."""
        return self.fine.values[self.fine.dates.astype(str).tolist().index(target)]

    def usable(self, target: str, pairs: bool = True) -> list[str]:
        """Dates that may be references of a target, all of them or those with a coarse image."""
        known = list(self.fine.dates.astype(str) if self.references is None else self.references)
        seen = self.coarse.dates.astype(str)
        return [d for d in known if d != target and (d in seen or not (pairs or self.references is None))]

    def chosen(self, needs: Needs, target: str) -> tuple[str, ...] | None:
        """Reference dates as the workflow chooses them; None where there are too few."""
        return cases.references(needs, target, self.usable(target, needs.pairs))

    def task(self, run: Run, target: str) -> Task | None:
        """What a run may see to predict a date; None where there are too few references or series."""
        dates = self.chosen(run.needs, target)
        if dates is None or run.needs.aux:
            return None
        seen = [target] * run.needs.coarse + list(dates) * run.needs.pairs
        return Task(
            pick(self.fine, dates), pick(self.coarse, seen), self.ratio, np.array([target], dtype="datetime64[D]")
        )


def unchanged(scene: Scene, target: str) -> FloatArray:
    """The baseline that knows no coarse image: the nearest reference as it is, shape (band, y, x)."""
    return scene.truth((scene.chosen(Needs(references="nearest"), target) or ("",))[0])


@dataclass(frozen=True)
class Prediction:
    """What a run made of the references that it was given.

    Attributes
    ----------
    run : Run
    dates : tuple of str
        ISO dates of its references.
    image : ndarray, shape (band, y, x)
    """

    run: Run
    dates: tuple[str, ...]
    image: FloatArray


def predict_all(scene: Scene, target: str, runs: Sequence[Run]) -> dict[str, Prediction]:
    """Predictions of all runs that have their references, by label."""
    found: dict[str, Prediction] = {}
    for run in runs:
        task, dates = scene.task(run, target), scene.chosen(run.needs, target)
        label = run.label(len(dates or ()))
        if task is not None and dates is not None and label not in found:  # all references may be just two
            found[label] = Prediction(run, dates, run.predict(task))
    return found


def shared_pixels(truth: FloatArray, images: Sequence[FloatArray]) -> NDArray[np.bool_]:
    """Pixels that the truth and every image have in all bands, shape (y, x).

    Images that are missing for the most part do not count: they would leave nothing to compare.
    """
    seen = np.isfinite(truth).all(axis=0)
    for image in images:
        own = np.isfinite(image).all(axis=0)
        if (own & seen).sum() >= LEAST * np.isfinite(truth).all(axis=0).sum():
            seen = seen & own
    return seen


def scored(
    image: FloatArray, truth: FloatArray, bands: Sequence[str], ratio: float, mask: NDArray[np.bool_]
) -> dict[str, float]:
    """`METRICS` over the pixels of the mask: means over the bands, ERGAS and SAM of all bands together."""

    def wanted(row: Row) -> bool:
        return row.metric in METRICS and row.band == ("all" if row.metric in ("ergas", "sam_deg") else "mean")

    rows = score_image(image, truth, bands, ratio, mask, ("all",), METRICS)
    return {row.metric: row.value for row in rows if wanted(row)}
