"""What no schema can say of a gap experiment: that its sites, sensors and guides fit each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stfuse.checks import Entry, learned_at, require_bands, require_sensors, require_split
from stfuse.errors import InputError
from stfuse.needs import Needs

__all__ = ["check_filled", "check_filling"]


def check_filling(
    filling: Entry,
    sites: Mapping[str, Entry],
    sensors: Mapping[str, Entry],
    experiments: Mapping[str, Entry],
    needs: Mapping[str, Needs],
) -> None:
    """Refuse a gap experiment that its sites, sensors or guides cannot serve.

    Parameters
    ----------
    experiments : mapping
        The image experiments of the same studies, their methods known, by name.
    needs : mapping
        What each configured method needs.

    Raises
    ------
    InputError
        If a sensor is not at a site, NDVI cannot be made of the bands, a guide's experiment is not there, does not
        predict NDVI of all sites in pixels of the same size or lacks the method, learned from what is
        hidden or sees it, or an auxiliary series is made of the images whose values are hidden.
    """
    where = f"config/experiments/{filling['name']}.yaml"
    require_sensors(filling, {filling["fine"], *filling["aux"].values()}, sites, sensors)
    require_bands(filling, [filling["fine"]], sensors)
    require_split(filling, sites)
    _refuse_same_images(filling, sensors)
    for name, guide in filling["guides"].items():
        said, other = f"{where}: the guide {name}", experiments.get(guide["experiment"])
        if other is None:
            raise InputError(
                f"{said} comes from {guide['experiment']}, which is no image experiment of the studies of the config",
                "name it in `experiments:` of the study, or correct the name",
            )
        if other["protocol"] != "product" or other["variable"] != "ndvi":
            raise InputError(
                f"{said} comes from {other['name']}, which is {other['protocol']} of {other['variable']}",
                "take an experiment with protocol: product and variable: ndvi",
            )
        if guide["method"] not in other["methods"]:
            known = ", ".join(other["methods"])
            raise InputError(f"{said}: {other['name']} does not run {guide['method']}", f"choose from {known}")
        if needs[guide["method"]].references != "none":
            raise InputError(
                f"{said}: {guide['method']} predicts from fine images, and so from the values that are hidden here",
                "take a method that sees no optical image, such as unet_sar",
            )
        _refuse_optical(other, guide["method"], needs[guide["method"]], sensors, said)
        absent = sorted({*filling["sites"], *learned_at(filling)} - set(other["sites"]))
        if absent:
            raise InputError(
                f"{said}: {other['name']} predicts nothing at {', '.join(absent)}", "add it to its `sites:`"
            )
        if sensors[other["fine"]]["resolution"] != sensors[filling["fine"]]["resolution"]:
            raise InputError(f"{said} has pixels of another size than {filling['fine']}", "take one `fine:` for both")
        _refuse_told(filling, other, said)


def _refuse_same_images(filling: Entry, sensors: Mapping[str, Entry]) -> None:
    """Refuse auxiliary series that show in full the very images whose values are hidden."""
    fine, where = filling["fine"], f"config/experiments/{filling['name']}.yaml"
    for name, sensor in filling["aux"].items():
        # One sensor's bands of other pixels come out of the same collections.
        if sensor == fine or set(sensors[sensor]["collections"]) & set(sensors[fine]["collections"]):
            raise InputError(
                f"{where}: `aux: {{{name}: {sensor}}}` are the images of {fine}, whose values are hidden here",
                "name a radar, or leave it out",
            )


def _refuse_optical(other: Entry, method: str, need: Needs, sensors: Mapping[str, Entry], said: str) -> None:
    """Refuse a guide whose method sees anything but radar: optical images of the day show what is hidden."""
    aux = {name: sensor for name, sensor in other["aux"].items() if name in (*need.aux, *need.uses)}
    seen = {f"aux: {{{name}: {sensor}}}": sensor for name, sensor in aux.items()}
    seen |= {f"coarse: {other['coarse']}": other["coarse"]} if need.coarse else {}
    for line, sensor in seen.items():
        if (quantity := sensors[sensor].get("quantity", "reflectance")) != "backscatter":
            raise InputError(
                f"{said}: {method} sees `{line}` of config/experiments/{other['name']}.yaml, which measures {quantity};"
                " expected a radar, from which no hidden value can be told",
                f"name a sensor of backscatter there, such as sentinel1, or take a method that does not see {sensor}",
            )


def _refuse_told(filling: Entry, other: Entry, said: str) -> None:
    """Refuse a guide that learned from images of sites where its series' values are hidden to be predicted."""
    told = set(filling["sites"]) & set(learned_at(other))
    # A gap experiment without a last day holds out blocks of the ground that it learns at; a network of images has seen
    # them all.
    if "train_until" in filling and other.get("train_until", "9999-12-31") <= filling["train_until"]:
        return
    if told:
        raise InputError(
            f"{said}: {other['name']} learned from images of {', '.join(sorted(told))} whose values are hidden here",
            "let it learn elsewhere (`train_sites:`), or give both the same `train_until:`",
        )


def check_filled(experiment: Entry, fillings: Mapping[str, Entry], seeds: Mapping[str, Sequence[int]]) -> None:
    """Refuse a product experiment whose series would be joined by filled values that nothing makes.

    Parameters
    ----------
    fillings : mapping
        The gap experiments of the same studies, their methods known, by name.
    seeds : mapping
        The seeds that each method runs with.

    Raises
    ------
    InputError
        If the gap experiment is not there, has another fine sensor, lacks the method or its seed, or shares no site.
    """
    if "filled" not in experiment:
        return
    filled = experiment["filled"]
    said, other = f"config/experiments/{experiment['name']}.yaml: `filled:`", fillings.get(filled["experiment"])
    if other is None:
        raise InputError(
            f"{said} names {filled['experiment']}, which is no gap experiment of the studies of the config",
            "name it in `experiments:` of the study, or correct the name",
        )
    if other["fine"] != experiment["fine"]:
        raise InputError(f"{said}: {other['name']} fills series of {other['fine']}", "take one `fine:` for both")
    if filled["method"] not in other["methods"]:
        known = ", ".join(other["methods"])
        raise InputError(f"{said}: {other['name']} does not run {filled['method']}", f"choose from {known}")
    known_seeds = seeds[filled["method"]]
    if "seed" in filled and filled["seed"] not in known_seeds:
        raise InputError(
            f"{said}: {filled['method']} does not run with seed {filled['seed']}",
            f"choose from {', '.join(map(str, known_seeds))}, or leave `seed:` out for the first of them",
        )
    if not set(experiment["sites"]) & set(other["sites"]):
        raise InputError(
            f"{said}: {other['name']} has none of its sites", "add one to the `sites:` of the gap experiment"
        )
