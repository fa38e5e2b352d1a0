"""What an experiment predicts, and that nothing of a test date reaches training."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.cases import (
    Day,
    Days,
    cases,
    hidden,
    nearest,
    read_days,
    references,
    spread,
    taking_part,
    targets,
    training_cases,
)
from stfuse.errors import InputError
from stfuse.needs import Needs

NEAREST = Needs(references="nearest")
BRACKETING = Needs(references="bracketing")


def make_days(fine: list[int], coarse: list[int], clear: float = 1.0) -> Days:
    """Days of the year 2023 per sensor, counted from 1 January = 0."""

    def of(numbers: list[int]) -> dict[str, Day]:
        names = [str(date(2023, 1, 1) + timedelta(n)) for n in numbers]
        return {name: Day(name, clear, (name,)) for name in names}

    return {"fine": of(fine), "coarse": of(coarse)}


def experiment(**changes: Any) -> dict[str, Any]:
    base = {"name": "e", "fine": "fine", "coarse": "coarse", "protocol": "withheld", "targets": "all"}
    return base | {"pair_days": 1, "gap_days": 0, "min_clear": 0.9} | changes


def day(number: int) -> str:
    return str(date(2023, 1, 1) + timedelta(number))


def test_withheld_targets_are_fine_dates_with_a_coarse_date_within_pair_days() -> None:
    days = make_days(fine=[0, 10, 20, 30], coarse=[1, 12, 30])
    assert targets(experiment(), days) == [day(0), day(30)]
    assert targets(experiment(pair_days=2), days) == [day(0), day(10), day(30)]


def test_reduced_targets_are_coarse_dates_and_product_leaves_out_days_seen_by_the_fine_sensor() -> None:
    days = make_days(fine=[0, 10], coarse=[1, 10])
    assert targets(experiment(protocol="reduced"), days) == [day(1), day(10)]
    assert targets(experiment(protocol="product"), days) == [day(1)]


def test_a_cloudy_day_is_no_target_unless_the_user_names_it() -> None:
    days = make_days(fine=[0], coarse=[0], clear=0.6)
    with pytest.raises(InputError, match="lower min_clear"):
        targets(experiment(), days)
    assert targets(experiment(targets=[day(0)]), days) == [day(0)]


def test_a_named_target_without_scene_or_coarse_partner_is_refused_by_name() -> None:
    days = make_days(fine=[0, 20], coarse=[1])
    with pytest.raises(InputError, match=r"2023-01-06.*choose from 2023-01-01, 2023-01-21"):
        targets(experiment(targets=[day(5)]), days)
    with pytest.raises(InputError, match="no coarse scene within 1 days of 2023-01-21"):
        targets(experiment(targets=[day(20)]), days)


def test_gap_days_hide_the_neighbours_of_a_target_from_references() -> None:
    days = make_days(fine=[0, 8, 10, 12, 25], coarse=[10])
    found = cases(experiment(targets=[day(10)], gap_days=5), days, BRACKETING)
    assert [c.fine for c in found] == [(day(0), day(25))]
    assert cases(experiment(targets=[day(10)]), days, BRACKETING)[0].fine == (day(8), day(12))


def test_bracketing_takes_two_on_one_side_where_the_other_is_empty_and_none_if_there_is_only_one() -> None:
    assert references(BRACKETING, day(0), [day(5), day(9), day(30)]) == (day(5), day(9))
    assert references(BRACKETING, day(0), [day(5)]) is None
    assert references(Needs(references="all"), day(7), [day(9), day(5)]) == (day(5), day(9))
    assert references(NEAREST, day(7), [day(9), day(5)]) == (day(5),)


def test_pairs_bring_the_coarse_date_of_each_reference() -> None:
    days = make_days(fine=[0, 10, 19], coarse=[1, 10, 20])
    found = cases(experiment(targets=[day(10)]), days, Needs(references="bracketing", pairs=True))
    assert found[0].coarse == (day(1), day(10), day(20))
    assert found[0].at_target == day(10)


def test_a_reference_whose_coarse_image_would_be_the_targets_is_passed_over() -> None:
    """Two coarse images that are one tell of no change: the reference would be repeated as the prediction."""
    needs = Needs(references="nearest", pairs=True)
    days = make_days(fine=[4, 20, 40], coarse=[5, 21])
    reduced = experiment(protocol="reduced", targets=[day(5)], pair_days=2)
    assert [(c.fine, c.coarse) for c in cases(reduced, days, needs)] == [((day(20),), (day(5), day(21)))]
    assert cases(reduced, days, NEAREST)[0].fine == (day(4),), "without pairs the nearest is the best there is"
    # A target that the user names may be cloudier than a reference's own coarse image, and still be nearer to it.
    days = make_days(fine=[10, 12, 30], coarse=[15, 31])
    days = {"fine": days["fine"], "coarse": {**days["coarse"], day(11): Day(day(11), 0.1, ("cloudy",))}}
    named = experiment(targets=[day(10)], pair_days=3)
    assert [c.fine for c in cases(named, days, needs)] == [(day(30),)]


def test_product_has_no_truth_and_hides_nothing() -> None:
    days = make_days(fine=[0, 10], coarse=[5])
    found = cases(experiment(protocol="product"), days, NEAREST)
    assert [(c.target, c.truth, c.fine) for c in found] == [(day(5), "", (day(0),))]
    assert hidden(experiment(protocol="product"), days) == {"fine": set(), "coarse": set()}


def test_training_truths_are_coarse_dates_for_wald_and_fine_dates_for_pairs() -> None:
    days = make_days(fine=[0, 10, 20, 30, 40], coarse=[1, 10, 20, 33])
    one = experiment(targets=[day(20)])
    wald = training_cases(one, days, Needs(references="nearest", samples="wald"))
    pairs = training_cases(one, days, Needs(samples="pairs"))
    assert [c.truth for c in wald] == [day(1), day(10), day(33)]
    assert [(c.truth, c.at_target) for c in pairs] == [(day(0), day(1)), (day(10), day(10))]


def test_what_learns_for_each_target_learns_from_no_truth() -> None:
    days, one = make_days(fine=[0, 10, 20, 30], coarse=[0, 10, 20, 30]), experiment(targets=[day(20)])
    needs = Needs(references="all", pairs=True, samples="target")
    assert training_cases(one, days, needs) == []
    assert [(c.fine, c.coarse) for c in cases(one, days, needs)] == [
        ((day(0), day(10), day(30)), tuple(map(day, (0, 10, 20, 30))))
    ]


numbers = st.lists(st.integers(0, 120), min_size=1, max_size=25, unique=True)


@settings(max_examples=150, deadline=None)
@given(
    fine=numbers,
    coarse=numbers,
    protocol=st.sampled_from(["withheld", "reduced"]),
    samples=st.sampled_from(["wald", "pairs"]),
    kind=st.sampled_from(["none", "nearest", "bracketing", "all"]),
    gap=st.integers(0, 15),
    pair=st.integers(0, 3),
    count=st.integers(1, 4),
    pairs=st.booleans(),
)
def test_no_test_image_ever_reaches_training(
    fine: list[int],
    coarse: list[int],
    protocol: str,
    samples: Any,
    kind: Any,
    gap: int,
    pair: int,
    count: int,
    pairs: bool,
) -> None:
    days = make_days(fine, coarse)
    one = experiment(protocol=protocol, gap_days=gap, pair_days=pair, targets=count)
    needs = Needs(references=kind, samples=samples, pairs=pairs)
    try:
        tested = cases(one, days, needs)
    except InputError:
        return
    truths = {c.truth for c in tested}
    role = "fine" if protocol == "withheld" else "coarse"
    for case in training_cases(one, days, needs):
        seen = {"fine": set(case.fine), "coarse": set(case.coarse)}
        trained_on_coarse = samples == "wald" or protocol == "reduced"
        seen["coarse" if trained_on_coarse else "fine"].add(case.truth)
        assert not seen[role] & truths
        if protocol == "withheld":
            assert not seen["coarse"] & {c.at_target for c in tested}
    if protocol == "withheld":
        for case in tested:
            assert not set(case.fine) & truths
            assert all(abs((date.fromisoformat(f) - date.fromisoformat(case.target)).days) > gap for f in case.fine)


def test_spread_is_even_and_keeps_order() -> None:
    assert spread(["a", "b", "c", "d", "e", "f"], 2) == ["b", "e"]
    assert spread(["a", "b"], 5) == ["a", "b"]


def test_nearest_prefers_the_earlier_of_two_equally_near() -> None:
    assert nearest(day(5), [day(7), day(3)]) == day(3)
    assert nearest(day(5), []) is None


def test_scenes_of_one_day_are_one_day_and_unkept_scenes_do_not_count(tmp_path: Path) -> None:
    table = tmp_path / "scenes.csv"
    table.write_text(
        "sensor,scene,date,platform,clear,day_clear,kept\n"
        "landsat8,a,2018-06-06,landsat-8,0.7,0.95,1\n"
        "landsat8,b,2018-06-06,landsat-8,0.9,0.95,1\n"
        "landsat8,c,2018-06-22,landsat-8,0.1,0.1,0\n"
    )
    day = Day("2018-06-06", 0.95, ("a", "b"), ("landsat-8", "landsat-8"))
    assert read_days(table) == {"landsat8": {"2018-06-06": day}}


def test_only_named_platforms_take_part() -> None:
    both = {d: Day(d, 1.0, (d,), (p,)) for d, p in ((day(0), "sentinel-2a"), (day(5), "sentinel-2b"))}
    days = {"fine": both, "coarse": both}
    assert taking_part(experiment(), days) == days
    found = taking_part(experiment(platforms={"fine": ["sentinel-2a"]}), days)
    assert (list(found["fine"]), list(found["coarse"])) == ([day(0)], [day(0), day(5)])
