"""One set of versions: the lock for pip, the yaml for conda, what the code imports, and what is installed agree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from stfuse.sources import sources

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
ENVS = sorted(path.name for path in (ROOT / "envs").glob("*.yaml"))
# What conda calls otherwise than pip.
PIP_NAME = {"pytorch": "torch", "matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake"}
# What is imported under another name than it is installed by.
DISTRIBUTION = {
    **{"PIL": "pillow", "odc": "odc-geo", "skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml"},
}
CONDA_ONLY = {"python", "gdal"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lock() -> dict[str, str]:
    """Versions of envs/requirements.txt by normalised name."""
    lines = (ROOT / "envs/requirements.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {normal(name): version for name, version in pins}


def conda(env: str) -> dict[str, str]:
    """Versions of a conda environment by pip's normalised name."""
    pins = [line.split(" =") for line in yaml.safe_load((ROOT / "envs" / env).read_text())["dependencies"]]
    return {PIP_NAME.get(name, normal(name)): version for name, version in pins}


def imports(path: Path) -> set[str]:
    """Distributions that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    outside = names - set(sys.stdlib_module_names) - {"stfuse", "snakemake"}
    return {DISTRIBUTION.get(name, normal(name)) for name in outside}


def env_of_scripts() -> dict[str, str]:
    """The conda environment that the rules give to each script."""
    rules = [
        rule
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for rule in re.split(r"^(?:rule|checkpoint) ", path.read_text(), flags=re.MULTILINE)[1:]
    ]
    pairs = [(re.findall(r"scripts/(\w+)\.py", rule), re.findall(r"envs/([\w.]+)", rule)) for rule in rules]
    return {script: env for scripts, envs in pairs for script in scripts for env in envs}


def test_every_line_of_the_lock_is_one_exact_version() -> None:
    lines = (ROOT / "envs/requirements.txt").read_text().splitlines()
    assert [line for line in lines if line and not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)] == []
    assert len(lock()) == len([line for line in lines if "==" in line])


def test_the_lock_holds_whatever_its_packages_need() -> None:
    """Nothing is left to the day of the installation, but what a CUDA build of torch brings."""
    missing = set()
    for name in lock():
        for need in metadata.requires(name) or []:
            wanted = Requirement(need)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                missing |= {normal(wanted.name)} - set(lock())
    assert {name for name in missing if not name.startswith(("nvidia-", "cuda-", "triton"))} == set()


def test_what_is_installed_is_what_the_lock_says() -> None:
    installed = {name: metadata.version(name).split("+")[0] for name in lock()}
    assert installed == lock()


@pytest.mark.parametrize("env", ENVS)
def test_conda_names_the_versions_of_the_lock(env: str) -> None:
    pins = conda(env)
    shared = set(pins) - CONDA_ONLY
    assert {name: pins[name] for name in shared} == {name: lock()[name] for name in shared}


@pytest.mark.parametrize("env", ENVS)
def test_conda_environments_are_exact_and_closed(env: str) -> None:
    content = yaml.safe_load((ROOT / "envs" / env).read_text())
    assert content["channels"][-1] == "nodefaults"
    assert "defaults" not in content["channels"]
    python, *rest = content["dependencies"]
    assert python == "python =3.11"
    assert [line for line in rest if not re.fullmatch(r"[a-z0-9-]+ =\d+(\.\d+)+", line)] == []


def test_every_script_has_its_imports_in_its_rules_environment() -> None:
    methods = sorted((SCRIPTS / "stfuse/methods").glob("*.py"))
    lacking = {}
    for script, env in env_of_scripts().items():
        # model.py and fused.py import the method they are told to at run time.
        starts = methods if script in ("model", "fused") else []
        files = [SCRIPTS / f"{script}.py", *map(Path, sources(SCRIPTS / f"{script}.py", *starts))]
        absent = set().union(*map(imports, files)) - set(conda(env))
        if absent:
            lacking[f"{script} in {env}"] = absent
    assert lacking == {}
    assert set(env_of_scripts()) == {path.stem for path in SCRIPTS.glob("*.py")}


def test_every_import_is_pinned_and_every_tests_import_too() -> None:
    files = [*SCRIPTS.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    ours = {normal(path.stem) for path in files} | {"scripts", "benchmarks"}
    assert set().union(*map(imports, files)) - ours - set(lock()) == set()


def test_the_package_asks_for_what_it_imports_in_versions_that_the_lock_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {normal(need.name): need for need in map(Requirement, project["dependencies"])}
    imported = set().union(*map(imports, (SCRIPTS / "stfuse").rglob("*.py")))
    # xarray opens NetCDF files through netCDF4 without an import of ours.
    assert set(asked) == imported | {"netcdf4"}
    assert all(need.specifier.contains(lock()[name]) for name, need in asked.items())
