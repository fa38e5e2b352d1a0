from datetime import date

import numpy as np
import pytest
from scipy import ndimage

import small_world
from stfuse.errors import InputError
from stfuse.grid import coarser, site_grid
from stfuse.logistic import double_logistic
from stfuse.simulated.covers import BANDS, CODES, COVERS, NIR08, RED
from stfuse.simulated.dates import season_rows
from stfuse.simulated.seasons import CUT_DEPTH, REGROWTH, make_seasons, ndvi_curves
from stfuse.simulated.settings import read_settings, stream
from stfuse.simulated.surface import ANSWERS, day_number, field_map, green_share, make_world, smooth_noise


@pytest.fixture(scope="module")
def year():
    grid = site_grid(small_world.CRS, small_world.BOUNDS, 10)
    return make_world(grid, (date(2023, 1, 1), date(2023, 12, 31)), 4, small_world.settings())


def ndvi(spectra):
    return (spectra[..., NIR08] - spectra[..., RED]) / (spectra[..., NIR08] + spectra[..., RED])


def test_ndvi_of_a_field_is_its_double_logistic_whatever_soil_and_dead_plants_do(year):
    fields = slice(0, year.land.fields)
    uncut = [i for i in range(year.land.fields) if not COVERS[year.land.cover[i]].cuts]
    assert uncut
    mean = year.spectra.reshape(365, -1, ANSWERS, len(BANDS))[:, fields, 0]
    days = np.arange(1, 366)
    season = next(s for s in year.seasons if s.year == 2023)
    for i in uncut:
        # Tails of the neighbouring years reach a little into January and December.
        np.testing.assert_allclose(ndvi(mean[:, i])[15:-40], double_logistic(days, season.curves[i])[15:-40], atol=3e-3)
    everything = ndvi_curves(days.astype(float), year.seasons)[:, : year.land.fields]
    np.testing.assert_allclose(ndvi(mean), everything, atol=2e-5)


def test_reflectance_is_that_of_farmland(year):
    summer = year.reflectance(190)
    values = ndvi(np.moveaxis(summer, 0, -1))
    assert summer.min() > 0 and summer.max() < 0.6
    assert 0.015 < np.percentile(summer[RED], 5) < np.percentile(summer[RED], 95) < 0.25
    assert 0.15 < np.percentile(summer[NIR08], 5) < np.percentile(summer[NIR08], 95) < 0.55
    assert np.percentile(values, 99) < 0.95 and np.ptp(values) > 0.5
    assert np.corrcoef(summer[0].ravel(), summer[RED].ravel())[0, 1] > 0.7


def test_an_area_without_texture_is_a_mixture_of_its_objects():
    world = make_world(
        site_grid(small_world.CRS, small_world.BOUNDS, 10),
        (date(2023, 6, 1), date(2023, 6, 2)),
        2,
        small_world.settings(texture=0),
    )
    pure = np.asarray(world.shares.max(axis=1).todense()).ravel() == 1
    flat = world.reflectance(0).reshape(len(BANDS), -1)[:, pure].T
    owner = np.asarray(world.shares.argmax(axis=1)).ravel()[pure]
    np.testing.assert_allclose(flat, world.spectra[0].reshape(-1, ANSWERS, len(BANDS))[owner, 0], rtol=1e-5)
    np.testing.assert_allclose(np.asarray(world.shares.sum(axis=1)).ravel(), 1, rtol=1e-6)


def test_green_share_inverts_the_mixture_exactly():
    rng = np.random.default_rng(0)
    without, more = rng.uniform(0.05, 0.2, (3, 4, 7)), rng.uniform(-0.1, 0.3, (3, 4, 7))
    more[..., RED], more[..., NIR08] = -0.04, 0.3
    wanted = rng.uniform(0, 1, (3, 4))
    curve = ndvi(without + wanted[..., None] * more)
    np.testing.assert_allclose(green_share(curve, without, more), wanted, atol=1e-12)
    assert green_share(np.full((1, 1), np.nan), without[:1, :1], more[:1, :1]) == 0


