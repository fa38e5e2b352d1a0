"""What no schema can say of a configuration: that its parts fit each other. Asked at every start, so kept light."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from stfuse.errors import InputError
from stfuse.needs import Needs

Entry = Mapping[str, Any]
NIR = ("nir", "nir08")
COARSEST = 10.0
"""Times the reference's pixel beyond which an image is neither moved nor adjusted to it.

The pointing of such sensors is known to a tenth of their pixel (MODIS: 50 m), better than edges so blurred tell, and a
site has too few of their pixels.
"""


NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def safe_name(text: str, what: str) -> str:
    """A name that came from outside, which may become a file's name.

    Parameters
    ----------
    text : str
        Id of a scene, name of a collection, member of an archive, ...
    what : str
        What it names, for the message.

    Raises
    ------
    InputError
        If it is empty, longer than 200 characters, holds others than letters, digits, ``.``, ``_`` and ``-``, does not
        begin with a letter or digit, or holds ``..``.
    """
    if not isinstance(text, str) or not NAME.fullmatch(text):
        shown = text if len(str(text)) <= 80 else f"{str(text)[:80]}..."
        raise InputError(
            f"{what} is named {shown!r}, which is no name that a file may bear",
            "give it at most 200 letters, digits, `.`, `_` and `-`, a letter or digit first and no `..`",
        )
    return text


def require_outline(crs: str, bounds: tuple[float, float, float, float]) -> None:
    """Refuse a site's CRS or bounds that no grid in metres can be made of.

    Raises
    ------
    InputError
        If the CRS is unknown or not a projected one in metres, or the bounds are empty or reversed.
    """
    cure = "write the `crs:` of the site as a projected CRS in metres, e.g. its UTM zone like EPSG:32631"
    try:
        known = CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(f"CRS {crs} is unknown", cure) from error
    units = {axis.unit_name for axis in known.axis_info[:2]}
    if not known.is_projected or units != {"metre"}:
        what = "a geographic one" if known.is_geographic else "not a projected one in metres"
        raise InputError(f"CRS {crs} ({known.name}) is {what}, in {' and '.join(sorted(units)) or 'no unit'}", cure)
    left, bottom, right, top = bounds
    if not (left < right and bottom < top):
        raise InputError(
            f"Bounds {list(bounds)} enclose nothing: left must be below right and bottom below top",
            "write the `bounds:` of the site as [left, bottom, right, top] in metres of its CRS",
        )


def unregistered(sensor: Entry, reference: Entry) -> str:
    """Why a sensor's images are neither moved onto the reference sensor's nor adjusted to them; empty if they are.

    Parameters
    ----------
    sensor, reference : mapping
        Contents of their config files.
    """
    if sensor.get("quantity", "reflectance") != reference.get("quantity", "reflectance"):
        return f"{sensor['quantity']} has no band in common with the reference"
    ratio = sensor["resolution"] / reference["resolution"]
    return f"its pixels are {ratio:.3g} times the reference's" if ratio > COARSEST else ""


def check_site(site: Entry) -> None:
    """Refuse a site whose grid, period or sensors make no sense.

    Raises
    ------
    InputError
        If the CRS is unknown or not in metres, the bounds are reversed, the period has a day that no calendar has or
        ends before it begins, or the reference is none of the sensors.
    """
    where = f"config/sites/{site['name']}.yaml"
    try:
        require_outline(site["crs"], tuple(site["bounds"]))
    except InputError as error:
        raise InputError(f"{where}: {error.found}", error.cure) from error
    _require_period(site["period"], where)
    if site["reference"] not in site["sensors"]:
        raise InputError(f"{where}: the reference {site['reference']} is none of its sensors", "add it to `sensors:`")


def _require_period(period: Sequence[str], where: str) -> None:
    cure = 'write `period:` as its first and its last day, e.g. ["2023-03-01", "2023-10-31"]'
    try:
        first, last = (date.fromisoformat(day) for day in period)
    except ValueError as error:
        raise InputError(f"{where}: `period:` is {list(period)} ({error})", cure) from error
    if last < first:
        raise InputError(f"{where}: the period ends on {last}, before it begins on {first}", cure)


def check_experiment(experiment: Entry, sites: Mapping[str, Entry], sensors: Mapping[str, Entry]) -> None:
    """Refuse an image experiment that its sites or sensors cannot serve.

    Raises
    ------
    InputError
        If a sensor is not at a site, a band is not in a sensor of reflectance, fine and coarse are one sensor,
        backscatter is to be predicted, NDVI is asked of other bands than red and near infrared, a site's reference is
        no sensor of reflectance, or learning and testing cannot be parted as asked (`require_split`).
    """
    where = f"config/experiments/{experiment['name']}.yaml"
    fine, coarse = experiment["fine"], experiment["coarse"]
    if fine == coarse:
        raise InputError(f"{where}: fine and coarse are both {fine}", "name two sensors")
    require_sensors(experiment, {fine, coarse, *experiment["aux"].values()}, sites, sensors)
    if _backscatter(sensors[fine]) or (_backscatter(sensors[coarse]) and experiment.get("protocol") == "reduced"):
        raise InputError(
            f"{where}: with fine {fine} and coarse {coarse} backscatter would be what is predicted",
            "name a sensor of reflectance as `fine:`, and another protocol than reduced where `coarse:` is a radar",
        )
    require_bands(experiment, [s for s in (fine, coarse) if not _backscatter(sensors[s])], sensors)
    require_split(experiment, sites)


def learned_at(experiment: Entry) -> Sequence[str]:
    """The sites that an experiment's methods learn at."""
    found: Sequence[str] = experiment.get("train_sites", experiment["sites"])
    return found


