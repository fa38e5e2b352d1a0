"""Seeds as an ensemble: images of mean and spread, the table that says whether to believe them, the figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

import scripts.fused_ensemble
from scripts.figures_ensemble import draw_ensemble
from scripts.fused_ensemble import make_ensemble
from scripts.scores import COLUMNS
from scripts.scores_ensemble import Files, score_ensemble
from stfuse.ensemble import combine
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster import read_image, write_image

BANDS = ["red", "nir08"]
GRID = site_grid("EPSG:32631", (500000.0, 5600000.0, 500700.0, 5600600.0), 10.0)
DATES = ("2023-05-01", "2023-06-01", "2023-07-01")
LABELS = {"experiment": "e", "site": "s", "method": "esrcnn"}
SURE = 3.0
"""How much less the members spread than the truth does."""


def images(day: str, members: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (member, band, y, x) and the truth of a date."""
    rng = np.random.default_rng(int(day.replace("-", "")))
    shape = (len(BANDS), *GRID.shape)
    level, wide = rng.uniform(0.1, 0.4, shape), rng.uniform(0.01, 0.03, shape)
    draws = level + wide * rng.normal(size=(members, *shape)) / SURE
    draws[0, :, :4, :5] = np.nan
    return draws.astype(np.float32), (level + wide * rng.normal(size=shape)).astype(np.float32)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """All images of an ensemble of three."""
    mean, spread, members, observed = [], [], [], []
    for day in DATES:
        draws, truth = images(day)
        paths = {str(i): tmp_path / f"seed{i}" / f"{day}.tif" for i in range(len(draws))}
        for path, values in zip(paths.values(), draws, strict=True):
            write_image(path, values, BANDS, GRID)
        mean.append(tmp_path / f"ensemble/{day}.tif")
        spread.append(tmp_path / f"ensemble/{day}_spread.tif")
        make_ensemble(paths, mean[-1], spread[-1], LABELS | {"date": day})
        members.append(list(paths.values()))
        observed.append(tmp_path / f"ard/{day}.tif")
        write_image(observed[-1], truth, BANDS, GRID)
    return Files(mean, spread, members, observed, None)


@pytest.fixture
def scores(files: Files, tmp_path: Path) -> Path:
    out = tmp_path / "ensemble.csv"
    score_ensemble(files, LABELS, BANDS, "reflectance", out)
    return out


def test_images_are_mean_and_spread_of_what_the_members_say(files):
    stored = np.stack([read_image(path)[0] for path in files.members[1]])
    mean, spread = combine(stored)
    found, bands, grid = read_image(files.mean[1])
    assert bands == tuple(BANDS) and grid == GRID
    np.testing.assert_allclose(found, mean, atol=0.51e-4)
    wide = read_image(files.spread[1])[0]
    np.testing.assert_array_equal(wide, spread)  # float32: nothing is rounded
    assert np.isnan(wide[:, :4, :5]).all() and np.isfinite(wide[:, 4:]).all()
    with rasterio.open(files.mean[1]) as image:
        assert image.tags()["members"] == "0 1 2" and image.tags()["date"] == DATES[1]


def test_windows_make_the_image_of_the_whole(files, tmp_path, monkeypatch):
    monkeypatch.setattr(scripts.fused_ensemble, "SIZE", 17)
    again = tmp_path / "again.tif", tmp_path / "again_spread.tif"
    make_ensemble({str(i): p for i, p in enumerate(files.members[0])}, *again, LABELS)
    for path, whole in zip(again, (files.mean[0], files.spread[0]), strict=True):
        np.testing.assert_array_equal(read_image(path)[0], read_image(whole)[0])


def test_members_of_different_grids_are_refused(files, tmp_path):
    other = tmp_path / "other.tif"
    moved = site_grid("EPSG:32631", (500010.0, 5600000.0, 500710.0, 5600600.0), 10.0)
    write_image(other, np.zeros((2, *moved.shape), np.float32), BANDS, moved)
    with pytest.raises(
        InputError, match=r"other.tif lies on 70 x 60 pixels of 10 from \(500010, .*goes with on .*\(500000,"
    ):
        make_ensemble({"0": files.members[0][0], "1": other}, tmp_path / "a.tif", tmp_path / "b.tif", LABELS)
    assert not (tmp_path / "a.tif").exists()


def test_scores_are_tidy_and_calibration_mends_the_coverage(scores):
    rows = pd.read_csv(scores)
    assert tuple(rows.columns) == COLUMNS
    assert set(rows["seed"]) == {"ensemble"} and set(rows["date"]) == set(DATES) and set(rows["truth"]) == {"observed"}
    assert not rows.duplicated(list(COLUMNS[:-2])).any()
    all_of = rows[rows["stratum"] == "all"].pivot_table(index=["band", "date"], columns="metric", values="value")
    assert (all_of["coverage_90"] < 0.8).all()
    np.testing.assert_allclose(all_of["coverage_90_calibrated"], 0.9, atol=0.03)
    assert (all_of["spread_factor"] > 1.5).all()
    np.testing.assert_allclose(
        all_of["width_90_calibrated"], all_of["width_90"] * all_of["spread_factor"], rtol=0.02
    )  # of band "mean" the mean of products is nearly the product of means
    assert (all_of["rmse"] < all_of["rmse_members"]).all()
    unseen = rows[(rows["metric"] == "coverage_90") & (rows["stratum"] == "all")]["n"]
    assert set(unseen) == {GRID.shape[0] * GRID.shape[1] - 20}


def test_a_date_takes_no_part_in_its_own_calibration(files, scores, tmp_path):
    """A truth far away on one date changes the factors of all others, not its own."""
    before = pd.read_csv(scores)
    write_image(files.observed[0], images(DATES[0])[1] + np.float32(0.5), BANDS, GRID)
    score_ensemble(files, LABELS, BANDS, "reflectance", tmp_path / "after.csv")
    after = pd.read_csv(tmp_path / "after.csv")
    own = {
        name: table[(table["metric"] == "spread_factor") & (table["band"] == "red")].set_index("date")["value"]
        for name, table in (("before", before), ("after", after))
    }
    assert own["after"][DATES[0]] == own["before"][DATES[0]]
    assert (own["after"][list(DATES[1:])] > 2 * own["before"][list(DATES[1:])]).all()


def test_a_single_date_has_no_calibrated_rows(files, tmp_path):
    one = Files(files.mean[:1], files.spread[:1], files.members[:1], files.observed[:1], None)
    score_ensemble(one, LABELS, BANDS, "reflectance", tmp_path / "one.csv")
    rows = pd.read_csv(tmp_path / "one.csv")
    assert rows[rows["metric"].str.endswith("_calibrated")]["value"].isna().all()
    assert rows[rows["metric"] == "coverage_90"]["value"].notna().all()


def test_the_figure_is_drawn(files, scores, tmp_path):
    png, table = tmp_path / "ensemble.png", tmp_path / "table.csv"
    given = (scores, files.mean[1], files.spread[1])
    draw_ensemble(*given, files.observed[1], None, BANDS, "reflectance", "A place", png, table)
    assert png.read_bytes()[:4] == b"\x89PNG" and png.stat().st_size > 20_000
    lines = pd.read_csv(table)
    assert list(lines["date"]) == [*DATES, "all"]
    assert lines["coverage_90"].iloc[-1] == pytest.approx(lines["coverage_90"].iloc[:-1].mean(), rel=1e-3)
    with pytest.raises(InputError, match="no score to draw"):
        draw_ensemble(*given, None, None, BANDS, "reflectance", "A place", tmp_path / "none.png", table)
