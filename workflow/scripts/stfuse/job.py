"""What every script does around its work: log, keep to its threads, say errors plainly."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stfuse.errors import InputError

logger = logging.getLogger("stfuse")


@contextmanager
def job(log: str, threads: int, gpus: int = 0) -> Iterator[None]:
    """Run a script's work: log to a file, cap threads, print curable errors without a traceback.

    Parameters
    ----------
    log : str
        The rule's log file.
    threads : int
        The rule's threads; numba, torch, GDAL and BLAS are held to it.
    gpus : int
        The GPUs that Snakemake gave the job. With none, CUDA is hidden, so that the CPU is used.
    """
    # A cluster ends jobs with SIGTERM; as an exception it lets `whole` clear away what is half-made.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GDAL_NUM_THREADS"):
        os.environ[name] = str(threads)
    # GDAL would keep blocks of files in a twentieth of the machine's memory, whatever the job was given.
    os.environ.setdefault("GDAL_CACHEMAX", "200")  # MB
    if "numba" in sys.modules:
        # Once imported, numba no longer heeds its variable, and fails where that changes after its threads started.
        numba = sys.modules["numba"]
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    else:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)
    logging.basicConfig(filename=log, level=logging.INFO, format="%(asctime)s %(name)s %(message)s", force=True)
    try:
        yield
    except InputError as error:
        logger.error("%s", error)
        sys.exit(f"Error: {error}")
    except Exception:
        logger.exception("the job failed")
        raise


@contextmanager
def whole(target: str | Path) -> Iterator[Path]:
    """Write beside the final name and rename when whole, for files and folders alike.

    Yields
    ------
    Path
        A name in a fresh folder beside `target` with the same suffix; write the file there,
        or make it a folder. It takes `target`'s place when the block ends without an error,
        and vanishes otherwise.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        part = folder / target.name
        yield part
        if target.is_dir():
            shutil.rmtree(target)
        part.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
