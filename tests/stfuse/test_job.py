"""A job keeps to its threads, also where numba was imported before it began."""

import logging
import os

import numba
import pytest

from stfuse.job import job


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    handlers, level, threads = logging.root.handlers[:], logging.root.level, numba.get_num_threads()
    yield
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
