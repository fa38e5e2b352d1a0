"""The page for a place of one's own tells the truth: its files are valid, fit each other and run, its links lead on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine
from snakemake.utils import validate

from stfuse.acquisition.archives import catalogs_of, check_catalogs, check_collections, with_own
from stfuse.acquisition.own_scenes import NUMBERS, REQUIRED, TEXTS, items_of_sheet
from stfuse.checks import check_experiment, check_site
from stfuse.products.sensors import map_settings, read_sensors
from tiny_archive import make_archive
from whole_runs import ROOT, rows, snakemake

PAGE = ROOT / "config/README.md"
SCHEMAS = ROOT / "config/schemas"
KINDS = ("sites", "experiments", "studies")
SENSORS = read_sensors(ROOT / "config/sensors")
ARCHIVES = sorted(path.stem for path in (ROOT / "config/archives").glob("*.yaml"))


def blocks() -> Iterator[tuple[str, str, str]]:
    """Section, language and content of every block of the page."""
    section = ""
    for part in re.finditer(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL):
        section = part[1] or section
        if part[2]:
            yield section, part[2], part[3]


def named(content: str) -> str:
    """The file that a block's first line says it is."""
    found = re.match(r"# (config/\S+)\n", content)
    assert found, f"this block does not say which file it is:\n{content}"
    return found[1]


def files(section: str) -> dict[str, str]:
    """The files that a reader of a section has: its own, else those of the first one; the last site of several."""
    every = [(whose, named(content), content) for whose, language, content in blocks() if language in ("yaml", "tsv")]
    first = {name: content for whose, name, content in reversed(every) if whose == every[0][0]}
    return first | {name: content for whose, name, content in every if whose == section}


SECTIONS = list(dict.fromkeys(section for section, language, _ in blocks() if language == "yaml"))
YAML = [pytest.param(content, id=section) for section, language, content in blocks() if language == "yaml"]


def checked(content: str) -> dict[str, Any]:
    """A block's content with defaults, valid by the schema of its kind, and its name."""
    path = Path(named(content))
    kind = path.parts[1] if path.parts[1] in KINDS else "config"
    entry = yaml.safe_load(content)
    if kind == "config":
        entry = yaml.safe_load((ROOT / "config/config.yaml").read_text()) | entry
    validate(entry, SCHEMAS / f"{kind}.schema.yaml")
    return {**entry, "name": path.stem}


@pytest.mark.parametrize("content", YAML)
def test_every_file_on_the_page_is_valid_by_its_schema(content: str) -> None:
    entry = checked(content)
    if named(content).startswith("config/sites/"):
        check_site(entry)
        check_catalogs(entry, ARCHIVES)
        assert set(entry["sensors"]) <= set(SENSORS)
        for name in entry["sensors"]:
            check_collections(SENSORS[name])


@pytest.mark.parametrize("section", SECTIONS)
def test_the_experiments_of_a_section_fit_its_sites(section: str) -> None:
    held = files(section)
    found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for name, content in held.items():
        if name.startswith(tuple(f"config/{kind}/" for kind in KINDS)):
            found[Path(name).parts[1]][Path(name).stem] = checked(content)
    main = checked(held["config/mine.yaml"])
    known = {*yaml.safe_load((ROOT / "config/config.yaml").read_text())["methods"], *main["methods"]}
    for experiment in found["experiments"].values():
        assert set(experiment["methods"]) <= known
        # What a gap experiment stands on is checked by a dry run below.
        if experiment["protocol"] != "gaps":
            check_experiment(experiment, found["sites"], SENSORS)
    assert main["studies"] == list(found["studies"]) == ["mine"]
    assert set(found["studies"]["mine"]["experiments"]) == set(found["experiments"])


def test_the_page_shows_every_archive_and_a_land_cover_map() -> None:
    sites = [checked(c) for _, language, c in blocks() if language == "yaml" and named(c).startswith("config/sites/")]
    shown = {where for site in sites for names in catalogs_of(site).values() for where in names}
    assert {*ARCHIVES, "sheet"} <= shown
    maps = [SENSORS[settings["sensor"]] for site in sites if (settings := map_settings(site))]
    assert [entry["quantity"] for entry in maps] == ["classes"]


def test_the_lines_that_make_bounds_make_a_site() -> None:
    code = next(content for _, language, content in blocks() if language == "python")
    said = StringIO()
    with redirect_stdout(said):
        exec(code, {})
    site = yaml.safe_load(said.getvalue()) | {"name": "mine", "reference": "a", "sensors": ["a"]}
    site["period"] = ["2023-03-01", "2023-10-31"]
    check_site(site)
    left, bottom, right, top = site["bounds"]
    assert (right - left) % 30 == (top - bottom) % 30 == 0
    assert all(edge % 10 == 0 and edge % 30 != 0 for edge in site["bounds"])
    assert 2000 < right - left < 4000


def test_every_sheet_on_the_page_has_known_columns_and_whole_rows() -> None:
    sheets = [content for _, language, content in blocks() if language == "tsv"]
    assert len(sheets) == 2
    for sheet in sheets:
        head, *body = (line.split("\t") for line in sheet.splitlines()[1:])
        assert set(REQUIRED) <= set(head) <= {*REQUIRED, *TEXTS, *NUMBERS}
        for line in body:
            assert len(line) <= len(head)
            assert line[1] in SENSORS


