"""Seasons beside those of FuseTS: the page that is kept is what the command writes, words included."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from benchmarks import ROOT
from benchmarks.crosscheck import COLUMNS, apart, errors_of, words_of

KEPT = ROOT / "results/readme/phenology_crosscheck.txt"


def table(*lines: str) -> pd.DataFrame:
    """Rows of a table to read, whose last ten words are numbers."""
    words = [line.split() for line in lines]
    rows = [[" ".join(w[:-10]), *map(float, w[-10:])] for w in words]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_the_page_that_is_kept_has_every_word_from_the_command() -> None:
    text = KEPT.read_text()
    lines = [line for line in text.splitlines() if re.search(r"(-?\d+\.\d +){9}-?\d+\.\d$", line)]
    count = re.search(r"Errors: of (\d+) simulated", text)
    versions = re.search(r"FuseTS (\S+), numpy (\S+)\n", text)
    assert len(lines) == 4 and count and versions
    said = {"fusets": versions[1], "numpy": f"{versions[2]}.0"}
    assert words_of(table(*lines[:2]), table(*lines[2:]), int(count[1]), said) == text


def test_errors_are_held_against_the_date_that_each_column_means() -> None:
    truth = np.array([[10.0, 20, 30, 40, 50], [11.0, 21, 31, 41, 51]])
    found = pd.DataFrame([["a", *truth[0], 20, 30, 40, 10, 50], ["b", *truth[1], 25, 30, 40, np.nan, 51]])
    errors = errors_of(found.set_axis(list(COLUMNS), axis=1), truth).set_index("series")
    assert (errors.iloc[:, :5] == 0).all(axis=None)
    assert errors.loc["median error", "FuseTS start":].to_list() == [2, -0.5, -0.5, 0, 0]
    assert errors.loc["median |error|", "FuseTS peak"] == 0.5


@pytest.mark.parametrize(
    ("start", "words"),
    [(90.0, "10 days later"), (112.4, "12 days earlier"), (np.nan, "unknown")],
)
def test_words_tell_how_far_dates_are_apart(start: float, words: str) -> None:
    one = table("a 50 100 140 170 200 90 140 175 30 220").assign(**{"FuseTS start": start})
    assert apart(one) == f"in green-up {words} (a), in decline 5 days earlier (a)"
