from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from small_land import DAYS, GROWING, YEAR, dry, farmland, growth_of, land_of, ndvi, seasons_of, settings, spectra_of
from stfuse.simulated.covers import BANDS, CODES, COVERS, NIR08, RED, material
from stfuse.simulated.dates import event_map, event_rows, season_rows
from stfuse.simulated.events import SHORTEST, Event, draw_events
from stfuse.simulated.seasons import CYCLES, DROWNING, grow, make_seasons
from stfuse.simulated.settings import Settings
from stfuse.simulated.spectra import ANSWERS, DARKENING, DROWNED, base_spectra, green_share, object_spectra
from stfuse.simulated.surface import object_shares
from stfuse.simulated.weather import make_weather


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
        Event(1, "flood", 100.0, 104.0, CODES["water"], 1),
        Event(3, "building", 200.0, np.inf, CODES["bright_roof"], 3),
    ]
    plain, changed = spectra_of(land), spectra_of(land, events=events)
    differs = (plain != changed).any(axis=(2, 3))
    expected = np.zeros_like(differs)
    expected[99:104, 1] = True
    expected[199:, 3] = True
    np.testing.assert_array_equal(differs, expected)
    under = (1 - DROWNED) * plain[102, 1]
    under[0] += DROWNED * material("flood")
    np.testing.assert_allclose(changed[102, 1], under, rtol=1e-5)
    roof = np.zeros((ANSWERS, len(BANDS)))
    roof[0], roof[1] = material("bright_roof"), COVERS[CODES["bright_roof"]].grain * material("bright_roof")
    np.testing.assert_allclose(changed[250, 3], roof, rtol=1e-6)
    growth = growth_of(land, events=events)
    assert growth.built[:, 3].sum() == 166 and growth.water[:, 1].sum() == growth.flood.sum() == 5
    _, green = object_spectra(DAYS, land, growth, dry(), settings())
    assert not green[199:, 3].any() and not growth.water[199:, 3].any() and 0 < green[102, 1] < 0.2


def test_a_crop_does_not_outlive_a_long_flood():
    land = land_of("grassland")
    for last, alive in ((180 + DROWNING - 1, True), (180 + DROWNING, False)):
        flood = [Event(0, "flood", 180.0, float(last), CODES["water"], 0)]
        kept = growth_of(land, events=flood).standing[:, 0]
        assert (kept == 1).all() == alive
        if not alive:
            # 1 is the day after; in twenty days weeds make up 1 - 1/e.
            np.testing.assert_allclose(kept[last - 1 + np.array([1, 20])], 1 - np.exp([-0.05, -1]), rtol=1e-5)


# Spectra


@pytest.mark.parametrize("spread", [0, 1, 2])
def test_ndvi_of_every_class_is_its_curve_whatever_soil_dead_plants_and_paddies_do(spread):
    land, own = land_of(*GROWING * 3), settings(spread=spread)
    own = replace(own, events=False)
    spectra = spectra_of(land, own, weather=make_weather(YEAR, settings(snow=0)))
    np.testing.assert_allclose(ndvi(spectra[:, :, 0]), growth_of(land, own).ndvi, atol=1e-5)


@pytest.mark.parametrize("name", ["winter_wheat", "maize", "soybean", "rice"])
def test_harvest_and_tillage_are_seen_in_the_truth_on_their_days(name):
    land, own = land_of(*[name] * 30), settings(seasons={name: {"catch": 0}})
    season, weather = seasons_of(land, own)[1], make_weather(YEAR, settings(snow=0, wetness=0))
    seen = ndvi(spectra_of(land, own, weather=weather)[:, :, 0])
    bare = base_spectra(land, growth_of(land, own), own).ground
    soil = (bare[:, NIR08] - bare[:, RED]) / (bare[:, NIR08] + bare[:, RED])
    for i in range(30):
        # A ripe crop is yellow before: what goes is little in NDVI, and more than on any day before.
        harvest, tillage = (int(days[0, i]) - 1 for days in (season.harvest, season.tillage))
        assert seen[harvest - 1, i] - seen[harvest, i] > 3 * abs(seen[harvest - 2, i] - seen[harvest - 1, i])
        if tillage < 365:
            assert seen[tillage, i] == pytest.approx(soil[i], abs=0.02)


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
