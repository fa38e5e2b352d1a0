"""Whether bytes are those that an archive made: checksums of files and of what STAC items state."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from stfuse.errors import InputError

logger = logging.getLogger(__name__)

MULTIHASHES = {"1220": "sha256", "1340": "sha512", "1114": "sha1", "d50110": "md5"}
"""Code and length of a multihash in hexadecimal digits -> what it was made by.

Source: the table of the multiformats project, which the STAC extension `file` refers to.
"""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_checksum(content: bytes | Path, stated: object, where: str) -> None:
    """Refuse bytes that are not those whose checksum an item states.

    Parameters
    ----------
    content : bytes or Path
        The whole file.
    stated : str or None
        ``file:checksum``: a multihash in hexadecimal digits. Without one, and with one in a form that is not known
        (some archives write a bare MD5), nothing is refused.
    where : str
        What the bytes are, for the message.

    Raises
    ------
    InputError
        If the checksum is another.
    """
    text = str(stated or "").lower()
    code = next((code for code in MULTIHASHES if text.startswith(code)), None)
    if code is None or len(text) != len(code) + 2 * hashlib.new(MULTIHASHES[code]).digest_size:
        if text:
            logger.info("the checksum of %s is in a form that cannot be checked", where)
        return
    found = hashlib.new(MULTIHASHES[code])
    if isinstance(content, Path):
        with content.open("rb") as file:
            found = hashlib.file_digest(file, MULTIHASHES[code])
    else:
        found.update(content)
    if found.hexdigest() != text.removeprefix(code):
        raise InputError(
            f"{where} is not what its item says: {MULTIHASHES[code]} is {found.hexdigest()[:12]}..., "
            f"`file:checksum` {text.removeprefix(code)[:12]}...",
            "fetch it again; if it stays so, the archive's file is damaged: report it there, or leave the scene out by "
            "`exclude:` in the site file",
        )
