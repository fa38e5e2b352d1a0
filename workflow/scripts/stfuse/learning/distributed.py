"""One training by several processes, a GPU each, through torch's own launcher."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stfuse.errors import InputError
from stfuse.learning.fitting import learn
from stfuse.learning.ranks import rank
from stfuse.learning.resuming import MINUTES
from stfuse.task import State

__all__ = ["learn_together", "visible_gpus"]

PACKAGE = Path(__file__).parents[2]
"""The folder that `stfuse` lies in, for processes that are not told otherwise."""
WATCH = 2.0
"""Seconds between looks at whether the process that started the others is still there."""


def visible_gpus(given: int) -> int:
    """How many GPUs to train on: those that the job was given, as far as they can be seen; at least 1 process."""
    return max(1, min(given, torch.cuda.device_count()))


def learn_together(
    processes: int,
    samples: Sequence[Mapping[str, Any]],
    method: Mapping[str, Any],
    bands: Sequence[str],
    variable: str,
    seed: int,
    checkpoints: Path,
    minutes: float = MINUTES,
) -> State:
    """What `stfuse.learning.fitting.learn` does, by so many processes on this machine.

    Each takes its share of every batch (torch's DistributedDataParallel). For losses that are a mean over observed
    values the result is that of one process but for the last digits. Terms of another count are weighed as if gaps
    were even, weights that depend on a loss's terms (`dstfn`) are those of each process's own patches, and dropout
    draws anew in each. An error in one ends them all.

    Raises
    ------
    InputError
        As `learn` does.
    RuntimeError
        If a process fails in another way; with its last lines.
    """
    with tempfile.TemporaryDirectory(prefix="stfuse-") as name:
        folder = Path(name)
        arguments: dict[str, Any] = {
            "samples": list(samples),
            "method": dict(method),
            "bands": list(bands),
            "variable": variable,
        }
        arguments |= {"seed": seed, "checkpoints": str(checkpoints), "minutes": minutes}
        logs = [h.baseFilename for h in logging.getLogger().handlers if isinstance(h, logging.FileHandler)]
        job = {"learn": arguments, "folder": name, "log": logs[0] if logs else None, "starter": os.getpid()}
        (folder / "job.json").write_text(json.dumps(job))
        said = _launch(processes, folder)
        _raise_first(folder)
        if not (folder / "state.npz").exists():
            raise RuntimeError(f"The {processes} processes of the training ended without a result.\n{said}")
        with np.load(folder / "state.npz", allow_pickle=False) as file:
            return {key: file[key] for key in file.files}


def _launch(processes: int, folder: Path) -> str:
    """Run the processes to their end; the last of what they printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())) // processes)
    paths = [str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(paths)}
    printed = folder / "printed.txt"
    with printed.open("wb") as file:
        # The bar is for who watches; the launcher's own complaints only for who must look for a fault.
        into = None if sys.stderr.isatty() else file
        process = subprocess.Popen(
            [*command, "-m", "stfuse.learning.distributed", str(folder / "job.json")],
            env=environment,
            stdout=file,
            stderr=into,
        )
        try:
            process.wait()
        finally:
            if process.poll() is None:  # this process was told to end
                process.terminate()
                process.wait()
    return printed.read_text(errors="replace")[-4000:]


def _raise_first(folder: Path) -> None:
    """Raise what went wrong first; the processes that waited for that one then failed in their turn."""
    found = [json.loads(path.read_text()) for path in folder.glob("error*.json")]
    for error in sorted(found, key=lambda error: (error["cure"] is None, error["time"])):
        if error["cure"] is not None:
            raise InputError(error["found"], error["cure"])
        raise RuntimeError(f"Process {error['rank']} of the training failed.\n{error['found']}")


def _end_with(starter: int) -> None:
    """End this process when the one that wants its result is gone: a killed job leaves nobody at work."""
    while True:
        time.sleep(WATCH)
        try:
            os.kill(starter, 0)
        except ProcessLookupError:
            os._exit(1)


def _take_part(job: Mapping[str, Any]) -> None:
    """Be one of the processes."""
    gpu = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if gpu else "gloo")
    folder, arguments = Path(job["folder"]), dict(job["learn"])
    state = learn(**{**arguments, "checkpoints": Path(arguments["checkpoints"])})
    if rank() == 0:
        with (folder / "part.npz").open("wb") as file:
            np.savez(file, **state)  # type: ignore[arg-type]
        (folder / "part.npz").replace(folder / "state.npz")
    torch.distributed.destroy_process_group()


def main(path: str) -> int:
    """One process of a training; what went wrong in it is left in a file for the one that started it."""
    job, number = json.loads(Path(path).read_text()), int(os.environ["RANK"])
    # One line of each kind in the log, not one for each process.
    level, form = logging.INFO if number == 0 else logging.ERROR, "%(asctime)s %(name)s %(message)s"
    logging.basicConfig(filename=job["log"], level=level, format=form)
    threading.Thread(target=_end_with, args=[job["starter"]], daemon=True).start()
    try:
        _take_part(job)
    except Exception as error:
        found, cure = (
            (error.found, error.cure)
            if isinstance(error, InputError)
            else ("".join(traceback.format_exception(error)), None)
        )
        said = json.dumps({"found": found, "cure": cure, "rank": number, "time": time.time()})
        (Path(job["folder"]) / f"error{number}.json").write_text(said)
        return 1
    return 0


if __name__ == "__main__":
    # Not `sys.exit`: a process whose peers hang in a call of the group must not wait for them.
    code = main(sys.argv[1])
    logging.shutdown()
    os._exit(code)
