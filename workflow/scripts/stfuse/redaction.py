"""Taking secrets out of text before it is written: signatures in links, passwords, keys of the environment."""

from __future__ import annotations

import logging
import os
import re

GONE = "..."
LINK_USER = re.compile(r"(?<=://)[^\s/'\"<>]+@")
QUERY = re.compile(r"\?(?=[\w.%~-]+=)[^\s'\"<>()]+")
"""Of links, and of the bare paths that HTTP libraries name: whatever stands there may be a signature."""
NAMED = re.compile(
    r"(?i)\b((?:x-amz-)?(?:signature|credential|security-token)|sig|token|access_token|password|secret\w*|"
    r"api[-_]?key|x-api-key|authorization|cookie|ocp-apim-subscription-key)"
    r"(=|%3D|['\"]?:\s*['\"]?)(?:(?:AWS4-HMAC-SHA256|Basic|Bearer)\s+)?[^\s,;&'\"<>]+"
)
SECRET_VARIABLES = re.compile(r"SECRET|TOKEN|PASSWORD|API_?KEY|SUBSCRIPTION_KEY|ACCESS_KEY|COOKIE$|HTTP_HEADERS$")


def redacted(text: str) -> str:
    """The text without queries and users of links, without what is named a secret, and without keys of the environment.

    Parameters
    ----------
    text : str
        A message, a traceback, a link.
    """
    for name, value in os.environ.items():
        # Shorter ones are flags and numbers, which occur in any text.
        if SECRET_VARIABLES.search(name) and len(value) >= 12:
            text = text.replace(value, GONE)
    text = LINK_USER.sub("", QUERY.sub("", text))
    return NAMED.sub(lambda found: f"{found[1]}{found[2]}{GONE}", text)


class RedactingFormatter(logging.Formatter):
    """Formats records as ever, tracebacks included, and takes secrets out of the result.

    A formatter sees the whole text of a record, where a filter sees message, arguments and exception apart.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record's text without secrets."""
        return redacted(super().format(record))