def test_a_cut_takes_its_share_on_its_day_and_grows_back():
    cover = np.array([CODES["alfalfa"]])
    seasons = make_seasons(cover, [2023], 2023, True, seed=1)
    plain = make_seasons(cover, [2023], 2023, False, seed=1)
    assert not np.isfinite(plain[0].cuts).any()
    cut = seasons[0].cuts[0, 0]
    days = np.array([cut - 1, cut, cut + 24])
    base = seasons[0].curves[0, 0]
    ratio = (ndvi_curves(days, seasons) - base) / (ndvi_curves(days, plain) - base)
    np.testing.assert_allclose(ratio[:2, 0], [1, 1 - CUT_DEPTH], atol=1e-12)
    np.testing.assert_allclose(ratio[2, 0], 1 - CUT_DEPTH * np.exp(-24 / REGROWTH), atol=1e-12)


def test_transition_dates_are_extrema_of_the_daily_truth(year):
    days = np.arange(1, 366, 0.25)
    rows = list(season_rows(year, field_map(year)))
    assert len(rows) > 3
    for row in rows:
        y = double_logistic(days, row.curve)
        slope = np.gradient(y, days)
        assert abs(days[np.argmax(slope)] - row.transitions[1]) < 0.5
        assert abs(days[np.argmin(slope)] - row.transitions[4]) < 0.5
        if np.isfinite(row.transitions).all():
            assert (np.diff(row.transitions) > 0).all()


def test_every_year_of_a_period_has_its_own_dates_and_a_longer_period_changes_none():
    cover = np.array([CODES["maize"]] * 5)
    short = make_seasons(cover, [2023], 2023, True, seed=1)[0]
    long = make_seasons(cover, [2022, 2023, 2024], 2022, True, seed=1)
    np.testing.assert_allclose(long[1].curves[:, 3], short.curves[:, 3] + 365)
    assert not np.allclose(long[2].curves[:, 3] - 730, short.curves[:, 3])
    assert day_number(date(2024, 1, 1), 2023) == 366


def test_fields_are_single_patches_of_crops_and_of_plausible_size():
    grid = site_grid(small_world.CRS, (500010, 5629740, 501510, 5631240), 10)
    world = make_world(grid, (date(2023, 6, 1), date(2023, 6, 1)), 10, small_world.settings())
    numbers = field_map(world)
    assert numbers.shape == grid.shape
    for number in np.unique(numbers[numbers > 0]):
        assert ndimage.label(numbers == number)[1] == 1
        assert COVERS[world.land.cover[number - 1]].share > 0
    areas = np.bincount(world.land.labels.ravel())[: world.land.fields] * 2.5**2 / 1e4
    assert 1 < np.median(areas) < 6 and areas.max() < 13
    assert 0.6 < (numbers > 0).mean() < 0.95
    kinds = {COVERS[c].name for c in world.land.cover}
    assert {"winter_wheat", "maize", "grassland", "alfalfa", "broadleaf_wood", "water", "red_roof", "road"} <= kinds


def test_same_seed_same_world_other_seed_another():
    grid = site_grid(small_world.CRS, small_world.BOUNDS, 10)
    one, same, other = (
        make_world(grid, (date(2023, 6, 1), date(2023, 6, 1)), 4, read_settings({"seed": s}, "x")).reflectance(0)
        for s in (5, 5, 6)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.05


def test_texture_has_the_strength_it_is_asked_for():
    for sigma in (0.45, 3.0):
        values = smooth_noise(np.random.default_rng(0), (400, 400), sigma)
        assert values.std() == pytest.approx(1, rel=0.05)


def test_streams_do_not_depend_on_one_another():
    first = stream(1, "noise", "landsat-8").random()
    stream(1, "clouds", "landsat-8").random(100)
    assert stream(1, "noise", "landsat-8").random() == first
    assert stream(1, "noise", "sentinel-2").random() != first


@pytest.mark.parametrize(
    ("entry", "word"),
    [({}, "seed"), ({"seed": 1, "cluods": 0}, "cluods"), ({"seed": 1, "noise": -1}, "noise"), ({"seed": "a"}, "seed"),
     ({"seed": 1, "clear_share": 1.5}, "clear_share")],
)  # fmt: skip
def test_wrong_settings_are_named(entry, word):
    with pytest.raises(InputError, match=word) as error:
        read_settings(entry, "mosaic")
    assert "mosaic.yaml" in str(error.value)


def test_world_grid_holds_the_site(year):
    rows, columns = year.window
    assert year.grid[rows, columns].affine == year.site.affine
    assert coarser(year.site, 3).affine.c == year.site.affine.c
