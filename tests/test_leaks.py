"""Attempts to get a test image into a training: through planning, through files, through pixels, through old states."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import stfuse.methods
from factory import make_scene
from rule_functions import rule_functions
from small_lessons import lessons, make_plan
from stfuse.cases import Day, Days, days_between, targets
from stfuse.errors import InputError
from stfuse.grid import degrade, site_grid
from stfuse.learning.feed import open_feed
from stfuse.learning.fitting import learn
from stfuse.learning.lessons import Example
from stfuse.learning.training import train
from stfuse.methods import load
from stfuse.needs import read_needs, with_references
from stfuse.networks.beginning import initialise
from stfuse.raster import write_image
from stfuse.state import image_name, load_state, save_state
from stfuse.task import State

FILES = sorted(p for p in Path(str(stfuse.methods.__file__)).parent.glob("*.py") if not p.stem.startswith("_"))
DECLARED = {p.stem: read_needs(p) for p in FILES}
NEEDS = {
    f"{name} {references}": with_references(needs, references, name)
    for name, needs in DECLARED.items()
    for references in (needs.references, *needs.also)
    if needs.samples not in ("none", "series")
}
# Methods that learn from series of pixels hide values themselves: see tests/stfuse/test_gru.py.
LEARNERS = [name for name, needs in DECLARED.items() if needs.samples not in ("none", "series")]
VARIABLE = {name: "ndvi" if needs.ndvi else "reflectance" for name, needs in DECLARED.items()}
BANDS = ["red", "nir08"]
SENSORS: dict[str, Any] = {
    "fine": {"resolution": 10, "bands": BANDS},
    "coarse": {"resolution": 30, "bands": BANDS},
    "panchromatic": {"resolution": 15, "bands": ["pan"]},
    "radar": {"resolution": 10, "bands": ["vv", "vh"]},
    "fine20": {"resolution": 20, "bands": ["nir08", "swir16", "swir22"]},
}
AUX = {"pan": "panchromatic", "sar": "radar", "native": "fine20", "guide": "fine"}
SIDE = 54
BOUNDS = (500000.0, 5600000.0, 500000.0 + 10 * SIDE, 5600000.0 + 10 * SIDE)
SITES = {name: {"name": name, "crs": "EPSG:32631", "bounds": list(BOUNDS)} for name in ("here", "there")}


def day(number: int) -> str:
    return str(date(2023, 1, 1) + timedelta(number))


def scenes(fine: set[int], coarse: set[int]) -> Days:
    """Days of each sensor; what comes with the fine or the coarse sensor has its days."""
    of = {name: coarse if name in ("coarse", "panchromatic") else fine for name in SENSORS} | {"radar": fine | coarse}
    return {name: {day(n): Day(day(n), 1.0, (day(n),)) for n in sorted(numbers)} for name, numbers in of.items()}


def experiment(**changes: Any) -> dict[str, Any]:
    base = {"name": "e", "fine": "fine", "coarse": "coarse", "protocol": "withheld", "targets": 2, "aux": AUX}
    return base | {"pair_days": 1, "gap_days": 0, "min_clear": 0.9, "sites": ["here"], "train": "site"} | changes


# Through planning


numbers = st.sets(st.integers(0, 90), min_size=2, max_size=25)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(numbers, numbers),
    st.tuples(numbers, numbers),
    st.sampled_from(["withheld", "reduced", "product"]),
    st.one_of(st.just("all"), st.integers(1, 4)),
    st.integers(0, 3),
    st.integers(0, 12),
)
def test_no_method_is_given_a_test_image_to_learn_from(
    here: tuple[set[int], set[int]],
    there: tuple[set[int], set[int]],
    protocol: str,
    asked: str | int,
    pair_days: int,
    gap_days: int,
) -> None:
    days = {"here": scenes(*here), "there": scenes(*there)}
    asks = experiment(protocol=protocol, targets=asked, pair_days=pair_days, gap_days=gap_days, sites=[*days])
    try:
        tested = {site: targets(asks, known) for site, known in days.items()}
    except InputError:
        assume(False)
    truths, kept_from_training = set(), set()
    for site, found in tested.items():
        for sensor, reach in (("fine", gap_days), ("fine20", gap_days), ("coarse", pair_days)):
            if protocol == "product" or (protocol == "reduced" and sensor != "coarse"):
                continue
            apart = 0 if protocol == "reduced" else reach
            near = [d for d in days[site][sensor] if any(days_between(d, t) <= apart for t in found)]
            kept_from_training |= {f"results/{k}/{site}/{sensor}/{d}.tif" for k in ("ard", "degraded/e") for d in near}
            if (sensor == "coarse") == (protocol == "reduced"):
                truths |= {f"results/ard/{site}/{sensor}/{d}.tif" for d in near}
    rules = rule_functions(asks, days, SITES, SENSORS, NEEDS)
    for method in NEEDS:
        for site, found in tested.items():
            for files in learned_files(rules, method, site, found):
                assert not truths & files
                if NEEDS[method].samples != "target":
                    assert not kept_from_training & files


def learned_files(rules: SimpleNamespace, method: str, site: str, found: list[str]) -> list[set[str]]:
    """The files of each training of a method that serves a site."""
    job = SimpleNamespace(experiment="e", trainset=site, method=method, seed="0")
    trainings = []
    try:
        if NEEDS[method].samples == "target":
            for target in found:
                [one] = rules.target_samples(SimpleNamespace(**vars(job), date=target))
                assert one["truth"] is None
                trainings.append({*rules.inputs_of(one)})
        else:
            pooled = SimpleNamespace(**vars(job) | {"trainset": "pooled"})
            trainings += [{*rules.training_files(one)} for one in (job, pooled)]
    except InputError:  # too few images to learn from
        pass
    return trainings


# Through files

DAYS = {20 * n for n in range(8)}
TESTED = day(80)
QUICK = {"epochs": 1, "steps": 2, "batch": 2, "patch": 16}


def quick(name: str) -> dict[str, Any]:
    """A config entry of a method that trains but a moment."""
    known = load(name).Params.__dataclass_fields__
    short = {k: QUICK[k.split("_")[-1]] for k in known if k.split("_")[-1] in QUICK}
    return {"name": name, "file": name, "settings": short}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Analysis-ready and degraded images of every sensor and day."""
    root = tmp_path_factory.mktemp("archive")
    grids = {r: site_grid("EPSG:32631", BOUNDS, r) for r in (10, 15, 20, 30, 45, 60, 90)}
    for name, sensor in SENSORS.items():
        for number in DAYS:
            image = make_scene((SIDE, SIDE), len(sensor["bands"]), day(number), 0.2)
            for folder, resolution in (("ard", sensor["resolution"]), ("degraded/e", 3 * sensor["resolution"])):
                path, grid = root / f"{folder}/here/{name}/{day(number)}.tif", grids[resolution]
                write_image(path, degrade(image, grids[10], grid), sensor["bands"], grid)
    return root


