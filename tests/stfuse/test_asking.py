"""What a failed read is taken for: a fact, or something to come back for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixel_server import Fault, serving, status, times, truncated
from stfuse.acquisition import patience
from stfuse.errors import InputError, NotNowError
from stfuse.raster_stored import read_window
from tiny_archive import SITE, write_tif

FAULTS: dict[str, tuple[list[Fault], bool]] = {
    "busy": ([status(503)], True),
    "too often": ([status(429)], True),
    "told to wait for hours": ([status(429, **{"Retry-After": "7200"})], True),
    "damaged": ([truncated(2000)], False),
    "busy once, then damaged": ([times(2, status(503)), truncated(2000)], True),
    "refused": ([status(403)], False),
    "gone": ([status(404)], False),
}


@pytest.mark.parametrize("name", FAULTS)
def test_only_what_may_pass_is_not_there_now(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that comes damaged in every try is so where it lies; with a fault of another kind it may be the way."""
    monkeypatch.setattr(patience, "TRIES", 2)
    monkeypatch.setattr(patience, "BACKOFF", 0.0)
    noise = np.random.default_rng(1).integers(0, 9999, (32, 32)).astype(np.uint16)
    write_tif(tmp_path / "b.tif", noise, 10)
    faults, passing = FAULTS[name]
    with serving(tmp_path) as server:
        server.faults["/b.tif"] = faults
        with pytest.raises(InputError) as error:
            read_window(f"{server.url}/b.tif", tuple(SITE["bounds"]), SITE["crs"], 0)
    assert isinstance(error.value, NotNowError) == passing
    assert ("later" in error.value.cure) == passing
