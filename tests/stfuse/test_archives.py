"""Where a site's scenes are looked for, and configurations that name what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stfuse.acquisition.archives import (
    Source,
    archive_names,
    catalogs_of,
    check_catalogs,
    check_collections,
    may_be_path,
    require_no_secret,
    with_own,
)
from stfuse.errors import InputError

CONFIG = Path(__file__).parents[2] / "config"
KNOWN = ["earth-search", "landsatlook"]


def site(catalog: Any) -> dict[str, Any]:
    return {"name": "s", "sensors": ["a", "b"], "catalog": catalog}


def test_one_catalogue_serves_all_sensors_and_a_mapping_each_its_own() -> None:
    assert catalogs_of(site("earth-search")) == {"a": ["earth-search"], "b": ["earth-search"]}
    each = site({"a": "sheet", "b": ["earth-search", "{data}/x/catalog.json"]})
    assert catalogs_of(each) == {"a": ["sheet"], "b": ["earth-search", "{data}/x/catalog.json"]}
    assert catalogs_of({"name": "s", "sensors": ["a"], "simulated": {}}) == {}


def test_names_are_told_from_paths_and_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in ("earth-search", "earth_search", "Earth"):
        assert not may_be_path(where)
    for where in ("catalog.json", "{data}/a/catalog.json", "https://example.org/v1", "./catalog", "a/catalog"):
        assert may_be_path(where)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert may_be_path("mine")  # a folder or file of that name is what was meant, as before there were names


def test_the_archives_of_all_sites_are_named_once_whatever_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "earth-search").mkdir()
    sites = [site("earth-search"), site({"a": ["x.json", "landsatlook", "sheet"], "b": "earth-search"})]
    assert archive_names(sites, KNOWN) == ["earth-search", "landsatlook"]


SECRETS = [
    "https://me:pass@example.org/catalog.json",
    "https://me:p@ss@example.org/catalog.json",
    "https://token@example.org/v1",
    "https://example.org/v1?api_key=pass",
    "https://x.blob.core.windows.net/c/catalog.json?se=2026&sig=pass",
    "https://b.s3.amazonaws.com/c.json?X-Amz-Signature=pass",
    "https://example.org/v1?page=2&access_token=pass",
    "https://example.org/{year}/v1#token=pass",
    "/vsicurl/https://me:pass@example.org/b.tif",
    "s3://key:pass@bucket/catalog.json",
]


@pytest.mark.parametrize("where", SECRETS)
def test_an_address_with_a_password_or_key_is_refused_and_not_shown(where: str) -> None:
    with pytest.raises(InputError, match=r"the address.*bears a password or a key.*GDAL_HTTP_HEADERS.*netrc") as told:
        require_no_secret(where, "the address")
    assert "pass@" not in str(told.value)
    assert "=pass" not in str(told.value)
    with pytest.raises(InputError, match=r"sites/s\.yaml: an address under `catalog:`.*bears a password"):
        check_catalogs(site({"a": ["earth-search", where], "b": "sheet"}), KNOWN)


@pytest.mark.parametrize(
    "where",
    [
        "https://example.org/v1",
        "https://example.org/v1?collections=a&page=2",
        "https://[::1]:8080/catalog.json",
        "https://example.org/{year}/catalog.json",
        "archive/me@work/catalog.json",
        "{data}/x/catalog.json",
        "s3://bucket/catalog.json",
        "sheet",
    ],
)
def test_an_address_without_one_passes(where: str) -> None:
    require_no_secret(where, "It")


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(InputError, match="It is no address"):
        require_no_secret("https://[x/catalog.json", "It")


@pytest.mark.parametrize("catalog", ["earth-search", "x/catalog.json", "https://e.org/v1", {"a": "sheet", "b": KNOWN}])
def test_what_is_known_passes(catalog: Any) -> None:
    check_catalogs(site(catalog), KNOWN)


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        ("earthsearch", r"no archive earthsearch.*choose from earth-search, landsatlook, sheet"),
        ("earth_search", r"no archive earth_search.*choose from earth-search, landsatlook, sheet"),
        ("Earth", r"no archive Earth.*choose from earth-search, landsatlook, sheet"),
        ({"a": ["earth-search", "nasa"], "b": "sheet"}, "no archive nasa"),
        ({"a": "earth-search"}, "names none for the sensor b.*add a line `b:"),
        ({"a": "sheet", "b": "sheet", "c": "sheet"}, "names c, which is none of the site's sensors"),
    ],
)
def test_what_is_not_there_is_named_with_the_cure(catalog: Any, words: str) -> None:
    with pytest.raises(InputError, match=rf"config/sites/s\.yaml.*{words}"):
        check_catalogs(site(catalog), KNOWN)


def test_a_simulated_site_needs_none() -> None:
    check_catalogs({"name": "s", "sensors": ["a"], "simulated": {"seed": 1}}, [])


def test_detected_counts_are_refused_with_what_to_take_instead() -> None:
    with pytest.raises(
        InputError, match=r"sensors/x\.yaml asks for sentinel-1-grd.*take the collection sentinel-1-rtc"
    ):
        check_collections({"name": "x", "collections": {"sentinel-1-grd": {}}})
    for path in (CONFIG / "sensors").glob("*.yaml"):
        check_collections({"collections": {}, **yaml.safe_load(path.read_text())})


def test_a_source_is_made_of_a_path_or_of_what_its_file_says() -> None:
    assert Source.of("a/catalog.json") == Source("a/catalog.json", "a/catalog.json")
    made = Source.of({"name": "n", "href": "https://e.org", "page": 50, "title": "left aside"})
    assert (made.name, made.href, made.page, made.kind, made.at_once) == ("n", "https://e.org", 50, "stac", 4)


def test_a_sensor_gets_the_collection_of_own_scenes_first_and_keeps_one_of_its_own() -> None:
    sensor = {"bands": {"red": 10}, "collections": {"x": {"encoding": "e", "assets": {"red": ["B04"], "scl": ["SCL"]}}}}
    own = with_own(sensor)["collections"]
    assert list(own) == ["own", "x"]
    assert own["own"] == {"encoding": "as_stated", "assets": {"red": ["red"], "scl": ["scl"]}}
    assert with_own({**sensor, "quantity": "backscatter"})["collections"]["own"]["encoding"] == "e"
    mine = {"encoding": "mine", "assets": {}}
    assert with_own({**sensor, "collections": {"own": mine}})["collections"] == {"own": mine}
    assert list(sensor["collections"]) == ["x"]


@pytest.mark.parametrize("path", sorted((CONFIG / "archives").glob("*.yaml")), ids=lambda path: path.stem)
def test_archives_that_are_shipped_fit_the_schema_and_make_sources(path: Path) -> None:
    validate = pytest.importorskip("snakemake.utils").validate
    entry = yaml.safe_load(path.read_text())
    validate(entry, str(CONFIG / "schemas" / "archives.schema.yaml"))
    assert not may_be_path(path.stem)
    require_no_secret(entry["url"], path.stem)
    assert Source.of({**entry, "name": path.stem, "href": entry["url"]}).page <= 100


@pytest.mark.parametrize(
    "change", [{"page": 0}, {"at_once": 100}, {"uri": "x"}, {"kind": "oai"}, {"url": "https://e.org?key=1"}]
)
def test_the_schema_of_archives_is_closed(change: dict[str, Any]) -> None:
    snakemake = pytest.importorskip("snakemake.utils")
    with pytest.raises(Exception, match="Error validating"):
        snakemake.validate({"url": "https://e.org", **change}, str(CONFIG / "schemas" / "archives.schema.yaml"))


@pytest.mark.parametrize("catalog", ["earth-search", {"a": "sheet"}, {"a": ["sheet", "x.json"]}])
def test_the_schema_of_sites_takes_every_form(catalog: Any) -> None:
    snakemake = pytest.importorskip("snakemake.utils")
    facts = {"crs": "EPSG:32631", "bounds": [0, 0, 1, 1], "period": ["2020-01-01", "2020-01-02"]}
    entry = {**facts, "sensors": ["a"], "reference": "a", "catalog": catalog}
    schema = str(CONFIG / "schemas" / "sites.schema.yaml")
    snakemake.validate(entry, schema)
    assert (entry["max_cloud"], entry["catalog"]) == (100, catalog)
    for wrong in ([], {}, {"a": []}, {"a": {"b": "c"}}, 7):
        with pytest.raises(Exception, match="Error validating"):
            snakemake.validate({**entry, "catalog": wrong}, schema)
