from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.logistic import double_logistic
from stfuse.simulated.covers import BANDS, CODES, COVERS, NIR08, RED, material
from stfuse.simulated.cropcalendar import crop_calendar
from stfuse.simulated.dates import event_map, event_rows, season_rows
from stfuse.simulated.events import SHORTEST, Event, draw_events
from stfuse.simulated.growth import CUT_DEPTH, PADDY, REGROWTH
from stfuse.simulated.landscape import Landscape
from stfuse.simulated.seasons import CYCLES, HIGHEST_NDVI, day_number, grow, make_seasons
from stfuse.simulated.settings import Settings
from stfuse.simulated.spectra import ANSWERS, DARKENING, DROWNED, green_share, object_spectra
from stfuse.simulated.surface import object_shares
from stfuse.simulated.weather import WARMEST, Weather, make_weather

YEAR = [date(2023, 1, 1) + timedelta(days=i) for i in range(365)]
DAYS = np.arange(1.0, 366.0)
GROWING = [c.name for c in COVERS if c.curve]


def settings(**changes):
    return Settings(seed=3, **changes)


def land_of(*names):
    cover = np.array([CODES[name] for name in names])
    return Landscape(np.arange(len(names), dtype=np.int32)[None], cover, len(names), np.arange(len(names)))


