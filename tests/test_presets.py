"""The sites named after the studies' places: readable, on the papers' dates and places, with their crops' seasons."""

from collections import Counter
from dataclasses import fields, replace
from datetime import date, timedelta

import numpy as np
import pytest
import yaml
from affine import Affine
from jsonschema import Draft202012Validator
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from preset_sites import PERIODS, PRESETS, ROOT, SETTINGS, SITES, sensor
from stfuse.simulated.covers import BANDS, FIELD_CLASSES, NAMES, PLACE_CLASSES
from stfuse.simulated.cropcalendar import crop_calendar
from stfuse.simulated.delivery import check_names
from stfuse.simulated.sensors import SENSORS
from stfuse.simulated.sensors.optical import SNOWY
from stfuse.simulated.settings import Settings
from stfuse.simulated.surface import make_world
from stfuse.simulated.weather import make_weather

SCHEMA = yaml.safe_load((ROOT / "config/schemas/sites.schema.yaml").read_text())
SIMULATED = SCHEMA["properties"]["simulated"]["properties"]

NAMED = {
    *("tadla", "hailar", "dezhou", "champaign", "champaign_simulation", "oklahoma", "chicago", "harvard_forest"),
    *("arm", "sudoe4", "mad_ambo", "fr_lq1", "fr_bil", "esgisb2", "rossberg_vietnam", "rossberg_india"),
}
PLACES = {  # longitude, latitude: Tadla's from its paper, the others those of the places that the papers name
    "tadla": (-6.517, 32.383),
    "champaign": (-88.2, 40.1),
    "champaign_simulation": (-88.2, 40.1),
    "oklahoma": (-97.5, 36.8),
    "chicago": (-87.7, 41.9),
    "harvard_forest": (-72.2, 42.5),
    "arm": (-97.5, 36.6),
    "rossberg_vietnam": (105.5, 10.3),
}
MGRS = {"hailar": (500e3, 5300e3), "dezhou": (400e3, 4000e3)}  # south-west corners of the squares 51UWP and 50SMF
WU = {("hailar", "landsat8"): 10, ("hailar", "sentinel2"): 13, ("dezhou", "landsat8"): 11, ("dezhou", "sentinel2"): 13}
MICHEL = {  # guides, targets
    "sudoe4": (10, 14), "mad_ambo": (17, 39), "fr_lq1": (9, 27), "fr_bil": (12, 16), "arm": (16, 23),
    "esgisb2": (10, 14),
}  # fmt: skip
TADLA = {  # table 1: June 2016 to August 2017
    "sentinel2": (2, 2, 1, 2, 0, 2, 2, 2, 2, 0, 2, 3, 3, 3, 0),
    "landsat8": (2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 1, 1, 2, 1),
}


def centre(name):
    left, bottom, right, top = SITES[name]["bounds"]
    transformer = Transformer.from_crs(SITES[name]["crs"], 4326, always_xy=True)
    return transformer.transform((left + right) / 2, (bottom + top) / 2)


def test_every_place_of_the_studies_has_a_site_and_rossberg_has_eight():
    assert set(PRESETS) >= NAMED
    assert sum(name.startswith("rossberg_") for name in PRESETS) >= 8


def test_schema_knows_every_setting_with_its_default_and_no_other():
    assert set(SIMULATED) == {f.name for f in fields(Settings)}
    assert all(entry.get("description") for entry in SIMULATED.values())
    plain = Settings(seed=1)
    for name, entry in SIMULATED.items():
        if "default" in entry:
            own = getattr(plain, name)
            assert (list(own) if isinstance(own, tuple) else own) == entry["default"], name
    required = {"seed", "land", "map", "clear"}
    assert {name for name, entry in SIMULATED.items() if "default" not in entry} <= required


def test_schema_knows_the_classes_and_sensors_that_there_are():
    assert set(SIMULATED["land"]["propertyNames"]["enum"]) == {*FIELD_CLASSES, *PLACE_CLASSES}
    derived = {"sentinel2_coarse"}  # it has Sentinel-2's days
    assert set(SIMULATED["clear"]["propertyNames"]["enum"]) == {s.name for s in SENSORS} - derived


@pytest.mark.parametrize(
    "entry",
    [
        {"seeds": 1},
        {"land": {"wheat": 1}},
        {"seasons": {"maize": {"t3": 1}}},
        {"calendar": {"landsat": {"every": 16}}},
        {"clear": {"landsat8": ["11.06.2017"]}},
        {"noise": -1},
        {"clear_share": 1.1},
    ],
)
def test_schema_refuses_what_is_misspelt_or_out_of_range(entry):
    site = SITES["mosaic"] | {"simulated": {"seed": 1} | entry}
    assert not Draft202012Validator(SCHEMA).is_valid(site)
    assert Draft202012Validator(SCHEMA).is_valid(SITES["mosaic"])


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_valid_and_says_that_it_is_simulated(name):
    site = SITES[name]
    assert [e.message for e in Draft202012Validator(SCHEMA).iter_errors(site)] == []
    assert site["title"].startswith("Simulated ")
    assert site["remarks"].startswith("Simulated, no satellite took these images.")
    assert "Ours:" in site["remarks"]
    assert {*site["sensors"], site["reference"]} <= {path.stem for path in (ROOT / "config/sensors").glob("*.yaml")}
    check_names(SENSORS, SETTINGS[name], name)
    crop_calendar(SETTINGS[name].seasons)
    assert sum(site["simulated"]["land"].values()) == pytest.approx(1)


