"""Searching APIs: what is asked, which pages are believed, and what happens when a service fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_server import Answer, Json, faulty_api, make_item, rustac_serving
from stfuse.acquisition import patience
from stfuse.acquisition.archives import Source
from stfuse.acquisition.patience import ArchiveDownError
from stfuse.acquisition.stac_api import Api, parts

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures"
BOX, YEAR = (3.2, 50.2, 3.4, 50.4), ("2020-01-01", "2020-12-31")
S2 = "sentinel-2-l2a"
ITEMS = [make_item(f"i{n:02d}", f"2020-{1 + n // 28:02d}-{1 + n % 28:02d}T10:00:00Z") for n in range(60)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without pauses of our own; what a service asks for is still waited."""
    monkeypatch.setattr(patience, "BACKOFF", 0.0)
    monkeypatch.setattr(patience, "TRIES", 3)


def found(url: str, period: tuple[str, str] = YEAR, **settings: Any) -> list[str]:
    return [item["id"] for item in Api(Source("test", url, **settings)).within(S2, BOX, period)]


def paged(query: Json, url: str, items: list[Json] = ITEMS, **more: Any) -> Json:
    """A page of an API that counts pages by what it has handed out."""
    skip, limit = int(query.get("skip", 0)), int(query["limit"])
    links = [{"rel": "next", "href": f"{url}/search", "method": "POST", "body": {**query, "skip": skip + limit}}]
    rest = links if skip + limit < len(items) else []
    return {"type": "FeatureCollection", "features": items[skip : skip + limit], "links": rest, **more}


def failing(*faults: Any) -> Callable[[Json, int, str], Any]:
    """A service that fails on its first searches and then answers."""
    return lambda query, number, url: faults[number - 1] if number <= len(faults) else paged(query, url)


def test_pages_are_followed_to_their_end() -> None:
    with faulty_api(lambda query, number, url: paged(query, url)) as api:
        assert found(api.url, page=7) == [item["id"] for item in ITEMS]
    assert [query.get("skip", 0) for query in api.asked] == list(range(0, 60, 7))
    first = api.asked[0]
    assert (first["collections"], first["limit"], first["bbox"]) == ([S2], 7, list(BOX))
    assert first["datetime"] == "2020-01-01T00:00:00Z/2020-12-31T23:59:59Z"


def test_too_many_requests_are_repeated_after_the_pause_that_was_asked_for() -> None:
    with faulty_api(failing(Answer({}, 429, Retry_After="1"))) as api:
        start = time.monotonic()
        assert len(found(api.url)) == 60
    assert 1 <= time.monotonic() - start < 10
    assert len(api.asked) == 2


@pytest.mark.parametrize(
    "fault", [Answer({}, 429), Answer({}, 500), Answer(b"<html>", 502), Answer({}, 503), Answer({}, 504), None]
)
def test_passing_faults_and_cut_connections_are_repeated(fault: Any) -> None:
    with faulty_api(failing(fault, fault)) as api:
        assert len(found(api.url)) == 60
    assert len(api.asked) == 3


def test_a_service_that_stays_down_is_refused_with_its_name_and_status() -> None:
    with faulty_api(lambda *_: Answer({"message": "busy"}, 503)) as api:
        with pytest.raises(ArchiveDownError, match=r"Archive test \(http.* did not answer the search: HTTP 503.*Cure"):
            found(api.url)
        assert len(api.asked) == 4


def test_a_refusal_is_not_repeated() -> None:
    with faulty_api(lambda *_: Answer({"detail": "bad <b>bbox</b>" + "x" * 900}, 400)) as api:
        with pytest.raises(ArchiveDownError, match=r"HTTP 400.*bbox") as error:
            found(api.url)
        assert len(api.asked) == 1
    assert len(str(error.value)) < 500


def test_pages_that_are_persistently_too_large_are_halved_and_no_item_comes_twice() -> None:
    def answer(query: Json, number: int, url: str) -> Any:
        fits = query["limit"] <= 25 or query.get("skip", 0) == 0  # the first page goes well, the second never does
        return paged(query, url) if fits else Answer(b"", 502)

    with faulty_api(answer) as api:
        assert found(api.url, page=50) == [item["id"] for item in ITEMS]
    assert {query["limit"] for query in api.asked} == {50, 25}