def farmland(cell=5.0, side=300, names=("winter_wheat", "maize", "grassland")):
    """A square of 25 fields around a stream, with cells of so many metres; pixels of twice that."""
    row = np.arange(side)[:, None] * 5 // side
    labels = (row * 5 + row.T).astype(np.int32)
    labels[:, side // 2 : side // 2 + 4] = 25
    cover = np.array([CODES[names[i % len(names)]] for i in range(25)] + [CODES["water"]])
    grid = GeoBox((side // 2, side // 2), Affine(2 * cell, 0, 5e5, 0, -2 * cell, 5e6), "EPSG:32631")
    return Landscape(labels, cover, 25, np.arange(26)), grid


def dry(days=365, **values):
    nothing = {"cloud": np.zeros(days), "wetness": np.zeros(days), "temperature": np.full(days, 9.0), "snow": 0.0}
    return Weather(**{k: np.broadcast_to(v, days) for k, v in {**nothing, **values}.items()})


def seasons_of(land, own=None, years=(2022, 2023, 2024)):
    return make_seasons(land, years, 2023, own or settings())


def growth_of(land, own=None, events=(), days=DAYS):
    return grow(days, land, seasons_of(land, own), events)


def spectra_of(land, own=None, events=(), weather=None):
    own = own or settings()
    return object_spectra(DAYS, land, growth_of(land, own, events), weather or dry(), own)[0]


def ndvi(spectra):
    return (spectra[..., NIR08] - spectra[..., RED]) / (spectra[..., NIR08] + spectra[..., RED])


# Weather


@pytest.mark.parametrize("own", [{}, {"cloud_season": 2.0, "cloudiest": 210}, {"clear_share": 0.2}, {"clear_share": 1}])
def test_share_of_clear_days_is_that_asked_for_however_strong_the_seasons(own):
    cloud = make_weather(YEAR, settings(**own)).cloud
    assert np.mean(cloud <= 0.06) == pytest.approx(own.get("clear_share", 0.58), abs=1.5 / 365)
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
    own = settings(spread=0, events=False, seasons={"maize": {"t1": 330, "t2": 450}})
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
    assert 0.42 < sown[:400].mean() < 0.58 and not sown[400:].any()
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
    land, own = land_of("rice"), settings(spread=0)
    growth = growth_of(land, own)
    first, last = (COVERS[CODES["rice"]].curve[3] + d for d in COVERS[CODES["rice"]].flooded)
    np.testing.assert_array_equal(growth.water[:, 0] > 0, (first < DAYS) & (last > DAYS))
    assert growth.water.max() == pytest.approx(PADDY) and not growth.flood.any()
    spectra = spectra_of(land, own)[:, 0, 0]
    wet = int(first) + 5
    assert spectra[wet, BANDS.index("swir16")] < 0.3 * spectra[60, BANDS.index("swir16")]
    np.testing.assert_allclose(ndvi(spectra), growth.ndvi[:, 0], atol=1e-5)


# Floods and buildings


def test_events_are_cut_out_of_fields_and_known():
    for cell, n in ((2.5, 600), (5.0, 300), (20.0, 75)):
        land, grid = farmland(cell, n)
        changed, events = draw_events(land, grid, YEAR, settings())
        assert {e.kind for e in events} == {"flood", "building"}
        pieces = range(26, len(changed.cover))
        assert sorted(e.object for e in events if e.object >= 26) == list(pieces)
        for event in events:
            where = changed.labels == event.object
            assert where.any() and (land.labels[where] == event.field).all() and event.field < 25
            assert 1 <= event.first <= min(event.last, 365) and (event.last <= 365 or event.kind == "building")
            assert changed.parent[event.object] == event.field
            assert changed.cover[event.object] == land.cover[event.field]
        untouched = changed.labels < 26
        np.testing.assert_array_equal(changed.labels[untouched], land.labels[untouched])
        hectares = {k: sum((changed.labels == e.object).sum() for e in events if e.kind == k) * cell**2 / 1e4
                    for k in ("flood", "building")}  # fmt: skip
        assert 0.1 <= hectares["building"] <= 3 and 0.05 <= hectares["flood"] <= 25


def test_a_place_has_an_event_of_each_kind_on_four_square_kilometres():
    land, grid = farmland(20.0, 300)  # 36 km2
    _, events = draw_events(land, grid, YEAR, settings())
    assert 6 <= len({e.first for e in events if e.kind == "building"}) <= 9
    assert 5 <= len({(e.first, e.last) for e in events if e.kind == "flood"}) <= 9
    assert len({e.field for e in events if e.kind == "building"} & {e.field for e in events if e.kind == "flood"}) == 0


def test_no_events_if_switched_off_or_the_period_is_short():
    land, grid = farmland()
    for dates, own in ((YEAR, settings(events=False)), (YEAR[: SHORTEST - 1], settings())):
        same, events = draw_events(land, grid, dates, own)
        assert same is land and events == []
    assert draw_events(land, grid, YEAR[:SHORTEST], settings())[1]


def test_same_seed_same_events_other_seed_others():
    land, grid = farmland()
    one, same, other = (draw_events(land, grid, YEAR, Settings(seed=s)) for s in (5, 5, 6))
    assert one[1] == same[1] != other[1]
    np.testing.assert_array_equal(one[0].labels, same[0].labels)


def test_pieces_grow_like_their_field_and_leave_all_others_as_they_were():
    land = land_of("maize", "winter_wheat", "grassland")
    cover, parent = np.append(land.cover, land.cover[1]), np.append(land.parent, 1)
    cut = replace(land, cover=cover, parent=parent)
    curves = [seasons_of(own)[1].curves for own in (land, cut)]
    spectra = [spectra_of(own) for own in (land, cut)]
    for one, two in (curves, spectra):
        np.testing.assert_array_equal(two[:, :3], one)
        np.testing.assert_array_equal(two[:, 3], one[:, 1])


def test_floods_and_buildings_change_exactly_their_piece_on_exactly_their_days():
    land = land_of("maize", "winter_wheat", "rice", "rice")
    events = [
        Event(1, "flood", 100.0, 110.0, CODES["water"], 1),
        Event(3, "building", 200.0, np.inf, CODES["bright_roof"], 3),
    ]
    plain, changed = spectra_of(land), spectra_of(land, events=events)
    differs = (plain != changed).any(axis=(2, 3))
    expected = np.zeros_like(differs)
    expected[99:110, 1] = True
    expected[199:, 3] = True
    np.testing.assert_array_equal(differs, expected)
    under = (1 - DROWNED) * plain[105, 1]
    under[0] += DROWNED * material("flood")
    np.testing.assert_allclose(changed[105, 1], under, rtol=1e-5)
    roof = np.zeros((ANSWERS, len(BANDS)))
    roof[0], roof[1] = material("bright_roof"), COVERS[CODES["bright_roof"]].grain * material("bright_roof")
    np.testing.assert_allclose(changed[250, 3], roof, rtol=1e-6)
    growth = growth_of(land, events=events)
    assert growth.built[:, 3].sum() == 166 and growth.water[:, 1].sum() == growth.flood.sum() == 11
    _, green = object_spectra(DAYS, land, growth, dry(), settings())
    assert not green[199:, 3].any() and not growth.water[199:, 3].any() and 0 < green[105, 1] < 0.2


# Spectra


@pytest.mark.parametrize("spread", [0, 1, 2])
def test_ndvi_of_every_class_is_its_curve_whatever_soil_dead_plants_and_paddies_do(spread):
    land, own = land_of(*GROWING * 3), settings(spread=spread)
    spectra = spectra_of(land, own, weather=make_weather(YEAR, settings(snow=0)))
    np.testing.assert_allclose(ndvi(spectra[:, :, 0]), growth_of(land, own).ndvi, atol=1e-5)


def test_reflectance_stays_within_bounds_and_grain_is_a_share_of_it():
    land = land_of(*[c.name for c in COVERS] * 5)
    own = settings(spread=2, temperature=(3, 12), snow=2)
    spectra = spectra_of(land, own, weather=make_weather(YEAR, own))
    assert spectra.shape == (365, len(land.cover), ANSWERS, len(BANDS)) and spectra.dtype == np.float32
    assert spectra[:, :, 0].min() >= 0.002 and spectra[:, :, 0].max() <= 0.95
    assert np.isfinite(spectra).all()
    summer = spectra[180]
    np.testing.assert_allclose(
        summer[:, 1], summer[:, 0] * np.array([COVERS[c].grain for c in land.cover])[:, None], rtol=1e-5
    )


def test_green_share_inverts_the_mixture_exactly():
    rng = np.random.default_rng(0)
    without, more = rng.uniform(0.05, 0.2, (3, 4, 7)), rng.uniform(-0.1, 0.3, (3, 4, 7))
    more[..., RED], more[..., NIR08] = -0.04, 0.3
    wanted = rng.uniform(-0.1, 1, (3, 4))
    curve = ndvi(without + wanted[..., None] * more)
    np.testing.assert_allclose(green_share(curve, without, more), wanted, atol=1e-12)
    assert green_share(np.full((1, 1), np.nan), without[:1, :1], more[:1, :1]) == 0


def test_wet_soil_is_darker_by_its_strength_and_dry_without():
    land = land_of("bare", "road")
    plain = spectra_of(land)
    for strength in (0, 1):
        wet = spectra_of(land, settings(wetness=strength), weather=dry(wetness=1.0))
        np.testing.assert_allclose(wet[:, 0, 0], plain[:, 0, 0] * (1 - strength * DARKENING), rtol=1e-5)
        np.testing.assert_array_equal(wet[:, 1], plain[:, 1])
    crop = land_of("maize")
    assert (spectra_of(crop, weather=dry(wetness=1.0))[100, 0, 0] < spectra_of(crop)[100, 0, 0]).all()


def test_snow_covers_open_ground_more_than_roofs_and_woods_and_no_water():
    names, holds = ("maize", "broadleaf_wood", "road", "water"), (1, 0.35, 0.7, 0)
    land = land_of(*names)
    plain, white = spectra_of(land), spectra_of(land, weather=dry(snow=0.6))
    for i, share in enumerate(holds):
        np.testing.assert_allclose(
            white[:, i, 0], (1 - 0.6 * share) * plain[:, i, 0] + 0.6 * share * material("snow"), rtol=1e-5
        )
        np.testing.assert_allclose(white[:, i, 1:], (1 - 0.6 * share) * plain[:, i, 1:], rtol=1e-5, atol=1e-9)


def test_with_no_spread_fields_of_a_class_are_the_same_and_with_it_they_are_not():
    land = land_of("maize", "maize", "maize")
    alike, own = spectra_of(land, settings(spread=0)), spectra_of(land)
    np.testing.assert_array_equal(alike, np.repeat(alike[:, :1], 3, axis=1))
    assert np.abs(own[100, 0, 0] - own[100, 1, 0]).max() > 0.005


# Dates


def world_of(land, grid, dates, own=None, inner=None):
    own = own or settings()
    land, events = draw_events(land, grid, dates, own)
    first = dates[0].year
    seasons = make_seasons(land, range(first - 1, dates[-1].year + 2), first, own)
    site = inner or grid
    window = (slice(0, site.height), slice(0, site.width))
    shares = object_shares(land, (grid.height, grid.width))
    return SimpleNamespace(
        grid=grid, site=site, land=land, dates=tuple(dates), seasons=seasons, events=events, shares=shares,
        window=window,
    )  # fmt: skip


def test_transition_dates_are_extrema_of_the_daily_truth():
    names = ("maize", "soybean", "sugar_beet")
    land, grid = farmland(names=names)
    world = world_of(land, grid, YEAR)
    days = np.arange(1, 366, 0.25)
    truth = grow(days, world.land, world.seasons, []).ndvi.astype(float)
    rows = list(season_rows(world, np.arange(1, 26, dtype=np.int32).reshape(5, 5)))
    assert len([r for r in rows if r.season == "main"]) == 25
    # The green-up of a catch crop hides the end of what grew before it.
    alone = np.isnan(world.seasons[1].curves[2, :25, 0])
    assert 15 < alone.sum() < 25
    for row in rows:
        slope = np.gradient(truth[:, row.field - 1], days)
        if alone[row.field - 1]:
            assert abs(days[np.argmax(slope)] - row.transitions[1]) < 0.6
            assert abs(days[np.argmin(slope)] - row.transitions[4]) < 0.6
            assert (np.diff(row.transitions[np.isfinite(row.transitions)]) > 0).all()


def test_all_seasons_in_the_period_are_given_main_ones_first():
    land, grid = farmland(names=("wheat_maize", "winter_wheat", "bare"))
    numbers = np.arange(1, 26, dtype=np.int32).reshape(5, 5)
    own = settings(spread=0)
    dates = [date(2023, 1, 1) + timedelta(days=i) for i in range(730)]
    rows = list(season_rows(world_of(land, grid, dates, own), numbers))
    double = [(r.season, r.year) for r in rows if r.field == 1]
    assert double == [("main", 2023), ("main", 2024), ("second", 2023), ("second", 2024)]
    assert [(r.season, r.year) for r in rows if r.field == 2] == [("main", 2023), ("main", 2024), ("catch", 2023)]
    assert not [r for r in rows if r.field == 3]
    # A period within the season has one row all the same: the season it shows most of.
    short = list(season_rows(world_of(land, grid, YEAR[120:160], own), numbers))
    assert [(r.season, r.year) for r in short if r.field in (1, 2)] == [("main", 2023)] * 2
    assert {r.season for r in rows} == set(CYCLES)


def test_events_are_listed_with_their_days_and_mapped():
    land, grid = farmland(cell=5.0, names=("winter_wheat", "alfalfa"))
    world = world_of(land, grid, YEAR[:200])
    numbers = np.zeros((150, 150), np.int32)
    numbers[:60] = np.repeat(np.arange(1, 11).reshape(2, 5), 30, axis=0).repeat(30, axis=1)
    rows, on_map = list(event_rows(world, numbers)), event_map(world)
    assert on_map.shape == numbers.shape and on_map.max() <= len(world.events)
    assert len({r.event for r in rows}) == len(rows)
    for row in rows:
        if row.kind in ("flood", "building"):
            event = world.events[row.event - 1]
            assert (row.kind, row.field, row.first, row.last) == (event.kind, event.field + 1, event.first, event.last)
            assert row.pixels == (on_map == row.event).sum() > 0
            inside = np.kron(on_map == row.event, np.ones((2, 2))) > 0
            assert (world.land.labels[inside] == event.object).mean() > 0.5
        else:
            assert 1 <= row.first == row.last <= 200 and row.pixels == 900
    kinds = {r.kind for r in rows}
    assert {"cut", "flood", "building"} <= kinds
    cuts = [r for r in rows if r.kind == "cut" and r.field == 2]
    expected = [c for c in world.seasons[1].cuts[1] if c <= 200]
    assert [r.first for r in cuts] == expected
    # Alfalfa, sown for years, is neither harvested nor tilled.
    assert not [r for r in rows if r.field == 2 and r.kind in ("harvest", "tillage")]
