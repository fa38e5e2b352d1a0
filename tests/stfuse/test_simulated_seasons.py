from datetime import date, timedelta

import numpy as np
import pytest

from small_land import DAYS, YEAR, growth_of, land_of, ndvi, seasons_of, settings, spectra_of
from stfuse.errors import InputError
from stfuse.phenology.logistic import double_logistic
from stfuse.simulated.covers import BANDS, CODES, COVERS
from stfuse.simulated.cropcalendar import crop_calendar
from stfuse.simulated.growth import CUT_DEPTH, PADDY, REGROWTH
from stfuse.simulated.seasons import HIGHEST_NDVI, day_number, grow, make_seasons
from stfuse.simulated.weather import WARMEST, make_weather


@pytest.mark.parametrize("own", [{}, {"cloud_season": 2.0, "cloudiest": 210}, {"clear_share": 0.2}, {"clear_share": 1}])
def test_share_of_clear_days_is_that_asked_for_however_strong_the_seasons(own):
    cloud = make_weather(YEAR, settings(**own)).cloud
    assert np.mean(cloud <= 0.06) == pytest.approx(settings(**own).clear_share, abs=1.5 / 365)
    assert cloud.min() == 0 and cloud.max() <= 1


def test_monsoon_is_cloudy_and_wet_and_its_dry_season_clear():
    weather = make_weather(YEAR, settings(cloud_season=1.8, cloudiest=210))
    assert weather.cloud[180:240].mean() > 0.6 and weather.cloud[:45].mean() < 0.1
    assert weather.wetness[180:240].mean() > 0.3 + weather.wetness[:45].mean()


def test_a_longer_period_changes_no_day_of_a_shorter_one():
    long = make_weather([date(2022, 3, 1) + timedelta(days=i) for i in range(1100)], settings())
    for first, count in ((date(2023, 1, 1), 365), (date(2023, 7, 9), 1), (date(2022, 12, 30), 5)):
        short = make_weather([first + timedelta(days=i) for i in range(count)], settings())
        start = (first - date(2022, 3, 1)).days
        for name in ("cloud", "wetness", "temperature", "snow"):
            np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[start : start + count])


def test_temperature_follows_its_course_and_a_negative_swing_is_the_southern_one():
    flat = make_weather(YEAR, settings(temperature=(0, 0))).temperature
    for swing in (9.0, -9.0):
        own = make_weather(YEAR, settings(temperature=(12, swing))).temperature
        np.testing.assert_allclose(own - flat, 12 + swing * np.cos(2 * np.pi * (DAYS - WARMEST) / 365), atol=1e-12)
    assert abs(flat.mean()) < 1 and 2 < flat.std() < 4
    assert own[:31].mean() > own[180:211].mean() + 10


def test_snow_lies_in_frost_only_and_its_strength_is_linear_and_nothing_else():
    none, real, twice = (make_weather(YEAR, settings(temperature=(2, 14), snow=s)) for s in (0, 1, 2))
    assert not none.snow.any()
    np.testing.assert_allclose(twice.snow, np.minimum(2 * real.snow, 1))
    for name in ("cloud", "wetness", "temperature"):
        np.testing.assert_array_equal(getattr(none, name), getattr(real, name))
    assert real.snow[:31].mean() > 0.5 and real.snow[150:240].max() < 1e-9
    grows = np.flatnonzero(np.diff(real.snow) > 0) + 1
    assert len(grows) > 3 and (real.temperature[grows] < 0).all()
    assert make_weather(YEAR, settings(temperature=(30, 2))).snow.max() == 0


# Seasons


@pytest.mark.parametrize("name", ["maize", "broadleaf_wood", "wheat_maize", "rangeland"])
def test_ndvi_is_the_sum_of_the_double_logistics_of_all_cycles_on_one_base(name):
    land = land_of(name, name)
    for i in (0, 1):
        seasons = seasons_of(land)
        curves = [c for s in seasons for c in s.curves[:, i] if np.isfinite(c).all()]
        expected = curves[0][0] + sum(double_logistic(DAYS, [0, *c[1:]]) for c in curves)
        np.testing.assert_allclose(grow(DAYS, land, seasons, []).ndvi[:, i], expected, atol=1e-6)


