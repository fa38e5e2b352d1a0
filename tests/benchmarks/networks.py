"""Whether the orderings that papers report of their networks come out on simulated places.

make networks ARGS="[--only wu|michel|yang] [--seeds N] [--cases N] [--one-stage] [--bands-study] [--quick] [--fresh]
[--out FOLDER]"

results/bench/networks.csv has a row per case, method, seed and stratum, networks.txt every claim with the cases in
which it fails and what the images say about them, networks.png the errors. The cases are in `network_cases`. An
interrupted run goes on where it was; what was measured with other code is measured again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import ROOT
from benchmarks.network_cases import BAND_STUDY, GROUPS, STUDIES, fewer
from benchmarks.network_claims import words_of
from benchmarks.network_figures import figure_of
from benchmarks.network_runs import Table, contenders, measure
from stfuse.plots import to_png

SEEDS = {"wu": 3, "michel": 3, "yang": 1, "bands": 1}


def main(words: Sequence[str] | None = None) -> None:
    """Measure what the table lacks, write table, claims and figure, and show the claims."""
    asked = _arguments(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    chosen = [asked.only] if asked.only else list(STUDIES)
    chosen += ["bands"] if asked.bands_study else []
    known = {key: contenders(STUDIES.get(key, BAND_STUDY), asked.quick, asked.one_stage) for key in chosen}
    missing = list(dict.fromkeys(name for _, lacking in known.values() for name in lacking))
    for name in missing:
        sys.stdout.write(f"{name} is left out: there is no file stfuse/methods/{name}.py\n")
    path = asked.out / "networks.csv"
    if asked.fresh:
        path.unlink(missing_ok=True)
    table = Table(path, [c for found, _ in known.values() for c in found])
    for key in chosen:
        groups = (fewer(group, asked.cases) if asked.cases else group for group in GROUPS[key](asked.quick))
        measure(groups, table, known[key][0], asked.seeds or SEEDS[key])
        (asked.out / "networks.txt").write_text(words_of(table.frame(), missing))
        (asked.out / "networks.png").write_bytes(to_png(figure_of(table.frame())))
    sys.stdout.write(words_of(table.frame(), missing))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(STUDIES))
    parser.add_argument("--seeds", type=int, help="of methods that learn; if left out 3, for Yang's study 1")
    parser.add_argument("--cases", type=int, help="at most so many of each place and setting; if left out all")
    parser.add_argument("--one-stage", action="store_true", help="ESRCNN and DSTFN without their first: half the time")
    parser.add_argument("--bands-study", action="store_true", help="also the hybrid with 1, 2, 3 and 6 bands")
    parser.add_argument("--quick", action="store_true", help="a few small cases, hardly trained: whether it runs")
    parser.add_argument("--fresh", action="store_true", help="measure everything anew")
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