@pytest.fixture
def archive(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them, to be spoilt, where the workflow would have them."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(images, tmp_path / "results"))


def samples_of(name: str, protocol: str) -> list[dict[str, Any]]:
    """What a method learns from where one date is tested."""
    needs = {name: DECLARED[name]}
    asks = experiment(protocol=protocol, targets=[TESTED])
    rules = rule_functions(asks, {"here": scenes(DAYS, DAYS)}, SITES, SENSORS, needs)
    job = SimpleNamespace(experiment="e", trainset="here", method=name, seed="0", date=TESTED)
    found = rules.target_samples(job) if needs[name].samples == "target" else rules.training_samples(job)
    assert found
    return list(found)


def spoil(path: Path) -> None:
    assert path.exists()
    path.write_bytes(b"not to be looked at")


@pytest.mark.parametrize("protocol", ["withheld", "reduced"])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_training_never_opens_what_it_is_tested_on(name: str, protocol: str, archive: Path, tmp_path: Path) -> None:
    anew, withheld = DECLARED[name].samples == "target", protocol == "withheld"
    for sensor in ("fine", "fine20") if withheld else ("coarse",):
        spoil(archive / f"ard/here/{sensor}/{TESTED}.tif")
    if not anew:  # nor what stands for it
        for path in [*archive.glob(f"*/**/coarse/{TESTED}.tif"), *archive.glob(f"*/**/panchromatic/{TESTED}.tif")]:
            spoil(path)
    found = samples_of(name, protocol)
    state = learn(found, quick(name), BANDS, VARIABLE[name], 0, tmp_path / "checkpoints")
    assert any("net." in key for key in state)
    if name in ("srcnn", "srcnn_pair"):
        # The very same, with the tested image slipped in: were it opened anywhere, it would have shown.
        sensor = "fine" if withheld and DECLARED[name].samples == "pairs" else "coarse"
        slipped = [*found, {**found[0], "truth": f"results/ard/here/{sensor}/{TESTED}.tif"}]
        with pytest.raises(InputError, match=TESTED):
            learn(slipped, quick(name), BANDS, VARIABLE[name], 0, tmp_path / "others")


# Through pixels


def learnable(seed: int, shape: tuple[int, int] = (40, 40)) -> Example:
    """A goal that two channels tell, but for some noise."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(0.3, 0.1, (2, *shape)).astype(np.float32)
    goal = inputs[:1] * 0.5 - inputs[1:] + rng.normal(0, 0.01, (1, *shape)).astype(np.float32)
    return Example(inputs, goal)


def held_out_of(examples: list[Example], **plan: Any) -> np.ndarray:
    """The pixels (y, x) that are held out, found by what the feed hands out of numbered pixels."""
    height, width = examples[0].goal.shape[1:]
    number = np.arange(height * width, dtype=np.float32).reshape(1, height, width)
    with open_feed(lessons([Example(number, number) for _ in examples]), make_plan(**plan), 0, 0) as feed:
        told = np.concatenate([batch[0].ravel() for batch in feed.held_batches()])
        ids = np.rint(told * feed.scaling.in_scale[0] + feed.scaling.in_mean[0]).astype(int)
    mask = np.zeros(height * width, bool)
    mask[ids] = True
    return mask.reshape(height, width)


def fit(examples: list[Example], halo: int, **plan: Any) -> State:
    def build(channels: int, bands: int) -> nn.Module:
        side = 2 * halo + 1
        return initialise(nn.Sequential(nn.Conv2d(channels, 4, side), nn.ReLU(), nn.Conv2d(4, bands, 1)), 0, "he")

    return train(lessons(examples), build, make_plan(epochs=6, steps=10, learning_rate=0.02, **plan), 0, halo)


def changed(examples: list[Example], mask: np.ndarray, inputs: bool, others: list[Example]) -> list[Example]:
    return [
        Example(np.where(mask & inputs, o.inputs, e.inputs), np.where(mask, o.goal, e.goal))
        for e, o in zip(examples, others, strict=True)
    ]


@pytest.mark.parametrize(("patch", "halo"), [(8, 0), (1, 0), (8, 1)])
def test_held_out_pixels_decide_the_best_epoch_and_nothing_else(patch: int, halo: int) -> None:
    examples = [learnable(seed) for seed in (0, 1)]
    held = held_out_of(examples, patch=patch)
    assert 0 < held.sum() < 0.5 * held.size
    before = fit(examples, halo, patch=patch)
    # What lies around a training patch may be seen, so only with no halo can the inputs change as well.
    wild = [Example(e.inputs * 1e3, e.goal + 1e4) for e in examples]
    after = fit(changed(examples, held, halo == 0, wild), halo, patch=patch)
    named = {name: column for column, name in enumerate(("stage", "epoch", "train_loss", "held_loss"))}
    loss, held_loss = named["train_loss"], named["held_loss"]
    np.testing.assert_array_equal(before["curve"][:, loss], after["curve"][: len(before["curve"]), loss])
    assert (before["curve"][:, held_loss] < after["curve"][:, held_loss]).all()
    for name in ("in_mean", "in_scale", "out_mean", "out_scale"):
        np.testing.assert_array_equal(before[name], after[name])
    # Pixels that differ a little choose the same epoch: then the weights are the same too.
    near = [Example(e.inputs * 1.01, e.goal + 0.002) for e in examples]
    alike = fit(changed(examples, held, halo == 0, near), halo, patch=patch)
    assert np.nanargmin(alike["curve"][:, held_loss]) == np.nanargmin(before["curve"][:, held_loss])
    assert not np.array_equal(alike["curve"][:, held_loss], before["curve"][:, held_loss])
    for name in before:
        assert name == "curve" or np.array_equal(before[name], alike[name])


def test_a_training_pixel_does_change_what_is_learnt() -> None:
    examples = [learnable(seed) for seed in (0, 1)]
    free = ~held_out_of(examples)
    before = fit(examples, 0)
    after = fit(changed(examples, free, True, [learnable(seed) for seed in (7, 8)]), 0)
    assert any(not np.array_equal(before[name], after[name]) for name in before if name != "curve")


# Through old states


@pytest.mark.parametrize("role", ["truth", "input", "aux"])
def test_a_state_that_learned_from_an_image_is_refused_for_predicting_it(role: str, tmp_path: Path) -> None:
    image = f"results/ard/here/fine/{TESTED}.tif"
    method = {"name": "srcnn", "file": "srcnn", "settings": {}}
    scene = {"date": day(0), "truth": f"here/fine/{day(0)}", "inputs": [f"here/coarse/{day(0)}"]}
    tested = image_name(image)
    learned = [scene, scene | ({"truth": tested} if role == "truth" else {"inputs": [*scene["inputs"], tested]})]
    save_state(tmp_path / "s.npz", {"net.w": np.ones(2)}, method, BANDS, "reflectance", None, learned, 0)
    with pytest.raises(InputError, match=f"learned from .*{TESTED}"):
        load_state(tmp_path / "s.npz", method, BANDS, "reflectance", never=image)
    other = image.replace(TESTED, day(60))
    assert load_state(tmp_path / "s.npz", method, BANDS, "reflectance", never=other)
