"""The workflow as a user meets it: dry runs, wrong configs, the smallest road from catalogue to report."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALLEST = ["--configfile", str(ROOT / "tests/config/smallest.yaml")]
NOTHING = "Nothing to be done"


def snakemake(folder: Path, *arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--directory", str(folder)]
    command += ["--snakefile", str(root / "Snakefile"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def jobs_of(run: subprocess.CompletedProcess[str]) -> list[str]:
    """Names of the rules in the first table of job counts, but `all`."""
    rows = re.findall(r"^(\w+) +(\d+)$", run.stderr + run.stdout, flags=re.MULTILINE)
    counts = {name: int(count) for name, count in rows if name not in ("total", "all")}
    return sorted(name for name, count in counts.items() for _ in range(count))


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest road, run once; tests copy it before they change anything."""
    folder = tmp_path_factory.mktemp("road")
    run = snakemake(folder, *SMALLEST)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


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


@pytest.mark.e2e
def test_the_smallest_road_ends_in_a_report_and_scores(road: Path) -> None:
    assert (road / "results/report_smallest.html").stat().st_size > 10_000
    with (road / "results/scores/all.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert {row["method"] for row in rows} == {"bilinear", "temporal"}
    assert {row["truth"] for row in rows} == {"observed", "known"}


@pytest.mark.e2e
def test_a_second_run_does_nothing(road: Path) -> None:
    run = snakemake(road, *SMALLEST)
    assert NOTHING in run.stdout + run.stderr


@pytest.mark.e2e
def test_a_touched_source_file_remakes_nothing(copy: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(ROOT, tmp_path / "repo", ignore=shutil.ignore_patterns(".*", "results")))
    # The copy's sources are newer than every result but the same: a checkout must not cost a rerun.
    run = snakemake(copy, "-n", *SMALLEST, "--rerun-triggers", "mtime", root=root)
    assert NOTHING in run.stdout + run.stderr


@pytest.mark.e2e
def test_a_deleted_scene_remakes_only_what_depends_on_it(copy: Path) -> None:
    scenes = sorted((copy / "results/raw/smallest/sentinel2").iterdir())
    shutil.rmtree(scenes[0])
    date = re.sub(r".*(\d{4})(\d{2})(\d{2})T.*", r"\1-\2-\3", scenes[0].name)
    run = snakemake(copy, *SMALLEST)
    assert run.returncode == 0, run.stderr
    assert jobs_of(run).count("fetch") == 1
    prepared = re.findall(r"output: results/ard/smallest/\w+/([\d-]+)\.tif", run.stderr)
    assert date in prepared
    assert "simulate" not in jobs_of(run)
    assert NOTHING in snakemake(copy, *SMALLEST).stderr + snakemake(copy, *SMALLEST).stdout


@pytest.mark.e2e
def test_adding_a_method_takes_one_file_and_one_line(copy: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(ROOT, tmp_path / "repo", ignore=shutil.ignore_patterns(".*", "results")))
    methods = root / "workflow/scripts/stfuse/methods"
    (methods / "mine.py").write_text(
        "from dataclasses import dataclass\n"
        "import numpy as np\n"
        "from stfuse.task import Needs, no_fit as fit\n"
        'NEEDS = Needs(references="nearest")\n'
        "@dataclass(frozen=True)\n"
        "class Params:\n"
        "    offset: float = 0.0\n"
        "def halo(params):\n"
        "    return 0\n"
        "def predict(task, state, params):\n"
        "    return (task.fine.values[:1] + np.float32(params.offset)).repeat(len(task.dates), axis=0)\n"
    )
    config = root / "config/config.yaml"
    config.write_text(config.read_text().replace("methods:\n", "methods:\n  mine: {offset: 0.01}\n"))
    chosen = root / "tests/config/experiments/smallest_withheld.yaml"
    chosen.write_text(chosen.read_text().replace("[bilinear, temporal]", "all"))
    only = ["--rerun-triggers", "mtime"]
    target = "results/scores/smallest_withheld/smallest/mine/seed0.csv"
    run = snakemake(copy, target, *only, "--configfile", str(root / "tests/config/smallest.yaml"), root=root)
    assert run.returncode == 0, run.stdout + run.stderr
    assert jobs_of(run) == ["fuse", "score", "train"]
    with (copy / target).open(newline="") as table:
        assert {row["method"] for row in csv.DictReader(table)} == {"mine"}
