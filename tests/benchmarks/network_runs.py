"""Training, prediction and scores of `networks`: a row per case, method, seed and stratum, kept as they are made."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.method_runs import FILES, pick
from benchmarks.network_cases import BAND_STUDY, MICHEL, WU, YANG, Case, Group
from benchmarks.network_places import Place
from stfuse import cases, tiles
from stfuse.crops import Whole
from stfuse.errors import InputError
from stfuse.grid import degrade, regrid
from stfuse.job import whole
from stfuse.methods import Method, load, make_params
from stfuse.needs import Needs, read_needs, read_params
from stfuse.scores import Row, score_image
from stfuse.strata import STRATA
from stfuse.task import FloatArray, State, Task

CONTENDERS: Mapping[str, tuple[str, ...]] = {
    WU: ("bilinear", "atprk", "esrcnn", "dstfn"),
    MICHEL: ("temporal", "bicubic", "carn", "ddi"),
    YANG: ("bilinear", "starfm", "fsdaf", "stfdcnn", "srcnn_lstm"),
    BAND_STUDY: ("srcnn_lstm",),
}
"""Every study's methods, what they are measured against first."""
ENTRIES: Mapping[str, dict[str, Any]] = {
    "bicubic": {"file": "bilinear", "kernel": "cubic"},
    "starfm": {"references": "bracketing"},
    "fsdaf": {"references": "bracketing"},
}
"""As in the config; Yang et al. 2021 gave all methods two pairs (section 2.7)."""
QUICK = {"epochs": 1, "steps": 2, "batch": 2, "features": 8, "growth": 8, "lstm_epochs": 1, "lstm_steps": 2}
SHARED = ("learning", "networks", "fusion")
"""Folders that methods are made of."""
STRONG = 0.03
"""Reflectance: from this RMSE to the nearest reference on, change counts as strong. In the tests whose numbers Wu et
al. print, simulated, it is 0.006 to 0.019 where they call it slight and 0.040 to 0.056 where dramatic."""
KEY = ["study", "site", "setting", "target", "usable", "method", "seed"]
METRICS = ("rmse", "mae", "cc", "ssim", "ssim_range", "ergas", "sam_deg", "ce90", "ce99", "struct", "covered")


@dataclass(frozen=True)
class Contender:
    """A method as it takes part.

    Attributes
    ----------
    name, file : str
    needs : Needs
    settings : mapping
    code : str
        Fingerprint of its files and settings: what other code measured is measured again.
    """

    name: str
    file: str
    needs: Needs
    settings: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""

    def seeds(self, count: int) -> range:
        """Those to repeat it with."""
        return range(1 if self.needs.samples == "none" else count)


def contenders(study: str, quick: bool = False, one_stage: bool = False) -> tuple[list[Contender], list[str]]:
    """A study's methods that have a file, and the names of those that have none.

    Parameters
    ----------
    quick : bool
        Hardly trained.
    one_stage : bool
        Without the first stage of those that have one: Sentinel-2's bands of 20 m stay interpolated.
    """
    settings = QUICK if quick else {}
    settings = settings | {"sharpen": False} if one_stage else settings
    found, missing = [], []
    for name in CONTENDERS[study]:
        entry = dict(ENTRIES.get(name, {}))
        file = entry.pop("file", name)
        if file not in FILES:
            missing.append(name)
            continue
        needs = read_needs(FILES[file])
        needs = replace(needs, references=entry.pop("references", needs.references))
        entry |= {k: v for k, v in settings.items() if k in read_params(FILES[file])}
        found.append(Contender(name, file, needs, entry, fingerprint(file, entry)))
    return found, missing


def fingerprint(file: str, settings: Mapping[str, Any]) -> str:
    """Eight digits that change with a method's file, with its settings or with what methods share."""
    package = FILES[file].parents[1]
    parts = [FILES[file], package / "channels.py"]
    parts += [part for name in SHARED for part in sorted((package / name).rglob("*.py"))]
    words = json.dumps(settings, sort_keys=True).encode()
    return hashlib.sha256(words + b"".join(part.read_bytes() for part in parts)).hexdigest()[:8]


