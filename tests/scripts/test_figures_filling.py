"""Scores and cubes of gap experiments become whole tables and pictures, and a section of the report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fake_fillings as fake
from scripts.figures_filled import Given, draw_row, draw_strip
from scripts.figures_gap_tables import make_gap_tables
from scripts.figures_gaps import draw_errors, draw_lengths
from scripts.figures_splits import compare_splits
from scripts.report import make_report
from stfuse.captions import figure_words, table_words
from stfuse.errors import InputError
from stfuse.filling.files import SeriesFiles
from stfuse.grid import site_grid
from stfuse.report_gaps import filling_words, gap_tables, gap_verdict, overall_scores

LINEAR = "temporal: linear interpolation"
TEMPLATE = Path(__file__).parents[2] / "workflow/scripts/stfuse/report.html.jinja"
SITES: dict[str, dict[str, Any]] = {
    name: {
        "name": name, "title": title, "crs": "EPSG:32631", "period": ["2020-01-01", "2020-12-31"],
        "bounds": [0, 0, 640, 640], "sensors": ["sentinel2", "sentinel1"], **({"simulated": {}} if made else {}),
    }
    for name, title, made in (("mosaic", "Made-up fields", True), ("patch", "A real patch", False))
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all made-up products: scores and tables."""
    folder = tmp_path_factory.mktemp("made") / "results"
    rows = fake.write_scores(folder, {"mosaic": 8000, "patch": 1000})
    tables = folder / "tables/gaps_space"
    make_gap_tables(rows, list(fake.ERRORS), ["hgbrt"], tables / "overall.csv", tables / "gaps.csv")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A filled site."""
    return fake.write_site(tmp_path_factory.mktemp("place"))


def given(place: dict[str, Any], colours: tuple[str, ...] = ("red", "green", "blue")) -> Given:
    """What its series are filled from."""
    return Given(SeriesFiles(place["sample"], ["red", "nir"]), colours, "gru", "Title | simulated")


def is_whole(png: Path) -> bool:
    """A readable picture of the report's width, with nothing left beside it."""
    with Image.open(png) as picture:
        picture.load()
        return picture.size[0] == 1650 and [p for p in png.parent.iterdir() if p.name.startswith(".")] == []


def test_tables_hold_all_sites_and_each(root: Path) -> None:
    overall = pd.read_csv(root / "tables/gaps_space/overall.csv")
    assert list(dict.fromkeys(overall["site"])) == ["all", "mosaic", "patch"]
    assert list(overall[overall["site"] == "all"]["method"]) == ["temporal", "hgbrt", "gru", "gru_optical"]
    counts = overall.set_index(["site", "method"])["n"]
    assert counts["all", "gru"] == counts["mosaic", "gru"] + counts["patch", "gru"]
    gaps = pd.read_csv(root / "tables/gaps_space/gaps.csv", dtype={"best": str})
    assert "hgbrt" not in set(gaps["method"])
    long = gaps[(gaps["site"] == "all") & (gaps["metric"] == "mae")].set_index("method")
    assert ">=20" in str(long.loc["gru", "best"])


def test_pictures_of_the_gaps_are_whole(root: Path, tmp_path: Path) -> None:
    draw_errors(root / "tables/gaps_space/gaps.csv", ["hgbrt"], "Title", tmp_path / "gaps.png")
    lengths = [root / f"scores/gaps_space/{site}/temporal/seed0_gaps.csv" for site in SITES]
    draw_lengths(lengths, "Title", tmp_path / "lengths.png")
    assert is_whole(tmp_path / "gaps.png")
    assert is_whole(tmp_path / "lengths.png")


def test_nothing_to_draw_is_refused_with_the_file(root: Path, tmp_path: Path) -> None:
    empty, none = tmp_path / "gaps.csv", tmp_path / "seed0_gaps.csv"
    empty.write_text((root / "tables/gaps_space/gaps.csv").read_text().splitlines()[0] + "\n")
    none.write_text("gap_days,n\n")
    with pytest.raises(InputError, match=re.escape(str(empty))):
        draw_errors(empty, [], "Title", tmp_path / "a.png")
    with pytest.raises(InputError, match=re.escape(str(none))):
        draw_lengths([none], "Title", tmp_path / "a.png")
    with pytest.raises(InputError, match="lacks the columns"):
        make_gap_tables([none], ["gru"], [], tmp_path / "o.csv", tmp_path / "g.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gaps.csv", "seed0_gaps.csv"]


