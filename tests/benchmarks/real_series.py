"""Every method that fills series on real pixel series, by gap length, beside linear interpolation.

make realseries ARGS="[--only DATA_SET ...] [--seeds N] [--out FOLDER]"

results/bench/real_series.csv has a row per data set, split, method and gap class, real_series.txt the same as tables to
read, real_series.png the errors. Two thirds of the values of every test series are hidden, the same for all methods;
what is trained has seen none of the test's series. The sets and their splits are in `series_data`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from benchmarks import ROOT
from benchmarks.series_data import folds
from benchmarks.series_figure import figure_of
from benchmarks.series_runs import ENTRIES, measure
from benchmarks.series_words import summary, words_of
from stfuse.plots import to_png


def main(words: Sequence[str] | None = None) -> None:
    """Measure, write table and figure, and show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="data sets, by name; if left out all")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each network")
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    asked = parser.parse_args(words)
    known = [fold for fold in folds() if not asked.only or fold.data_set in asked.only]
    if not known:
        raise SystemExit("None of these data sets is here. Cure: put them into ../shared/data, or leave this out")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows: list[dict[str, object]] = []
    for fold in tqdm(known, desc="folds", disable=None):
        rows += measure(fold, ENTRIES, asked.seeds)
    table = summary(pd.DataFrame(rows))
    asked.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(asked.out / "real_series.csv", index=False, float_format="%.6g")
    (asked.out / "real_series.txt").write_text(words_of(table))
    (asked.out / "real_series.png").write_bytes(to_png(figure_of(table)))
    sys.stdout.write(words_of(table))


if __name__ == "__main__":
    main()
