"""Gap experiments whose parts do not fit are refused, by name and with the cure; those that fit pass the schema."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from stfuse.checks import check_experiment, methods_of
from stfuse.errors import InputError
from stfuse.filling.checks import check_filling
from stfuse.needs import Needs, read_defaults, read_needs, with_settings
from stfuse.products.sensors import require_series

ROOT = Path(__file__).parents[2]
SCHEMA = str(ROOT / "config/schemas/experiments.schema.yaml")
OPTICAL = {"bands": {"red": 10, "nir": 10}, "resolution": 10, "collections": {"l2a": {}}}
SENSORS: dict[str, dict[str, Any]] = {
    "s2": OPTICAL,
    "coarser": OPTICAL | {"resolution": 20},
    "l8": OPTICAL | {"resolution": 30, "collections": {"landsat": {}}},
    "s1": {"bands": {"vv": 10, "vh": 10}, "resolution": 10, "quantity": "backscatter", "collections": {"rtc": {}}},
    "crops": {"bands": {"class": 30}, "resolution": 30, "quantity": "classes", "collections": {"map": {}}},
}
PERIOD = ["2020-01-01", "2020-12-31"]
SITES = {
    name: {"name": name, "sensors": ["s2", "s1", "coarser", "l8", "crops"], "reference": "s2", "period": PERIOD}
    for name in ("a", "b", "c")
} | {"bare": {"name": "bare", "sensors": ["s2"], "reference": "s2"}}

NEEDS = {
    "interpolated": Needs(references="bracketing", coarse=False, fills=True),
    "learned": Needs(references="all", coarse=False, samples="series", fills=True),
    "radar": Needs(references="none", coarse=False, aux=("sar",), samples="pairs"),
    "fused": Needs(),
}
OF_GUIDES = NEEDS | {
    "net": NEEDS["radar"],
    "also": replace(NEEDS["radar"], uses=("more",)),
    "nearest": Needs(references="nearest", pairs=True),
}


def image(**changes: Any) -> dict[str, Any]:
    """The experiment of the guide: it learns at c and predicts everywhere."""
    base = {"name": "guide", "sites": ["a", "b", "c"], "train_sites": ["c"], "train": "pooled", "protocol": "product"}
    base |= {"fine": "s2", "coarse": "s1", "aux": {"sar": "s1"}, "variable": "ndvi", "bands": ["red", "nir"]}
    return base | {"methods": ["net"]} | changes


def filling(**changes: Any) -> dict[str, Any]:
    base = {"name": "gaps", "sites": ["a", "b"], "train_sites": ["c"], "train": "pooled", "protocol": "gaps"}
    base |= {"fine": "s2", "aux": {"sar": "s1"}, "variable": "ndvi", "bands": ["red", "nir"], "methods": "all"}
    return base | {"guides": {"sar": {"experiment": "guide", "method": "net"}}, "lattice": 5} | changes


def check(changes: dict[str, Any], of_guide: dict[str, Any]) -> None:
    check_filling(filling(**changes), SITES, SENSORS, {"guide": image(**of_guide)}, OF_GUIDES)


def test_what_fits_passes() -> None:
    check({}, {})
    check({"guides": {}, "aux": {}}, {})
    check_experiment(image(), SITES, SENSORS)


@pytest.mark.parametrize(
    ("changes", "of_guide", "words"),
    [
        ({"sites": ["a", "bare"]}, {}, "site bare has no sensor s1"),
        ({"train_sites": ["bare"]}, {}, "site bare has no sensor s1"),
        ({"bands": ["nir", "red"]}, {}, "NDVI cannot be made"),
        ({"bands": ["red", "nir08"]}, {}, "s2 has no band nir08"),
        (
            {"guides": {"sar": {"experiment": "none", "method": "net"}}},
            {},
            "comes from none, which is no image experiment",
        ),
        ({}, {"protocol": "withheld"}, "guide, which is withheld of ndvi"),
        ({}, {"variable": "reflectance"}, "product of reflectance"),
        ({}, {"methods": ["other"]}, "does not run net"),
        ({}, {"sites": ["a", "c"]}, "predicts nothing at b"),
        ({}, {"sites": ["a", "b"], "train_sites": ["d"]}, "predicts nothing at c"),
        ({}, {"fine": "coarser"}, "pixels of another size"),
        ({"train_until": "2020-02-30"}, {"train_until": "2020-01-01"}, "train_until"),
        ({"train_until": "2020-12-31"}, {}, "learns until 2020-12-31, but the period of site a ends on 2020-12-31"),
        ({"train": "site"}, {}, "train_sites:` would not be used"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], of_guide: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=rf"experiments/gaps\.yaml.*{words}.*Cure"):
        check(changes, of_guide)


@pytest.mark.parametrize(
    ("changes", "of_guide", "told"),
    [
        ({}, {"train_sites": ["b", "c"]}, "b"),
        ({}, {"train_sites": ["a", "b"]}, "a, b"),
        # What the filling holds out of its own ground to be scored, the guide has learned from.
        ({"train_sites": ["b"]}, {"train_sites": ["b"]}, "b"),
        ({"train_sites": ["b"]}, {"train_sites": ["b"], "train_until": "2020-06-30"}, "b"),
        ({"train_sites": ["b"]}, {"train_sites": ["c"]}, None),
        ({"train_sites": ["a", "b"], "train_until": "2020-06-30"}, {"train_sites": ["a"]}, "a"),
        (
            {"train_sites": ["a", "b"], "train_until": "2020-06-30"},
            {"train_sites": ["a"], "train_until": "2020-07-01"},
            "a",
        ),
        (
            {"train_sites": ["a", "b"], "train_until": "2020-06-30"},
            {"train_sites": ["a"], "train_until": "2020-06-30"},
            None,
        ),
        ({}, {"train_sites": ["a"], "train_until": "2020-06-30"}, "a"),
    ],
)
def test_a_guide_that_learned_from_what_is_hidden_is_refused(
    changes: dict[str, Any], of_guide: dict[str, Any], told: str | None
) -> None:
    if told is None:
        check(changes, of_guide)
        return
    with pytest.raises(InputError, match=f"guide learned from images of {told} whose values are hidden here.*Cure"):
        check(changes, of_guide)


@pytest.mark.parametrize("method", ["nearest", "interpolated"])
def test_a_guide_that_sees_the_images_with_the_hidden_values_is_refused(method: str) -> None:
    guides = {"sar": {"experiment": "guide", "method": method}}
    words = f"{method} predicts from fine images.*Cure: take a method that sees no optical image, such as unet_sar"
    with pytest.raises(InputError, match=words):
        check({"guides": guides}, {"methods": ["net", method]})


@pytest.mark.parametrize(
    ("of_guide", "method", "found"),
    [
        ({"aux": {"sar": "coarser"}}, "net", "aux: {sar: coarser}"),
        ({"aux": {"sar": "s2"}}, "net", "aux: {sar: s2}"),
        ({"aux": {"sar": "s1", "more": "l8"}}, "also", "aux: {more: l8}"),
        ({"coarse": "l8"}, "fused", "coarse: l8"),
    ],
)
def test_a_guide_that_sees_optical_images_beside_the_radar_is_refused(
    of_guide: dict[str, Any], method: str, found: str
) -> None:
    guides = {"sar": {"experiment": "guide", "method": method}}
    words = f"the guide sar: {method} sees .{found}. of config/experiments/guide.yaml.* expected a radar.*Cure: name"
    with pytest.raises(InputError, match=words):
        check({"guides": guides}, of_guide | {"methods": [method]})


def test_an_optical_series_that_the_method_of_the_guide_does_not_take_is_none_of_its_matter() -> None:
    check({}, {"aux": {"sar": "s1", "more": "s2"}, "coarse": "l8"})


@pytest.mark.parametrize("sensor", ["s2", "coarser"])
def test_a_series_of_the_images_whose_values_are_hidden_is_refused_beside_them(sensor: str) -> None:
    with pytest.raises(InputError, match=rf"gaps.yaml: `aux: {{also: {sensor}}}`.* values are hidden.*Cure"):
        check({"aux": {"sar": "s1", "also": sensor}}, {})
    check({"aux": {"sar": "s1", "also": "l8"}}, {})


def test_a_radar_may_be_coarse_but_is_never_predicted() -> None:
    check_experiment(image(), SITES, SENSORS)
    for changes in ({"protocol": "reduced"}, {"fine": "s1", "coarse": "s2"}):
        with pytest.raises(InputError, match="backscatter would be what is predicted"):
            check_experiment(image(**changes), SITES, SENSORS)
    with pytest.raises(InputError, match="maps of classes"):
        require_series(filling(aux={"sar": "crops"}), SENSORS)


def test_methods_run_where_they_can() -> None:
    assert methods_of(filling(), NEEDS) == ["interpolated", "learned"]
    images = image(coarse_quantity="reflectance", methods="all")
    assert methods_of(images, NEEDS) == ["interpolated", "radar", "fused"]
    assert methods_of(images | {"coarse_quantity": "backscatter"}, NEEDS) == ["interpolated", "radar"]
    for entry, name, words in (
        (filling(), "fused", "cannot fill series"),
        (images, "learned", "fills series and predicts no images"),
        (images | {"coarse_quantity": "backscatter"}, "fused", "needs coarse images of the bands"),
    ):
        with pytest.raises(InputError, match=f"method {name} {words}.*Cure"):
            methods_of(entry | {"methods": [name]}, NEEDS)


GRU = ROOT / "workflow/scripts/stfuse/methods/gru.py"


@pytest.mark.parametrize(
    ("settings", "lacks", "words"),
    [
        ({}, {"guides": {}}, "needs the guide sar.*Cure: name where it comes from under `guides:`"),
        ({"inputs": "ndvi_fusion"}, {"guides": {"other": {}}, "aux": {}}, "needs the guide sar.*Cure"),
        ({"inputs": "ndvi_backscatter"}, {"aux": {}}, "needs sar.*Cure: name the sensor under `aux:`"),
    ],
)
def test_a_method_whose_settings_ask_for_radar_runs_only_where_there_is_some(
    settings: dict[str, Any], lacks: dict[str, Any], words: str
) -> None:
    radar = {"gru": with_settings(read_needs(GRU), read_defaults(GRU) | settings)}
    optical = {"gru": with_settings(read_needs(GRU), {"inputs": "optical_only"})}
    for entry in (filling(), filling(**lacks)):
        assert methods_of(entry, NEEDS | optical) == ["interpolated", "learned", "gru"]
    assert methods_of(filling(), NEEDS | radar) == ["interpolated", "learned", "gru"]
    assert methods_of(filling(**lacks), NEEDS | radar) == ["interpolated", "learned"]
    with pytest.raises(InputError, match=rf"gaps\.yaml: method gru {words}.*, or give it `inputs: optical_only`"):
        methods_of(filling(methods=["gru"], **lacks), radar)


WRITTEN = {"sites": ["a"], "protocol": "gaps", "fine": "s2", "bands": ["red", "nir"]}


def test_the_schema_fills_in_what_a_gap_experiment_leaves_out() -> None:
    entry: dict[str, Any] = dict(WRITTEN)
    validate(entry, SCHEMA)
    assert (entry["variable"], entry["lattice"], entry["min_clear"], entry["guides"]) == ("ndvi", 5, 0.1, {})
    assert entry["hidden"] == pytest.approx(2 / 3) and entry["train"] == "site"
    entry = WRITTEN | {"train_sites": ["b"]}
    validate(entry, SCHEMA)
    assert entry["train"] == "pooled"


@pytest.mark.parametrize(
    "changes",
    [
        {"coarse": "l8"},
        {"targets": 3},
        {"variable": "reflectance"},
        {"lattice": 0},
        {"hidden": 1.0},
        {"guides": {"sar": {"experiment": "x"}}},
        {"protocol": "product"},
        {"protocol": "product", "coarse": "l8", "lattice": 5},
        {"protocol": "withheld", "coarse": "l8", "guides": {}},
        {"train_until": "June 2020"},
        {"show": {"strip": {"side": 2}}},
    ],
)
def test_the_schema_refuses_keys_of_the_other_kind_and_wrong_values(changes: dict[str, Any]) -> None:
    with pytest.raises(WorkflowError, match="Error validating"):
        validate(WRITTEN | changes, SCHEMA)


@pytest.mark.parametrize("path", sorted((ROOT / "config/experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_experiments_that_come_with_it_are_valid(path: Path) -> None:
    entry = yaml.safe_load(path.read_text())
    validate(entry, SCHEMA)
    assert ("coarse" in entry) == (entry["protocol"] != "gaps")
