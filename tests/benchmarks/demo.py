"""Time the demo from nothing, in a folder of its own: seconds and memory by rule.

make bench ARGS="[--keep FOLDER] [further words for Snakemake]"
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks import ROOT


def read_benchmarks(results: Path) -> pd.DataFrame:
    """One row per job from what Snakemake measured: stage, seconds, CPU seconds, peak memory in MB."""
    folder = results / "benchmarks"
    tables = [
        pd.read_csv(path, sep="\t").assign(stage=path.relative_to(folder).parts[0].removesuffix(".tsv"))
        for path in sorted(folder.rglob("*.tsv"))
    ]
    return pd.concat(tables, ignore_index=True)


def by_stage(jobs: pd.DataFrame) -> pd.DataFrame:
    """Jobs, seconds in all, the slowest job and the peak memory of each stage, the longest stage first."""
    table = jobs.groupby("stage").agg(
        jobs=("s", "size"),
        seconds=("s", "sum"),
        slowest=("s", "max"),
        cpu_seconds=("cpu_time", "sum"),
        peak_mb=("max_rss", "max"),
    )
    return table.sort_values("seconds", ascending=False).round(1)


def main() -> int:
    """Run Snakemake in a folder and show the table; its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", default="all", help="cores for Snakemake")
    parser.add_argument("--keep", type=Path, help="folder to work in and keep; else a temporary one")
    arguments, further = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="stfuse-bench-") as temporary:
        folder = arguments.keep or Path(temporary)
        command = [
            "snakemake",
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--directory",
            str(folder),
            "--cores",
            arguments.cores,
        ]
        start = time.perf_counter()
        status = subprocess.run([sys.executable, "-m", *command, *further], check=False).returncode
        seconds = time.perf_counter() - start
        jobs = read_benchmarks(folder / "results")
    sys.stdout.write(f"\n{by_stage(jobs).to_string()}\n\n{len(jobs)} jobs in {seconds:.0f} s\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
