"""Stage `model`: what a method learned of series, its training curve, and its errors by gap length."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stfuse.filling.calibration import CALIBRATE, LEARN, calibrate, ground, write_errors
from stfuse.filling.pixels import PixelStore
from stfuse.filling.trials import Masked, filler
from stfuse.job import job
from stfuse.learning.curves import write_curve
from stfuse.learning.fitting import learn_from
from stfuse.learning.resuming import MINUTES
from stfuse.methods import load, make_params
from stfuse.state import image_name, save_state

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)


def train(
    places: Sequence[Mapping[str, Any]],
    method: dict[str, Any],
    bands: list[str],
    variable: str,
    until: str | None,
    hidden: float,
    seed: int,
    state: Path,
    curve: Path,
    errors: Path,
    threads: int = 1,
    minutes: float = MINUTES,
) -> None:
    """Let a method learn from series on most of the ground, and look how wrong it is on some of the rest.

    While it learns it writes checkpoints into a folder beside the state, from which a killed job goes on.

    Parameters
    ----------
    places : sequence of mapping
        ``store``, the data set of a site that is learned at, and ``scored``, whether values of the same dates are
        scored there: then still more ground is held out, which is neither learned from nor calibrated on.
    method : dict
        ``name``, ``file`` and ``settings``.
    bands : list of str
        Red and near-infrared, of which the series were made.
    until : str, optional
        The last date (ISO) that is learned from.
    hidden : float
        Share of the values that are hidden to see the errors, 0..1.
    state, curve, errors : path
        To write; the errors once all is done.
    threads : int
        Windows that a method without a network fills at a time.
    minutes : float
        From one checkpoint to the next.

    Raises
    ------
    InputError
        If a data set cannot be read, a setting is unknown, or the series do not suffice.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    stores = [PixelStore(place["store"], until=until) for place in places]
    parts = [ground(store.grid.shape, place["scored"]) for store, place in zip(stores, places, strict=True)]
    samples = [Masked(store, part == LEARN) for store, part in zip(stores, parts, strict=True)]
    learning = module.NEEDS.samples != "none"
    checkpoints = state.with_suffix(".checkpoint")
    # Of a folder, a fingerprint sees the name alone; this file is written anew with the data set.
    described = [[str(Path(place["store"]) / "zarr.json"), place["scored"], until] for place in places]
    learned = learn_from(samples if learning else [], described, method, bands, variable, seed, checkpoints, minutes)
    write_curve(curve, learned)
    scenes = [_scene(store, place, until) for store, place in zip(stores, places, strict=True)] if learning else []
    save_state(state, learned, method, bands, variable, None, scenes, seed)
    held = [(store, part == CALIBRATE) for store, part in zip(stores, parts, strict=True)]
    fill = filler(method["name"], module, learned, params)
    found = calibrate(held, fill, hidden, 1 if module.NEEDS.gpu else threads)
    if not found.n.sum():
        logger.warning("No value could be hidden to see how wrong %s is: it states no uncertainty", method["name"])
    write_errors(errors, found)
    shutil.rmtree(checkpoints, ignore_errors=True)


def _scene(store: PixelStore, place: Mapping[str, Any], until: str | None) -> dict[str, Any]:
    """A data set by its name, and what of it was not learned from."""
    name = image_name(place["store"])
    days = [str(day) for day in store.dates[[0, -1]]] if len(store.dates) else []
    held_out = {"until": until, "held_out": bool(place["scored"])}
    return {"date": "/".join(days), "truth": name, "inputs": [name], **held_out}


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        train(
            places=list(snakemake.params.places),
            method=dict(snakemake.params.method),
            bands=list(snakemake.params.bands),
            variable=str(snakemake.params.variable),
            until=snakemake.params.until,
            hidden=float(snakemake.params.hidden),
            seed=int(snakemake.params.seed),
            state=Path(snakemake.output.state),
            curve=Path(snakemake.output.curve),
            errors=Path(snakemake.output.errors),
            threads=int(snakemake.threads),
            minutes=float(snakemake.resources.get("checkpoint", MINUTES)),
        )
