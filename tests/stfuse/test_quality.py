"""Pixels that stand out of their season, in closed form and on the real patch."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from stfuse.ard import RawScene, merge_day, to_physical
from stfuse.grid import degrade, site_grid
from stfuse.harmonisation.masks import Kind
from stfuse.harmonisation.quality import HAZE, ONE_SIDED, REACH, SHADE, SUSPECT, Standing, stand_out, standing
from stfuse.products.stored import Encoding
from stfuse.raster_stored import read_stored
from stfuse.task import FloatArray

BANDS = ("visible", "red", "infrared")
CROP = np.array([0.05, 0.06, 0.3], np.float32)
DAYS = 10 * np.arange(9)
MIDDLE = 4
PATCH = Path(__file__).parents[3] / "shared/data/belgium-31UDS-2018"


def series(change: tuple[float, float, float] | None = None, at: int = MIDDLE, pixels: int = 10) -> FloatArray:
    """Nine equal dates of ten by ten pixels; one of them changed over its first rows."""
    values = np.tile(CROP[:, None, None], (len(DAYS), 1, 10, 10)).astype(np.float32)
    if change is not None:
        values[at, :, :pixels] += np.array(change, np.float32)[:, None, None]
    return values


def judged(values: FloatArray, days: NDArray[np.int64] = DAYS, bands: tuple[str, ...] = BANDS) -> list[Standing]:
    return standing(values, days, bands, np.ones(len(values), bool))


@pytest.mark.parametrize(
    ("change", "cloud", "shadow"),
    [
        ((0.2, 0.2, 0.2), 1, 0),  # cloud
        ((0.04, 0.03, 0.0), 1, 0),  # haze: no change in the near infrared
        ((0.02, 0.02, 0.1), 1, 0),  # a veil: a little in all bands, more in the near infrared
        ((-0.02, -0.02, -0.12), 0, 1),
        ((0.02, 0.02, 0.0), 0, 0),  # too faint
        ((0.04, 0.1, 0.05), 0, 0),  # soil: red rises far more than blue
        ((0.0, 0.0, 0.1), 0, 0),  # greener than before and after: no fault that blue does not show
        ((0.01, 0.03, -0.12), 0, 0),  # mown for a while: red rises as near infrared falls
    ],
)
@pytest.mark.parametrize("pixels", [10, 3])
def test_cloud_haze_veil_and_shadow_are_told_from_the_land(
    change: tuple[float, float, float], cloud: int, shadow: int, pixels: int
) -> None:
    found = judged(series(change, pixels=pixels))
    assert found[MIDDLE].cloud == pytest.approx(cloud * pixels / 10)
    assert found[MIDDLE].shadow == pytest.approx(shadow * pixels / 10)
    assert all(other.share == 0 for i, other in enumerate(found) if i != MIDDLE)
    if cloud or shadow:
        assert found[MIDDLE].visible == pytest.approx(change[0], abs=1e-6)
        assert found[MIDDLE].infrared == pytest.approx(change[2], abs=1e-6)


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-0.0625, 0.0625, width=32)), st.integers(1, 8), st.booleans())
@settings(max_examples=60)
def test_no_season_and_no_lasting_change_stands_out(change: FloatArray, when: int, lasting: bool) -> None:
    # A line in time, or a step to another land: what leads from before to after is no cloud.
    values = np.tile(CROP[:, None, None], (len(DAYS), 1, 1, 4)).astype(np.float32)
    course = np.where(np.arange(len(DAYS)) >= when, 5, 0) if lasting else np.arange(len(DAYS))
    values += change[None, :, None] * course.astype(np.float32)[:, None, None, None]
    cloud, shadow, excess = stand_out(values, DAYS, BANDS)
    both_sides = slice(2, -2)
    assert not (cloud | shadow)[both_sides].any()
    np.testing.assert_allclose(excess[both_sides], 0, atol=1e-5)


def test_two_hazy_dates_do_not_excuse_one_another() -> None:
    values = series((0.1, 0.1, 0.1))
    values[MIDDLE + 1] += 0.08
    found = judged(values)
    assert [i for i, stands in enumerate(found) if stands.words()] == [MIDDLE, MIDDLE + 1]


def test_a_clear_date_between_clouds_is_no_shadow() -> None:
    values = series()
    cloudy = [MIDDLE - 2, MIDDLE - 1, MIDDLE + 1, MIDDLE + 3]
    values[cloudy] += 0.3
    found = judged(values)
    assert [i for i, stands in enumerate(found) if stands.cloud] == cloudy
    assert all(stands.shadow == 0 for stands in found)


def test_of_two_dates_on_a_side_either_may_be_the_odd_one() -> None:
    values = series()[2:7]  # two dates on either side of the middle one
    values[[1, 3]] += 0.3
    assert judged(values, DAYS[2:7])[2].share == 0
    values[2] += 0.3 + 2 * HAZE
    assert judged(values, DAYS[2:7])[2].cloud == 1


def test_at_the_period_s_ends_half_as_much_more_is_asked() -> None:
    faint, strong = 0.9 * HAZE * ONE_SIDED, 1.1 * HAZE * ONE_SIDED
    assert judged(series((faint, faint, 0), at=0))[0].share == 0
    assert judged(series((strong, strong, 0), at=0))[0].cloud == 1
    assert judged(series((faint, faint, 0)))[MIDDLE].cloud == 1


def test_what_has_no_dates_around_is_not_judged() -> None:
    alone = judged(series((0.2, 0.2, 0.2))[MIDDLE : MIDDLE + 2], DAYS[:2])
    assert [s.words() for s in alone] == ["", ""]
    assert all(np.isnan(s.share) for s in alone)
    far = judged(series((0.2, 0.2, 0.2)), DAYS * (REACH + 1))
    assert all(np.isnan(s.share) for s in far)


def test_pixels_without_data_are_counted_out_and_neighbours_without_data_passed_over() -> None:
    values = series((0.2, 0.2, 0.2), pixels=5)
    values[MIDDLE, :, 4:] = np.nan
    assert judged(values)[MIDDLE].cloud == 1
    values = series((0.2, 0.2, 0.2))
    values[[MIDDLE - 1, MIDDLE + 1]] = np.nan
    assert judged(values)[MIDDLE].cloud == 1
    values[:] = np.nan
    assert all(np.isnan(s.share) for s in judged(values))


def test_a_second_sensor_s_image_of_the_same_day_neither_excuses_nor_accuses() -> None:
    values, days = series((0.2, 0.2, 0.2)), DAYS.copy()
    values[MIDDLE + 1] = values[MIDDLE]
    days[MIDDLE + 1] = days[MIDDLE]
    assert [judged(values, days)[i].cloud for i in (MIDDLE, MIDDLE + 1)] == [1, 1]


def test_without_near_infrared_or_blue_less_is_found_but_not_more() -> None:
    values = series((0.2, 0.2, 0.2))
    assert judged(values[:, :1], bands=("visible",))[MIDDLE].cloud == 1
    two = ("visible", "infrared")
    assert judged(values[:, ::2], bands=two)[MIDDLE].cloud == 1
    # Soil for one date: red up, near infrared down.
    assert judged(series((0.1, 0.1, -0.1))[:, ::2], bands=two)[MIDDLE].share == 0
    assert judged(series((-0.02, -0.02, -2 * SHADE))[:, ::2], bands=two)[MIDDLE].shadow == 1


def test_words_say_what_was_found_and_where_it_is_little_there_are_none() -> None:
    stands = Standing(0.71, 0.002, 0.0372, 0.1)
    assert stands.words() == (
        "cloud or haze over 71% of its pixels (visible +0.037, near infrared +0.100 against the dates around)"
    )
    assert Standing(0.2, 0.1, 0.03, float("nan")).words() == (
        "cloud or haze over 20% and shadow over 10% of its pixels (visible +0.030 against the dates around)"
    )
    assert Standing(SUSPECT - 0.01, 0, 0.1, 0.1).words() == ""
    assert Standing(float("nan"), float("nan"), 0.1, 0.1).words() == ""


SENSORS: dict[str, tuple[str, str, Kind, float]] = {
    "sentinel2": ("sentinel-2-l2a/S2", "nir", "scl", 10.0),
    "landsat8": ("landsat-c1-l2-sr/LC08", "nir08", "qa_pixel", 0.0),
}


@cache
def real_series() -> tuple[FloatArray, list[tuple[str, str]]]:
    """The patch from May to September 2018 in cells of 30 m, masked but neither registered nor adjusted."""
    cells = site_grid("EPSG:32631", (501370, 5629070, 501970, 5629670), 30)
    found: dict[tuple[str, str], list[RawScene]] = {}
    for sensor, (start, nir, kind, north) in SENSORS.items():
        for folder in sorted(PATCH.glob(f"{start}*_2018*/")):
            when = folder.name.split("_")[2]
            if not "20180501" <= when[:8] <= "20180930":
                continue
            read = {name: read_stored(folder / f"{name}.tif") for name in ("blue", "red", nir, kind)}
            mask, grid = read[kind]
            moved = grid.translate_pix(0, -north / grid.resolution.x)
            encodings = dict.fromkeys(read, Encoding(1e-4, 0.0, 0, (0, 10000), ""))
            scene = RawScene(folder.name, read, encodings, (mask, moved), kind)
            found.setdefault((f"{when[:4]}-{when[4:6]}-{when[6:8]}", sensor), []).append(scene)
    kept, images = [], []
    for (day, sensor), scenes in sorted(found.items()):
        native = [to_physical(scene, ["blue", "red", SENSORS[sensor][1]], 40) for scene in scenes]
        fine = site_grid("EPSG:32631", (501370, 5629070, 501970, 5629670), 10 if sensor == "sentinel2" else 30)
        image = merge_day(native, fine)
        if np.isfinite(image[0]).mean() >= 0.5:
            kept.append((day, sensor))
            images.append(degrade(image, fine, cells))
    return np.stack(images), kept


needs_patch = pytest.mark.skipif(not PATCH.exists(), reason=f"the real patch is not at {PATCH}")


@needs_patch
def test_on_the_real_patch_clouds_haze_and_shadows_that_the_masks_missed_are_found_and_nothing_else() -> None:
    values, kept = real_series()
    days = np.array([date.fromisoformat(day).toordinal() for day, _ in kept])
    found = {key: stands for key, stands in zip(kept, judged(values, days), strict=True) if stands.words()}
    # Each was looked at: thin cloud and its shadow, cloud, cloud and shadow, cloud, bright haze, cloud and shadow.
    hazy = ("2018-05-24", "2018-06-10", "2018-06-25", "2018-07-13", "2018-07-18", "2018-08-14")
    assert set(found) == {(day, "sentinel2") for day in hazy}
    assert found["2018-07-18", "sentinel2"].cloud > 0.6
    assert found["2018-07-18", "sentinel2"].infrared > 0.08
    assert len(kept) > 30


@needs_patch
def test_the_landsat_image_that_the_patch_s_notes_call_cloudy_is_clear() -> None:
    # The notes say red 0.54; in the archive it is 0.14 at most, and as Sentinel-2 saw it on the day before.
    values, kept = real_series()
    image = values[kept.index(("2018-07-24", "landsat8"))]
    before = values[kept.index(("2018-07-23", "sentinel2"))]
    assert np.nanmax(image[1]) < 0.15
    seen = np.isfinite(image).all(axis=0) & np.isfinite(before).all(axis=0)
    for band in range(3):
        assert np.corrcoef(image[band][seen], before[band][seen])[0, 1] > 0.85
        assert abs(np.median((image - before)[band][seen])) < 0.03
