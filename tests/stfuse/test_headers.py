"""GDAL's warnings about headers that came in part are heard, each by the thread that reads."""

from __future__ import annotations

import logging
import threading

import pytest

from stfuse.acquisition.headers import complaints, require_whole

LOG = logging.getLogger("rasterio._env")


def test_what_is_lost_is_heard_while_one_listens_and_only_then() -> None:
    LOG.warning("IO error during reading of %s; tag ignored", "GeoTiePoints")
    with complaints() as lost:
        LOG.warning("Unknown field with tag 65000")
        require_whole(lost)
        LOG.warning("IO error during reading of %s; tag ignored", "GeoPixelScale")
        with pytest.raises(OSError, match=r"header are missing: IO error .* GeoPixelScale"):
            require_whole(lost)
    LOG.warning("IO error during reading")
    assert len(lost) == 1


def test_threads_hear_their_own_files_only() -> None:
    heard: dict[str, list[str]] = {}
    together = threading.Barrier(2)

    def read(name: str) -> None:
        with complaints() as lost:
            together.wait()
            LOG.warning("%s: IO error", name)
            together.wait()
            heard[name] = list(lost)

    threads = [threading.Thread(target=read, args=(name,)) for name in ("red", "nir")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {"red": ["red: IO error"], "nir": ["nir: IO error"]}
