"""What stands around the code is in order: commands, metadata, ignored files, profiles, the CI script."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import stfuse

ROOT = Path(__file__).parents[1]


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make` needs of the repository, with nothing set up."""
    (tmp_path / "envs").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "envs/requirements.txt", tmp_path / "envs")
    return tmp_path


def test_make_without_a_target_lists_the_targets() -> None:
    described = dict(line.split(maxsplit=1) for line in make().stdout.splitlines())
    assert set(described) >= {"demo", "real", "test", "bench", "soak", "clean", "help"}


@pytest.mark.parametrize("target", ["demo", "test", "real"])
def test_a_target_sets_up_a_fresh_clone_first(clone: Path, target: str) -> None:
    plan = make("--dry-run", target, folder=clone)
    assert plan.returncode == 0, plan.stderr
    assert plan.stdout.index("-m venv --clear .venv") < plan.stdout.index("--requirement envs/requirements.txt")


def test_set_up_runs_again_only_when_the_lock_is_newer(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv/.ready").touch()
    assert "-m venv" not in make("--dry-run", "demo", folder=clone).stdout
    ready = (clone / ".venv/.ready").stat().st_mtime
    lock = clone / "envs/requirements.txt"
    lock.write_text(lock.read_text() + "\n")
    os.utime(lock, (ready + 5, ready + 5))
    assert "-m venv --clear" in make("--dry-run", "demo", folder=clone).stdout


def test_a_missing_python_is_said_with_its_cure(clone: Path) -> None:
    run = make("demo", "PYTHON=", folder=clone)
    assert run.returncode != 0
    assert re.search(r"Error: no Python 3\.11 or newer.*Cure: ", run.stderr)
    assert not (clone / ".venv").exists()


def test_clean_leaves_what_is_not_made(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".venv/a", "results/ard/a", "results/README.md", "results/readme/a.png", "config/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert make("clean", folder=tmp_path).returncode == 0
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", "results/README.md", "results/readme/a.png", "config/a"}


@pytest.mark.parametrize("script", [".ci/run", "tests/slurm_node.sh"])
def test_shell_scripts_are_whole_executable_and_strict(script: str) -> None:
    path = ROOT / script
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    assert "set -euo pipefail" in path.read_text()
    assert path.stat().st_mode & 0o111


def test_the_ci_script_goes_on_without_debians_packages_and_fails_with_the_tests(tmp_path: Path) -> None:
    """Stand-ins for apt-get, dpkg-query and make show what the script does when the network or a test fails."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    for name, body in {"apt-get": "exit 100", "dpkg-query": "exit 1", "make": 'echo "make $*"; exit 3'}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    run = subprocess.run(
        ["bash", ".ci/run"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.splitlines() == ["The Slurm packages could not be installed: those tests will skip.", "make test"]
    assert run.returncode == 3


def test_results_are_ignored_but_for_their_readme_and_pictures() -> None:
    names = [
        "results/ard/a.tif",
        "results/report.html",
        ".venv/a",
        ".snakemake/a",
        "workflow/scripts/__pycache__/a.pyc",
    ]
    kept = ["results/README.md", "results/readme/prediction.png", "envs/geo.yaml", "tests/config/smallest.yaml"]
    command = ["git", "check-ignore", "--no-index", *names, *kept]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode == 128:
        pytest.skip("not a git checkout")
    assert run.stdout.split() == names


def test_nothing_that_is_made_is_tracked() -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode == 128:
        pytest.skip("not a git checkout")
    assert run.stdout.split() == []


def test_the_default_profile_leaves_default_resources_to_others() -> None:
    default = yaml.safe_load((ROOT / "workflow/profiles/default/config.yaml").read_text())
    slurm = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    assert not {"default-resources", "cores", "executor"} & set(default)
    assert slurm["executor"] == "slurm"
    assert {"mem_mb", "runtime"} <= set(slurm["default-resources"])


def test_citation_names_the_software_the_five_papers_and_the_methods_articles() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "references"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == stfuse.__version__
    assert len(citation["references"]) == 5 + 7
    for reference in citation["references"]:
        assert {"type", "title", "authors", "year"} <= set(reference)
        assert re.fullmatch(r"10\.\d{4,}/\S+", reference.get("doi", "10.0000/none"))


def test_the_changelog_tells_the_versions_news() -> None:
    assert f"## {stfuse.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_pytest_knows_the_markers_that_tests_use() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    known = {marker.split(":")[0] for marker in settings["markers"]} | {"parametrize", "skipif", "usefixtures"}
    used = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"@pytest\.mark\.(\w+)", path.read_text())
    }
    assert used <= known


def test_the_hosted_ci_runs_the_same_script_and_makes_the_conda_pins() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    assert any(".ci/run" in command for command in commands)
    assert any("snakedeploy pin-conda-envs" in command for command in commands)
