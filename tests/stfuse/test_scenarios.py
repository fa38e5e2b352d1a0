"""Scenarios of change and the combinations chosen for them, against the numbers that Yang et al. 2021 print."""

from collections import Counter
from datetime import date, timedelta
from itertools import combinations, pairwise
from pathlib import Path

import pytest
import yaml

from stfuse.errors import InputError
from stfuse.scenarios import (
    APART,
    COUNTS,
    EXAMPLES,
    LONGEST,
    SIMULATED,
    STEP,
    TRANSITIONS,
    choose_combinations,
    scenario,
    stage_of,
)

ROOT = Path(__file__).parents[2]
LANDSAT = (162, 178, 210, 258, 290, 354)
CHOSEN = choose_combinations()


def test_six_dates_divide_the_year_into_seven_stages_and_open_their_own():
    assert [stage_of(day, TRANSITIONS) for day in (1, 135, 136, 178, 179, 203, 235, 264, 265, 300, 301, 365)] == [
        0, 0, 1, 1, 2, 3, 4, 4, 5, 5, 6, 6,
    ]  # fmt: skip


def test_landsats_dates_lie_in_the_stages_of_figure_6():
    assert [stage_of(day, TRANSITIONS) for day in LANDSAT] == [1, 1, 3, 4, 5, 6]


def test_real_dates_make_sixteen_rapid_and_four_moderate_combinations():
    found = {days: scenario(*days, TRANSITIONS) for days in combinations(LANDSAT, 3)}
    assert Counter(found.values()) == {"rapid": 16, "moderate": 4}
    assert {days for days, name in found.items() if name == "moderate"} == {(162, 178, d) for d in LANDSAT[2:]}


def test_examples_of_figure_9_are_of_the_scenarios_it_names():
    assert [scenario(*days, TRANSITIONS) for days in EXAMPLES] == ["rapid", "moderate", "minimal"]


def test_target_may_share_its_stage_with_either_side():
    assert scenario(10, 20, 30, (15,)) == "moderate"
    assert scenario(10, 20, 30, (25,)) == "moderate"
    assert scenario(10, 20, 30, (15, 25)) == "rapid"
    assert scenario(10, 20, 30, (5, 31)) == "minimal"


@pytest.mark.parametrize("days", [(20, 10, 30), (10, 10, 30), (10, 30, 20)])
def test_days_out_of_order_are_refused(days):
    with pytest.raises(InputError, match="do not ascend"):
        scenario(*days, TRANSITIONS)


def test_transition_dates_out_of_order_are_refused():
    with pytest.raises(InputError, match="do not ascend"):
        stage_of(10, (136, 136, 203))


def test_as_many_as_in_the_paper_are_chosen_for_every_scenario():
    assert Counter(c.scenario for c in CHOSEN) == COUNTS == {"rapid": 8, "moderate": 5, "minimal": 4}
    assert all(c.scenario == scenario(*c.days, TRANSITIONS) for c in CHOSEN)
    assert len({c.days for c in CHOSEN}) == 17


def test_the_papers_examples_are_among_them():
    assert set(EXAMPLES) <= {c.days for c in CHOSEN}


def test_only_the_papers_minimal_example_has_dates_nearer_than_landsats_revisit():
    for days in {c.days for c in CHOSEN}:
        near = any(after - before < APART for before, after in pairwise(days))
        assert near == (days == (150, 160, 165)), days
        assert days[2] - days[0] <= LONGEST
        assert all(day % STEP == 0 for day in days)


@pytest.mark.parametrize("name", list(COUNTS))
def test_combinations_of_a_scenario_lie_in_different_stages_and_all_over_the_year(name):
    own = [c.days for c in CHOSEN if c.scenario == name]
    stages = {tuple(stage_of(day, TRANSITIONS) for day in days) for days in own}
    assert len(stages) == len(own)
    targets = [days[1] for days in own]
    assert min(targets) <= 140
    assert max(targets) >= 300


def test_other_transition_dates_make_other_combinations_of_the_same_counts():
    other = choose_combinations((120, 160, 190, 230, 270, 310), examples=())
    assert Counter(c.scenario for c in other) == COUNTS
    assert [c.days for c in other] != [c.days for c in CHOSEN]


def test_more_than_there_are_is_an_error_that_says_how_many_there_are():
    with pytest.raises(InputError, match=r"9000 minimal combinations asked for, but only \d+ keep"):
        choose_combinations(counts={"rapid": 1, "moderate": 1, "minimal": 9000})


def test_config_holds_what_is_chosen():
    config = yaml.safe_load((ROOT / "config/combinations/yang2021.yaml").read_text())
    chosen = choose_combinations(SIMULATED)
    assert tuple(config["transitions"]) == SIMULATED
    assert [(c["scenario"], *c["days"]) for c in config["combinations"]] == [(c.scenario, *c.days) for c in chosen]
    assert set(EXAMPLES) <= {c.days for c in chosen}
    first = date(2017, 1, 1)
    for entry in config["combinations"]:
        assert entry["dates"] == [str(first + timedelta(day - 1)) for day in entry["days"]]
    site = yaml.safe_load((ROOT / f"config/sites/{config['site']}.yaml").read_text())
    assert site["period"][0] == str(first)