def test_with_no_spread_the_fields_of_a_class_have_its_own_curve_and_dates():
    land = land_of(*["maize"] * 4, *["winter_wheat"] * 4, *["grassland"] * 4)
    season = seasons_of(land, settings(spread=0))[1]
    for array in (season.curves, season.harvest, season.tillage):
        fields = np.moveaxis(array, 1, 0).reshape(3, 4, -1)
        np.testing.assert_array_equal(fields, np.repeat(fields[:, :1], 4, axis=1))
    np.testing.assert_array_equal(season.cuts[8:], np.repeat(season.cuts[8:9], 4, axis=0))
    maize = COVERS[CODES["maize"]]
    np.testing.assert_allclose(season.curves[0, 0], maize.curve)
    assert season.harvest[0, 0] == maize.curve[5] + maize.harvest
    # Catch crops where they are as likely as not, and nowhere else.
    assert np.isfinite(season.curves[2, 4:8]).all() and not np.isfinite(season.curves[2, :4]).any()
    assert np.isfinite(season.cuts[8, :2]).all() and np.isnan(season.cuts[8, 2])


def test_spread_is_linear():
    land = land_of(*["maize"] * 5)
    none, one, two = (seasons_of(land, settings(spread=s))[1].curves[0] for s in (0, 1, 2))
    limited = two[:, 0] + two[:, 1] > HIGHEST_NDVI - 1e-9
    np.testing.assert_allclose((two - none)[~limited], 2 * (one - none)[~limited], atol=1e-9)
    assert np.ptp(one[:, 3]) > 2 and limited.sum() < 3 and two[:, :2].sum(axis=1).max() <= HIGHEST_NDVI + 1e-9


def test_a_crop_calendar_moves_its_class_by_just_that():
    land = land_of("maize", "wheat_maize", "soybean")
    plain = seasons_of(land)[1]
    own = settings(seasons={"maize": {"t1": 140, "amplitude": 0.5}, "wheat_maize": {"second": {"t2": 281}}})
    moved = seasons_of(land, own)[1]
    expected = plain.curves.copy()
    expected[0, 0, [1, 3]] += 0.5 - 0.64, 140 - 166
    expected[1, 1, 5] += 281 - 261
    np.testing.assert_allclose(moved.curves, expected)
    np.testing.assert_array_equal(moved.harvest[0], plain.harvest[0])
    assert moved.harvest[1, 1] == plain.harvest[1, 1] + 20
    without = seasons_of(land, settings(seasons={"wheat_maize": {"second": False}}))[1]
    assert not np.isfinite(without.curves[1]).any()
    np.testing.assert_array_equal(without.curves[0], plain.curves[0])


@pytest.mark.parametrize(
    ("seasons", "words"),
    [({"maise": {"t1": 3}}, ["maise"]), ({"maize": {"t3": 3}}, ["maize", "t3"]), ({"road": {"t1": 3}}, ["road", "t1"]),
     ({"maize": {"t1": "May"}}, ["maize", "t1"]), ({"maize": {"t1": 300}}, ["maize", "t1", "t2"]),
     ({"maize": {"second": {"t1": 9}}}, ["maize", "second", "t2"]), ({"maize": {"k1": 0}}, ["maize", "k1"]),
     ({"wheat_maize": {"second": {"t9": 9}}}, ["wheat_maize", "second", "t9"]),
     ({"alfalfa": {"cuts": ["June"]}}, ["alfalfa", "cuts"])],
)  # fmt: skip
def test_wrong_crop_calendars_are_named(seasons, words):
    with pytest.raises(InputError) as error:
        crop_calendar(seasons)
    assert all(word in str(error.value) for word in words)


def test_every_year_has_its_own_dates_and_a_longer_period_changes_none():
    land = land_of(*["maize"] * 5)
    short = make_seasons(land, [2023], 2023, settings())[0]
    long = make_seasons(land, [2022, 2023, 2024], 2022, settings())
    np.testing.assert_allclose(long[1].curves[0, :, 3], short.curves[0, :, 3] + 365)
    assert not np.allclose(long[2].curves[0, :, 3] - 730, short.curves[0, :, 3])
    assert day_number(date(2024, 1, 1), 2023) == 366


