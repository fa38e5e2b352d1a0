"""Sensor files, of which one may be like another. Asked at every start, so only the standard library and YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stfuse.errors import InputError

Entry = dict[str, Any]


def merged(name: str, read: Callable[[str], Mapping[str, Any]]) -> Entry:
    """The entry of a sensor, with what it leaves out taken from the sensor that it says it is `like`.

    Keys are taken whole: a file that names `bands:` has these bands and no others.

    Parameters
    ----------
    name : str
    read : callable
        The content of a sensor's file, by the sensor's name.

    Returns
    -------
    dict
        Without the key `like`.

    Raises
    ------
    InputError
        If sensors are like one another in a circle.
    """
    entry: Entry = {}
    seen: list[str] = []
    following: str | None = name
    while following is not None:
        if following in seen:
            raise InputError(
                f"Sensor {name} is like itself: {' -> '.join([*seen, following])}",
                f"take `like:` out of config/sensors/{seen[-1]}.yaml",
            )
        seen.append(following)
        found = read(following)
        entry = {**found, **entry}
        following = found.get("like")
    entry.pop("like", None)
    return entry


def read_sensors(folder: Path) -> dict[str, Entry]:
    """Every sensor of a folder by name, merged, each with its `name`."""
    import yaml  # here: the workflow reads files by itself

    files = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
    return {name: {**merged(name, files.__getitem__), "name": name} for name in files}


def map_settings(site: Mapping[str, Any]) -> dict[str, Any]:
    """Where a site's land-cover map comes from, if it comes from an archive; else empty.

    Returns
    -------
    dict
        `sensor`, `period` (first and last day of the map's year) and `catalog`, the site's own where the map has none.
    """
    fields = site.get("fields")
    if not isinstance(fields, Mapping) or "sensor" not in fields:
        return {}
    year = int(fields["year"])
    return {
        "sensor": str(fields["sensor"]),
        "period": [f"{year}-01-01", f"{year}-12-31"],
        "catalog": fields.get("catalog", site.get("catalog")),
    }


def require_map(site: Mapping[str, Any], sensor: Mapping[str, Any]) -> None:
    """Refuse a sensor under a site's `fields:` that is no map of classes.

    Raises
    ------
    InputError
    """
    if sensor.get("quantity") != "classes":
        raise InputError(
            f"Site {site['name']} takes its fields from sensor {sensor['name']}, which is no map of classes",
            "name a sensor with `quantity: classes`, such as usda_cdl, or the path of a raster of your own",
        )


def require_series(experiment: Mapping[str, Any], sensors: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse an experiment that would fuse a map of classes.

    Raises
    ------
    InputError
    """
    coarse = [experiment["coarse"]] if "coarse" in experiment else []
    for name in (experiment["fine"], *coarse, *(experiment.get("aux") or {}).values()):
        if sensors.get(name, {}).get("quantity") == "classes":
            raise InputError(
                f"Experiment {experiment['name']} would fuse sensor {name}, whose images are maps of classes",
                "name it under `fields:` of a site instead",
            )
