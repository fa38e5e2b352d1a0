"""Configurations whose parts do not fit are refused, by name and with the cure."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.checks import check_experiment, check_site, methods_of, safe_name, unregistered
from stfuse.errors import InputError
from stfuse.needs import Needs

SITE = {
    **{"name": "s", "crs": "EPSG:32631", "bounds": [0, 0, 90, 90], "period": ["2020-02-29", "2020-12-31"]},
    **{"sensors": ["a", "b"], "reference": "a"},
}
SENSORS = {"a": {"bands": {"red": 10, "nir": 10}}, "b": {"bands": {"red": 30, "nir": 30, "nir08": 30}}}
NEEDS = {"plain": Needs(), "sharp": Needs(aux=("pan",))}


def experiment(**changes: Any) -> dict[str, Any]:
    base = {"name": "e", "sites": ["s"], "fine": "a", "coarse": "b", "aux": {}, "bands": ["red", "nir"]}
    return base | {"variable": "reflectance", "methods": "all"} | changes


def test_a_fitting_configuration_passes() -> None:
    check_site(SITE)
    check_site(SITE | {"period": ["2020-02-29", "2020-02-29"]})
    check_experiment(experiment(), {"s": SITE}, SENSORS)
    check_experiment(experiment(variable="ndvi"), {"s": SITE}, SENSORS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crs": "EPSG:999999"}, "unknown"),
        ({"crs": "EPSG:4326"}, "geographic"),
        ({"crs": "EPSG:2225"}, "foot"),
        ({"bounds": [90, 0, 0, 90]}, "enclose nothing"),
        ({"period": ["2021-02-29", "2021-12-31"]}, "2021-02-29.*day is out of range"),
        ({"period": ["2021-01-01", "2021-13-01"]}, "2021-13-01.*month must be"),
        ({"period": ["2021-12-31", "2021-01-01"]}, "ends on 2021-01-01, before it begins on 2021-12-31"),
        ({"reference": "c"}, "none of its sensors"),
    ],
)
def test_a_site_that_makes_no_sense_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=rf"sites/s\.yaml.*{words}.*Cure"):
        check_site(SITE | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coarse": "a"}, "both a"),
        ({"aux": {"pan": "p"}}, "no sensor p"),
        ({"bands": ["red", "nir08"]}, "sensor a has no band nir08"),
        ({"variable": "ndvi", "bands": ["nir", "red"]}, "NDVI cannot be made"),
        ({"variable": "ndvi", "bands": ["red"]}, "NDVI cannot be made"),
    ],
)
def test_an_experiment_that_cannot_run_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=rf"experiments/e\.yaml.*{words}.*Cure"):
        check_experiment(experiment(**change), {"s": SITE}, SENSORS)


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2020-02-30", "`train_until:` .day is out of range"),
        ("2020-12-31", "period of site s ends on 2020-12-31: no date is left.*Cure: choose an earlier"),
        ("2021-06-30", "period of site s ends on 2020-12-31: no date is left.*Cure: choose an earlier"),
        ("2020-02-28", "period of site s begins on 2020-02-29: nothing to learn.*Cure: choose a later"),
    ],
)
def test_a_last_day_of_learning_leaves_something_on_both_sides_of_it(until: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"experiments/e\.yaml: .*{words}"):
        check_experiment(experiment(train_until=until), {"s": SITE}, SENSORS)
    for within in ("2020-02-29", "2020-12-30"):
        check_experiment(experiment(train_until=within), {"s": SITE}, SENSORS)


def test_sites_that_are_only_learned_at_or_only_predicted_at_are_held_to_their_own_side() -> None:
    early, late = (SITE | {"period": [f"{year}-01-01", f"{year}-12-31"]} for year in (2019, 2021))
    apart = experiment(sites=["late"], train_sites=["early"], train_until="2020-06-30")
    check_experiment(apart, {"early": early, "late": late}, SENSORS)
    with pytest.raises(InputError, match="period of site early begins on 2021-01-01: nothing to learn"):
        check_experiment(apart, {"early": late, "late": late}, SENSORS)


def test_all_methods_means_those_whose_inputs_suffice_and_named_ones_must_fit() -> None:
    assert methods_of(experiment(), NEEDS) == ["plain"]
    assert methods_of(experiment(aux={"pan": "b"}), NEEDS) == ["plain", "sharp"]
    with pytest.raises(InputError, match="sharp needs pan"):
        methods_of(experiment(methods=["sharp"]), NEEDS)
    with pytest.raises(InputError, match="names the method other"):
        methods_of(experiment(methods=["other"]), NEEDS)


def test_a_method_of_ndvi_alone_runs_where_ndvi_is_asked_for() -> None:
    needs = NEEDS | {"index": Needs(coarse=False, ndvi=True)}
    assert methods_of(experiment(), needs) == ["plain"]
    assert methods_of(experiment(variable="ndvi"), needs) == ["plain", "index"]
    with pytest.raises(InputError, match=r"index predicts NDVI alone.*variable: ndvi"):
        methods_of(experiment(methods=["index"]), needs)


def test_a_radar_in_place_of_the_coarse_sensor_needs_no_optical_bands_and_methods_that_need_no_coarse_image() -> None:
    sensors = SENSORS | {"b": {"bands": {"vv": 10, "vh": 10}, "quantity": "backscatter"}}
    asks = experiment(variable="ndvi", coarse_quantity="backscatter", protocol="product", aux={"sar": "b"})
    check_experiment(asks, {"s": SITE}, sensors)
    needs = NEEDS | {"radar": Needs(coarse=False, aux=("sar",), ndvi=True)}
    assert methods_of(asks, needs) == ["radar"]
    with pytest.raises(InputError, match="plain needs coarse images of the bands"):
        methods_of(asks | {"methods": ["plain"]}, needs)


def test_a_reference_that_measures_backscatter_is_refused() -> None:
    sensors = SENSORS | {"a": SENSORS["a"] | {"quantity": "backscatter"}}
    with pytest.raises(InputError, match="the reference a of site s measures backscatter"):
        check_experiment(experiment(), {"s": SITE}, sensors)


@pytest.mark.parametrize(
    ("sensor", "why"),
    [
        ({"resolution": 10}, ""),
        ({"resolution": 5, "quantity": "reflectance"}, ""),
        ({"resolution": 100}, ""),
        ({"resolution": 500}, "its pixels are 50 times the reference's"),
        ({"resolution": 10, "quantity": "backscatter"}, "backscatter has no band in common with the reference"),
    ],
)
def test_much_coarser_pixels_and_other_quantities_are_not_compared(sensor: dict[str, Any], why: str) -> None:
    assert unregistered(sensor, {"resolution": 10}) == why


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "S2A_31UDS_20200401_0_L2A",
        "MCD43A4.A2025061.h35v10.061.2025070035331",
        "VENUS-XS_20200103-110008-000",
        "x" * 200,
    ],
)
def test_names_of_real_scenes_pass(name: str) -> None:
    assert safe_name(name, "A scene") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-rf", "a..b", "a b", "a\n", "a\0", "é", "x" * 201, None, 7],
)
def test_names_that_may_leave_their_folder_are_refused(name: Any) -> None:
    with pytest.raises(InputError, match=r"The scene is named .*Cure: give it at most 200 letters"):
        safe_name(name, "The scene")


@given(st.text(max_size=12) | st.text("./\\a~-_0 ", max_size=12))
def test_a_name_that_passes_is_one_plain_part_of_a_path(name: str) -> None:
    try:
        passed = safe_name(name, "It")
    except InputError:
        return
    assert PurePosixPath("folder", passed).parts == ("folder", name)
    assert ".." not in passed
    assert passed[0] not in ".-~"
