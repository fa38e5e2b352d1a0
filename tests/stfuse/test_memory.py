import pytest
import torch
from torch import nn

from stfuse.learning import memory
from stfuse.learning.memory import available, budget, held_at_once, taken

CPU = torch.device("cpu")


def system(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal:       16000 kB\nMemFree: 100 kB\nMemAvailable:   8000 kB\n"}
LIMITED = {"sys/fs/cgroup/memory.max": "5000000\n", "sys/fs/cgroup/memory.current": "2000000\n"}
OLDER = {f"sys/fs/cgroup/memory/memory.{k}_in_bytes": v for k, v in (("limit", "4000000"), ("usage", "3000000"))}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (MEMINFO, 8_192_000),
        (MEMINFO | LIMITED, 3_000_000),
        (MEMINFO | LIMITED | {"sys/fs/cgroup/memory.max": "max\n"}, 8_192_000),
        (MEMINFO | OLDER, 1_000_000),
        (MEMINFO | LIMITED | {"sys/fs/cgroup/memory.max": "1000000\n"}, 0),
        ({}, 4_000_000_000),
    ],
)
def test_what_a_job_can_take_is_the_least_that_the_system_says(tmp_path, files, expected):
    assert available(system(tmp_path, files)) == expected


def test_feature_maps_take_a_share_of_the_memory_and_never_all_of_a_large_one(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**8)
    assert budget(CPU) == 25e6
    monkeypatch.setattr(memory, "available", lambda: 10**12)
    assert budget(CPU) == 2**26


def test_the_most_that_was_alive_at_once_is_measured():
    with held_at_once(CPU) as found:
        a = torch.zeros(1000)  # 4000 bytes
        b = a[10:500].view(-1, 7)  # the same memory
        c = a + 1
        del a, b, c
        d = torch.ones(500)
    assert found == [8000] and len(d) == 500


@pytest.mark.parametrize("inference", [True, False])
def test_a_pixel_takes_what_goes_in_and_what_comes_out(inference):
    network = nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 2, 1)).requires_grad_(False)
    with torch.inference_mode(inference):
        found = taken(network, (3, 20, 30), CPU)
    assert (3 + 16 + 16) * 4 <= found <= 1.2 * (3 + 16 + 16 + 3) * 4


def test_nothing_that_was_measured_stays_in_memory():
    network = nn.Conv2d(3, 16, 1).requires_grad_(False)
    assert taken(network, (3, 40, 40), CPU) == taken(network, (3, 40, 40), CPU)