def _backscatter(sensor: Entry) -> bool:
    return bool(sensor.get("quantity", "reflectance") == "backscatter")


def require_sensors(
    experiment: Entry, wanted: set[str], sites: Mapping[str, Entry], sensors: Mapping[str, Entry]
) -> None:
    """Refuse sites, those to learn at included, that lack a sensor or whose reference measures no reflectance."""
    where = f"config/experiments/{experiment['name']}.yaml"
    for name in dict.fromkeys((*experiment["sites"], *learned_at(experiment))):
        absent = sorted(wanted - set(sites[name]["sensors"]))
        if absent:
            raise InputError(
                f"{where}: site {name} has no sensor {', '.join(absent)}", "add it to the site's `sensors:`"
            )
        reference = sites[name]["reference"]
        if sensors[reference].get("quantity", "reflectance") != "reflectance":
            raise InputError(
                f"{where}: the reference {reference} of site {name} measures {sensors[reference]['quantity']}",
                f"name a sensor of reflectance as `reference:` in config/sites/{name}.yaml",
            )


def require_bands(experiment: Entry, having: Sequence[str], sensors: Mapping[str, Entry]) -> None:
    """Refuse bands that one of the sensors lacks, and NDVI of others than red and near infrared."""
    where = f"config/experiments/{experiment['name']}.yaml"
    for sensor in having:
        unknown = [b for b in experiment["bands"] if b not in sensors[sensor]["bands"]]
        if unknown:
            known = ", ".join(sensors[sensor]["bands"])
            raise InputError(f"{where}: sensor {sensor} has no band {', '.join(unknown)}", f"choose from {known}")
    bands = list(experiment["bands"])
    if experiment["variable"] == "ndvi" and not (len(bands) == 2 and bands[0] == "red" and bands[1] in NIR):
        raise InputError(
            f"{where}: NDVI cannot be made of the bands {bands}", "write bands: [red, nir08] or [red, nir]"
        )


def require_split(experiment: Entry, sites: Mapping[str, Entry]) -> None:
    """Refuse sites to learn at that would not be used, and a last day of learning with nothing on one side of it.

    Raises
    ------
    InputError
        If `train_sites` would not be used, or `train_until` is no day of the calendar, lies before the period of a site
        to learn at, or at or beyond the end of that of a site to predict at.
    """
    where = f"config/experiments/{experiment['name']}.yaml"
    if experiment.get("train") == "site" and set(learned_at(experiment)) != set(experiment["sites"]):
        raise InputError(
            f"{where}: with `train: site` each site learns for itself, and `train_sites:` would not be used",
            "leave out one of the two",
        )
    if not (until := experiment.get("train_until")):
        return
    try:
        date.fromisoformat(until)
    except ValueError as error:
        raise InputError(f"{where}: `train_until:` ({error})", "write it as YYYY-MM-DD") from error
    for name in experiment["sites"]:
        if (last := sites[name]["period"][1]) <= until:
            raise InputError(
                f"{where}: it learns until {until}, but the period of site {name} ends on {last}: no date is left",
                "choose an earlier `train_until:`, or widen the site's `period:`",
            )
    for name in learned_at(experiment):
        if until < (first := sites[name]["period"][0]):
            raise InputError(
                f"{where}: it learns until {until}, but the period of site {name} begins on {first}: nothing to learn",
                "choose a later `train_until:`, or name under `train_sites:` only sites with dates before it",
            )


def methods_of(experiment: Entry, needs: Mapping[str, Needs]) -> list[str]:
    """The methods that run in an experiment: those it names, or all that its inputs suffice for.

    Raises
    ------
    InputError
        If a named method is not configured, needs an auxiliary series or a guide that the experiment lacks, fills no
        series though it should or learns from series where images are predicted, or needs coarse images that no radar
        has.
    """
    where = f"config/experiments/{experiment['name']}.yaml"
    if experiment["methods"] == "all":
        return [name for name, need in needs.items() if not _unfit(experiment, need)]
    for name in experiment["methods"]:
        if name not in needs:
            raise InputError(f"{where} names the method {name}", "add a line for it to `methods:` of the main config")
        why = _unfit(experiment, needs[name])
        if why:
            raise InputError(f"{where}: method {name} {why[0]}", why[1])
    return list(experiment["methods"])


def _unfit(experiment: Entry, need: Needs) -> tuple[str, str] | None:
    """Why a method cannot run in an experiment, and the cure; None where it can."""
    gaps = experiment.get("protocol") == "gaps"
    if gaps and not need.fills:
        return "cannot fill series", "leave it out of `methods:`, or take another protocol than gaps"
    if not gaps and need.samples == "series":
        return "fills series and predicts no images", "leave it out of `methods:`, or take protocol: gaps"
    frugal = "".join(f", or give it `{key}: {value}`" for key, value, where, _ in need.by_setting if not where)
    lacking = sorted(set(need.aux) - set(experiment["aux"]))
    if lacking:
        return f"needs {', '.join(lacking)}", f"name the sensor under `aux:`{frugal}"
    unguided = sorted(set(need.guides) - set(experiment.get("guides", {})))
    if unguided:
        return f"needs the guide {', '.join(unguided)}", f"name where it comes from under `guides:`{frugal}"
    if experiment.get("coarse_quantity") == "backscatter" and (need.coarse or need.pairs or need.samples == "wald"):
        return "needs coarse images of the bands", "leave it out of `methods:`, or name no radar as `coarse:`"
    if need.ndvi and experiment.get("variable") != "ndvi":
        return "predicts NDVI alone", "write `variable: ndvi` and `bands: [red, nir]`, or leave it out of `methods:`"
    return None
