"""Whether the papers' orderings of networks are counted rightly; `benchmarks.networks` measures them."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import network_cases, network_runs, networks
from benchmarks.network_cases import APART, GROUPS, WU, WU_TRAINING, michel_dates, wu_cases
from benchmarks.network_claims import CLAIMS, Claim, check, words_of
from benchmarks.network_figures import figure_of
from benchmarks.network_places import ORIGINAL, REDUCED, Place
from benchmarks.network_runs import STRONG, Contender, Table, contenders, measure
from benchmarks.simulated_cases import WU_DATES
from factory import days, make_grid
from stfuse.cases import days_between
from stfuse.grid import coarser, degrade
from stfuse.needs import Needs
from stfuse.task import Series

BAND_COLUMNS = [f"{band}_ce99" for band in ("blue", "green", "red", "nir")]


def made_table(values, study="Made", **more):
    """A table of {(method, seed, target): RMSE}; SSIM is 1 - RMSE."""
    rows = []
    for (method, seed, target), value in values.items():
        about = {"strength": "slight", "change": 0.1, "hidden_change": 0.05, "detail": 0.02, "code": "x"}
        facts = {"study": study, "site": "a", "setting": "s", "target": target, "usable": "u v", "stratum": "all"}
        scores = dict.fromkeys(("rmse", "sam_deg", "ergas", "ndvi_ce90", "struct", *BAND_COLUMNS, "nir08_rmse"), value)
        scores |= dict.fromkeys(("ssim", "ssim_range", "cc"), 1 - value) | {"train_s": 1.0, "predict_s": 0.1}
        rows.append({**facts, "method": method, "seed": seed, **about, **scores, **more})
    return pd.DataFrame(rows)


def test_a_claim_compares_means_over_cases_for_every_seed():
    values = {("x", 0, "t"): 0.1, ("x", 0, "u"): 0.3, ("x", 1, "t"): 0.2, ("x", 1, "u"): 0.4}
    values |= {("y", 0, "t"): 0.25, ("y", 0, "u"): 0.31}
    (found,) = check(made_table(values), Claim("Made", "x", "y", ("rmse",)))
    np.testing.assert_allclose(found.better, [0.2, 0.3])
    np.testing.assert_allclose(found.worse, [0.28])
    assert found.holds and not found.clear  # 0.25 < 0.28, but 0.3 is not
    assert found.cases.set_index("target")["holds"].to_dict() == {"t": True, "u": False}
    np.testing.assert_allclose(found.cases["better"], [0.15, 0.35])


def test_every_seed_below_every_other_is_clear_and_ssim_is_the_other_way_round():
    values = {("x", s, "t"): 0.1 + 0.01 * s for s in range(3)} | {("y", s, "t"): 0.13 + 0.01 * s for s in range(3)}
    found = check(made_table(values), Claim("Made", "x", "y", ("rmse", "ssim")))
    assert [f.metric for f in found] == ["rmse", "ssim"]
    assert all(f.holds and f.clear and f.cases["holds"].all() for f in found)
    turned = check(made_table(values), Claim("Made", "y", "x", ("rmse", "ssim")))
    assert not any(f.holds or f.clear or f.cases["holds"].any() for f in turned)
    values["y", 0, "t"] = 0.115
    assert [(f.holds, f.clear) for f in check(made_table(values), Claim("Made", "x", "y"))] == [(True, False)] * 2


def test_as_good_is_not_better():
    values = {("x", 0, "t"): 0.1, ("y", 0, "t"): 0.1}
    assert not any(f.holds or f.cases["holds"].any() for f in check(made_table(values), Claim("Made", "x", "y")))


def test_only_cases_that_both_methods_have_count():
    values = {("x", 0, "t"): 0.1, ("x", 0, "u"): 9.0, ("y", 0, "t"): 0.2, ("y", 0, "v"): 0.0}
    (found,) = check(made_table(values), Claim("Made", "x", "y", ("rmse",)))
    assert found.holds and list(found.cases["target"]) == ["t"]
    assert check(made_table({("x", 0, "t"): 0.1, ("y", 0, "v"): 0.0}), Claim("Made", "x", "y")) == []


def test_a_claim_speaks_of_its_own_cases_and_pixels():
    table = pd.concat([
        made_table({("x", 0, "t"): 0.1, ("y", 0, "t"): 0.2}),
        made_table({("x", 0, "u"): 0.4, ("y", 0, "u"): 0.2}, strength="strong"),
        made_table({("x", 0, "t"): 0.5, ("y", 0, "t"): 0.2}, stratum="high"),
    ])  # fmt: skip
    holds = [
        check(table, Claim("Made", "x", "y", ("rmse",), **more))[0].holds
        for more in ({}, {"strength": "slight"}, {"strength": "strong"}, {"stratum": "high"})
    ]
    assert holds == [False, True, False, False]


def test_words_tell_the_spread_over_seeds_and_the_cases_that_fail():
    values = {("esrcnn", s, "2019-01-01"): 0.1 + 0.01 * s for s in range(3)}
    values |= {("dstfn", s, "2019-01-01"): 0.2 for s in range(3)}
    words = words_of(made_table(values, WU), ["ddi"])
    assert "0.1100 ±0.0100" in words and "0.2000 ±0.0000" in words
    assert "dstfn beats esrcnn; s, rmse: NO: 0.2000 ±0.0000 against 0.1100 ±0.0100, better in 0 of 1 cases" in words
    assert "not a 2019-01-01 (slight): 0.2000 against 0.1100; the fine images change by 0.1000" in words
    assert "esrcnn beats atprk: there is no esrcnn or no atprk to compare" in words
    assert words.endswith("no such method here: ddi\n")


def test_words_rank_the_hybrid_in_every_scenario():
    values = {("srcnn_lstm", 0, "t"): 0.2, ("starfm", 0, "t"): 0.1, ("fsdaf", 0, "t"): 0.3, ("bilinear", 0, "t"): 0.01}
    words = words_of(made_table(values, "Yang 2021", strength="minimal"))
    assert "minimal, ergas: the hybrid is number 2 of 3: starfm 0.1000 < srcnn_lstm 0.2000 < fsdaf 0.3000" in words


def test_words_count_the_images_within_the_errors_that_michel_states():
    table = made_table({("ddi", 0, "t"): 0.009, ("ddi", 0, "u"): 0.012}, "Michel 2022")
    assert "ddi: 99 % of pixels err by less than 0.01 in blue, green and red in 50% of the images" in words_of(table)
    assert "than 0.15 in 100%" in words_of(table) and "less than 0.015 in 100%" in words_of(table)


def test_claims_name_methods_that_take_part():
    for claim in CLAIMS:
        assert {claim.better, claim.worse} <= set(network_runs.CONTENDERS[claim.study])


@pytest.mark.parametrize("site", sorted(WU_DATES))
def test_cases_of_wu_bracket_their_target_and_no_test_image_is_learnt_from(site):
    cases = list(wu_cases(site))
    assert {case.setting for case in cases} == {REDUCED, ORIGINAL}
    assert len(set(cases)) == len(cases)
    for case in cases:
        before, after = case.usable
        assert before < case.target < after
        assert case.target not in WU_TRAINING[site][0]
        assert not {before, after} & set(WU_TRAINING[site][1])
    assert any(min(days_between(d, c.target) for d in c.usable) >= APART for c in cases)


def test_there_are_as_many_dates_as_table_2_has_and_six_cases_or_more():
    count = {site: [len({*a, *b}) for a, b in zip(WU_DATES[site], WU_TRAINING[site], strict=True)] for site in WU_DATES}
    assert count == {"hailar": [10, 13], "dezhou": [11, 13]}  # section 3.1
    assert sum(case.setting == REDUCED for site in WU_DATES for case in wu_cases(site)) >= 6


@pytest.mark.parametrize(("site", "count"), [("fr_bil", 12), ("arm", 16)])
def test_guides_of_michel_are_as_many_as_the_slides_say_and_targets_lie_between_them(site, count):
    guides, targets = michel_dates(site)
    assert len(guides) == count and len(targets) == network_cases.TARGETS
    assert all(guides[0] < t < guides[-1] and min(days_between(t, g) for g in guides) > 3 for t in targets)


def test_every_combination_of_yang_is_a_case_in_both_worlds():
    groups = list(GROUPS["yang"]())
    assert [len(group.cases) for group in groups] == [17, 17]
    of_bands = next(GROUPS["bands"]())
    assert sorted({len(case.bands) for case in of_bands.cases}) == [1, 2, 3, 6]
    assert len(of_bands.cases) == 4 * 8


def test_fewer_cases_are_spread_over_every_setting():
    group = next(GROUPS["wu"]())
    some = network_cases.fewer(group, 2).cases
    assert [case.setting for case in some] == [REDUCED] * 2 + [ORIGINAL] * 2
    own = [case for case in group.cases if case.setting == REDUCED]
    assert some[:2] == (own[1], own[4])
    assert network_cases.fewer(group, 99).cases == group.cases


def made_place(size=24, change=0.1):
    """A place whose last date is the first one with a change that is alike everywhere."""
    grid, dates = make_grid((size, size), 30), days("2019-01-01", "2019-01-11", "2019-01-21")
    first = np.random.default_rng(0).uniform(0.1, 0.4, (4, size, size)).astype(np.float32)
    fine = Series(np.stack([first, first + np.float32(change / 2), first + np.float32(change)]), dates, BANDS, grid)
    small = coarser(grid, 3)
    return Place(fine, Series(degrade(fine.values, grid, small), dates, BANDS, small), fine, 3.0)


BANDS = ("blue", "green", "red", "nir08")
ENDS = ("2019-01-01", "2019-01-21")


def test_a_place_shows_no_target_and_only_what_a_method_asks_for():
    task = made_place().task(Needs(references="bracketing", pairs=True, uses=("pan",)), "2019-01-11", ENDS)
    assert tuple(task.fine.dates.astype(str)) == ENDS and len(task.coarse.dates) == 3 and task.aux == {}
    assert made_place().task(Needs(references="bracketing"), "2019-01-11", ENDS[:1]) is None
    assert made_place().task(Needs(aux=("pan",)), "2019-01-11", ENDS) is None
    among = made_place().known(Needs(references="nearest"), "2019-01-01", (*ENDS, "2019-01-11"))
    assert among.task.fine.dates.astype(str).tolist() == ["2019-01-11"]
    np.testing.assert_array_equal(among.values[0], made_place().goal("2019-01-01"))


def test_a_place_in_some_bands_is_the_same_place():
    some = made_place().with_bands(("nir08",))
    np.testing.assert_array_equal(some.goal("2019-01-11")[0], made_place().goal("2019-01-11")[3])
    assert some.coarse.bands == some.fine.bands == ("nir08",)


@pytest.fixture
def made_groups(monkeypatch):
    """One group of two cases, and a count of how often its images are made and methods predict."""
    calls = {"places": 0, "fit": 0, "predict": 0}
    real = {"fit": network_runs._train, "predict": network_runs._rows}

    def counted(name):
        def call(*words):
            calls[name] += 1
            return real[name](*words)

        return call

    monkeypatch.setattr(network_runs, "_train", counted("fit"))
    monkeypatch.setattr(network_runs, "_rows", counted("predict"))

    def places():
        calls["places"] += 1
        return {"s": made_place()}

    cases = tuple(network_cases.Case("s", target, ENDS) for target in ("2019-01-11", "2019-01-21"))
    return (network_cases.Group("Made", "a", cases, places),), calls


def test_a_run_goes_on_where_it_was_and_other_code_is_measured_again(tmp_path, made_groups):
    groups, calls = made_groups
    known = [Contender(n, n, Needs(references=r), code="1") for n, r in (("bilinear", "none"), ("temporal", "nearest"))]
    table = Table(tmp_path / "t.csv", known)
    measure(groups, table, known[:1], 3)
    assert calls == {"places": 1, "fit": 1, "predict": 2}  # closed forms have one seed; one training for both cases
    again = Table(tmp_path / "t.csv", known)
    assert again.frame()["seed"].dtype.kind == "i" and len(again.rows) == len(table.rows) == 6
    measure(groups, again, known, 3)
    assert calls == {"places": 2, "fit": 2, "predict": 4}
    measure(groups, Table(tmp_path / "t.csv", known), known, 3)
    assert calls == {"places": 2, "fit": 2, "predict": 4}
    newer = [Contender("bilinear", "bilinear", Needs(), code="2"), known[1]]
    measure(groups, Table(tmp_path / "t.csv", newer), newer, 3)
    assert calls == {"places": 3, "fit": 3, "predict": 6}
    assert len(Table(tmp_path / "t.csv", newer).rows) == 12


def test_strength_is_what_changes_from_the_nearest_reference(tmp_path, made_groups):
    groups, _ = made_groups
    table = Table(tmp_path / "t.csv", [])
    measure(groups, table, [Contender("bilinear", "bilinear", Needs())], 1)
    found = table.frame().set_index(["target", "stratum"]).loc[("2019-01-11", "all")]
    assert found["change"] == pytest.approx(0.05, abs=1e-6) and found["change"] > STRONG
    assert found["strength"] == "strong" and found["hidden_change"] == pytest.approx(0, abs=1e-6)
    assert found["detail"] == pytest.approx(found["rmse"], rel=1e-4)


def test_methods_without_a_file_are_left_out(monkeypatch):
    monkeypatch.setitem(network_runs.CONTENDERS, WU, ("bilinear", "no_such_method"))
    found, missing = contenders(WU)
    assert [c.name for c in found] == ["bilinear"] and missing == ["no_such_method"]
    assert len(found[0].code) == 8


def test_settings_are_part_of_the_code():
    whole, half = (next(c for c in contenders(WU, one_stage=less)[0] if c.name == "esrcnn") for less in (False, True))
    assert whole.settings == {} and half.settings == {"sharpen": False}
    assert whole.code != half.code == next(c for c in contenders(WU, one_stage=True)[0] if c.name == "esrcnn").code


def test_a_quick_run_writes_table_words_and_figure(tmp_path, capsys):
    networks.main(["--only", "wu", "--quick", "--seeds", "1", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "networks.csv")
    assert set(table["setting"]) == {REDUCED, ORIGINAL} and {"bilinear", "atprk", "esrcnn"} <= set(table["method"])
    assert (table[table["stratum"] == "all"]["covered"] == 1).all()
    assert np.isfinite(table[["rmse", "ssim", "change"]]).all().all()
    assert (tmp_path / "networks.txt").read_text() in capsys.readouterr().out
    assert (tmp_path / "networks.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_has_a_row_for_every_study_and_names_every_method():
    values = {(m, s, t): 0.1 for m in ("bilinear", "srcnn_lstm") for s in (0, 1) for t in ("t", "u")}
    parts = [made_table(values, study) for study in ("Wu 2022", "Yang 2021")]
    figure = figure_of(pd.concat(parts).assign(strength="rapid"))
    words = {text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()}
    assert words >= {"bilinear"} and len(figure.axes) == 4
