"""A zip of Theia or GEODES as a STAC item, nothing unpacked: its links lead into the zip (``/vsizip/``).

Venus level 2A is what it is for; Sentinel-2 and Landsat-8 by MAJA lie in zips of the same make. The zip comes from
outside: names in it are only ever compared, never made into paths, and only the members that are named here are opened.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from stfuse.checks import safe_name
from stfuse.errors import InputError
from stfuse.products.muscate import Muscate, read_muscate

CURE = "fetch the zip from the archive again"
METADATA = "_MTD_ALL.xml"
IMAGE = re.compile(r"(?:(SRE|FRE)_B\w{1,3}|(?:CLM|EDG|MG2|SAT)_(?:XS|R1|R2))")
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: files beyond 4 GB
LARGEST_TEXT = 16 << 20  # bytes; the largest real metadata have 0.7 million
INSIDE = re.compile(r"/vsizip/\{(?P<zip>.+)\}/(?P<member>.+)")


def item_of_zip(path: str | Path) -> dict[str, Any]:
    """The STAC item of the one product in a zip.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        Its assets are named by the end of their files' names (``SRE_B3``, ``MG2_XS``, ``MTD_ALL``); reflectance states
        scale and fill as the product's metadata do.

    Raises
    ------
    InputError
        If the file is no zip, is damaged or encrypted, holds names that lead out of it, no product or several, one of
        another level, or lacks files that the product lists.
    """
    path = Path(path).resolve()
    if {"{", "}"} & set(str(path)):
        raise InputError(f"{path} has braces in its name, which links into a zip cannot have", "rename it")
    with _opened(path) as archive:
        members = _members(archive, path)
        metadata = _one_product(members, path)
        name = PurePosixPath(metadata).name.removesuffix(METADATA)
        safe_name(name, f"The product in {path}")
        product = read_muscate(_text(archive, metadata, path), f"{path}: {metadata}")
        images = _images(members, metadata, name)
        _require_files(images, product, members, path)
        for member in images.values():
            _require_tiff(archive, member, path)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": product.collection,
        "properties": product.properties,
        "geometry": product.geometry,
        "bbox": list(product.bbox),
        "links": [],
        "assets": _assets(path, images, metadata, product),
    }


def read_member(href: str) -> str:
    """The text of a document in a zip, by its ``/vsizip/`` link.

    Raises
    ------
    InputError
        If it cannot be read or is larger than any metadata.
    """
    found = INSIDE.fullmatch(href)
    if not found:
        raise InputError(f"{href} is no link into a zip", "expected /vsizip/{path of the zip}/name")
    path = Path(found["zip"])
    with _opened(path) as archive:
        return _text(archive, found["member"], path)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip, with whatever goes wrong in it said as the user's error."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged or no zip ({error})", CURE) from error
    except (NotImplementedError, RuntimeError) as error:  # another compression, a password
        raise InputError(f"{path} cannot be read ({error})", CURE) from error
    except OSError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror or error})", "correct the path") from error


def _members(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """Names of the files in the zip, all of them fit to be looked at."""
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    for info in archive.infolist():
        parts = info.orig_filename.split("/")
        odd = "\\" in info.orig_filename or "\0" in info.orig_filename or ":" in parts[0]
        if odd or parts[0] == "" or ".." in parts:
            raise InputError(f"{path} holds the name {info.orig_filename!r}, which leads out of it", CURE)
        if info.flag_bits & 0x1:
            raise InputError(f"{path} is encrypted", "unlock it, or fetch it without a password")
    if len(set(names)) < len(names):
        raise InputError(f"{path} holds two files of one name", CURE)
    return names


def _one_product(members: list[str], path: Path) -> str:
    """The member that describes the product, when there is one product."""
    found = [name for name in members if name.endswith(METADATA)]
    if not found:
        raise InputError(
            f"{path} is no product of Theia: no name in it ends with {METADATA}", "give a zip of level L2A"
        )
    if len(found) > 1:
        raise InputError(f"{path} holds {len(found)} products: {sorted(found)[:4]}", "give a zip for each")
    return found[0]


def _images(members: list[str], metadata: str, name: str) -> dict[str, str]:
    """Reflectance images and masks beside the metadata: the end of the file's name -> member."""
    folder = PurePosixPath(metadata).parent
    found = {}
    for member in members:
        file = PurePosixPath(member)
        key = file.name.removeprefix(f"{name}_").removesuffix(".tif")
        if file.parent in (folder, folder / "MASKS") and file.name == f"{name}_{key}.tif" and IMAGE.fullmatch(key):
            found[key] = member
    return found


def _require_files(images: dict[str, str], product: Muscate, members: list[str], path: Path) -> None:
    if not any(key.startswith(("SRE_", "FRE_")) for key in images):
        raise InputError(f"{path} holds no image of surface reflectance (*_SRE_B*.tif, *_FRE_B*.tif)", CURE)
    held = {PurePosixPath(member).name for member in members}
    missing = sorted(set(product.files) - held)
    if missing:
        raise InputError(f"{path} lacks {len(missing)} files that its metadata list: {missing[:4]}", CURE)


def _require_tiff(archive: zipfile.ZipFile, member: str, path: Path) -> None:
    """Other formats of the same ending can lead to other files, which a product never does."""
    with archive.open(member) as file:
        if file.read(4) not in TIFF:
            raise InputError(f"{path}: {member} is no TIFF", CURE)


def _text(archive: zipfile.ZipFile, member: str, path: Path) -> str:
    with archive.open(member) as file:
        content = file.read(LARGEST_TEXT + 1)
    if len(content) > LARGEST_TEXT:
        raise InputError(f"{path}: {member} has more than {LARGEST_TEXT >> 20} MB, no metadata have", CURE)
    return content.decode("utf-8-sig")


def _assets(path: Path, images: dict[str, str], metadata: str, product: Muscate) -> dict[str, dict[str, Any]]:
    stored = {"scale": product.scale, "offset": 0.0, "nodata": product.nodata}
    assets: dict[str, dict[str, Any]] = {}
    for key, member in sorted(images.items()):
        asset = {"href": f"/vsizip/{{{path}}}/{member}", "type": "image/tiff; application=geotiff", "roles": ["data"]}
        assets[key] = {**asset, "raster:bands": [stored]} if key.startswith(("SRE_", "FRE_")) else asset
    link = f"/vsizip/{{{path}}}/{metadata}"
    return assets | {"MTD_ALL": {"href": link, "type": "application/xml", "roles": ["metadata"]}}
