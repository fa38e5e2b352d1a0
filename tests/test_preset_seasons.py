"""The seasons of the sites named after the studies' places, as their papers describe them: courses of whole classes."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from preset_sites import PERIODS, SETTINGS, SITES
from stfuse.phenology.logistic import DATE_NAMES, double_logistic, transition_dates
from stfuse.phenology.seasons import SEASON_NAMES, find_seasons, main_seasons
from stfuse.scenarios import SIMULATED, TRANSITIONS, choose_combinations, scenario
from stfuse.simulated.covers import CODES
from stfuse.simulated.cropcalendar import crop_calendar
from stfuse.simulated.land.landscape import Landscape
from stfuse.simulated.seasons import grow, make_seasons

YEAR = np.arange(1, 366, dtype=float)


def ndvi(name, classes):
    """NDVI of a year of each class, all fields of it alike and none cut, shape (day, class)."""
    own = np.arange(len(classes))
    land = Landscape(np.zeros((1, 1), np.int32), np.array([CODES[c] for c in classes]), len(classes), own)
    year = PERIODS[name][1].year
    settings = replace(SETTINGS[name], spread=0.0, events=False)
    return grow(YEAR, land, make_seasons(land, range(year - 1, year + 2), year, settings), []).ndvi


def mean_ndvi(name, classes):
    return np.average(ndvi(name, classes), axis=1, weights=[SETTINGS[name].land[c] for c in classes])


def dates_of(course):
    """Transition dates of the double logistic fitted to a year's course."""
    found = find_seasons(course[:, None].astype(np.float32), np.ones((len(course), 1), np.float32), YEAR)
    return found[[SEASON_NAMES.index(n) for n in DATE_NAMES], main_seasons(found)[0], 0]


def ripe(name, crop, cycle="main"):
    """Half-way from the fastest senescence to its end."""
    cover = crop_calendar(SETTINGS[name].seasons)[CODES[crop]]
    return transition_dates(cover.second if cycle == "second" else cover.curve)[4:].mean()


def day_of(year, month, day):
    return (date(year, month, day) - date(year, 1, 1)).days + 1


def test_mean_ndvi_of_champaigns_crops_has_the_papers_transition_dates():
    found = dates_of(mean_ndvi("champaign", ["maize", "soybean"]))
    assert np.abs(found - TRANSITIONS).max() <= 4
    assert found - TRANSITIONS == pytest.approx([3.7, -4.0, 3.9, 0.6, 0.8, -3.4], abs=0.1)  # as in the remarks


def test_no_double_logistic_has_them_much_nearer():
    grid = np.meshgrid(np.arange(0.055, 0.075, 0.002), np.arange(172, 179, 0.5), np.arange(0.06, 0.085, 0.003))
    k1, t1, k2 = (axis.ravel() for axis in grid)
    curves = np.stack([0.2 + 0 * k1, 0.65 + 0 * k1, k1, t1, k2, 266 + 0 * k1], axis=1)
    worst = np.abs(transition_dates(curves) - TRANSITIONS)[:, :3].max(axis=1)
    assert np.nanmin(worst) > 3.5


def test_the_simulations_own_stages_are_those_its_combinations_are_chosen_by():
    found = dates_of(mean_ndvi("champaign_simulation", ["maize", "soybean"]))
    assert found == pytest.approx(SIMULATED, abs=1) and found == pytest.approx(TRANSITIONS, abs=4.5)
    named = [(c.scenario, scenario(*c.days, found.tolist())) for c in choose_combinations(SIMULATED)]
    assert len(named) == 17 and all(one == other for one, other in named)


def test_the_simulation_has_champaigns_crops_and_nothing_that_changes_else_but_woods():
    own, real = (SITES[name]["simulated"]["seasons"] for name in ("champaign_simulation", "champaign"))
    assert all(own[crop] == real[crop] for crop in ("maize", "soybean"))
    assert (own["broadleaf_wood"]["t1"], own["broadleaf_wood"]["t2"]) == (125, 290)
    curve = crop_calendar(SETTINGS["champaign_simulation"].seasons)[CODES["maize"]].curve
    assert ndvi("champaign_simulation", ["maize"])[:, 0] == pytest.approx(double_logistic(YEAR, curve), abs=1e-3)
    assert np.ptp(ndvi("champaign_simulation", ["built_up"])) < 1e-6


def test_dezhous_fields_have_two_peaks_a_year():
    course = mean_ndvi("dezhou", ["wheat_maize"])
    peaks = [d for d in range(1, 364) if course[d - 1] < course[d] >= course[d + 1] and course[d] > 0.6]
    wheat, maize = (YEAR[d] for d in peaks)
    assert day_of(2018, 4, 15) <= wheat <= day_of(2018, 5, 10)
    assert day_of(2018, 8, 10) <= maize <= day_of(2018, 9, 5)
    assert course[peaks[0] : peaks[1]].min() < 0.35


def test_champaigns_crops_are_greenest_in_july_or_august():
    assert 182 <= YEAR[mean_ndvi("champaign", ["maize", "soybean"]).argmax()] <= 243


def test_madagascar_is_greenest_in_february_and_no_forest():
    growing = [c for c in SETTINGS["mad_ambo"].land if c not in ("bare", "water")]
    course = mean_ndvi("mad_ambo", growing)
    assert 32 <= YEAR[course.argmax()] <= 59
    assert course.max() < 0.5
    assert course[day_of(2019, 9, 1)] < 0.25


def test_tadlas_wheat_is_green_in_the_rainy_season_and_gone_in_the_dry_one():
    course = ndvi("tadla", ["winter_wheat"])[:, 0]
    assert 60 <= YEAR[course.argmax()] <= 90
    assert course[day_of(2017, 6, 1) :].max() < 0.3
    assert ndvi("tadla", ["alfalfa"])[day_of(2017, 7, 1), 0] > 0.7  # irrigated


@pytest.mark.parametrize(
    ("name", "crop", "cycle", "first", "last"),
    [
        ("hailar", "soybean", "main", (9, 1), (9, 20)),
        ("hailar", "maize", "main", (9, 11), (9, 30)),
        ("dezhou", "wheat_maize", "main", (6, 1), (6, 10)),
        ("dezhou", "wheat_maize", "second", (10, 1), (10, 10)),
    ],
)
def test_wus_crops_ripen_when_the_paper_says(name, crop, cycle, first, last):
    year = PERIODS[name][0].year
    assert day_of(year, *first) <= ripe(name, crop, cycle) <= day_of(year, *last)


def test_india_is_green_and_cloudy_after_the_monsoon_and_vietnam_has_two_rice_crops():
    assert 213 <= YEAR[ndvi("rossberg_india", ["soybean"])[:, 0].argmax()] <= 304  # August to October
    rice = ndvi("rossberg_vietnam", ["double_rice"])[:, 0]
    assert sum(rice[d - 1] < rice[d] >= rice[d + 1] and rice[d] > 0.5 for d in range(1, 364)) == 2
