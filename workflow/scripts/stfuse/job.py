"""What every script does around its work: log, keep to its threads, say errors plainly."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from stfuse.errors import InputError
from stfuse.redaction import RedactingFormatter, redacted

logger = logging.getLogger("stfuse")


@contextmanager
def job(log: str, threads: int, gpus: int = 0) -> Iterator[None]:
    """Run a script's work: log to a file, cap threads, print curable errors without a traceback, and no secrets at all.

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
    _hold_to(threads, gpus)
    _log_to(log)
    try:
        yield
    except InputError as error:
        logger.error("%s", error)
        sys.exit(f"Error: {redacted(str(error))}")
    except Exception:
        logger.exception("the job failed")
        raise


def _hold_to(threads: int, gpus: int) -> None:
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


def _log_to(log: str) -> None:
    """Send all libraries' records and warnings to a file, and what ends the process to stderr, both without secrets."""
    handler = logging.FileHandler(log)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(name)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    # At that level the HTTP library only repeats, with queries, what is logged by those who ask.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    sys.excepthook = _print_redacted
    threading.excepthook = lambda ended: _print_redacted(ended.exc_type, ended.exc_value, ended.exc_traceback)


def _print_redacted(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, where))))


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


@contextmanager
def resumed(target: str | Path) -> Iterator[Path]:
    """Fill a folder that outlives a failure under a hidden name, so that the next try finds what is there already.

    Yields
    ------
    Path
        The hidden folder beside `target`; what it holds may be left from an earlier try. It takes `target`'s place when
        the block ends without an error. Otherwise it stays, but vanishes if it is empty.
    """
    target = Path(target)
    folder = target.parent / f".{target.name}.part"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
        if target.is_dir():
            shutil.rmtree(target)
        folder.replace(target)
    finally:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
