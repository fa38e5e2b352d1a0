"""The workflow as a user meets it: dry runs, wrong configs, what a change remakes on the smallest road."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from whole_runs import NOTHING, ROOT, jobs_of, lean_repository, once, rows, run_once, smallest, snakemake

# What gathers results of several methods: the one thing of the others that a new method may remake.
AGGREGATES = re.compile(r"collect_\w+|summarise|tabulate|draw_\w+|report")


@pytest.fixture(scope="module")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with two methods in its config, which the smallest experiment takes both."""

    def make(folder: Path) -> str:
        lean_repository(folder)
        return ""

    return once(tmp_path_factory, "lean", make)


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory, lean: Path) -> Path:
    """The smallest road, run once; tests copy it before they change anything."""
    return run_once(tmp_path_factory, "road", *smallest(lean), root=lean)


@pytest.fixture
def copy(road: Path, tmp_path: Path) -> Path:
    """A copy of the finished road with its times, free to be damaged."""
    return Path(shutil.copytree(road, tmp_path / "copy", copy_function=shutil.copy2))


def test_a_dry_run_on_a_clean_clone_imports_neither_torch_nor_rasterio(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "snakemake", "-n", "--cores", "2"]
    command += ["--directory", str(tmp_path), "--snakefile", str(ROOT / "Snakefile")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    imported = set(re.findall(r"\| +([\w.]+)$", run.stderr, flags=re.MULTILINE))
    assert "snakemake" in imported
    assert not {"torch", "rasterio", "numba"} & imported


WRONG = {
    "methods={nowhere: {}}": "there is no .*nowhere.py.*Cure",
    "methods={temporal: {moed: linear}}": r"temporal has no setting \['moed'\].*Cure: use \['mode'\]",
    "methods={bilinear: {references: all}}": "bilinear cannot take references: all.*Cure: choose from none",
    "methods={temporal: {references: some}}": "some",
    "studies=[nowhere]": "no nowhere among the studies.*Cure",
    "metods={}": "metods",
}


@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_config_is_refused_before_any_job(tmp_path: Path, setting: str) -> None:
    key, value = setting.split("=", 1)
    config = tmp_path / "wrong.yaml"
    config.write_text(f"{key}: {value}\n")
    run = snakemake(tmp_path, "-n", "--configfile", str(config))
    assert run.returncode != 0
    assert re.search(WRONG[setting], run.stderr + run.stdout, flags=re.DOTALL)
    assert not (tmp_path / "results").exists()


SITE: dict[str, Any] = yaml.safe_load((ROOT / "tests/config/sites/smallest.yaml").read_text())
EXPERIMENT: dict[str, Any] = yaml.safe_load((ROOT / "tests/config/experiments/smallest_withheld.yaml").read_text())
# What is wrong -> the site's entry, the experiment's entry, and what the message must name.
UNFIT: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "no catalogue": (
        {k: v for k, v in SITE.items() if k not in ("simulated", "fields")} | {"catalog": "nowhere/catalog.json"},
        EXPERIMENT,
        "nowhere/catalog.json",
    ),
    "ndvi of swapped bands": (SITE, EXPERIMENT | {"variable": "ndvi", "bands": ["nir08", "red"]}, "nir08.*red"),
    "unknown band": (SITE, EXPERIMENT | {"bands": ["red", "ultraviolet"]}, "ultraviolet"),
    "reversed bounds": (SITE | {"bounds": [500490, 5630760, 500010, 5631240]}, EXPERIMENT, "500490"),
    "unknown CRS": (SITE | {"crs": "EPSG:999999"}, EXPERIMENT, "EPSG:999999"),
    "reference not there": (SITE | {"reference": "landsat8_pan"}, EXPERIMENT, "reference.*landsat8_pan"),
    "auxiliary series not there": (SITE, EXPERIMENT | {"methods": ["sharp"]}, "sharp.*pan"),
}


