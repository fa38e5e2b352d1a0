"""Training at other sites or until a day: no image of beyond reaches a training, and nothing is predicted in vain."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rule_functions import rule_functions
from stfuse.cases import Day, Days, cases, hidden, targets, training_cases
from stfuse.errors import InputError
from stfuse.needs import Needs

NEEDS = {
    "pairs": Needs(references="bracketing", also=("nearest", "all"), pairs=True, samples="pairs"),
    "wald": Needs(references="nearest", samples="wald"),
    "every": Needs(references="all", samples="pairs"),
    "radar": Needs(references="none", coarse=False, aux=("sar",), samples="pairs"),
}
BANDS = {"red": 10, "nir": 10}
SENSORS: dict[str, Any] = {
    "fine": {"resolution": 10, "bands": BANDS},
    "coarse": {"resolution": 30, "bands": BANDS},
    "s1": {"resolution": 10, "bands": {"vv": 10, "vh": 10}, "quantity": "backscatter"},
}
SITES = {
    name: {"name": name, "crs": "EPSG:32631", "bounds": [0, 0, 900, 900], "reference": "fine"} for name in ("a", "b")
}


def day(number: int) -> str:
    return str(date(2023, 1, 1) + timedelta(number))


def scenes(fine: set[int], coarse: set[int], s1: set[int] = frozenset()) -> Days:  # type: ignore[assignment]
    of = {"fine": fine, "coarse": coarse, "s1": s1}
    return {name: {day(n): Day(day(n), 1.0, (day(n),)) for n in sorted(numbers)} for name, numbers in of.items()}


def experiment(**changes: Any) -> dict[str, Any]:
    base = {"name": "e", "fine": "fine", "coarse": "coarse", "protocol": "withheld", "targets": "all", "aux": {}}
    base |= {"pair_days": 1, "gap_days": 0, "min_clear": 0.9, "sites": ["a"], "train_sites": ["b"], "train": "pooled"}
    return base | {"bands": ["red", "nir"], "variable": "ndvi", "methods": ["pairs"]} | changes


def radar(**changes: Any) -> dict[str, Any]:
    base = {"protocol": "product", "coarse": "s1", "coarse_quantity": "backscatter", "aux": {"sar": "s1"}}
    return experiment(**base | {"methods": ["radar"]} | changes)


def filling(**changes: Any) -> dict[str, Any]:
    base = {"name": "gaps", "protocol": "gaps", "fine": "fine", "aux": {"sar": "s1"}, "min_clear": 0.9, "lattice": 5}
    base |= {"sites": ["a"], "train_sites": ["b"], "train": "pooled", "bands": ["red", "nir"], "variable": "ndvi"}
    return base | {"guides": {"sar": {"experiment": "e", "method": "radar"}}, "methods": ["radar"]} | changes


numbers = st.sets(st.integers(0, 60), min_size=2, max_size=25)


@settings(max_examples=80, deadline=None)
@given(
    numbers,
    numbers,
    st.sampled_from(["withheld", "reduced", "product"]),
    st.integers(0, 60),
    st.sampled_from(["all", 3]),
)
def test_until_a_day_nothing_later_is_learned_from_and_nothing_earlier_is_a_target(
    fine: set[int], coarse: set[int], protocol: str, until: int, asked: Any
) -> None:
    days, split = scenes(fine, coarse), experiment(protocol=protocol, train_until=day(until), targets=asked)
    try:
        tested = targets(split, days)
    except InputError:
        assume(False)
    assert min(tested) > day(until)
    for needs in NEEDS.values():
        for case in training_cases(split, days, needs):
            assert max(case.target, case.truth, *case.fine, *case.coarse, case.at_target) <= day(until)
        # What is predicted may be predicted from all that is known.
        unsplit = cases(split | {"train_until": None, "targets": tested}, days, needs)
        assert cases(split, days, needs) == unsplit


def test_a_last_day_beyond_the_period_of_a_product_changes_no_training() -> None:
    days, product = scenes({0, 10, 20}, {0, 5, 11, 20}), experiment(protocol="product")
    late = product | {"train_until": day(99)}
    assert training_cases(late, days, NEEDS["every"]) == training_cases(product, days, NEEDS["every"]) != []
    with pytest.raises(InputError, match=f"no target date.* after {day(99)}"):
        targets(late, days)


def test_a_target_named_in_the_training_is_refused() -> None:
    days, split = scenes({0, 10, 20}, {0, 10, 20}), experiment(train_until=day(10), targets=[day(10)])
    with pytest.raises(InputError, match=f"names the target {day(10)}, but learns until {day(10)}"):
        targets(split, days)
    assert targets(split | {"targets": [day(20)]}, days) == [day(20)]


def test_every_radar_date_is_a_target_and_a_coarse_one_only_where_no_fine_image_is() -> None:
    days = scenes({0, 10}, {0, 5}, {0, 5, 10})
    assert targets(radar(), days) == [day(0), day(5), day(10)]
    assert targets(experiment(protocol="product"), days) == [day(5)]
    assert hidden(radar(), days) == {"fine": set(), "s1": set()}
    assert [case.truth for case in training_cases(radar(), days, NEEDS["radar"])] == [day(0), day(10)]


DAYS = {"a": scenes({0, 10, 20}, {0, 10, 20, 30}, {0, 5, 11}), "b": scenes({1, 11, 21}, {1, 11, 21}, {1, 6, 12})}


def rules(asked: dict[str, Any], *others: dict[str, Any]) -> SimpleNamespace:
    return rule_functions(asked, DAYS, SITES, SENSORS, NEEDS, others)


def job(**wildcards: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"experiment": "e", "site": "a", "method": "pairs", "seed": "0"} | wildcards)


def test_methods_learn_at_the_training_sites_alone_and_predict_at_the_others() -> None:
    made = rules(experiment())
    found = made.training_samples(job(trainset="pooled"))
    assert found and all("/b/" in file for one in found for file in [*made.inputs_of(one), one["truth"]])
    # Nothing is a target there, so that no date is kept from the training.
    assert [one["date"] for one in found] == [day(1), day(11), day(21)]
    assert made.hidden_at("b", "fine") == set() != made.hidden_at("a", "fine")
    assert made.trainset(made.EXPERIMENTS["e"], "a") == "pooled"


def test_images_of_a_site_that_is_only_learned_at_are_those_of_the_training() -> None:
    made = rules(experiment(targets=[day(10)]))
    assert {Path(file).stem for file in made.ard_images("b")} == {day(1), day(11), day(21)}
    assert {Path(file).stem for file in made.ard_images("a")} == {day(0), day(10), day(20)}
    assert made.bands_of("b", "coarse") == ["red", "nir"]


def test_a_series_has_every_date_however_few_are_targets() -> None:
    made = rules(radar(targets=1, train_until=day(4), sites=["a", "b"]))
    wanted = job(method="radar")
    assert [one["date"] for one in made.series_samples(wanted)] == [day(0), day(5), day(11)]
    assert made.series_truths(wanted) == [None] * 3
    assert made.series_states(wanted) == ["results/model/e/pooled/radar/seed0.npz"]
    # The same experiment's images: one, and after the training.
    assert [case.target for case in made.method_cases(made.EXPERIMENTS["e"], "a", "radar")] == [day(11)]
    assert made.series_inputs(wanted) == [f"results/ard/a/s1/{day(n)}.tif" for n in (0, 5, 11)]


def test_a_series_of_hidden_dates_sees_none_of_them_and_knows_their_truth() -> None:
    made = rules(experiment(targets=[day(10)], sites=["a", "b"]))
    wanted = job(method="every")
    (one,), (truth,) = made.series_samples(wanted), made.series_truths(wanted)
    assert one["truth"] is None and truth == f"results/ard/a/fine/{day(10)}.tif"
    assert one["fine"] == [f"results/ard/a/fine/{day(n)}.tif" for n in (0, 20)]


def test_a_gap_experiment_names_its_images_dates_and_guides() -> None:
    made = rules(radar(sites=["a", "b"], targets=1), filling())
    one = made.filling_sample(made.FILLINGS["gaps"], "a")
    assert one["dates"] == [day(n) for n in (0, 5, 10, 11, 20)]
    assert [Path(file).stem for file in one["fine"]] == [day(n) for n in (0, 10, 20)]
    assert one["aux_bands"] == {"sar": ["vv", "vh"]}
    assert one["guides"] == {"sar": ["results/fused/e/a/radar/seed0.nc"]}
    files = made.filling_files(made.FILLINGS["gaps"], "a")
    assert len(files) == 7 and "results/fused/e/a/radar/seed0.nc" in files
    assert set(made.filling_images(made.FILLINGS["gaps"], "b")) <= made.ard_images("b")
    assert made.gathered_files(job(experiment="gaps")) == files and made.lattice(job(experiment="gaps")) == 5
    assert made.bands_of("b", "s1") == ["vv", "vh"] and made.bands_of("b", "fine") == ["red", "nir"]
    less = rules(radar(sites=["a", "b"]), filling(min_clear=1.1))
    assert less.filling_sample(less.FILLINGS["gaps"], "a")["fine"] == []


def test_a_gap_experiment_without_a_date_left_to_score_is_refused_before_anything_is_gathered() -> None:
    def gathered(until: int, site: str = "a") -> Any:
        made = rules(radar(sites=["a", "b"]), filling(train_until=day(until)))
        return made.gathered_files(job(experiment="gaps", site=site))

    assert f"results/ard/a/fine/{day(20)}.tif" in gathered(19)
    words = f"learns until {day(20)}, and no fine image of site a is later"
    with pytest.raises(InputError, match=rf"{words}.*the last: {day(20)}.*Cure: choose an earlier"):
        gathered(20)
    assert gathered(30, "b"), "where it only learns nothing is scored"


def test_dates_that_a_gap_experiment_tests_register_and_adjust_nothing() -> None:
    made = rules(radar(sites=["a", "b"]), filling(train_until=day(10)))
    assert made.hidden_at("a", "fine") == {day(20)}
    assert made.hidden_at("a", "s1") == made.hidden_at("b", "fine") == set(), "radar is no truth, and b is learned at"
    assert (made.open_references("a"), len(made.open_references("b"))) == ([day(0), day(10)], 3)
    assert rules(radar(sites=["a", "b"]), filling()).hidden_at("a", "fine") == set(), "no date as a whole is tested"
