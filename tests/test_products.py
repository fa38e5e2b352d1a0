"""What whole runs make: every kind of experiment on a small simulated place, one hidden date of a real one."""

from __future__ import annotations

import base64
import json
import math
import re
from collections import defaultdict
from datetime import date
from pathlib import Path
from statistics import mean

import pytest
import rasterio
import yaml

from whole_runs import DATA, ROOT, rows, run_once

pytestmark = pytest.mark.e2e

EXPERIMENTS = {
    path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "tests/config/experiments").glob("*.yaml")
}
SMALL = {name: entry for name, entry in EXPERIMENTS.items() if entry["sites"] == ["small"]}
FUSED = ["bilinear", "starfm_si"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`results` of tests/config/small.yaml."""
    return run_once(tmp_path_factory, "small", "--configfile", str(ROOT / "tests/config/small.yaml")) / "results"


@pytest.fixture(scope="module")
def belgium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`results` of tests/config/belgium.yaml, as far as the scores."""
    if not (DATA / "belgium-31UDS-2018/catalog.json").exists():
        pytest.skip("no ../shared/data/belgium-31UDS-2018: the real place is not run")
    road = ["results/scores/all.csv", "--configfile", str(ROOT / "tests/config/belgium.yaml")]
    return run_once(tmp_path_factory, "belgium", *road, "--config", f"data={DATA}") / "results"


def by_method(table: Path, experiment: str, metric: str, truth: str) -> dict[str, float]:
    """A metric of the band mean over the whole place, averaged over dates, by method."""
    found = defaultdict(list)
    wanted = {"experiment": experiment, "metric": metric, "truth": truth, "band": "mean", "stratum": "all"}
    for row in rows(table):
        if all(row[key] == value for key, value in wanted.items()):
            found[row["method"]].append(float(row["value"]))
    return {method: mean(values) for method, values in found.items()}


def targets(results: Path) -> dict[str, list[str]]:
    """Experiment -> the dates it hides, as its predictions are named."""
    hiding = [name for name, entry in SMALL.items() if entry["protocol"] != "product"]
    return {name: sorted({p.stem[:10] for p in results.glob(f"fused/{name}/small/*/*/*.tif")}) for name in hiding}


def near(one: str, others: list[str], days: int) -> bool:
    return any(abs((date.fromisoformat(one) - date.fromisoformat(other)).days) <= days for other in others)


@pytest.mark.parametrize("method", ["srcnn", "esrcnn"])
def test_a_network_beats_bilinear_on_hidden_dates(small: Path, method: str) -> None:
    table = small / "scores/all.csv"
    error, likeness = (by_method(table, "small_withheld", metric, "known") for metric in ("rmse", "ssim"))
    assert set(error) == set(SMALL["small_withheld"]["methods"])
    assert error[method] < error["bilinear"]
    assert likeness[method] > likeness["bilinear"]


def test_a_network_beats_bilinear_on_degraded_images(small: Path) -> None:
    error, likeness = (
        by_method(small / "scores/all.csv", "small_reduced", metric, "observed") for metric in ("rmse", "ssim")
    )
    assert error["esrcnn"] < error["bilinear"]
    assert likeness["esrcnn"] > likeness["bilinear"]


def test_networks_end_with_a_smaller_loss_where_they_have_enough_to_learn_from(small: Path) -> None:
    curves = [path for path in small.glob("model/*/small/**/*.csv") if len(rows(path))]
    # srcnn with two seeds, esrcnn in two experiments, ddi for each of two dates.
    assert sorted(path.parent.name for path in curves) == ["esrcnn", "esrcnn", "seed0", "seed0", "srcnn", "srcnn"]
    for curve in curves:
        for stage in {row["stage"] for row in rows(curve)}:
            # The first row is the network before it has learned; the state is that of the best epoch.
            # What learns from one date's few coarse pixels may do no better on those it did not see.
            loss = "train_loss" if curve.parent.name == "seed0" else "held_loss"
            losses = [float(row[loss]) for row in rows(curve) if row["stage"] == stage]
            before, *later = [loss for loss in losses if not math.isnan(loss)]
            assert min(later) < before, (curve, stage)


def test_bands_of_20_m_are_sharpened_before_they_are_fused(small: Path) -> None:
    stages = {row["stage"] for row in rows(small / "model/small_withheld/small/esrcnn/seed0.csv")}
    assert stages == {"1", "2"}
    assert {row["stage"] for row in rows(small / "model/small_reduced/small/esrcnn/seed0.csv")} == {"1"}


def test_what_learns_for_each_date_leaves_a_state_and_its_layers(small: Path) -> None:
    dates = targets(small)["small_withheld"]
    states = sorted(path.stem for path in small.glob("model/small_withheld/small/ddi/seed0/*.npz"))
    assert states == dates
    for date_ in dates:
        with rasterio.open(small / f"fused/small_withheld/small/ddi/seed0/{date_}_layers.tif") as layers:
            assert len(layers.descriptions) >= 4 and all(re.match(r"(red|nir08)_", d) for d in layers.descriptions)
            assert layers.read().std() > 0


def test_seeds_make_an_ensemble_whose_spread_is_measured(small: Path) -> None:
    folder = small / "fused/small_withheld/small/srcnn"
    for date_ in targets(small)["small_withheld"]:
        members = [rasterio.open(folder / f"seed{seed}/{date_}.tif").read(1) for seed in (0, 1)]
        with rasterio.open(folder / f"ensemble/{date_}.tif") as mean_image:
            seen = members[0] != mean_image.nodata
            off = mean_image.read(1)[seen].astype(float) - (members[0][seen] / 2 + members[1][seen] / 2)
        assert abs(off).max() <= 1 and (members[0] != members[1]).any()
    found = {row["metric"] for row in rows(small / "scores/small_withheld/small/srcnn/ensemble.csv")}
    assert {"coverage_90", "coverage_90_calibrated", "spread_factor"} <= found


@pytest.mark.parametrize("method", FUSED)
def test_fused_series_find_the_seasons_dates_better_than_landsat_and_no_worse_than_sentinel2(
    small: Path, method: str
) -> None:
    errors = {
        row["source"]: row
        for row in rows(small / "phenology/small_product/small/errors.csv")
        if (row["date_name"], row["class"], row["fields"]) == ("all", "all", "common")
    }
    assert int(errors[method]["n"]) >= 60
    days = {source: float(row["mae_days"]) for source, row in errors.items()}
    assert days[method] < days["landsat8"]
    # Over 43 seasons of a year with many clear dates the two lie a tenth of a day apart, either way.
    assert days[method] < 1.1 * days["sentinel2"]


def test_a_series_holds_observed_and_fused_dates(small: Path) -> None:
    fused = sorted(path.stem for path in small.glob("fused/small_product/small/starfm_si/seed0/*.tif"))
    observed = {
        row["date"]
        for row in rows(small / "raw/small/scenes.csv")
        if row["kept"] == "1" and row["platform"] == "sentinel-2a"
    }
    assert len(fused) >= 3
    assert not observed & set(fused)
    series = sorted(path.stem for path in small.glob("series/small_product/small/*"))
    assert series == ["bilinear", "landsat8", "sentinel2", "starfm_si"]


def test_nothing_was_fitted_or_registered_to_a_hidden_date(small: Path) -> None:
    hidden = targets(small)
    assert {name: len(dates) for name, dates in hidden.items()} == {"small_withheld": 2, "small_reduced": 1}
    rule = json.loads((small / "ard/small/landsat8/bandpass.json").read_text())
    assert {entry["rule"] for entry in rule.values()} == {"fit"}

    asked = (small.parent / ".snakemake/metadata").rglob("*")
    inputs = {}
    for record in (json.loads(path.read_text()) for path in asked if path.is_file()):
        outputs = record.get("rule"), tuple(sorted(record["input"] or []))
        inputs.setdefault(record.get("rule"), set()).add(outputs[1])
    (pairs,) = (files for files in inputs["fit_bandpass"] if any("/landsat8/" in name for name in files))
    fine = [Path(name).stem for name in pairs if "/ard/small/sentinel2/" in name]
    coarse = ["-".join(re.search(r"_(\d{4})(\d{2})(\d{2})_", name).groups()) for name in pairs if "/landsat8/" in name]
    assert len(fine) > 1 and len(coarse) > 1
    for name, dates in hidden.items():
        gap = SMALL[name].get("gap_days", 0) if SMALL[name]["protocol"] == "withheld" else -1
        assert [d for d in fine if near(d, dates, gap)] == [], name
        assert [d for d in coarse if near(d, dates, SMALL[name]["pair_days"])] == [], name
    registered = [Path(f).stem for files in inputs["prepare"] for f in files if "/ard/small/sentinel2/" in f]
    assert registered
    assert [d for d in registered if near(d, hidden["small_withheld"], SMALL["small_withheld"]["gap_days"])] == []


def test_the_report_embeds_every_figure(small: Path) -> None:
    figures = sorted((small / "figures").rglob("*.png"))
    kinds = {re.sub(r"_\d.*", "", path.stem) for path in figures}
    assert kinds == {
        "accuracy", "agreement", "ensemble_srcnn", "phenology", "prediction", "profiles", "scatter", "scenes", "scores",
        "seasons_bilinear", "sensors", "training", "year",
    }  # fmt: skip
    report = (small / "report_small.html").read_text(encoding="utf-8")
    embedded = {base64.b64decode(found) for found in re.findall(r'src="data:image/png;base64,([^"]+)"', report)}
    assert [str(path) for path in figures if path.read_bytes() not in embedded] == []
    assert not re.search(r'<(?:img|script|link)[^>]+(?:src|href)="(?!data:)', report)


# Stage -> tags with which an image could be made again.
TAGS = {
    "ard": {"SENSOR", "DATE", "SCENES"},
    "degraded": {"source", "operator", "resolution"},
    "fused": {"method", "file", "settings", "seed", "date", "variable", "stfuse"},
    "phenology": {"experiment", "source", "seed", "settings", "year"},
}


@pytest.mark.parametrize("stage", TAGS)
def test_every_image_says_how_it_was_made(small: Path, stage: str) -> None:
    # The field map is a plain raster of numbers, and the frame a mean over dates.
    images = [path for path in (small / stage).rglob("*.tif") if path.name not in ("fields.tif", "frame.tif")]
    assert images
    for image in images:
        with rasterio.open(image) as source:
            assert source.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG", image
            assert TAGS[stage] <= set(source.tags()), image
            assert None not in source.descriptions, image


def test_every_method_is_scored_on_a_real_date_and_one_beats_bilinear(belgium: Path) -> None:
    methods = EXPERIMENTS["belgium_one"]["methods"]
    dates = {p.stem for p in belgium.glob("fused/belgium_one/belgium/*/*/*.tif")}
    assert dates == {"2018-08-02"}
    error = by_method(belgium / "scores/all.csv", "belgium_one", "rmse", "observed")
    assert set(error) == set(methods)
    assert min(error.values()) < error["bilinear"]