@pytest.mark.parametrize(
    "target",
    [
        "results/figures/filling_space/filling_east/scores.png",
        "results/series/filling_space/filling_east/sentinel2/seed0.nc",
        "results/figures/filling_sar/gaps.png",
    ],
)
def test_what_an_experiment_of_that_kind_never_has_is_made_by_no_rule(tmp_path: Path, target: str) -> None:
    run = snakemake(tmp_path, target, "-n", "--configfile", str(ROOT / "tests/config/filling.yaml"))
    assert run.returncode != 0
    assert "MissingRuleException" in run.stderr + run.stdout, run.stderr


@pytest.mark.parametrize("wrong", UNFIT)
def test_parts_that_do_not_fit_are_refused_before_any_job(tmp_path: Path, wrong: str) -> None:
    site, experiment, named = UNFIT[wrong]
    mine = tmp_path / "mine"
    entries = {
        "sites/unfit.yaml": site,
        "experiments/unfit.yaml": experiment | {"sites": ["unfit"]},
        "studies/unfit.yaml": {"title": "Unfit", "experiments": ["unfit"]},
        "config.yaml": {"folders": ["mine"], "studies": ["unfit"]},
    }
    root = ROOT
    if experiment["methods"] == ["sharp"]:
        root = lean_repository(tmp_path / "repository")
        methods = root / "workflow/scripts/stfuse/methods"
        (methods / "sharp.py").write_text(
            (methods / "bilinear.py").read_text().replace("Needs(", 'Needs(aux=("pan",), ')
        )
        entries["config.yaml"] |= {"methods": {"sharp": {}}}
    for name, entry in entries.items():
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text(yaml.safe_dump(entry))
    run = snakemake(tmp_path, "-n", "--configfile", str(mine / "config.yaml"), root=root)
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert re.search(f"{named}.*Cure", said, flags=re.DOTALL), said
    assert not (tmp_path / "results").exists()


@pytest.mark.e2e
def test_the_smallest_road_ends_in_a_report_and_scores(road: Path) -> None:
    assert (road / "results/report_smallest.html").stat().st_size > 10_000
    scores = rows(road / "results/scores/all.csv")
    assert {row["method"] for row in scores} == {"bilinear", "temporal"}
    assert {row["truth"] for row in scores} == {"observed", "known"}


@pytest.mark.e2e
def test_a_second_run_does_nothing(copy: Path, lean: Path) -> None:
    run = snakemake(copy, *smallest(lean), root=lean)
    assert NOTHING in run.stdout + run.stderr


@pytest.mark.e2e
def test_a_fresh_checkout_elsewhere_remakes_nothing(copy: Path, tmp_path: Path) -> None:
    """Code counts by what it says, not by its files' times and place."""
    root = lean_repository(tmp_path / "repository")
    for file in (root / "workflow/scripts").rglob("*"):
        file.touch()
    run = snakemake(copy, "-n", *smallest(root), root=root)
    assert NOTHING in run.stdout + run.stderr


@pytest.mark.e2e
def test_an_edited_module_remakes_what_is_made_with_it(copy: Path, tmp_path: Path) -> None:
    root = lean_repository(tmp_path / "repository")
    module = root / "workflow/scripts/stfuse/methods/temporal.py"
    module.write_text(module.read_text() + "\n# Another version.\n")
    run = snakemake(copy, "-n", *smallest(root), root=root)
    remade = [name for name in jobs_of(run) if not AGGREGATES.fullmatch(name)]
    assert remade == ["fuse", "score", "train"]