def test_pages_are_not_halved_without_end() -> None:
    with faulty_api(lambda *_: Answer(b"", 500)) as api, pytest.raises(ArchiveDownError, match="HTTP 500"):
        found(api.url, page=50)
    assert [query["limit"] for query in api.asked] == [50] * 4 + [25] * 4 + [12] * 4 + [6] * 4


def in_circle(query: Json, number: int, url: str, **more: Any) -> Json:
    """Two pages, the second of which leads to the first again."""
    link = {"rel": "next", "href": f"{url}/search", "method": "POST", "body": {**query, "page": number % 2}}
    return {"type": "FeatureCollection", "features": ITEMS[:2] if number % 2 else ITEMS[2:4], "links": [link], **more}


@pytest.mark.parametrize("stated", [{}, {"numberMatched": 5}])
def test_links_that_lead_in_a_circle_before_all_was_seen_are_refused(stated: Json) -> None:
    with faulty_api(lambda query, number, url: in_circle(query, number, url, **stated)) as api:
        with pytest.raises(ArchiveDownError, match="next page lead in a circle: page 3"):
            found(api.url)
        assert len(api.asked) == 3


@pytest.mark.parametrize("stated", [{"numberMatched": 4}, {"context": {"matched": 4}}])
def test_a_circle_after_all_that_matched_is_an_end(stated: Json) -> None:
    with faulty_api(lambda query, number, url: in_circle(query, number, url, **stated)) as api:
        assert found(api.url) == ["i00", "i01", "i02", "i03"]


def test_an_empty_page_ends_though_it_has_a_next_link(caplog: pytest.LogCaptureFixture) -> None:
    def answer(query: Json, number: int, url: str) -> Json:
        link = {"rel": "next", "href": f"{url}/search", "method": "POST", "body": {**query, "page": number}}
        return {
            "type": "FeatureCollection",
            "features": ITEMS[:2] if number == 1 else [],
            "links": [link],
            "numberMatched": 3,
        }

    with faulty_api(answer) as api:
        assert found(api.url) == ["i00", "i01"]
    assert len(api.asked) == 2
    assert "says that it has 3 items and gave 2" in caplog.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>log in</html>", "no JSON"),
        (b'{"type": "FeatureColl', "no JSON"),
        ([1], "no answer of a STAC API"),
        ({"code": "x"}, "no answer"),
    ],
)
def test_a_page_that_is_none_is_refused(body: Any, words: str) -> None:
    with faulty_api(lambda *_: Answer(body)) as api, pytest.raises(ArchiveDownError, match=words):
        found(api.url)


def test_a_slow_service_is_asked_again_and_refused_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "TIMEOUT", (1.0, 0.3))
    monkeypatch.setattr(patience, "TRIES", 1)
    page = {"type": "FeatureCollection", "features": [], "links": []}
    with faulty_api(failing(Answer(page, pause=0.6))) as api:
        assert len(found(api.url)) == 60
    with faulty_api(lambda *_: Answer(page, pause=0.6)) as api, pytest.raises(ArchiveDownError, match="timed out"):
        found(api.url)


def test_nobody_at_the_address_is_an_archive_that_is_down() -> None:
    with pytest.raises(ArchiveDownError, match=r"Archive http://127\.0\.0\.1:9 did not answer"):
        Api(Source.of("http://127.0.0.1:9"))


def test_a_service_without_post_is_asked_by_get() -> None:
    def answer(query: Json, number: int, url: str) -> Json:
        skip = int(query.get("skip", 0))
        link = {"rel": "next", "href": f"{url}/search?limit=25&skip={skip + 25}"}
        return {"type": "FeatureCollection", "features": ITEMS[skip : skip + 25], "links": [link] if skip < 50 else []}

    with faulty_api(answer, methods=["GET"]) as api:
        assert found(api.url, page=25) == [item["id"] for item in ITEMS]
    assert (api.asked[0]["collections"], api.asked[0]["bbox"]) == (S2, "3.2,50.2,3.4,50.4")
    assert [query.get("skip") for query in api.asked] == [None, "25", "50"]


def test_a_collection_that_the_archive_lacks_is_known_before_it_is_searched() -> None:
    with faulty_api(lambda *_: Answer({}, 400)) as api:
        opened = Api(Source.of(api.url))
        assert (opened.has(S2), opened.has("absent")) == (True, False)
    assert api.asked == []