@pytest.mark.parametrize("name", PRESETS)
def test_days_that_must_be_clear_are_regular_overpasses_within_the_period(name):
    settings, period = SETTINGS[name], PERIODS[name]
    assert set(settings.clear) <= {*settings.calendar, "modis"}
    for of_sensor, days in settings.clear.items():
        assert list(days) == sorted(set(days))
        assert period[0] <= days[0]
        assert days[-1] <= period[1]
        regular = settings if of_sensor != "venus" else replace(settings, calendar=_every_two_days(settings))
        assert set(days) <= set(sensor(of_sensor).days(period, replace(regular, clear={})))


@pytest.mark.parametrize("name", [name for name in SETTINGS if SETTINGS[name].clear])
def test_no_snow_hides_a_day_that_must_be_clear(name):
    for days in SETTINGS[name].clear.values():
        snow = make_weather(days, SETTINGS[name]).snow
        assert (snow < SNOWY).all(), [str(day) for day, cover in zip(days, snow, strict=True) if cover >= SNOWY]


def _every_two_days(settings):
    # Presets let Venus deliver guides alone; it passes every other day.
    return settings.calendar | {"venus": settings.calendar["venus"] | {"every": 2}}


@pytest.mark.parametrize("name", PRESETS)
def test_site_lies_in_its_utm_zone_on_whole_pixels(name):
    longitude, latitude = centre(name)
    left, bottom, right, top = SITES[name]["bounds"]
    zone = CRS.from_user_input(SITES[name]["crs"]).utm_zone
    assert zone == f"{int((longitude + 180) // 6) + 1}{'N' if latitude > 0 else 'S'}"
    coarsest = 30 if "landsat8" in SITES[name]["sensors"] else 10
    for length in (right - left, top - bottom):
        assert length % coarsest == 0
        assert length % SETTINGS[name].resolution == 0
    if SITES[name]["reference"] == "landsat8":
        assert (left % 30, top % 30) == (15, 15)  # Landsat's own grid: nothing needs resampling
    elif "landsat8" in SITES[name]["sensors"]:
        assert (left % 30, top % 30) == (20, 20)  # as near to it as Sentinel-2's grid comes
    if {"modis", "modis_480"} & set(SITES[name]["sensors"]):
        assert (right - left) / 463.3 > 25


@pytest.mark.parametrize("name", sorted(PLACES))
def test_site_lies_at_the_place_of_its_study(name):
    assert centre(name) == pytest.approx(PLACES[name], abs=1)


@pytest.mark.parametrize("name", sorted(MGRS))
def test_wus_sites_lie_in_the_tiles_that_the_paper_names(name):
    west, south = MGRS[name]
    left, bottom, right, top = SITES[name]["bounds"]
    assert west <= left < right <= west + 100e3
    assert south <= bottom < top <= south + 100e3


def test_champaign_lies_in_the_modis_tile_that_the_paper_names():
    for name in ("champaign", "champaign_simulation"):
        longitude, latitude = centre(name)
        assert int(18 + longitude * np.cos(np.radians(latitude)) / 10) == 11
        assert int(9 - latitude / 10) == 4


@pytest.mark.parametrize(("name", "of_sensor"), sorted(WU))
def test_wus_dates_lie_on_one_cycle_and_are_as_many_as_the_paper_counts(name, of_sensor):
    days = SETTINGS[name].clear[of_sensor]
    assert len(days) == WU[name, of_sensor]
    assert {(day - days[0]).days % {"landsat8": 16, "sentinel2": 5}[of_sensor] for day in days} == {0}


def test_yangs_dates_are_the_papers_days_of_2017():
    for days in SETTINGS["champaign"].clear.values():
        assert [day.timetuple().tm_yday for day in days] == [162, 178, 210, 258, 290, 354]
    assert {day.year for day in SETTINGS["champaign"].clear["landsat8"]} == {2017}


@pytest.mark.parametrize("of_sensor", sorted(TADLA))
def test_htitious_dates_are_as_many_a_month_as_the_paper_counts_and_hold_those_it_names(of_sensor):
    days = SETTINGS["tadla"].clear[of_sensor]
    counts = Counter((day.year, day.month) for day in days)
    months = [(2016 + (m > 12), (m - 1) % 12 + 1) for m in range(6, 21)]
    assert tuple(counts[month] for month in months) == TADLA[of_sensor]
    assert len(days) == 26
    assert {date(2016, 9, 11), date(2017, 2, 18), date(2017, 5, 9)} <= set(days)


