"""What every script does around its work: log, keep to its threads, say errors plainly."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from stfuse.errors import InputError
from stfuse.redaction import RedactingFormatter, redacted

logger = logging.getLogger("stfuse")


class Ending:
    """Whether a job ends, for threads that wait; it may be set by a signal's handler.

    An `Event` may not: its lock may be held by the very thread that the signal interrupts.
    """

    LOOK = 0.1  # seconds between two looks of whoever waits

    def __init__(self) -> None:
        self._ended = False

    def set(self) -> None:
        """End all waiting."""
        self._ended = True

    def clear(self) -> None:
        """Let it be waited again."""
        self._ended = False

    def is_set(self) -> bool:
        """Whether the job ends."""
        return self._ended

    def wait(self, seconds: float) -> bool:
        """Sleep so long, or until the job ends, and say whether it does."""
        until = time.monotonic() + seconds
        while not self._ended and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, self.LOOK))
        return self._ended


STOP = Ending()
"""Set when a job is ended or fails: none of its threads waits for an archive any more."""


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
    STOP.clear()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    _hold_to(threads, gpus)
    _log_to(log)
    try:
        yield
    except BaseException as error:
        STOP.set()
        _say(error)
        raise


def _end(number: int, _: object) -> None:
    """End the job as a cluster asks for with SIGTERM, a user with Ctrl-C; an exception lets `whole` clear away.

    Threads are told first: pools are waited for before `job` sees the exception.
    """
    STOP.set()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _say(error: BaseException) -> None:
    """Log why a job failed.

    Raises
    ------
    SystemExit
        With the message of what a user can cure, in place of a traceback.
    """
    if isinstance(error, InputError):
        logger.error("%s", error)
        sys.exit(f"Error: {redacted(str(error))}")
    if isinstance(error, Exception):
        logger.exception("the job failed")


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
