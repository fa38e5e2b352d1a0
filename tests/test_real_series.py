"""Real pixel series: what the files hold, how they are split, and what the table says of methods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import real_series, series_runs
from benchmarks.series_data import (
    BOLIVIA,
    FIELDS,
    SLOVENIA,
    WORLDCEREAL,
    Fold,
    Pixels,
    bolivia,
    fields,
    flanders_10d,
    flanders_monthly,
    slovenia,
    uganda_monthly,
    worldcereal,
)
from benchmarks.series_runs import ENTRIES, RADAR, measure, radar_ndvi, radar_regression
from benchmarks.series_words import summary, verdict, words_of
from factory import days
from stfuse.errors import InputError

needs = {
    path: pytest.mark.skipif(not path.exists(), reason=f"{path.name} is not here")
    for path in (WORLDCEREAL, SLOVENIA, FIELDS, BOLIVIA)
}
DATES = days("2021-01-01") + 10 * np.arange(40)


def made(count=30, seed=0, radar=True):
    """Series of one season each, and backscatter that says NDVI exactly."""
    rng = np.random.default_rng(seed)
    level = 0.4 + 0.2 * np.sin(2 * np.pi * np.arange(40) / 36.5)[:, None] + rng.normal(0, 0.1, count)
    ndvi = np.where(rng.random(level.shape) < 0.4, np.nan, level).astype(np.float32)
    decibels = np.stack([-14 + 5 * level, -20 + 3 * level**2], axis=1).astype(np.float32)
    return Pixels(ndvi, DATES, decibels if radar else None)


def known(*names):
    return [entry for entry in ENTRIES if entry.name in names]


def test_a_sample_holds_every_series_once_and_nothing_else():
    pixels = made(7)
    sample = pixels.sample(pixels.ndvi + np.float32(0.1))
    flat = sample.task.fine.values.reshape(40, -1)
    assert sample.grid.shape == (2, 4)
    np.testing.assert_array_equal(flat[:, :7], pixels.ndvi)
    assert np.isnan(flat[:, 7:]).all()
    np.testing.assert_allclose(sample.task.coarse.values.reshape(40, -1)[:, :7], pixels.ndvi + 0.1, atol=1e-6)
    np.testing.assert_array_equal(sample.task.aux["sar"].values.reshape(40, 2, -1)[..., :7], pixels.backscatter)
    assert len(made(7, radar=False).sample().task.coarse.dates) == 0


def test_columns_of_a_table_become_ndvi_and_decibels():
    cells = {"OPTICAL-B04-ts{}-10m": [1000, 65535], "OPTICAL-B08-ts{}-10m": [3000, 2000]}
    cells |= {"SAR-VV-ts{}-20m": [1000, 65535], "SAR-VH-ts{}-20m": [100, 100]}
    table = pd.DataFrame({name.format(i): [values[i]] for name, values in cells.items() for i in range(2)})
    found = worldcereal(table, DATES)
    np.testing.assert_allclose(found.ndvi, [[0.5], [np.nan]])
    np.testing.assert_allclose(found.backscatter[..., 0], [[60 - 83, 40 - 83], [np.nan, 40 - 83]])
    np.testing.assert_array_equal(found.dates, DATES[:2])


def test_radar_that_knows_ndvi_says_it():
    pixels = made()
    found = radar_ndvi(radar_regression(pixels), made(seed=1))
    seen = np.isfinite(made(seed=1).ndvi)
    assert np.abs(found - made(seed=1).ndvi)[seen].mean() < 0.01
    dark = pixels.backscatter.copy()
    dark[3, 0, 4] = np.nan
    assert np.isnan(radar_ndvi(radar_regression(pixels), replace(pixels, backscatter=dark))[3, 4])


def test_all_methods_of_a_fold_are_scored_on_the_same_hidden_values():
    fold = Fold("made", "space", "made 0", made(), made(12, seed=1))
    names = ("temporal", "nearest", "whittaker", "gaussian_process", "hgbrt")
    table = pd.DataFrame(measure(fold, known(*names), 1))
    whole = table[(table["stratum"] == "all") & (table["metric"] == "mae")].set_index("method")
    assert set(whole.index) == {*names, RADAR}
    hidden = sum(round(2 / 3 * n) for n in np.isfinite(made(12, seed=1).ndvi).sum(axis=0))
    assert set(whole["n"]) == {hidden}
    assert whole["value"][RADAR] < 0.01 < whole["value"]["temporal"]
    assert whole["value"]["hgbrt"] < whole["value"]["nearest"]  # it sees radar


def test_hidden_values_of_the_test_reach_no_training(monkeypatch):
    """The test's series differ, the trained states do not."""
    seen = []
    load = series_runs.load

    class Watched:
        def __init__(self, file):
            self.file = load(file)
            self.NEEDS, self.Params, self.predict = self.file.NEEDS, self.file.Params, self.file.predict

        def fit(self, samples, params, seed):
            state = self.file.fit(samples, params, seed)
            seen.append(state)
            return state

    monkeypatch.setattr(series_runs, "load", Watched)
    for seed in (1, 2):
        list(measure(Fold("made", "space", "x", made(), made(12, seed=seed)), known("gaussian_process", "hgbrt"), 1))
    assert len(seen) == 4
    for first, second in zip(seen[:2], seen[2:], strict=True):
        assert all(np.array_equal(first[name], second[name]) for name in first)