@pytest.mark.parametrize("name", sorted(MICHEL))
def test_michels_sites_have_as_many_guides_and_targets_as_the_slides_count(name):
    settings, period = SETTINGS[name], PERIODS[name]
    guides = sensor("venus").days(period, replace(settings, clear={}))
    targets, venus = settings.clear["sentinel2"], set(settings.clear["venus"])
    assert (len(guides), len(targets)) == MICHEL[name]
    assert set(guides) <= venus
    assert 20 <= (guides[1] - guides[0]).days <= 28
    assert not set(targets) & set(guides)
    assert guides[0] < targets[0]
    assert targets[-1] < guides[-1]
    references = {next(d for d in (t, t + timedelta(1)) if d in venus) for t in targets}
    assert venus == references | set(guides)


@pytest.mark.parametrize("name", ["oklahoma", "chicago", "harvard_forest"])
def test_landsats_paths_follow_each_other_by_seven_days(name):
    # Of neighbouring paths, the western is passed 7 days later: by that rule Wu's two sites fit each other, too.
    def passed(name):
        return date.fromisoformat(SITES[name]["simulated"]["calendar"]["landsat8"]["first"])

    path = {"champaign": 23, "oklahoma": 28, "chicago": 23, "harvard_forest": 13}
    assert ((passed(name) - passed("champaign")).days - 7 * (path[name] - 23)) % 16 == 0
    assert ((passed("dezhou") - passed("hailar")).days - 7 * (122 - 121)) % 16 == 0


def test_simulation_is_free_of_everything_that_can_be_switched_off():
    settings = SETTINGS["champaign_simulation"]
    names = [f.name for f in fields(Settings)]
    switches = {*names[names.index("clouds") :], "mixed", "spread", "texture", "wetness", "events", "snow"}
    assert {name for name in switches if getattr(settings, name)} == {"modis_pixel"}
    for of_sensor in ("landsat8", "modis"):
        assert len(sensor(of_sensor).days(PERIODS["champaign_simulation"], settings)) == 365


@pytest.mark.parametrize("name", PRESETS)
def test_small_cut_of_the_world_can_be_made(name):
    world = cut(name, 600, 60)
    seen = world.reflectance(30)
    assert np.isfinite(seen).all()
    assert seen.min() >= 0
    assert seen.max() < 1.2
    allowed = {*SITES[name]["simulated"]["land"]} - {"built_up"}
    fields_seen = {NAMES[c] for c in world.land.cover[: world.land.fields]}
    assert fields_seen <= allowed


def test_simulation_has_one_spectrum_a_class_and_classes_in_the_papers_shares():
    world = cut("champaign_simulation", 14400, 40)
    spectra = world.reflectance(30)[:, *world.window].reshape(7, -1).T
    distinct, counts = np.unique(spectra, axis=0, return_counts=True)
    assert len(distinct) == 5
    land = SETTINGS["champaign_simulation"].land
    assert sorted(counts / counts.sum()) == pytest.approx(sorted(land.values()), abs=0.04)


def test_simulation_delivers_block_means_of_the_truth_but_for_the_rounding_of_its_numbers():
    world, settings = cut("champaign_simulation", 4800, 40, 900.0), SETTINGS["champaign_simulation"]
    truth = world.reflectance(30)[BANDS.index("nir08"), *world.window].astype(float)
    left, top = world.site.affine.c, world.site.affine.f
    names = {"landsat8": ("nir08", 2.75e-5, -0.2), "modis": ("Nadir_Reflectance_Band2", 1e-4, 0.0)}
    for of_sensor, (asset, scale, offset) in names.items():
        product = sensor(of_sensor).observer(world, settings).observe(world.dates[30])[0]
        raster = product.rasters[product.item["assets"][asset]["href"].split("/")[-1]]
        pixel = raster.grid.resolution.x
        column, row = (left - raster.grid.affine.c) / pixel, (raster.grid.affine.f - top) / pixel
        assert (column, row) == (int(column), int(row))
        count = round(4800 / pixel)
        means = truth.reshape(count, 160 // count, count, 160 // count).mean(axis=(1, 3))
        seen = raster.values[int(row) :, int(column) :][:count, :count] * scale + offset
        assert np.abs(seen - means).max() < 0.51 * scale


def cut(name, size, days, reach=0.0):
    """The world of a square in the middle of a site, in the middle of its period."""
    settings = SETTINGS[name]
    left, bottom, right, top = SITES[name]["bounds"]
    r = settings.resolution
    west, north = left + r * round((right - left - size) / 2 / r), top - r * round((top - bottom - size) / 2 / r)
    grid = GeoBox((round(size / r),) * 2, Affine(r, 0, west, 0, -r, north), SITES[name]["crs"])
    first = PERIODS[name][0] + (PERIODS[name][1] - PERIODS[name][0]) / 2
    return make_world(grid, (first, first + timedelta(days - 1)), reach, settings)