def test_the_sheet_of_own_files_makes_scenes(tmp_path: Path) -> None:
    held = files(next(section for section in SECTIONS if "GeoTIFF" in section))
    site, sheet = checked(held["config/sites/mine.yaml"]), tmp_path / "scenes.tsv"
    sheet.write_text(held["config/scenes.tsv"])
    left, _, _, top = site["bounds"]
    for line in sheet.read_text().splitlines()[2:]:
        name, band = line.split("\t")[4:6] if line.count("\t") > 4 else (line.split("\t")[4], "")
        layers = 1 if band else len(SENSORS["sentinel2"]["bands"]) + 1
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        shape = {"height": 4, "width": 4, "count": layers, "dtype": "uint16", "crs": site["crs"]}
        with rasterio.open(path, "w", driver="GTiff", transform=Affine(30, 0, left, 0, -30, top), **shape) as out:
            out.write(np.ones((layers, 4, 4), np.uint16))
    found = {name: items_of_sheet(sheet, site, with_own(SENSORS[name])) for name in ("sentinel2", "landsat")}
    assert [len(items) for items in found.values()] == [2, 1]
    assert set(found["landsat"][0]["assets"]) == {"red", "nir", "qa_pixel"}
    assert found["landsat"][0]["assets"]["red"]["raster:bands"][0]["scale"] == 0.0000275
    assert set(found["sentinel2"][0]["assets"]) >= {"red", "nir", "scl"}


def test_links_lead_to_files_and_headings() -> None:
    text = PAGE.read_text()
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 10
    assert [link for link in links if link.startswith("#") and link[1:] not in anchors] == []
    local = [link for link in links if not re.match(r"\w+:|#", link)]
    assert [link for link in local if not (PAGE.parent / link).exists()] == []


def test_every_message_that_the_page_explains_is_one_that_is_said() -> None:
    said = "".join(path.read_text() for path in (ROOT / "workflow/scripts").rglob("*.py"))
    said = re.sub(r'"\n\s*f?"', "", said)  # a string that goes on in the next line
    signs = re.findall(r"^\| (.*?) \|", PAGE.read_text().partition("## When something")[2], flags=re.MULTILINE)
    quoted = [part.strip() for sign in signs for text in re.findall(r'"(.+?)"', sign) for part in text.split("...")]
    assert len(quoted) > 10
    assert [part for part in quoted if part not in said] == []


def test_every_key_of_a_config_file_is_said_in_its_schema() -> None:
    for schema in sorted(SCHEMAS.glob("*.schema.yaml")):
        entry = yaml.safe_load(schema.read_text())
        assert entry["additionalProperties"] is False
        plain = {"title", "type", "seeds", "crs"}
        silent = [key for key, value in entry["properties"].items() if "description" not in value and key not in plain]
        assert silent == [], schema.name


def written(folder: Path, section: str) -> list[str]:
    """Write a section's files into a folder; what names them to Snakemake."""
    for name, content in files(section).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    # The reader's files lie in config/ of the repository; here in a folder that is searched before it.
    (folder / "here.yaml").write_text("folders: [config]\ndata: data\n")
    return ["--configfile", str(folder / "config/mine.yaml"), str(folder / "here.yaml")]


GAPS = next(section for section in SECTIONS if "Gaps" in section)


def test_gaps_are_filled_by_the_pages_files_and_make_what_the_page_lists(tmp_path: Path) -> None:
    config = written(tmp_path, GAPS)
    listed = PAGE.read_text().partition("| in `results/`")[2].partition("\n\n")[0]
    paths = [f"results/{path}" for path in re.findall(r"`(\w+/\S+?)`", listed)]
    assert len(paths) > 7
    planned = snakemake(tmp_path, *paths, "--dry-run", *config)
    assert planned.returncode == 0, planned.stderr[-3000:]


def test_one_place_with_radar_is_split_by_time_as_the_page_says(tmp_path: Path) -> None:
    config = written(tmp_path, GAPS)
    (tmp_path / "config/sites/elsewhere.yaml").unlink()
    for name in ("mine_radar", "mine_gaps"):
        path = tmp_path / f"config/experiments/{name}.yaml"
        path.write_text(path.read_text().replace(", elsewhere]", "]").replace("train_sites: [elsewhere]\n", ""))
    run = snakemake(tmp_path, "--dry-run", *config)
    assert run.returncode != 0
    assert "learned from images of mine whose values are hidden" in run.stderr + run.stdout
    for name in ("mine_radar", "mine_gaps"):
        path = tmp_path / f"config/experiments/{name}.yaml"
        path.write_text(path.read_text() + 'train_until: "2022-12-31"\n')
    run = snakemake(tmp_path, "--dry-run", *config)
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.mark.e2e
def test_a_static_catalogue_is_searched_by_the_pages_files_and_the_rest_is_planned(tmp_path: Path) -> None:
    config = written(tmp_path, next(section for section in SECTIONS if "static" in section))
    make_archive(tmp_path / "data/my-archive")
    planned = snakemake(tmp_path, "--dry-run", *config)
    assert planned.returncode == 0, planned.stderr[-3000:]
    assert "find_scenes" in planned.stdout + planned.stderr
    searched = snakemake(tmp_path, "results/raw/mine/scenes.csv", *config)
    assert searched.returncode == 0, searched.stderr[-3000:]
    found = rows(tmp_path / "results/raw/mine/scenes.csv")
    assert {row["sensor"] for row in found} == {"sentinel2", "landsat"}
    assert {row["scene"] for row in found if row["kept"] == "1"} == {"S2_A", "S2_B", "L8_A", "L9_A"}