def test_without_anything_to_learn_from_only_closed_forms_run_and_without_radar_no_method_of_it():
    alone = Fold("made", "space", "x", None, made(5, radar=False))
    assert {row["method"] for row in measure(alone, ENTRIES, 1)} == {"temporal", "nearest", "whittaker"}
    without = Fold("made", "space", "x", made(radar=False), made(5, radar=False))
    kept = [entry for entry in ENTRIES if not entry.network or entry.radar]
    assert {row["method"] for row in measure(without, kept, 1)} == {e.name for e in kept if not e.radar}


def test_settings_of_the_networks_are_those_of_their_file():
    fold = Fold("made", "space", "x", made(), made(5), months=(2.0, 4.0))
    networks = [entry for entry in ENTRIES if entry.network]
    assert {entry.radar for entry in networks} == {False, True}
    for entry in networks:
        assert entry.params(fold).months == (2.0, 4.0)
        with pytest.raises(InputError, match="no_such"):
            replace(entry, settings={"no_such": 1}).params(fold)


def test_folds_are_pooled_by_their_number_of_values_and_lines_stand_beside():
    folds = [Fold("made", "space", f"{k}", made(seed=5), made(n, seed=k)) for k, n in ((1, 4), (2, 20))]
    rows = pd.DataFrame([row for fold in folds for row in measure(fold, known("temporal", "nearest"), 1)])
    table = summary(rows)
    one = table[(table["stratum"] == "all")].set_index("method")
    parts = rows[(rows["stratum"] == "all") & (rows["method"] == "nearest") & (rows["metric"] == "mae")]
    assert one["n"]["nearest"] == parts["n"].sum() and one["folds"]["nearest"] == 2
    assert one["mae"]["nearest"] == pytest.approx((parts["value"] * parts["n"]).sum() / parts["n"].sum())
    assert one["mae_linear"]["nearest"] == one["mae"]["temporal"]
    text = words_of(table)
    assert "made, by space" in text and f"{one['mae']['nearest']:.4f}" in text


def test_the_verdict_is_honest_about_who_loses():
    whole = pd.DataFrame({"mae": [0.05, 0.04, 0.06], "rmse": [0.08, 0.09, 0.1]}, index=["temporal", "gru", "nearest"])
    first, second = verdict(whole).splitlines()
    assert first == "MAE below linear interpolation (0.0500): gru -20%."
    assert second == "RMSE below linear interpolation (0.0800): none."


@needs[WORLDCEREAL]
@pytest.mark.parametrize(
    ("made_folds", "pixels", "steps"), [(flanders_10d, 50, 49), (flanders_monthly, 50, 16), (uganda_monthly, 500, 12)]
)
def test_parcels_are_tested_once_and_trained_on_in_the_other_folds(made_folds, pixels, steps):
    every = list(made_folds())
    assert sum(fold.test.ndvi.shape[1] for fold in every) == pixels
    for fold in every:
        assert fold.train.ndvi.shape[0] == steps == len(fold.test.dates)
        train, test = ({series.tobytes() for series in part.ndvi.T} for part in (fold.train, fold.test))
        assert train.isdisjoint(test)
        assert np.nanmin(fold.test.ndvi) > -0.5 and np.nanmax(fold.test.ndvi) < 1
        vv, vh = np.nanmedian(fold.test.backscatter, axis=(0, 2))
        assert -14 < vv < -6 and -20 < vh < -12 and vh < vv


@needs[WORLDCEREAL]
def test_ten_day_steps_end_where_the_table_says():
    dates = next(flanders_10d()).train.dates
    assert str(dates[47])[:7] == "2021-11" and str(dates[0]) == "2020-08-05"


@needs[SLOVENIA]
def test_slovenia_is_split_by_ground_and_by_time():
    *quarters, later = slovenia()
    assert [q.test.ndvi.shape[1] for q in quarters] == [650, 650, 625, 625]
    assert all(q.train.ndvi.shape[1] + q.test.ndvi.shape[1] == 51 * 50 for q in quarters)
    assert later.train.dates.max() < days("2017-01-01")[0] <= later.test.dates.min()
    assert 0.3 < np.isnan(later.test.ndvi).mean() < 0.5


@needs[FIELDS]
def test_each_field_is_tested_by_the_other():
    first, second = fields()
    assert first.train.ndvi.shape == second.test.ndvi.shape
    assert (str(first.test.dates[0])[:4], str(first.train.dates[0])[:4]) == ("2019", "2022")
    assert all(np.isfinite(fold.test.ndvi).any(axis=0).all() for fold in (first, second))


@needs[BOLIVIA]
def test_bolivia_is_one_series_drawn_fifty_times():
    (fold,) = bolivia()
    assert fold.train is None
    assert (np.nan_to_num(fold.test.ndvi) == np.nan_to_num(fold.test.ndvi[:, :1])).all()
    assert np.nanmin(fold.test.ndvi[:, 0]) < 0.5 < np.nanmax(fold.test.ndvi[:, 0])


@needs[BOLIVIA]
def test_the_command_writes_table_words_and_picture(tmp_path, capsys):
    real_series.main(["--only", "bolivia", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "real_series.csv")
    assert set(table["method"]) == {"temporal", "nearest", "whittaker"}
    assert (tmp_path / "real_series.txt").read_text() == capsys.readouterr().out
    assert (tmp_path / "real_series.png").read_bytes().startswith(b"\x89PNG")


def test_without_data_the_command_says_what_to_do(monkeypatch):
    monkeypatch.setattr(real_series, "folds", lambda: iter(()))
    with pytest.raises(SystemExit, match="Cure"):
        real_series.main([])