class Table:
    """The rows, in a file that is whole at any time.

    Parameters
    ----------
    path : path
        A CSV; what it has is not measured again, but for rows of other code.
    known : collection of Contender
        Whose code counts.
    """

    def __init__(self, path: Path, known: Collection[Contender]) -> None:
        self.path = path
        codes = {c.name: c.code for c in known}
        # A code may look like a number: 12345678, or 1234e567.
        rows: list[Any] = pd.read_csv(path, dtype={"code": str}).to_dict("records") if path.exists() else []
        self.rows: list[dict[str, Any]] = [row for row in rows if codes.get(row["method"], row["code"]) == row["code"]]
        self.done = {tuple(row[k] for k in KEY) for row in self.rows}

    def has(self, facts: Mapping[str, Any]) -> bool:
        """Whether a case was measured with a method and a seed."""
        return tuple(facts[k] for k in KEY) in self.done

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep the rows of a case, a method and a seed, on disk too."""
        self.rows += rows
        self.done |= {tuple(row[k] for k in KEY) for row in rows}
        with whole(self.path) as part:
            self.frame().to_csv(part, index=False, float_format="%.6g")

    def frame(self) -> pd.DataFrame:
        """All rows."""
        return pd.DataFrame(self.rows)


def facts_of(group: Group, case: Case, contender: Contender, seed: int) -> dict[str, Any]:
    """What tells a measurement from every other; the keys are `KEY`."""
    values = (group.study, group.site, case.setting, case.target, " ".join(case.usable), contender.name, seed)
    return dict(zip(KEY, values, strict=True))


def measure(groups: Iterable[Group], table: Table, known: Sequence[Contender], seeds: int) -> None:
    """Train and predict what the table lacks; each training serves all cases of its group."""
    for group in groups:
        wanted = [(c, s, case) for c in known for s in c.seeds(seeds) for case in group.cases]
        lacking = [w for w in wanted if not table.has(facts_of(group, w[2], w[0], w[1]))]
        if not lacking:
            continue
        places = group.places()
        images = {case: _about(places[case.setting], case) for case in group.cases}
        states: dict[tuple[str, int], tuple[State, float]] = {}
        # disable=None: no bar where nobody watches.
        for contender, seed, case in tqdm(lacking, desc=f"{group.study}, {group.site}", unit="image", disable=None):
            place, key = places[case.setting], (contender.name, seed)
            task = place.task(contender.needs, case.target, case.usable)
            if task is None:
                continue
            states = {k: v for k, v in states.items() if k == key and contender.needs.samples != "target"}
            if key not in states:
                states[key] = _train(contender, group, places, task, seed)
            state, seconds = states[key]
            rows = _rows(contender, place, case, task, state)
            facts = facts_of(group, case, contender, seed) | images[case] | {"train_s": seconds, **_code(contender)}
            table.add([facts | row for row in rows])


def _code(contender: Contender) -> dict[str, str]:
    return {"settings": json.dumps(contender.settings, sort_keys=True), "code": contender.code}


def _train(
    contender: Contender, group: Group, places: Mapping[str, Place], task: Task, seed: int
) -> tuple[State, float]:
    """What a method learned, and the seconds that took."""
    method = load(contender.file)
    samples = contender.needs.samples
    scenes: list[Any] = [Whole(task)] if samples == "target" else []
    scenes += group.lessons(places, contender.needs) if samples in ("wald", "pairs") else []
    start = time.perf_counter()
    state = dict(method.fit(scenes, make_params(method, contender.settings), seed))
    return state, time.perf_counter() - start


def _rows(contender: Contender, place: Place, case: Case, task: Task, state: State) -> list[dict[str, Any]]:
    """The scores of one prediction, a row a stratum."""
    method: Method = load(contender.file)
    start = time.perf_counter()
    image = tiles.predict(contender.name, method, task, state, make_params(method, contender.settings))[0]
    seconds = time.perf_counter() - start
    truth = place.goal(case.target)
    found = score_image(image, truth, place.truth.bands, place.ratio, strata=STRATA, metrics=METRICS)
    if not any(row.metric == "covered" and row.value > 0 for row in found):
        raise InputError(f"{contender.name} predicts nothing for {case.target}", "look at its log")
    return [{"stratum": stratum, "predict_s": seconds, **_numbers(found, stratum)} for stratum in STRATA]


def _numbers(found: Iterable[Row], stratum: str) -> dict[str, float]:
    """Means over the bands by metric; with a word before it what is of one band or of NDVI."""
    own = [row for row in found if row.stratum == stratum]
    numbers = {row.metric: row.value for row in own if row.band in ("mean", "all")}
    single = [row for row in own if row.band not in ("mean", "all") and row.metric in ("rmse", "ce90", "ce99")]
    return numbers | {f"{row.band}_{row.metric}": row.value for row in single}


def _about(place: Place, case: Case) -> dict[str, Any]:
    """What the images say of a case: how much changes from the nearest reference, and how much of it is hidden."""
    reference = cases.references(Needs(references="nearest"), case.target, list(case.usable))
    if reference is None:
        raise ValueError(f"No reference for {case.target}")
    truth, before = place.goal(case.target), pick(place.fine, reference).values[0]
    change, hidden, detail = (_rms(v) for v in (truth - before, _inside(truth - before, place), _inside(truth, place)))
    strength = case.strength or ("strong" if change > STRONG else "slight")
    return {"strength": strength, "change": change, "hidden_change": hidden, "detail": detail}


def _inside(image: FloatArray, place: Place) -> FloatArray:
    """What of an image an upsampled ideal coarse image does not show."""
    fine, coarse = place.fine.grid, place.coarse.grid
    return image - regrid(degrade(image, fine, coarse, 0.01), coarse, fine, "bilinear")


def _rms(image: FloatArray) -> float:
    return float(np.mean(np.sqrt(np.nanmean(image.astype(np.float64) ** 2, axis=(1, 2)))))
