"""What the rules of the stage `raw` are given: archives per sensor, files among them, and refusals at the start."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from rule_functions import INPUTS
from stfuse import cases
from stfuse.errors import InputError

ROOT = Path(__file__).parents[1]
SENSORS = {name: {"name": name, "bands": {"red": 10}, "collections": {}} for name in ("a", "b", "crops")}


def raw_inputs(catalog: Any, **changes: Any) -> SimpleNamespace:
    """The functions of workflow/rules/inputs/raw.smk for one site, without Snakemake."""
    site: dict[str, Any] = {"name": "here", "sensors": ["a", "b"], "reference": "a", "catalog": catalog, **changes}
    names: dict[str, Any] = {
        "plan": cases,
        "InputError": InputError,
        "Path": Path,
        "workflow": SimpleNamespace(basedir=str(ROOT)),
        "config": {"folders": [], "data": "/archive", "scenes": "config/scenes.tsv", "downloads": 2},
        "SITES": {"here": site},
        "SENSORS": SENSORS,
        "MAPS": {"here": site["fields"] | {"period": []}} if "fields" in site else {},
        "checked": lambda kind, name: (
            yaml.safe_load((ROOT / "config" / kind / f"{name}.yaml").read_text()) | {"name": name}
        ),
        "experiments_at": lambda site: [{"fine": "a", "coarse": "b", "aux": {}}],
    }
    exec(compile((INPUTS / "raw.smk").read_text(), "raw.smk", "exec"), names)
    return SimpleNamespace(**names)


HERE = SimpleNamespace(site="here", sensor="a")


def test_an_archive_by_name_is_what_its_file_says() -> None:
    given = raw_inputs("earth-search")
    source = given.sources_of(HERE)["a"][0]
    assert (source["name"], source["href"]) == ("earth-search", "https://earth-search.aws.element84.com/v1")
    assert source["page"] == 100
    assert "title" not in source  # another title must not search anew
    assert given.sources_of(HERE)["b"] == given.sources_of(HERE)["a"]
    assert given.local_catalogs(HERE) == []


def test_paths_urls_and_the_sheet_may_be_mixed_and_files_are_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # elsewhere than the Snakefile, with no sheet of one's own
    (tmp_path / "catalog.json").write_text("{}")
    here = str(tmp_path / "catalog.json")
    given = raw_inputs({"a": ["planetary-computer", here, "sheet"], "b": "https://example.org/v1"})
    names = {sensor: [source["name"] for source in sources] for sensor, sources in given.sources_of(HERE).items()}
    assert names == {"a": ["planetary-computer", here, "sheet"], "b": ["https://example.org/v1"]}
    sheet = str(ROOT / "config" / "scenes.tsv")
    assert given.sources_of(HERE)["a"][2] == {"name": "sheet", "href": sheet, "kind": "sheet", "data": "/archive"}
    assert [Path(path).resolve() for path in given.local_catalogs(HERE)] == sorted([Path(here), Path(sheet)])
    assert "own" in given.fetched_sensor(HERE)["collections"]
    assert "own" not in given.fetched_sensor(SimpleNamespace(site="here", sensor="b"))["collections"]


def test_a_key_in_an_address_stays_out_of_the_name_that_tables_show() -> None:
    (source,) = raw_inputs("https://example.org/v1?api_key=SECRET").sources_of(HERE)["a"]
    assert source == {"name": "https://example.org/v1", "href": "https://example.org/v1?api_key=SECRET"}


def test_a_simulated_site_has_its_own_catalogue_and_needs_no_download() -> None:
    given = raw_inputs(None, simulated={"seed": 1})
    assert given.local_catalogs(HERE) == given.simulated_catalog(HERE) == ["results/simulated/here/catalog.json"]
    assert given.downloads(HERE) == 0
    assert raw_inputs("earth-search").simulated_catalog(HERE) == []


@pytest.mark.parametrize(
    ("catalog", "reads"), [("earth-search", 4), (["earth-search", "landsatlook"], 2), ("https://e.org", 2)]
)
def test_what_an_archive_bears_is_shared_by_the_downloads(catalog: Any, reads: int) -> None:
    assert raw_inputs({"a": catalog, "b": "sheet"}).reads_at_once(HERE) == reads


def test_a_map_is_searched_for_where_it_says_else_where_the_site_is() -> None:
    fields = {"sensor": "crops", "year": 2021, "catalog": "planetary-computer"}
    given = raw_inputs(None, simulated={"seed": 1}, fields=fields)
    assert [source["name"] for source in given.map_sources(HERE)["crops"]] == ["planetary-computer"]
    assert given.map_sensors(HERE) == {"crops": SENSORS["crops"]}
    mapping = {"a": "sheet", "b": "sheet", "crops": "landsatlook"}
    given = raw_inputs(mapping, fields={"sensor": "crops", "year": 2021, "catalog": mapping})
    assert [source["name"] for source in given.map_sources(HERE)["crops"]] == ["landsatlook"]
    assert list(given.sources_of(HERE)) == ["a", "b"]
    with pytest.raises(InputError, match="names none for the sensor crops"):
        raw_inputs({"a": "sheet", "b": "sheet"}, fields={"sensor": "crops", "year": 2021, "catalog": {"a": "sheet"}})


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        ("earthsearch", "no archive earthsearch"),
        ({"a": "sheet"}, "none for the sensor b"),
        ({"a": "x", "b": "x"}, "no archive x"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_the_start(catalog: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        raw_inputs(catalog)


def test_a_file_that_is_not_there_is_missed_only_when_it_is_needed() -> None:
    given = raw_inputs("{data}/gone/catalog.json")
    with pytest.raises(InputError, match=r"Catalogue of site here /archive/gone/catalog\.json was not found"):
        given.local_catalogs(HERE)
