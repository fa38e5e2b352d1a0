"""Jobs really submitted to a Slurm of one node, brought up for the test alone (tests/slurm_node.sh)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import rasterio

from whole_runs import lean_repository, rows, smallest

ROOT = Path(__file__).parents[1]
NODE = ROOT / "tests/slurm_node.sh"
CANNOT = 125  # how the script says that this machine can have no node
PROFILE = [
    *("--workflow-profile", str(ROOT / "workflow/profiles/slurm")),
    # The test's Slurm keeps no accounts, and its file system is the local one.
    *("--slurm-status-command", "squeue", "--slurm-no-account"),
    # A look at the queue that finds no job ended makes the next wait 10 s longer: the first may not come too early.
    *("--slurm-init-seconds-before-status-checks", "8", "--latency-wait", "10"),
]

Finished = subprocess.CompletedProcess[str]
pytestmark = pytest.mark.slurm


@pytest.fixture(scope="session")
def on_node(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Finished]:
    """Run a command beside a Slurm that lives as long as it; skip where none can be had."""

    def run(folder: Path, *command: str) -> Finished:
        return subprocess.run(
            [str(NODE), str(folder), *command], capture_output=True, text=True, timeout=1500, check=False
        )

    trial = run(tmp_path_factory.mktemp("node"), "true")
    if trial.returncode == CANNOT:
        pytest.skip(f"no Slurm on this machine: {trial.stderr.strip()}")
    assert trial.returncode == 0, trial.stderr
    return run


def snakemake(snakefile: Path, folder: Path, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(folder)]
    return [*command, *arguments]


def completed(folder: Path) -> dict[str, str]:
    """How every job ended, by its number, from Slurm's own list."""
    return dict(re.findall(r"JobId=(\d+) .* JobState=(\w+)", (folder / "jobs.txt").read_text()))


def submitted(run: Finished) -> set[str]:
    """The numbers under which Snakemake submitted its jobs."""
    return set(re.findall(r"submitted with SLURM jobid (\d+)", run.stdout + run.stderr))


def arguments_of(process: Path) -> bytes:
    """Its command line; nothing where it has ended meanwhile."""
    try:
        return process.read_bytes()
    except OSError:
        return b""


def test_the_node_gives_a_job_what_its_rule_asks_for_and_is_gone_afterwards(
    on_node: Callable[..., Finished], tmp_path: Path
) -> None:
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(
        'rule all:\n    input: "gpu.txt"\n'
        'rule one:\n    output: "gpu.txt"\n    resources: mem_mb=150, runtime=3, gpu=1\n'
        '    shell: "scontrol show job $SLURM_JOB_ID > {output}; echo device=$CUDA_VISIBLE_DEVICES >> {output}"\n'
    )
    run = on_node(tmp_path / "node", *snakemake(snakefile, tmp_path, *PROFILE))
    assert run.returncode == 0, run.stdout + run.stderr
    told = (tmp_path / "gpu.txt").read_text()
    assert "mem=150M" in told
    assert "TimeLimit=00:03:00" in told
    assert re.search(r"device=[0-3]\b", told)
    assert completed(tmp_path / "node") == dict.fromkeys(submitted(run), "COMPLETED")
    left = [
        path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path / "node").encode() in arguments_of(path)
    ]
    assert left == []


def test_a_job_that_fails_on_slurm_fails_the_run(on_node: Callable[..., Finished], tmp_path: Path) -> None:
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text('rule one:\n    output: "a.txt"\n    shell: "echo half > {output}; exit 3"\n')
    run = on_node(tmp_path / "node", *snakemake(snakefile, tmp_path, *PROFILE, "--retries", "0"))
    assert run.returncode == 1
    assert not (tmp_path / "a.txt").exists()
    assert set(completed(tmp_path / "node").values()) == {"FAILED"}


def pixels(path: Path) -> tuple[str, bytes]:
    """Type and bytes of the stored pixels of all bands."""
    with rasterio.open(path) as source:
        stored = source.read()
    return str(stored.dtype), stored.tobytes()


@pytest.mark.e2e
def test_the_smallest_road_gives_the_same_on_slurm_as_here(on_node: Callable[..., Finished], tmp_path: Path) -> None:
    root = lean_repository(tmp_path / "repository")
    road = ["results/scores/all.csv", *smallest(root)]
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    local = subprocess.run(
        snakemake(root / "Snakefile", here, "--cores", "2", *road), capture_output=True, text=True, check=False
    )
    assert local.returncode == 0, local.stdout + local.stderr
    run = on_node(tmp_path / "node", *snakemake(root / "Snakefile", there, *PROFILE, *road))
    assert run.returncode == 0, run.stdout + run.stderr

    jobs = completed(tmp_path / "node")
    done = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", run.stdout + run.stderr, flags=re.MULTILINE)
    assert set(jobs) == submitted(run)
    assert set(jobs.values()) == {"COMPLETED"}
    assert len(jobs) == len(done) > 10
    assert {"simulate", "find_scenes", "fetch", "prepare", "train", "fuse", "score", "collect_scores"} <= set(done)

    images = sorted(path.relative_to(here) for path in here.glob("results/fused/**/*.tif"))
    assert images
    assert images == sorted(path.relative_to(there) for path in there.glob("results/fused/**/*.tif"))
    for image in images:
        assert pixels(here / image) == pixels(there / image), image
    assert rows(here / "results/scores/all.csv") == rows(there / "results/scores/all.csv")