def test_items_of_other_collections_and_what_is_no_item_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    bad = [{"id": "x", "collection": S2}, {**ITEMS[0], "id": 7}, {**ITEMS[0], "id": "y", "assets": {"red": {}}}]
    page = {
        "type": "FeatureCollection",
        "links": [],
        "features": [*bad, make_item("other", "2020-01-01", "b"), ITEMS[0]],
    }
    with faulty_api(lambda *_: page) as api:
        assert found(api.url) == ["i00"]
    assert caplog.text.count("an item is left out") == 3


def test_long_periods_are_asked_for_by_the_year_and_what_lies_in_two_comes_once() -> None:
    with faulty_api(lambda query, number, url: paged(query, url, ITEMS[:1])) as api:
        assert found(api.url, ("2018-03-01", "2020-06-30")) == ["i00"]
    assert [query["datetime"][:10] for query in api.asked] == ["2018-03-01", "2019-03-01", "2020-03-01"]
    assert [query["datetime"][21:31] for query in api.asked] == ["2019-02-28", "2020-02-29", "2020-06-30"]


@given(st.dates(date(1984, 1, 1), date(2030, 1, 1)), st.integers(0, 3000), st.integers(1, 30))
def test_parts_of_a_period_are_without_gap_or_overlap_and_no_longer_than_asked(
    start: date, days: int, months: int
) -> None:
    made = list(parts((start.isoformat(), (start + timedelta(days=days)).isoformat()), months))
    listed = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in made]
    assert (listed[0][0], listed[-1][1]) == (start, start + timedelta(days=days))
    assert all(a <= b and (b - a).days < 31 * months for a, b in listed)
    assert all(one[1] + timedelta(days=1) == other[0] for one, other in pairwise(listed))


def test_items_are_found_by_their_ids_in_the_order_asked() -> None:
    def answer(query: Json, number: int, url: str) -> Json:
        return paged(query, url, [item for item in ITEMS if item["id"] in query["ids"]])

    with faulty_api(answer) as api:
        wanted = [f"i{n:02d}" for n in range(59, -1, -1)]
        items = Api(Source.of(api.url)).named(S2, [*wanted, "gone"])
    assert [item["id"] for item in items] == wanted
    assert [len(query["ids"]) for query in api.asked] == [50, 11]
    assert all("bbox" not in query and "datetime" not in query for query in api.asked)


RECORDED = sorted(FIXTURES.glob("*/search-pages/search-page*.json")) or [FIXTURES]


@pytest.mark.skipif(not FIXTURES.exists(), reason="no ../shared/stac-fixtures here")
@pytest.mark.parametrize("merge", [None, True])
@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_the_next_links_of_real_services_are_followed(recorded: Path, merge: bool | None) -> None:
    page = json.loads(recorded.read_text())["response"]
    wanted = [item["id"] for item in page["features"]]
    links = [link for link in page["links"] if link["rel"] == "next"]

    def answer(query: Json, number: int, url: str) -> Json:
        here = [{**link, "href": f"{url}/search"} for link in links]
        if merge:  # a service that sends what changes alone
            here = [{**link, "merge": True, "body": {"token": "t"}} for link in here]
        features = [{**item, "collection": S2} for item in page["features"]] if number == 1 else []
        return {**page, "features": features, "links": here, "numberMatched": len(wanted)}

    with faulty_api(answer) as api:
        assert found(api.url) == wanted
    if links and merge:
        assert api.asked[1] == {**api.asked[0], "token": "t"}
    elif links:
        assert api.asked[1] == links[0]["body"]
    assert len(api.asked) == 1 + len(links)


def test_a_real_server_is_searched_by_place_period_and_ids_over_several_pages(tmp_path: Path) -> None:
    far = {**make_item("far", "2020-01-05T10:00:00Z"), "bbox": [7.0, 50.0, 8.0, 51.0]}
    far["geometry"] = {"type": "Point", "coordinates": [7.5, 50.5]}
    items = [*ITEMS, far, make_item("late", "2021-01-01T00:00:00Z"), make_item("other", "2020-01-05T10:00:00Z", "b")]
    with rustac_serving(tmp_path, items) as url:
        assert sorted(found(url, page=7)) == [item["id"] for item in ITEMS]
        assert found(url, ("2020-01-03", "2020-01-04")) == ["i02", "i03"]
        opened = Api(Source.of(url))
        assert [opened.has(name) for name in (S2, "b", "absent")] == [True, True, False]
        assert [item["id"] for item in opened.named(S2, ["late", "i01", "absent"])] == ["late", "i01"]
