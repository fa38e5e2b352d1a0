"""One file per method; the file's name is the registry.

Every file defines ``Params`` (frozen dataclass), ``NEEDS``, ``halo(params)``,
``fit(samples, params, seed)`` and ``predict(task, state, params)``. A method that must know statistics
of the whole scene also defines ``prepare(pieces, state, params) -> State``, called once before the scene is
predicted in tiles: `pieces` are tasks whose cores cover the scene once, read one at a time, as often as it
goes through them. A method whose NEEDS say so shows how it predicted by ``layers(task, state, params)``, images
(y, x) by name. Tiles are predicted by several threads at once, so a method keeps nothing between calls,
and its compiled kernels are serial and release Python's lock. No method imports another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from stfuse.errors import InputError
from stfuse.task import FloatArray, Needs, Sample, State, Task


class Method(Protocol):
    """What a method file looks like from outside."""

    NEEDS: Needs
    Params: type[Any]

    def halo(self, params: Any) -> int | None:
        """Fine pixels of context a prediction needs on each side; None = the whole scene."""

    def fit(self, samples: Iterable[Sample], params: Any, seed: int) -> State:
        """Learn from samples; the same seed gives the same state on the same device.

        A method whose NEEDS say ``samples="target"`` is given the one scene that it will predict, without a truth.
        """

    def predict(self, task: Task, state: State, params: Any) -> FloatArray:
        """Predict (time, band, y, x) float32 on ``task.fine.grid``; NaN where nothing is known."""


def load(stem: str) -> Method:
    """Import the method file `stem`.

    Raises
    ------
    InputError
        If there is no such file.
    """
    try:
        return cast(Method, import_module(f"{__name__}.{stem}"))
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{stem}":
            raise
        raise InputError(
            f"Method file {stem}.py was not found in stfuse/methods", "add the file or correct `methods:` in the config"
        ) from error


def make_params(method: Method, settings: Mapping[str, Any]) -> Any:
    """The method's ``Params`` with `settings` over the paper's defaults.

    Raises
    ------
    InputError
        If a setting is unknown or has a value the method refuses.
    """
    try:
        return method.Params(**settings)
    except (TypeError, ValueError) as error:
        known = ", ".join(method.Params.__dataclass_fields__) or "none"
        raise InputError(f"Settings {dict(settings)} do not fit: {error}", f"the settings are: {known}") from error
