"""The stage `scores`: images in, one tidy table out, and the summary of many."""

from __future__ import annotations

import csv
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from factory import write_images_as_truth
from scripts.scores import COLUMNS, score
from scripts.scores_all import HEADER, collect
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster import write_image

BANDS = ["blue", "red", "nir08"]
BOUNDS = (500000.0, 5600000.0, 500240.0, 5600200.0)
GRID = site_grid("EPSG:32631", BOUNDS, 10.0)
COARSE = site_grid("EPSG:32631", BOUNDS, 20.0)
LABELS = {"experiment": "e", "site": "s", "method": "starfm", "seed": "0"}
DATES = ("2023-05-01", "2023-06-01")


def image(day: str, grid=GRID, bands=BANDS) -> np.ndarray:
    draw = np.random.default_rng(int(day.replace("-", "")))
    return draw.uniform(0.1, 0.4, (len(bands), *grid.shape)).astype(np.float32)


def written(folder: Path, shift: float = 0.0, grid=GRID, bands=BANDS, dates=DATES) -> list[Path]:
    """Images of the dates, `shift` added to each value, which is then the bias."""
    paths = [folder / f"{day}.tif" for day in dates]
    for path, day in zip(paths, dates, strict=True):
        write_image(path, image(day, grid, bands) + np.float32(shift), bands, grid)
    return paths


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as table:
        return list(csv.DictReader(table))


def pick(rows: list[dict[str, str]], **words: str) -> list[dict[str, str]]:
    return [r for r in rows if all(r[k] == v for k, v in words.items())]


def test_scores_are_tidy_and_right(tmp_path):
    out = tmp_path / "scores" / "seed0.csv"
    score(written(tmp_path / "fused", 0.02), written(tmp_path / "ard"), None, LABELS, BANDS, "reflectance", 3.0, out)
    rows = read(out)
    assert tuple(rows[0]) == COLUMNS
    assert HEADER.strip().split(",") == list(COLUMNS)
    assert {r["date"] for r in rows} == set(DATES)
    assert {r["truth"] for r in rows} == {"observed"}
    assert {r["band"] for r in rows} == {*BANDS, "mean", "all", "ndvi"}
    keys = [tuple(r[c] for c in COLUMNS[:-2]) for r in rows]
    assert len(set(keys)) == len(keys)
    for band in (*BANDS, "mean"):
        for row in pick(rows, band=band, metric="bias", stratum="all"):
            assert float(row["value"]) == pytest.approx(0.02, abs=2e-5)  # stored in steps of 1e-4
            assert int(row["n"]) == GRID.shape[0] * GRID.shape[1]
    assert len(pick(rows, metric="ergas", band="all", stratum="high")) == len(DATES)


def test_ndvi_is_scored_against_ndvi_of_the_observed_bands(tmp_path):
    fused, observed = written(tmp_path / "fused", bands=["ndvi"]), written(tmp_path / "ard")
    score(fused, observed, None, LABELS, ["red", "nir08"], "ndvi", 3.0, tmp_path / "out.csv")
    rows = read(tmp_path / "out.csv")
    assert {r["band"] for r in rows} == {"ndvi"}
    bands = image(DATES[0])
    truth = (bands[2] - bands[1]) / (bands[2] + bands[1])
    expected = float(np.abs(image(DATES[0], bands=["ndvi"])[0] - truth).mean())
    found = pick(rows, date=DATES[0], metric="mae", stratum="all")[0]["value"]
    assert float(found) == pytest.approx(expected, abs=1e-3)


def test_truth_of_a_simulated_site_is_a_second_reference(tmp_path):
    first = date.fromisoformat(DATES[0])
    days = [first + timedelta(n) for n in range(40)]
    write_images_as_truth(
        tmp_path / "truth.nc", GRID, days, BANDS, lambda i: image(days[i].isoformat()) + np.float32(0.01)
    )
    fused, observed = written(tmp_path / "fused"), written(tmp_path / "ard")
    score(fused, observed, tmp_path / "truth.nc", LABELS, BANDS, "reflectance", 3.0, tmp_path / "out.csv")
    rows = pick(read(tmp_path / "out.csv"), metric="bias", band="red", stratum="all")
    found = {(r["date"], r["truth"]): float(r["value"]) for r in rows}
    assert found == pytest.approx(
        {(d, t): b for d in DATES for t, b in (("observed", 0.0), ("known", -0.01))}, abs=2e-4
    )


