"""The fields of a place out of an archive's map of crops, through Snakemake: searched, fetched, mosaicked, labelled."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from small_map import SITE, write_archive
from whole_runs import NOTHING, rows, snakemake

pytestmark = pytest.mark.e2e

TARGET = "results/ard/kansas/fields.csv"
EXPERIMENT = {
    "sites": ["kansas"],
    "protocol": "product",
    "fine": "sentinel2",
    "coarse": "landsat",
    "bands": ["red", "nir08"],
}


def configure(folder: Path, fields: dict[str, object]) -> list[str]:
    """Write the few files of a config with one place, whose scenes nobody asks for."""
    site = {key: value for key, value in SITE.items() if key != "name"}
    site |= {"sensors": ["sentinel2", "landsat"], "reference": "sentinel2", "fields": fields}
    entries = {
        "sites/kansas.yaml": site,
        "experiments/fields.yaml": {"title": "x", "targets": "all", "methods": ["bilinear"], **EXPERIMENT},
        "studies/fields.yaml": {"title": "x", "text": "x", "experiments": ["fields"]},
        "main.yaml": {"studies": ["fields"], "folders": [str(folder)], "methods": {"bilinear": {}}},
    }
    for name, entry in entries.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(entry))
    return ["--configfile", str(folder / "main.yaml")]


def test_a_place_s_fields_bear_the_names_of_the_archive_s_crops(tmp_path: Path) -> None:
    collection = write_archive(tmp_path / "usda-cdl")
    where = {"sensor": "usda_cdl", "year": 2021, "catalog": str(collection)}
    config = configure(tmp_path / "config", where)
    run = snakemake(tmp_path, TARGET, *config)
    assert run.returncode == 0, run.stderr[-4000:]
    table = rows(tmp_path / TARGET)
    assert {row["name"] for row in table} == {"Corn", "Soybeans", "Open Water"}
    assert len(table) > 10
    assert sorted(path.name for path in (tmp_path / "results/raw/kansas/maps").iterdir() if path.is_dir()) == [
        "cropland_2021_-1_1_1",
        "cropland_2021_0_1_1",
    ]
    # The map is no scene: nothing was searched for scenes, and a second run has nothing to do.
    assert not (tmp_path / "results/raw/kansas/scenes.csv").exists()
    again = snakemake(tmp_path, TARGET, *config)
    assert NOTHING in again.stdout + again.stderr
