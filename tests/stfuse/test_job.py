"""A job keeps to its threads, also where numba was imported before it began, writes no secrets, and can be resumed."""

import logging
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numba
import pytest

from stfuse.errors import InputError
from stfuse.job import STOP, job, resumed


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    handlers, level, threads = logging.root.handlers[:], logging.root.level, numba.get_num_threads()
    hooks = sys.excepthook, threading.excepthook
    ends = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    STOP.clear()
    for number, end in ends.items():
        signal.signal(number, end)
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)
    logging.root.handlers[:], logging.root.level = handlers, level
    numba.set_num_threads(threads)


@numba.njit(parallel=True)
def total(n):
    sum_ = 0
    for i in numba.prange(n):
        sum_ += i
    return sum_


def test_job_holds_numba_to_its_threads_before_and_after_kernels_ran(tmp_path):
    total.recompile()
    assert total(4) == 6
    with job(str(tmp_path / "log"), 1):
        assert numba.get_num_threads() == 1
        total.recompile()  # compiling reads the environment again
        assert total(5) == 10
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_job_asks_numba_for_no_more_threads_than_it_has(tmp_path):
    with job(str(tmp_path / "log"), 1000):
        assert numba.get_num_threads() == numba.config.NUMBA_NUM_THREADS


def test_a_job_writes_no_secret_to_its_log_or_to_stderr(tmp_path, capsys):
    with pytest.raises(OSError, match="SECRET3"), job(str(tmp_path / "log"), 1):
        log_and_fail()
    sys.excepthook(OSError, OSError("https://x.org/c?sig=SECRET4"), None)
    threading.excepthook(threading.ExceptHookArgs((OSError, OSError("https://x.org/d?sig=SECRET5"), None, None)))
    said, log = capsys.readouterr().err, (tmp_path / "log").read_text()
    assert "SECRET" not in said + log
    assert all(link in log for link in ("GET https://x.org/a", "https://x.org/b"))
    assert all(link in said for link in ("OSError: https://x.org/c", "OSError: https://x.org/d"))


def log_and_fail():
    logging.getLogger("rasterio._env").warning("GET %s", "https://x.org/a?sig=SECRET1")
    logging.getLogger("py.warnings").warning("https://me:SECRET2@x.org/")
    fail_with("https://x.org/b?sig=SECRET3")


def fill_and_fail(part):
    (part / "red.tif").write_text("red")
    fail_with("cut")


def fail_with(text):
    raise OSError(text)


def test_what_a_user_can_cure_is_said_without_a_secret(tmp_path):
    with pytest.raises(SystemExit) as ended, job(str(tmp_path / "log"), 1):
        raise InputError("https://x.org/a?sig=SECRET is not there", "wait")
    assert str(ended.value) == "Error: https://x.org/a is not there. Cure: wait."
    assert "SECRET" not in (tmp_path / "log").read_text()


def wait_in_a_thread(began):
    began.set()
    return STOP.wait(60)


def raised_while_one_waits(pool, number):
    began = threading.Event()
    pool.submit(wait_in_a_thread, began)
    began.wait()
    signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_wakes_threads_that_are_waited_for_before_the_job_sees_it(tmp_path, number):
    start = time.monotonic()
    with pytest.raises((SystemExit, KeyboardInterrupt)), job(str(tmp_path / "log"), 1), ThreadPoolExecutor(1) as pool:
        raised_while_one_waits(pool, number)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("cause", [OSError("cut"), InputError("a", "b"), SystemExit(1)])
def test_a_job_that_fails_lets_nobody_wait(tmp_path, cause):
    began = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        woken = pool.submit(wait_in_a_thread, began)
        with pytest.raises((OSError, SystemExit)), job(str(tmp_path / "log"), 1):
            raise cause
        assert woken.result(20) is True


def test_a_new_job_may_wait_again(tmp_path):
    STOP.set()
    with job(str(tmp_path / "log"), 1):
        assert STOP.wait(0.01) is False
    assert STOP.wait(0.01) is False, "a job that is done ends nobody's waiting"


def test_a_resumed_folder_outlives_a_failure_and_takes_its_name_when_it_is_whole(tmp_path):
    target = tmp_path / "scene"
    with pytest.raises(OSError, match="cut"), resumed(target) as part:
        fill_and_fail(part)
    assert not target.exists()
    with resumed(target) as part:
        assert (part / "red.tif").read_text() == "red"
        (part / "nir.tif").write_text("nir")
    assert sorted(path.name for path in target.iterdir()) == ["nir.tif", "red.tif"]
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


def test_a_resumed_folder_replaces_an_old_one_and_leaves_no_empty_one_behind(tmp_path):
    target = tmp_path / "scene"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(OSError, match="cut"), resumed(target):
        fail_with("cut")
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]
    with resumed(target) as part:
        (part / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]
