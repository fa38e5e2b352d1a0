"""The statistics by which a simulated place is compared with a real one are what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.grid import site_grid
from stfuse.harmonisation.bandpass import apply_lines
from stfuse.likeness import (
    EDGES,
    LAGS,
    Archive,
    correlations,
    course,
    departures,
    histogram,
    line,
    same_day,
    seasons_of,
    semivariogram,
    unadjusted,
    windows,
)
from stfuse.likeness_table import TOLERANCES, cloud_statistics, compare, statistics, unlike
from stfuse.task import Series

BANDS = ("red", "nir")
CORNER = (500010.0, 5629080.0)


def series(values: np.ndarray, dates: list[str], pixel: float = 10.0, bands: tuple[str, ...] = BANDS) -> Series:
    """Values (time, band, y, x) on a grid of square pixels."""
    height, width = (pixel * n for n in values.shape[2:])
    grid = site_grid("EPSG:32631", (*CORNER, CORNER[0] + width, CORNER[1] + height), pixel)
    return Series(values.astype(np.float32), np.array(dates, "datetime64[D]"), bands, grid)


def archive(seed: int = 0, pixels: int = 60, brighter: float = 0.0) -> Archive:
    """Noise on a ramp, four dates a season apart, and Landsat as the block mean of Sentinel-2 on the same days."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 0.1, pixels)[None, None, None]
    values = np.stack([0.05 + ramp[:, 0], 0.3 - ramp[:, 0]], axis=1) + brighter
    values = np.tile(values, (4, 1, pixels, 1)) + rng.normal(0, 0.01, (4, 2, pixels, pixels))
    dates = ["2018-01-15", "2018-04-15", "2018-07-15", "2018-10-15"]
    coarse = values.reshape(4, 2, pixels // 3, 3, pixels // 3, 3).mean(axis=(3, 5))
    return Archive(series(values, dates), series(coarse, dates, 30.0))


def naive_semivariance(image: np.ndarray, step: int) -> float:
    """Every pair by itself."""
    squares = []
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for other in ((y + step, x), (y, x + step)):
                if other[0] < image.shape[0] and other[1] < image.shape[1]:
                    squares.append((image[other] - image[y, x]) ** 2)
    finite = [square for square in squares if np.isfinite(square)]
    return 0.5 * float(np.mean(finite)) if finite else float("nan")


def test_semivariance_of_a_ramp_is_known_and_that_of_noise_is_its_variance() -> None:
    ramp = np.tile(0.01 * np.arange(40.0, dtype=np.float32), (40, 1))
    # Half of the pairs lie along the ramp and differ by 0.01 h, the others do not differ.
    steps = [1, 5, 20]
    assert semivariogram(ramp, steps) == pytest.approx([0.25 * (0.01 * h) ** 2 for h in steps], rel=1e-4)
    noise = np.random.default_rng(0).normal(0, 2, (200, 200)).astype(np.float32)
    assert semivariogram(noise, [1, 7, 30]) == pytest.approx([4.0] * 3, rel=0.03)


@given(seed=st.integers(0, 100), share=st.floats(0, 0.8), step=st.integers(1, 4))
def test_semivariance_leaves_out_what_is_missing(seed: int, share: float, step: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(8, 6)).astype(np.float32)
    image[rng.random(image.shape) < share] = np.nan
    expected = naive_semivariance(image, step)
    assert semivariogram(image, [step])[0] == pytest.approx(expected, rel=1e-4, nan_ok=True)
    assert np.isnan(semivariogram(image, [20])[0])


def test_windows_tile_the_site_on_coarse_pixels_and_hold_its_values() -> None:
    whole = archive(pixels=72)
    found = list(windows(whole, (240.0, 210.0)))
    assert len(found) == 3 * 3  # 720 m hold three times 240 m across and 210 m down
    assert {w.fine.values.shape[2:] for w in found} == {(21, 24)}
    assert {w.coarse.values.shape[2:] for w in found} == {(7, 8)}
    assert np.array_equal(found[4].fine.values, whole.fine.values[..., 21:42, 24:48])
    assert np.array_equal(found[4].coarse.values, whole.coarse.values[..., 7:14, 8:16])
    assert found[4].fine.grid.extent.boundingbox == found[4].coarse.grid.extent.boundingbox
    assert next(windows(whole, (900.0, 900.0))) is whole


def test_the_bandpass_adjustment_is_taken_back_exactly() -> None:
    given_lines = {"red": {"slope": 1.02, "offset": -0.001}, "nir": {"slope": 0.97, "offset": 0.004}}
    before = archive().coarse
    after = Series(
        np.stack([apply_lines(image, BANDS, given_lines) for image in before.values]),
        before.dates,
        before.bands,
        before.grid,
    )
    assert np.allclose(unadjusted(after, given_lines).values, before.values, atol=1e-6)


def test_histogram_counts_every_finite_value_once() -> None:
    shares = histogram(np.array([-0.9, 0.31, 0.34, 1.0, np.nan], np.float32))
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == shares[-1] == pytest.approx(0.25)
    assert shares[np.searchsorted(EDGES, 0.3)] == pytest.approx(0.5)
    assert np.isnan(histogram(np.full(3, np.nan, np.float32))).all()


def test_a_course_says_nothing_of_images_mostly_cloudy() -> None:
    values = np.tile(np.linspace(0, 1, 101, dtype=np.float32), (2, 2, 1))
    values[1, :, :60] = np.nan
    assert course(values)[0] == pytest.approx([0.1, 0.5, 0.9])
    assert np.isnan(course(values)[1]).all()


def test_correlations_use_pixels_that_all_bands_show() -> None:
    x = np.random.default_rng(0).normal(size=500)
    values = np.stack([x, -2 * x + 1, np.random.default_rng(1).normal(size=500)]).astype(np.float32)
    values[2, :100] = np.nan
    values[0, :100] = 99.0
    found = correlations(values)
    assert found[0, 1] == pytest.approx(-1, abs=1e-6)
    assert abs(found[0, 2]) < 0.15
    assert np.isnan(correlations(values[:, :2])).all()


def test_departures_tell_the_whole_image_from_its_pixels_and_not_the_season() -> None:
    dates = np.array(["2018-05-01", "2018-05-04", "2018-05-11", "2018-05-16", "2018-07-01"], "datetime64[D]")
    days = (dates - dates[0]).astype(float)
    season = np.broadcast_to((0.2 + 0.01 * days)[:, None, None], (5, 100, 100)).astype(np.float32)
    # The triple with July is too long.
    assert [part.tolist() for part in departures(season, dates)] == [pytest.approx([0, 0], abs=1e-6)] * 2
    hazy = season.copy()
    hazy[1] += 0.1
    whole, pixels = departures(hazy, dates)
    # 4 May stands 0.1 out; 11 May is off by its share of it: 5 of the 12 days from 4 to 16 May.
    assert whole == pytest.approx([0.1, 0.1 * 5 / 12], rel=1e-4)
    assert pixels == pytest.approx([0, 0], abs=1e-6)
    noisy = season + np.random.default_rng(0).normal(0, 0.02, season.shape).astype(np.float32)
    noisy[0, 0] = np.nan
    whole, pixels = departures(noisy, dates)
    assert whole == pytest.approx([0, 0], abs=2e-3)
    # Variances of an image and of its neighbours, weighted by their shares.
    assert pixels == pytest.approx(
        [0.02 * np.sqrt(1 + 0.7**2 + 0.3**2), 0.02 * np.sqrt(1 + 49 / 144 + 25 / 144)], rel=0.05
    )
    assert [part.size for part in departures(season[:2], dates[:2])] == [0, 0]


def test_same_day_pairs_are_on_landsats_pixels_and_near_in_time() -> None:
    both = archive()
    moved = Series(2 * both.coarse.values + 0.01, both.coarse.dates + np.array([0, 1, 3, 0]), BANDS, both.coarse.grid)
    paired = Archive(both.fine, moved)
    assert len(same_day(paired)["red"][0]) == 2 * 400
    assert len(same_day(paired, 1)["red"][0]) == 3 * 400
    fine, coarse = same_day(paired)["nir"]
    assert coarse == pytest.approx(2 * fine + 0.01, abs=1e-5)
    found = line(fine, coarse)
    assert found["slope"] == pytest.approx(2, rel=1e-3)
    assert found["r"] == pytest.approx(1, abs=1e-4)
    assert found["bias"] == pytest.approx(float(fine.mean()) + 0.01, abs=1e-4)
    assert all(np.isnan(v) for v in line(fine[:19], coarse[:19]).values())


def test_seasons_of_the_northern_year() -> None:
    days = np.array(["2018-12-01", "2019-02-28", "2019-03-01", "2019-08-31", "2019-09-01"], "datetime64[D]")
    assert list(seasons_of(days)) == ["winter", "winter", "spring", "summer", "autumn"]


def test_the_table_finds_no_difference_between_a_place_and_itself() -> None:
    mine = statistics(archive(), 1)
    assert set(mine["statistic"]) <= set(TOLERANCES)
    assert not mine.duplicated(["statistic", "band", "at"]).any()
    table = compare(mine, [mine])
    assert (table["difference"] == 0).all()
    assert unlike(table) == []
    assert {f"summer {lag} m" for lag in LAGS} <= set(table["at"])


def test_a_brighter_place_is_told_by_its_reflectance_and_the_worst_comes_first() -> None:
    real = statistics(archive(), 1)
    simulated = [statistics(archive(seed, brighter=0.05), 1) for seed in (1, 2, 3)]
    table = compare(real, simulated)
    levels = table[table["statistic"] == "reflectance_median"]
    assert levels["difference"].to_numpy() == pytest.approx(0.05, abs=0.002)
    assert (table["lowest"] <= table["simulated"]).all()
    assert (table["simulated"] <= table["highest"]).all()
    said = unlike(table)
    levels_told = next(words for words in said if "median reflectance" in words)
    assert levels_told.startswith("red, ")
    assert "more of 8 such values" in levels_told
    assert len({words.split(", ")[1].split(" (")[0] for words in said}) == len(said)
    sizes = [abs(float(words.split("standardised difference ")[1].split(";")[0])) for words in said]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) >= 2
    assert not any(words.startswith(("red, correlation of", "red, standard")) for words in said)


def test_clear_shares_count_days_not_files() -> None:
    scenes = pd.DataFrame(
        [
            ("sentinel2", "2018-01-03", 0.05), ("sentinel2", "2018-01-03", 0.05), ("sentinel2", "2018-01-13", 0.95),
            ("sentinel2", "2018-02-03", 1.0), ("landsat8", "2018-01-05", 0.5),
            *(("landsat9", f"2018-03-{day:02d}", day / 10) for day in (1, 2, 3, 4, 5)),
        ],
        columns=["sensor", "date", "day_clear"],
    )  # fmt: skip
    found = cloud_statistics(scenes).set_index(["statistic", "band", "at"])["value"]
    assert found["clear_mean", "sentinel2", "year"] == pytest.approx(2 / 3)
    assert found["clear_over_90", "sentinel2", "year"] == pytest.approx(2 / 3)
    assert found["clear_under_10", "sentinel2", "year"] == pytest.approx(1 / 3)
    # A month of few acquisitions says nothing.
    assert found.xs("clear_month").to_dict() == {("landsat9", "month 03"): pytest.approx(0.3)}
