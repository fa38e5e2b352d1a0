"""Where a site's scenes are looked for, as its file says: archives by name, catalogues by path or URL, own GeoTIFFs.

Asked at every start, so the standard library is all it takes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from stfuse.acquisition.links import SECRET, SIGNING
from stfuse.errors import InputError
from stfuse.redaction import redacted

SHEET = "sheet"
"""What a site's `catalog:` says for the user's own files, which config/scenes.tsv lists."""
OWN = "own"
"""The collection of scenes that the sheet lists, unless it says otherwise."""
COUNTS = "sentinel-1-grd"


@dataclass(frozen=True)
class Source:
    """One place to look for scenes.

    Attributes
    ----------
    name : str
        What scenes.csv calls it.
    href : str
        Path or URL of a STAC catalogue, an API or a bucket, or the path of the sheet.
    kind : str
        ``stac``, ``bucket`` (files in folders, no catalogue: stfuse/acquisition/bucket.py) or ``sheet``.
    at_once : int
        Reads that it bears at a time.
    page : int
        Items that are asked for at once.
    months : int
        The longest period that is asked for at once.
    collection : str
        Of a bucket, what its items belong to.
    data : str
        What stands for "{data}" in the sheet.
    """

    name: str
    href: str
    kind: str = "stac"
    at_once: int = 4
    page: int = 100
    months: int = 12
    collection: str = ""
    data: str = ""

    @classmethod
    def of(cls, given: str | Mapping[str, Any]) -> Source:
        """From a mapping of the attributes, of which others are left aside, or from a path or URL alone."""
        if isinstance(given, str):
            return cls(redacted(given), given)
        return cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})


def catalogs_of(site: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a site's file names as catalogues, per sensor, in order; nothing for a simulated site."""
    given = site.get("catalog") or {}
    if isinstance(given, str):
        given = dict.fromkeys(site["sensors"], given)
    return {sensor: [names] if isinstance(names, str) else list(names) for sensor, names in given.items()}


def may_be_path(where: str) -> bool:
    """Whether what is no archive's name can be a path or URL: it has a folder, an ending or "{data}", or is there."""
    return bool(set("/\\.{") & set(where)) or Path(where).exists()


def archive_names(sites: Iterable[Mapping[str, Any]], known: Container[str]) -> list[str]:
    """The known archives that sites name, each once, in order."""
    every = (where for site in sites for names in catalogs_of(site).values() for where in names)
    return list(dict.fromkeys(where for where in every if where in known))


def require_no_secret(where: str, what: str) -> None:
    """Refuse an address with a user, password, key or signature in it: it would end up in logs and tables.

    Parameters
    ----------
    where : str
        A path or URL.
    what : str
        Whose it is, for the message.

    Raises
    ------
    InputError
    """
    _, mark, rest = where.partition("://")
    try:
        link = urlsplit(f"//{rest}") if mark else urlsplit("")
    except ValueError as error:
        raise InputError(f"{what} is no address ({error})", "correct it") from error
    given = parse_qs(f"{link.query}&{link.fragment}")
    if "@" in link.netloc or any(key.lower() in SIGNING or SECRET.search(key.lower()) for key in given):
        raise InputError(
            f"{what}, {redacted(where)}, bears a password or a key, which logs and tables would show",
            "take it out and give it to the environment of the jobs: GDAL_HTTP_HEADERS for a header such as a token, "
            "~/.netrc for user and password, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3",
        )


def check_catalogs(site: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse a site that names an archive that nobody knows, an address with a key, or a sensor without a catalogue.

    Parameters
    ----------
    site : mapping
        Content of its config file, with `name`.
    known : iterable of str
        Names of the archives that have a file.

    Raises
    ------
    InputError
    """
    if "simulated" in site:
        return
    where, given, known = f"config/sites/{site['name']}.yaml", catalogs_of(site), sorted(known)
    fields = site.get("fields")
    # A land-cover map has a sensor of its own.
    sensors = [*site["sensors"], *([fields["sensor"]] if isinstance(fields, Mapping) and "sensor" in fields else [])]
    for sensor, names in given.items():
        if sensor not in sensors:
            raise InputError(
                f"{where}: `catalog:` names {sensor}, which is none of the site's sensors",
                f"choose from {', '.join(sensors)}, or add it to `sensors:`",
            )
        for name in names:
            require_no_secret(name, f"{where}: an address under `catalog:`")
            if name not in (*known, SHEET) and not may_be_path(name):
                choice = ", ".join([*known, SHEET])
                raise InputError(
                    f"{where}: there is no archive {name} and no file of that name",
                    f"choose from {choice}, add config/archives/{name}.yaml, or write a path or URL",
                )
    without = [sensor for sensor in site["sensors"] if not given.get(sensor)]
    if without:
        raise InputError(
            f"{where}: `catalog:` names none for the sensor {', '.join(without)}",
            f"add a line `{without[0]}: <archive, path or URL>` under `catalog:`",
        )


def with_own(sensor: Mapping[str, Any]) -> dict[str, Any]:
    """A sensor whose collections hold `OWN`: each band under its own name, the numbers as the sheet or the file says.

    Parameters
    ----------
    sensor : mapping
        Content of its config file. One that names the collection itself stays as it is.
    """
    collections = sensor["collections"]
    names = dict.fromkeys([*sensor["bands"], *(band for entry in collections.values() for band in entry["assets"])])
    own = {"encoding": "as_stated", "assets": {name: [name] for name in names}}
    if sensor.get("quantity", "reflectance") != "reflectance":
        own["encoding"] = next(iter(collections.values()))["encoding"]
    return {**sensor, "collections": {OWN: own} | collections}


def check_collections(sensor: Mapping[str, Any]) -> None:
    """Refuse a sensor of detected counts: they have neither a map's geometry nor a calibrated unit.

    Raises
    ------
    InputError
    """
    if COUNTS in sensor["collections"]:
        raise InputError(
            f"config/sensors/{sensor['name']}.yaml asks for {COUNTS}, whose images have radar's geometry, uncalibrated",
            "take the collection sentinel-1-rtc of the archive planetary-computer, which is terrain corrected",
        )