def test_splits_of_a_study_stand_in_one_table(root: Path, tmp_path: Path) -> None:
    overall = root / "tables/gaps_space/overall.csv"
    compare_splits({"space": overall, "time": overall}, {"space": "By space", "time": "By time"}, tmp_path / "s.csv")
    found = pd.read_csv(tmp_path / "s.csv")
    assert list(dict.fromkeys(found["title"])) == ["By space", "By time"]
    assert set(found["site"]) == {"all"}


def test_a_filled_site_is_drawn_with_and_without_colours(place: dict[str, Any], tmp_path: Path) -> None:
    for name, colours in (("a", ("red", "green", "blue")), ("b", ())):
        pixel, row, strip = (tmp_path / f"{what}_{name}.png" for what in ("pixel", "row", "strip"))
        draw_row(given(place, colours), place["filled"], place["left_out"], pixel, row)
        draw_strip(given(place, colours), place["strip"], strip)
        assert all(is_whole(png) for png in (pixel, row, strip))


def test_colours_are_those_of_the_dates_and_the_window(place: dict[str, Any]) -> None:
    dates = np.array(["2020-01-03", "2020-01-04"], "datetime64[D]")
    found = given(place).coloured(dates, np.s_[7:8, 2:5])
    assert found is not None
    assert found.shape == (2, 3, 1, 3)
    assert np.isfinite(found[0]).any()
    assert np.isnan(found[1]).all()


def test_a_cube_of_another_place_is_refused(place: dict[str, Any], tmp_path: Path) -> None:
    away = tmp_path / "away.nc"
    grid = site_grid("EPSG:32631", (0.0, 0.0, 120.0, 10.0), 10.0)
    days = np.array(["2020-01-03"], "datetime64[D]")
    layers = {name: np.full((1, 1, 12), 0.5) for name in ("observed", "ndvi", "uncertainty")}
    fake.write_layers(away, days, grid, **layers)
    with pytest.raises(InputError, match=re.escape(str(away))):
        draw_row(given(place), place["filled"], away, tmp_path / "p.png", tmp_path / "r.png")


