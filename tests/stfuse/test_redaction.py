"""Secrets are taken out of text, and nothing that a reader needs."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.redaction import RedactingFormatter, redacted

SECRETS = {
    "a signed link": "'/vsicurl/https://a.blob.core.windows.net/c/B04.tif?se=2026&sig=SECRET%2Bx%3D' not recognized",
    "a bare path": "HTTPConnectionPool(host='x'): Max retries exceeded with url: /c/B04.tif?sig=SECRET (Caused by y)",
    "a user": "https://me:SECRET@example.org/stac not found",
    "a user whose password has an at": "https://me:p@SECRET@example.org/stac not found",
    "an S3 presigned link": "s3.amazonaws.com/b/k?X-Amz-Credential=AKIA/1&X-Amz-Signature=SECRET",
    "a header": "> Authorization: AWS4-HMAC-SHA256 Credential=SECRET/20260101",
    "a bearer": "{'Authorization': 'Bearer SECRET'}",
    "a named key": "x-api-key: SECRET",
    "json": '{"token": "SECRET"}',
}


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_is_gone_and_its_place_is_still_told(what: str) -> None:
    text = redacted(SECRETS[what])
    assert "SECRET" not in text
    assert text[:8] == SECRETS[what][:8]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/a/B04.tif cannot be read (HTTP response code: 404)",
        "s3://usgs-landsat/collection02/LC08_B4.TIF is refused",
        "Is the mask clear? 3 of 4 scenes: yes",
        "keys found: ['blue', 'red'], 12 bands, e.g. B04",
        "write to a@b.org",
        "https://example.org/~me@home/B04.tif",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redacted(text) == text


def test_keys_of_the_environment_are_gone_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalr/FAKE+SECRET0")
    monkeypatch.setenv("MY_TOKEN_COUNT", "12")
    assert redacted("12 bands, wJalr/FAKE+SECRET0 in the middle") == "12 bands, ... in the middle"


def test_headers_of_the_environment_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_HEADERS", "X-Own: hidden-word")
    assert redacted("sent X-Own: hidden-word and more") == "sent ... and more"


def test_a_records_arguments_and_traceback_are_redacted() -> None:
    try:
        raise OSError("https://x.org/a?sig=SECRET1")
    except OSError:
        failed = sys.exc_info()
    record = logging.LogRecord("rasterio", 30, "f", 1, "GET %s", ("https://x.org/b?sig=SECRET2",), failed)
    text = RedactingFormatter("%(name)s %(message)s").format(record)
    assert "SECRET" not in text
    assert text.startswith("rasterio GET https://x.org/b\nTraceback")
    assert text.endswith("OSError: https://x.org/a")


WORD = st.text("abcXYZ019-_.%+/~", min_size=1, max_size=20)


@given(
    st.sampled_from(["https://{}.org/{}?{}=", "s3://{}/{}?a=1&{}=", "/{}/{}?{}="]), WORD, WORD, st.text("abc_-"), WORD
)
def test_whatever_stands_in_a_query_is_gone_and_a_second_look_finds_nothing(
    link: str, host: str, path: str, key: str, value: str
) -> None:
    text = f"'{link.format(host, path, key or 'k')}SECRET{value}' not recognized"
    assert "SECRET" not in redacted(text)
    assert redacted(redacted(text)) == redacted(text)
    assert redacted(text).endswith("' not recognized")