def test_southern_seasons_go_on_into_the_next_year():
    own = settings(spread=0, events=False, seasons={"maize": {"t1": 330, "t2": 450, "catch": 0}})
    curve = growth_of(land_of("maize"), own).ndvi[:, 0]
    assert curve[20] > 0.75 and curve[364] > 0.7 and curve[180] < 0.25
    assert np.abs(np.diff(curve)).max() < 0.03


def test_double_crops_follow_one_another():
    land = land_of("wheat_maize")
    season, growth = seasons_of(land)[1], growth_of(land)
    first, second = season.curves[:2, 0]
    assert first[3] < first[5] < season.harvest[0, 0] < season.tillage[0, 0] < second[3] < season.harvest[1, 0]
    assert growth.second[int(first[3]), 0] < 1e-5 and growth.second[int(second[3]) + 30, 0] > 0.99
    curve = growth.ndvi[:, 0]
    assert min(curve[110], curve[225]) > curve[165] + 0.3


def test_catch_crops_follow_the_harvest_of_as_many_fields_as_they_should():
    land = land_of(*["winter_wheat"] * 400, *["sugar_beet"] * 50)
    season = seasons_of(land)[1]
    sown = np.isfinite(season.curves[2, :, 0])
    assert sown[:400].mean() == pytest.approx(COVERS[CODES["winter_wheat"]].catch, abs=0.08)
    assert not sown[400:].any()
    assert (season.curves[2, sown, 3] > season.harvest[0, sown]).all()
    assert (season.tillage[0, sown] < season.curves[2, sown, 3]).all()
    growth = growth_of(land)
    assert growth.ndvi[310, :400][sown[:400]].min() > growth.ndvi[310, :400][~sown[:400]].max()
    assert growth.catch[310, :400][sown[:400]].min() > 0.8


def test_without_events_only_harvests_tillage_and_cuts_are_gone():
    land = land_of("winter_wheat", "alfalfa")
    plain, bare = seasons_of(land)[1], seasons_of(land, settings(events=False))[1]
    np.testing.assert_array_equal(bare.curves, plain.curves)
    assert np.isfinite(plain.harvest).any() and np.isfinite(plain.cuts).any()
    assert not any(np.isfinite(a).any() for a in (bare.harvest, bare.tillage, bare.cuts))


def test_a_cut_takes_its_share_on_its_day_and_grows_back():
    land = land_of("alfalfa")
    seasons, plain = seasons_of(land), seasons_of(land, settings(events=False))
    cut, base = seasons[1].cuts[0, 0], seasons[1].curves[0, 0, 0]
    days = np.array([cut - 1, cut, cut + 24])
    ratio = (grow(days, land, seasons, []).ndvi - base) / (grow(days, land, plain, []).ndvi - base)
    np.testing.assert_allclose(ratio[:, 0], [1, 1 - CUT_DEPTH, 1 - CUT_DEPTH * np.exp(-24 / REGROWTH)], atol=1e-6)


def test_harvest_leaves_stubble_and_tillage_nothing():
    land = land_of("winter_wheat")
    season, dead = seasons_of(land)[1], growth_of(land).dead[:, 0]
    harvest, tillage = (int(a[0, 0]) - 1 for a in (season.harvest, season.tillage))
    assert dead[harvest - 1] > 0.6 and dead[harvest] == pytest.approx(dead[harvest - 1] / 2, rel=0.02)
    assert dead[tillage - 1] > 0.3 and dead[tillage] < 1e-12


def test_paddies_stand_under_water_on_their_days_and_keep_their_ndvi():
    land, own = land_of("rice"), settings(spread=0, events=False)
    growth = growth_of(land, own)
    first, last = (COVERS[CODES["rice"]].curve[3] + d for d in COVERS[CODES["rice"]].flooded)
    np.testing.assert_array_equal(growth.water[:, 0] > 0, (first < DAYS) & (last > DAYS))
    assert growth.water.max() == pytest.approx(PADDY) and not growth.flood.any()
    spectra = spectra_of(land, own)[:, 0, 0]
    wet = int(first) + 5
    assert spectra[wet, BANDS.index("swir16")] < 0.3 * spectra[60, BANDS.index("swir16")]
    np.testing.assert_allclose(ndvi(spectra), growth.ndvi[:, 0], atol=1e-5)


# Floods and buildings