@pytest.mark.e2e
def test_a_deleted_scene_comes_back_and_remakes_only_what_depends_on_it(copy: Path, lean: Path) -> None:
    # Some scenes serve the frame alone.
    date = min(path.stem for path in (copy / "results/ard/smallest/sentinel2").glob("*.tif"))
    (scene,) = (copy / "results/raw/smallest/sentinel2").glob(f"*_{date.replace('-', '')}T*")
    shutil.rmtree(scene)
    run = snakemake(copy, *smallest(lean), root=lean)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said
    assert jobs_of(run).count("fetch") == 1
    assert not {"simulate", "find_scenes"} & set(jobs_of(run))
    prepared = re.findall(r"output: results/ard/smallest/(\w+)/([\d-]+)\.tif", said)
    assert ("sentinel2", date) in prepared
    # Other dates of Sentinel-2 lie on a frame that the scene is part of, so they may be made again too.
    assert {sensor for sensor, _ in prepared} <= {"sentinel2", "landsat8"}
    again = snakemake(copy, *smallest(lean), root=lean)
    assert NOTHING in again.stdout + again.stderr


MINE = """
from dataclasses import dataclass
import numpy as np
from stfuse.task import Needs, no_fit as fit
NEEDS = Needs(references="nearest")
@dataclass(frozen=True)
class Params:
    offset: float = 0.0
def halo(params):
    return 0
def predict(task, state, params):
    return (task.fine.values[:1] + np.float32(params.offset)).repeat(len(task.dates), axis=0)
"""


@pytest.mark.e2e
def test_adding_a_method_takes_one_file_and_one_line(copy: Path, tmp_path: Path) -> None:
    root = lean_repository(tmp_path / "repository")
    (root / "workflow/scripts/stfuse/methods/mine.py").write_text(MINE)
    config = root / "config/config.yaml"
    config.write_text(config.read_text().replace("methods:\n", "methods:\n  mine: {offset: 0.01}\n"))

    planned = snakemake(copy, "-n", *smallest(root), root=root)
    blocks = re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)+)", planned.stdout + planned.stderr, re.MULTILINE)
    others = [(name, said) for name, said in blocks if not AGGREGATES.fullmatch(name) and name != "all"]
    assert sorted(name for name, _ in others) == ["fuse", "score", "train"]
    assert [name for name, said in others if "method=mine" not in said] == []

    run = snakemake(copy, *smallest(root), root=root)
    assert run.returncode == 0, run.stdout + run.stderr
    assert {row["method"] for row in rows(copy / "results/scores/all.csv")} == {"bilinear", "temporal", "mine"}
    assert "mine" in (copy / "results/report_smallest.html").read_text()


@pytest.mark.e2e
def test_a_method_without_enough_references_is_left_out_of_all_and_refused_by_name(copy: Path, tmp_path: Path) -> None:
    """Without a second pair of images of (nearly) one date, what needs two has nothing to predict from."""
    root = lean_repository(tmp_path / "repository")
    needy = MINE.replace('"nearest"', '"bracketing", pairs=True')
    (root / "workflow/scripts/stfuse/methods/paired.py").write_text(needy)
    config, experiment = root / "config/config.yaml", root / "tests/config/experiments/smallest_withheld.yaml"
    config.write_text(config.read_text().replace("methods:\n", "methods:\n  paired: {}\n"))
    two_pairs = snakemake(copy, "-n", *smallest(root), root=root)
    assert "/paired/" in two_pairs.stdout + two_pairs.stderr
    # Of the four pairs the target's own is hidden, and only that of 12 July has both images on one day.
    experiment.write_text(experiment.read_text().replace("targets: 1", 'targets: ["2023-06-27"]').replace(
        "pair_days: 2", "pair_days: 1"))  # fmt: skip
    one_pair = snakemake(copy, "-n", *smallest(root), root=root)
    assert one_pair.returncode == 0, one_pair.stdout + one_pair.stderr
    assert "/paired/" not in one_pair.stdout + one_pair.stderr
    experiment.write_text(experiment.read_text().replace("methods: all", "methods: [bilinear, paired]"))
    by_name = snakemake(copy, "-n", *smallest(root), root=root)
    assert by_name.returncode != 0
    assert "paired can predict no date" in by_name.stdout + by_name.stderr
