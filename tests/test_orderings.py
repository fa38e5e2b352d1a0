"""The orderings that papers report, on simulated places; see orderings.py for all cases."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import orderings
from benchmarks.method_runs import Scene, all_runs
from benchmarks.orderings import BASELINE, CLAIMS, Claim, check, figure_of, hidden_change, measure, words_of
from benchmarks.simulated_cases import (
    NAMED,
    SITE,
    WU_DATES,
    YANG_PIXEL,
    YANG_RATIO,
    SimulatedCase,
    ideal_scene,
    observed_scene,
    world_of,
    wu_tests,
    yang_combinations,
)
from factory import days, make_grid
from stfuse.grid import coarser, degrade
from stfuse.scenarios import EXAMPLES
from stfuse.task import Series

NAMES = {name for claim in CLAIMS for name in (claim.better, claim.worse)}
RUNS = [run for run in all_runs() if run.name in NAMES]


@pytest.fixture(scope="module")
def of_wu():
    """The tests whose numbers the paper prints, by its own protocol."""
    cases = []
    for (site, target, reference), strength in NAMED.items():
        scene = observed_scene(site, world_of(site, SITE, 5.0), target, reference)
        cases.append(SimulatedCase("Wu 2022", site, "sensors", target, strength, scene))
    return pd.DataFrame(measure(cases, RUNS))


@pytest.fixture(scope="module")
def of_yang():
    """The three combinations that the paper names, on 8 x 8 coarse pixels."""
    world = world_of("champaign", 8 * YANG_PIXEL * YANG_RATIO, 15.0)
    cases = []
    for scenario, (before, target, after) in yang_combinations():
        if tuple(day_of_year(d) for d in (before, target, after)) in EXAMPLES:
            scene = ideal_scene(world, YANG_PIXEL, YANG_RATIO, target, (before, after))
            cases.append(SimulatedCase("Yang 2021", "champaign", "truth", target, scenario, scene))
    assert len(cases) == len(EXAMPLES)
    return pd.DataFrame(measure(cases, RUNS))


def day_of_year(day):
    return int((np.datetime64(day) - np.datetime64(day[:4] + "-01-01")).astype(int)) + 1


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.study == "Wu 2022"], ids=lambda c: c.words)
def test_ordering_of_wu_comes_out_in_every_printed_test(claim, of_wu):
    found = check(of_wu, claim)
    assert len(found) == 2 * len(claim.strengths)
    assert found["holds"].all(), found.to_string()


def test_the_more_change_the_worse_starfm_si_compares_with_bilinear(of_wu):
    slight, dramatic = (of_wu[of_wu["strength"] == s] for s in ("slight", "dramatic"))
    assert slight["change"].max() < dramatic["change"].min()
    relative = {s: t.set_index(["site", "method"])["relative"] for s, t in (("slight", slight), ("dramatic", dramatic))}
    assert (relative["dramatic"].xs("starfm_si", level=1) > 1.3 * relative["slight"].xs("starfm_si", level=1)).all()


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.study == "Yang 2021"], ids=lambda c: c.words)
def test_ordering_comes_out_when_change_is_rapid(claim, of_yang):
    found = check(of_yang, claim)
    assert set(found["references"]) == {1, 2}
    assert found["holds"].all(), found.to_string()


def test_every_method_beats_bilinear_at_ratio_16_where_coarse_images_are_means(of_yang):
    others = of_yang[of_yang["method"] != BASELINE]
    assert (others["relative"] < 1).all(), others[["label", "target", "relative"]].to_string()


def test_there_are_as_many_tests_as_the_abstract_says():
    tests = {(site, *dates) for site in WU_DATES for dates in wu_tests(site)}
    assert [len(wu_tests(site)) for site in WU_DATES] == [8, 12]
    assert set(NAMED) <= tests
    gaps = {key: abs((np.datetime64(key[1]) - np.datetime64(key[2])).astype(int)) for key in NAMED}
    assert [gaps[key] for key in list(NAMED)[:3]] == [7, 75, 8]  # sections 4.1 and 4.2


def made_case(strength, change=0.1):
    grid = make_grid((24, 24), 30)
    before = np.random.default_rng(0).uniform(0.1, 0.4, (6, 24, 24)).astype(np.float32)
    fine = Series(np.stack([before, before + np.float32(change)]), days("2020-01-01", "2020-02-01"), BANDS, grid)
    small = coarser(grid, 4)
    coarse = Series(degrade(fine.values, grid, small), fine.dates, BANDS, small)
    return SimulatedCase(
        "Made", "nowhere", "none", "2020-02-01", strength, Scene("", fine, coarse, 4.0, ("2020-01-01",))
    )


BANDS = orderings.BANDS


def test_change_alike_everywhere_is_not_hidden_and_detail_is():
    even = made_case("slight").scene
    assert hidden_change(even, "2020-02-01", "2020-01-01") == pytest.approx(0, abs=1e-6)
    values = even.fine.values.copy()
    values[1] = values[0, ::-1]  # bands in other places: the detail is another
    other = Scene("", Series(values, even.fine.dates, BANDS, even.fine.grid), even.coarse, 4.0, even.references)
    assert hidden_change(other, "2020-02-01", "2020-01-01") > 0.05


def test_a_claim_compares_runs_with_as_many_references_and_only_its_own_cases():
    row = {
        "study": "Made", "site": "a", "setting": "s", "target": "t", "reference": "r", "strength": "slight",
        "change": 0.1, "hidden_change": 0.05, "detail": 0.02,
    }  # fmt: skip
    runs = [("x", 1, 0.01), ("x", 2, 0.04), ("y", 1, 0.02), ("y", 2, 0.03)]
    table = pd.DataFrame([{**row, "method": m, "references": n, "rmse": v} for m, n, v in runs])
    found = check(table, Claim("", "x", "y", "Made", ("slight",)))
    assert dict(zip(found["references"], found["holds"], strict=True)) == {1: True, 2: False}
    assert check(table, Claim("", "x", "y", "Made", ("dramatic",))).empty
    assert check(table, Claim("", "x", "z", "Made", ("slight",))).empty
    assert not check(table.assign(rmse=0.01), Claim("", "x", "y", "Made", ("slight",)))["holds"].any()
    assert check(table.assign(rmse=0.01), Claim("", "x", "y", "Made", ("slight",), ties=True))["holds"].all()
    free = pd.concat([table, pd.DataFrame([{**row, "method": "z", "references": 0, "rmse": 0.035}])])
    assert check(free, Claim("", "x", "z", "Made", ("slight",)))["holds"].tolist() == [True, False]


def test_words_and_figure_tell_every_claim_and_run(of_wu, of_yang):
    table = pd.concat([of_wu, of_yang], ignore_index=True)
    words = words_of(table)
    assert all(claim.words in words for claim in CLAIMS)
    assert words.count("yes ") + words.count("NO ") == sum(len(check(table, claim)) for claim in CLAIMS)
    labels = {
        text.get_text() for axes in figure_of(table).axes if axes.get_legend() for text in axes.get_legend().get_texts()
    }
    assert labels == set(table["label"]) - {BASELINE}