def test_the_known_truth_is_read_at_the_resolution_of_the_prediction(tmp_path):
    day = DATES[0]
    write_images_as_truth(tmp_path / "truth.nc", GRID, [date.fromisoformat(day)], BANDS, lambda i: image(day))
    blocks = image(day).reshape(3, GRID.height // 2, 2, GRID.width // 2, 2).mean(axis=(2, 4))
    (tmp_path / "fused").mkdir()
    path = tmp_path / "fused" / f"{day}.tif"
    write_image(path, blocks, BANDS, COARSE)
    score([path], [], tmp_path / "truth.nc", LABELS, BANDS, "reflectance", 3.0, tmp_path / "out.csv")
    rows = pick(read(tmp_path / "out.csv"), metric="rmse", stratum="all", truth="known", band="red")
    assert float(rows[0]["value"]) == pytest.approx(0, abs=1e-4) and int(rows[0]["n"]) == COARSE.width * COARSE.height


def test_a_truth_coarser_than_the_prediction_is_an_error(tmp_path):
    coarse = image(DATES[0], COARSE)
    write_images_as_truth(tmp_path / "truth.nc", COARSE, [date.fromisoformat(DATES[0])], BANDS, lambda i: coarse)
    with pytest.raises(InputError, match="pixels of 20 m, 10 m were asked for"):
        score(
            written(tmp_path / "fused", dates=DATES[:1]), [], tmp_path / "truth.nc", LABELS, BANDS, "reflectance", 3.0,
            tmp_path / "out.csv",
        )  # fmt: skip


def test_without_any_truth_the_table_is_empty_with_its_header(tmp_path):
    score(written(tmp_path / "fused"), [], None, LABELS, BANDS, "reflectance", 3.0, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == HEADER


def test_another_grid_is_an_error_that_names_the_file_and_leaves_nothing(tmp_path):
    fused, observed = written(tmp_path / "fused"), written(tmp_path / "ard", grid=COARSE)
    with pytest.raises(InputError, match=rf"ard/{DATES[0]}.tif.*Cure"):
        score(fused, observed, None, LABELS, BANDS, "reflectance", 3.0, tmp_path / "scores" / "out.csv")
    assert list((tmp_path / "scores").iterdir()) == []


def test_a_missing_band_is_an_error_that_names_it(tmp_path):
    fused, observed = written(tmp_path / "fused"), written(tmp_path / "ard", bands=["blue", "red"])
    with pytest.raises(InputError, match="nir08"):
        score(fused, observed, None, LABELS, BANDS, "reflectance", 3.0, tmp_path / "out.csv")


def test_unpaired_observations_are_refused(tmp_path):
    fused = written(tmp_path / "fused")
    with pytest.raises(ValueError, match="one observed image for each of 2"):
        score(fused, fused[:1], None, LABELS, BANDS, "reflectance", 3.0, tmp_path / "out.csv")


def test_baselines_give_differences_on_the_dates_they_have(tmp_path):
    fused, observed = written(tmp_path / "fused", 0.02), written(tmp_path / "ard")
    baselines = {
        "bilinear": written(tmp_path / "bilinear", 0.05),
        "nearest": written(tmp_path / "nearest", 0.01, dates=DATES[:1]),
        "starfm": fused,
    }
    score(fused, observed, None, LABELS, BANDS, "reflectance", 3.0, tmp_path / "out.csv", baselines)
    rows = pick(read(tmp_path / "out.csv"), band="mean", stratum="all")
    found = {(r["date"], r["metric"]): float(r["value"]) for r in rows if r["metric"].startswith("mae_minus")}
    expected = {(d, "mae_minus_bilinear"): -0.03 for d in DATES} | {(DATES[0], "mae_minus_nearest"): 0.01}
    assert found == pytest.approx(expected, abs=1e-4)


def test_collecting_keeps_every_row_and_sums_up(tmp_path):
    observed, rows = written(tmp_path / "ard"), []
    for method, bias in (("bilinear", 0.05), ("nearest", 0.01), ("starfm", 0.02)):
        rows.append(tmp_path / f"{method}.csv")
        fused = written(tmp_path / method, bias)
        score(fused, observed, None, LABELS | {"method": method}, BANDS, "reflectance", 3.0, rows[-1])
    collect(rows, tmp_path / "all.csv", tmp_path / "summary.csv")
    assert len(read(tmp_path / "all.csv")) == sum(len(read(p)) for p in rows)
    found = {r["method"]: r for r in read(tmp_path / "summary.csv") if (r["metric"], r["band"]) == ("rmse", "mean")}
    assert [found[m]["rank"] for m in ("nearest", "starfm", "bilinear")] == ["1", "2", "3"]
    assert float(found["starfm"]["minus_bilinear"]) == pytest.approx(-0.03, abs=1e-4)
    assert float(found["starfm"]["minus_nearest"]) == pytest.approx(0.01, abs=1e-4)
    assert found["starfm"]["dates"] == "2"


def test_collecting_nothing_gives_headers(tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text(HEADER)
    collect([empty], tmp_path / "all.csv", tmp_path / "summary.csv")
    assert read(tmp_path / "summary.csv") == []
    assert (tmp_path / "summary.csv").read_text().startswith("experiment,site,truth,band,metric,method,value")


def test_collecting_something_else_is_an_error(tmp_path):
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"odd.csv is no table of scores"):
        collect([tmp_path / "odd.csv"], tmp_path / "all.csv", tmp_path / "summary.csv")
    assert not (tmp_path / "all.csv").exists()


def test_values_that_are_no_numbers_survive_the_table(tmp_path):
    fused = written(tmp_path / "fused")
    score(fused, fused, None, LABELS, BANDS, "reflectance", 3.0, tmp_path / "out.csv")
    found = pick(read(tmp_path / "out.csv"), metric="psnr", band="mean", stratum="all")
    assert math.isinf(float(found[0]["value"]))
    collect([tmp_path / "out.csv"], tmp_path / "all.csv", tmp_path / "summary.csv")
    assert pick(read(tmp_path / "summary.csv"), metric="psnr", band="mean")[0]["value"] == "inf"
