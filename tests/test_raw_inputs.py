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


def raw_inputs(catalog: Any, limit: int = 2, scenes: str = "config/scenes.tsv", **changes: Any) -> SimpleNamespace:
    """The functions of workflow/rules/inputs/raw.smk for one site, without Snakemake."""
    site: dict[str, Any] = {"name": "here", "sensors": ["a", "b"], "reference": "a", "catalog": catalog, **changes}
    names: dict[str, Any] = {
        "plan": cases,
        "InputError": InputError,
        "Path": Path,
        "workflow": SimpleNamespace(basedir=str(ROOT), global_resources={"downloads": SimpleNamespace(value=limit)}),
        "config": {"folders": [], "data": "/archive", "scenes": scenes, "downloads": 2},
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


@pytest.mark.parametrize(
    "where", ["https://example.org/v1?api_key=hushed", "https://me:hushed@example.org/v1", "https://hushed@e.org"]
)
def test_a_key_or_password_in_an_address_is_refused_at_the_start_and_not_shown(where: str) -> None:
    fields = {"sensor": "crops", "year": 2021, "catalog": where}
    for given in ({"catalog": where}, {"catalog": "sheet", "fields": fields}, {"catalog": "sheet", "scenes": where}):
        with pytest.raises(InputError, match=r"bears a password or a key.*GDAL_HTTP_HEADERS") as told:
            raw_inputs(**given)
        assert "hushed" not in str(told.value)


def test_a_harmless_query_belongs_to_the_address_and_not_to_the_name_that_tables_show() -> None:
    (source,) = raw_inputs("https://example.org/v1?page=2").sources_of(HERE)["a"]
    assert source == {"name": "https://example.org/v1", "href": "https://example.org/v1?page=2"}


def test_braces_in_an_address_stay_and_data_is_filled_in() -> None:
    given = raw_inputs({"a": "https://example.org/{year}/c.json", "b": "https://example.org{data}/c.json"})
    hrefs = {sensor: sources[0]["href"] for sensor, sources in given.sources_of(HERE).items()}
    assert hrefs == {"a": "https://example.org/{year}/c.json", "b": "https://example.org/archive/c.json"}


def test_a_folder_named_like_an_archive_does_not_stand_in_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "earth-search").mkdir()
    assert raw_inputs("earth-search").sources_of(HERE)["a"][0]["href"].startswith("https://earth-search.")


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


@pytest.mark.parametrize(("limit", "reads"), [(1, 8), (2, 4), (8, 1), (20, 1)])
def test_the_limit_that_counts_is_the_one_in_force_not_the_configs(limit: int, reads: int) -> None:
    assert raw_inputs("earth-search", limit=limit).reads_at_once(HERE) == reads


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
        ("earth_search", "no archive earth_search.*choose from earth-search, landsatlook, planetary-computer"),
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


def test_the_time_for_a_search_grows_with_the_days_and_sensors_to_look_at() -> None:
    def minutes(attempt: int, **site: Any) -> int:
        given = raw_inputs("earth-search", **site)
        vars(given)["search_runtime"].__globals__["runtime"] = lambda wildcards, attempt: attempt * 10
        return int(given.search_runtime(HERE, attempt))

    year = {"period": ["2021-01-01", "2021-12-31"]}
    assert minutes(1, period=["2021-01-01", "2021-01-05"]) == 11
    assert minutes(1, **year) == 10 + 365 * 2 // 10
    assert minutes(2, **year) == 20 + 2 * 365 * 2 // 10
    assert minutes(1, **year, sensors=["a"]) == 10 + 365 // 10