def test_the_report_has_a_section_for_all_sites_and_pictures_for_each(
    root: Path, place: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "figures/gaps_space"
    draw_errors(root / "tables/gaps_space/gaps.csv", ["hgbrt"], "Title", folder / "gaps.png")
    pictures = [folder / f"patch/{what}_gru.png" for what in ("pixel", "row")]
    draw_row(given(place), place["filled"], place["left_out"], *pictures)
    splits = tmp_path / "tables/dense/splits.csv"
    compare_splits({"gaps_space": root / "tables/gaps_space/overall.csv"}, {"gaps_space": "Gaps"}, splits)
    tables = [root / f"tables/gaps_space/{name}.csv" for name in ("overall", "gaps")]
    figures = [folder / "gaps.png", *pictures]
    studies = {"dense": {"name": "dense", "title": "Dense NDVI", "text": "", "experiments": ["gaps_space"]}}
    experiments = {"gaps_space": fake.FILLING}
    config = {"methods": {name: {} for name in fake.ERRORS}}
    page_of = tmp_path / "report.html"
    make_report(TEMPLATE, config, studies, experiments, SITES, figures, [*tables, splits], root / "none", page_of)
    page = page_of.read_text()
    assert page.count('src="data:image/png;base64,') == 3
    assert page.count('<section id="gaps_space"') == 1
    assert "gru fills best over all gaps" in page
    assert "MAE by gap length, against the observed values" in page
    assert "paper: linear interpolation" in page
    assert "Errors over all gaps, by experiment" in page
    assert "<h4>Gaps</h4>" in page
    assert "straight lines between the values kept" in page
    assert "bilinear" not in page.split('<section id="data">')[0]
    assert "≥20 days" in page
    section = page.split('<section id="gaps_space"')[1].split('<section id="data">')[0]
    assert section.index("Errors by the length of the gap") < section.index("Single pixels, filled by gru")
    assert ">REAL<" in section
    assert "Made-up fields and A real patch" in section
    targets, anchors = set(re.findall(r'href="#([^"]+)"', page)), re.findall(r'id="([^"]+)"', page)
    assert targets <= set(anchors)
    assert len(anchors) == len(set(anchors))


def table_of(root: Path, name: str) -> pd.DataFrame:
    """One of the made-up tables."""
    return pd.read_csv(root / f"tables/gaps_space/{name}.csv")


def test_the_verdict_names_winners_by_gap_and_how_many_sites_agree(root: Path) -> None:
    said = gap_verdict(table_of(root, "overall"), table_of(root, "gaps"), ["mosaic", "patch"])
    assert re.search(r"gru fills best over all gaps: MAE 0\.\d{4}, [\d.]+% less than linear interpolation", said)
    assert re.search(r"gru is better than it at [12] of 2 sites", said)
    assert re.search(r"≥20 days gru 0\.0\d{3} \(linear interpolation 0\.0\d{3}\)", said)
    assert "Fewer than 1000 values each: ≥20 days" in said


def test_the_verdict_is_honest_where_straight_lines_win() -> None:
    overall = pd.DataFrame({"site": "all", "truth": "observed", "method": ["temporal", "gru"], "mae": [0.04, 0.05]})
    gaps = pd.DataFrame({"site": "all", "truth": "observed", "metric": ["mae", "mae", "n"]})
    gaps = gaps.assign(method=["temporal", "gru", "gru"], **{c: [0.04, 0.05, 9e9] for c in ("<5", "5-9")})
    gaps = gaps.assign(**{c: [np.nan, 0.1, 0] for c in ("10-14", "15-19", ">=20")})
    said = gap_verdict(overall, gaps, ["a"])
    assert said.startswith("No method beats linear interpolation over all gaps: MAE 0.0400, the best other, gru, 0.05")
    assert "is not beaten in gaps of <5 days (0.0400; next gru, 0.0500); 5-9 days" in said
    assert "10-14" not in said
    assert gap_verdict(overall[:0], gaps, ["a"]) == ""
    assert "nothing was run to compare with" in gap_verdict(overall[1:], gaps, ["a"])


def test_tables_for_reading_mark_what_is_worse_than_interpolation_and_end_with_the_paper(root: Path) -> None:
    table = gap_tables(table_of(root, "gaps"))[0]
    rows = {method: cells for method, _, cells in table.rows}
    assert rows["gru"][4].best
    # Straight lines have no straight lines to be worse than.
    assert {cell.worse_than for cell in rows[LINEAR]} == {""}
    for cell, linear in zip(rows["gru_optical"], rows[LINEAR], strict=True):
        assert bool(cell.worse_than) == (cell.text > linear.text)
    assert [c.text for c in rows["paper: NDVI-Fusion"]] == ["0.034", "0.040", "0.046", "0.054", "0.076"]
    assert rows["number of values"][0].text == "9000"
    whole = overall_scores(table_of(root, "overall"))[0]
    assert whole.columns[0] == "MAE ↓"
    assert {len(cells) for _, _, cells in whole.rows} == {len(whole.columns)}


def test_what_equals_interpolation_is_not_worse() -> None:
    words = {"site": "all", "truth": "observed", "bias": 0.0, "n": 9, "best": "", "coverage90": 1.0, "mae_seed_sd": 0.1}
    table = pd.DataFrame({"method": ["temporal", "gru", "tree"], "mae": [0.04, 0.040001, 0.0402], **words})
    rows = overall_scores(table.assign(rmse=table["mae"], r2=1 - table["mae"]))[0].rows
    worse = {method: [bool(cell.worse_than) for cell in cells[:3]] for method, _, cells in rows}
    assert worse["gru"] == worse[LINEAR] == [False] * 3
    assert worse["tree"] == [True] * 3


def test_the_report_says_what_was_learned_where() -> None:
    assert "at other places: other" in filling_words(fake.FILLING)
    assert "not scored" in filling_words(fake.FILLING | {"train_sites": fake.FILLING["sites"]})
    assert "until 2020-06-30" in filling_words(fake.FILLING | {"train_until": "2020-06-30"})
    assert "67 % of the values" in filling_words(fake.FILLING)
    partly = filling_words(fake.FILLING | {"train_sites": ["other", "patch"]})
    assert "at other places (other), and at patch on ground that is not scored" in partly
    guides = {"sar": {"experiment": "sar_ndvi", "method": "unet_sar"}}
    assert "from the others and from sar_ndvi." in filling_words(fake.FILLING | {"aux": {}, "guides": guides})
    assert "from the others. " in filling_words(fake.FILLING | {"aux": {}})


def test_every_picture_and_table_has_its_words() -> None:
    assert all(figure_words(f"{stem}_gru")[1] for stem in ("pixel", "row", "strip"))
    assert all(figure_words(stem)[1] for stem in ("gaps", "lengths"))
    assert all(table_words(stem)[1] for stem in ("gaps", "overall", "splits"))
