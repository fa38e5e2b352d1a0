"""Checksums that STAC items state."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from stfuse.acquisition.digests import require_checksum, sha256_of
from stfuse.errors import InputError

# SHA-256 of "abc": the first example of FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    "stated",
    [
        f"1220{ABC}",
        f"1220{ABC}".upper(),
        "1340" + hashlib.sha512(b"abc").hexdigest(),
        "1114" + hashlib.sha1(b"abc").hexdigest(),
        "d50110" + hashlib.md5(b"abc").hexdigest(),
    ],
)
def test_what_an_archive_made_is_known_by_its_checksum(stated: str, tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    require_checksum(b"abc", stated, "a.xml")
    require_checksum(tmp_path / "abc", stated, "a.xml")
    for other in (b"abd", b"ab", b""):
        (tmp_path / "abc").write_bytes(other)
        with pytest.raises(InputError, match=r"a\.xml is not what its item says"):
            require_checksum(other, stated, "a.xml")
        with pytest.raises(InputError, match=r"a\.xml is not what its item says"):
            require_checksum(tmp_path / "abc", stated, "a.xml")


@pytest.mark.parametrize("stated", [None, "", "93ee5e2d4aa3115267e05ae48236911c", "1220abcd"])
def test_a_checksum_in_no_known_form_refuses_nothing(stated: str | None) -> None:
    require_checksum(b"anything", stated, "a.xml")


def test_the_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == ABC
