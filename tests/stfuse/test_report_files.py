"""Tables as the report's page shows them: whole, or the rows that matter and the file for the rest."""

from __future__ import annotations

import base64
from pathlib import Path

import pandas as pd

from rule_functions import INPUTS
from stfuse.phenology.scores import event_scores
from stfuse.report_files import table_shown

LABELS = {"experiment": "e", "site": "s", "source": "starfm_si", "seed": 0}
TRUTH = pd.DataFrame({
    "field": [1, 1, 2], "kind": ["cut", "cut", "harvest"], "class": ["grassland", "grassland", "wheat"],
    "day": [140, 180, 200], "drop": [0.3, 0.3, 0.4],
})  # fmt: skip
FOUND = pd.DataFrame({
    "field": [1, 2, 2], "kind": ["cut", "harvest", "harvest"], "day": [142.0, 199.0, 300.0],
    "error_days": [2.0, 2.0, 2.0], "drop": [0.3, 0.4, 0.2], "drop_error": [0.05, 0.05, 0.05],
})  # fmt: skip


def written(folder: Path) -> Path:
    path = folder / "phenology/e/s/event_scores.csv"
    path.parent.mkdir(parents=True)
    event_scores([(LABELS, FOUND)], TRUTH, 0.15).to_csv(path, index=False)
    return path


def test_cuts_and_harvests_are_shown_by_kind_over_all_classes_and_the_file_has_each(tmp_path: Path) -> None:
    path = written(tmp_path)
    shown = table_shown(path)
    assert shown["title"] == "Cuts and harvests found" and "Visible are true events" in shown["caption"]
    assert shown["columns"][:3] == ["source", "seed", "kind"] and "class" not in shown["columns"]
    kinds = [row[2] for row in shown["rows"]]
    assert kinds == ["all", "cut", "harvest"] and shown["cut"] == 0
    first = dict(zip(shown["columns"], shown["rows"][0], strict=True))
    assert (first["n true"], first["n found"], first["n right"]) == ("3", "3", "2")
    whole = base64.b64decode(shown["src"].partition(",")[2]).decode()
    assert whole == path.read_text() and ",grassland," in whole
    assert shown["file"] == "e_s_event_scores.csv"


def test_a_table_of_no_events_and_other_tables_are_shown_as_they_stand(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text("\n")
    assert table_shown(path)["rows"] == []
    other = path.with_name("errors.csv")
    other.write_text("site,class,mae_days\ns,all,3\ns,wheat,4\n")
    assert table_shown(other)["columns"] == ["site", "class", "mae days"]
    assert table_shown(other)["rows"] == [["s", "all", "3"], ["s", "wheat", "4"]]


def test_the_report_asks_for_both_tables_where_the_truth_is_known() -> None:
    path = INPUTS / "report.smk"
    sites = {"made": {"simulated": {}}, "real": {}}
    names = {"SITES": sites, "EXPERIMENTS": {"e": {"sites": list(sites)}}, "LIKENESSES": []}
    names |= {"filling_tables": list, "has_series": bool, "compared_pairs": lambda asked: []}
    names |= {"is_scored": lambda *_: False, "anything_scored": lambda: False}
    exec(compile(path.read_text(), str(path), "exec"), names)
    asked = [file for file in names["report_tables"](None) if "/phenology/" in file]  # type: ignore[operator]
    assert asked == ["results/phenology/e/made/errors.csv", "results/phenology/e/made/event_scores.csv"]
