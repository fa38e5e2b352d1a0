"""The stage `figures`: tables out of the scores."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from scripts.figures_table import make_date_table, make_table
from scripts.scores_all import HEADER, collect
from stfuse.errors import InputError
from stfuse.tables import DATES, SCORES


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as table:
        return list(csv.DictReader(table))


def collected(folder: Path) -> tuple[Path, Path]:
    lines = [
        f"e,s,{method},0,{date},observed,mean,all,rmse,{value},100\n"
        for method, values in {"bilinear": (0.02, 0.03), "m": (0.01, 0.04)}.items()
        for date, value in zip(("2023-05-01", "2023-06-01"), values, strict=True)
    ]
    (folder / "rows.csv").write_text(HEADER + "".join(lines))
    collect([folder / "rows.csv"], folder / "all.csv", folder / "summary.csv")
    return folder / "all.csv", folder / "summary.csv"


def test_tables_are_written_from_the_collected_scores(tmp_path):
    everything, summary = collected(tmp_path)
    make_table(summary, "e", "s", tmp_path / "tables" / "scores.csv")
    make_date_table([everything], "e", "s", tmp_path / "tables" / "dates.csv")
    table, dates = read(tmp_path / "tables" / "scores.csv"), read(tmp_path / "tables" / "dates.csv")
    assert tuple(table[0]) == SCORES
    assert tuple(dates[0]) == DATES
    assert {r["method"]: r["rmse"] for r in table} == {"bilinear": "0.0250", "m": "0.0250"}
    assert [(r["date"], r["method"], r["worse_than_bilinear"]) for r in dates] == [
        ("2023-05-01", "m", ""),
        ("2023-05-01", "bilinear", ""),
        ("2023-06-01", "bilinear", ""),
        ("2023-06-01", "m", "yes"),
    ]


def test_an_unscored_experiment_has_empty_tables(tmp_path):
    everything, summary = collected(tmp_path)
    make_table(summary, "product", "s", tmp_path / "scores.csv")
    make_date_table([everything], "product", "s", tmp_path / "dates.csv")
    assert read(tmp_path / "scores.csv") == read(tmp_path / "dates.csv") == []


def test_another_file_is_an_error_that_names_it(tmp_path):
    (tmp_path / "odd.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match=r"odd.csv lacks the columns"):
        make_table(tmp_path / "odd.csv", "e", "s", tmp_path / "scores.csv")
    with pytest.raises(InputError, match=r"odd.csv lacks the columns"):
        make_date_table([tmp_path / "odd.csv"], "e", "s", tmp_path / "dates.csv")
