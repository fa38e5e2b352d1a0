import contextlib

import pytest
import torch
from torch import nn

from stfuse.learning.devices import bfloat16_here, choose_precision, device, placed, steady


@pytest.mark.parametrize(
    ("kind", "wanted", "bfloat16", "expected"),
    [
        ("cuda", "auto", True, torch.bfloat16),
        ("cuda", "auto", False, torch.float16),
        ("cuda", "full", True, torch.float32),
        ("cuda", "full", False, torch.float32),
        ("cpu", "auto", True, torch.float32),
        ("cpu", "full", False, torch.float32),
    ],
)
def test_what_a_device_reckons_in(kind, wanted, bfloat16, expected):
    assert choose_precision(kind, wanted, bfloat16) == expected


def test_a_cpu_is_not_asked_for_bfloat16():
    assert not bfloat16_here(torch.device("cpu"))


def test_without_a_gpu_the_cpu_is_taken(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device() == torch.device("cpu")


def test_filters_are_laid_out_by_channels():
    network = placed(nn.Conv2d(3, 4, 3), torch.device("cpu"))
    assert network.weight.is_contiguous(memory_format=torch.channels_last)


def settings():
    parts = (torch.backends.cudnn.conv, torch.backends.cudnn.rnn, torch.backends.cuda.matmul)
    return [torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), *(p.fp32_precision for p in parts)]


@pytest.mark.parametrize("wanted", ["auto", "full"])
def test_torch_is_held_and_let_go_as_it_was_even_after_an_error(monkeypatch, wanted):
    before, generator = settings(), torch.get_rng_state()
    monkeypatch.setenv("OMP_NUM_THREADS", str(before[1] + 1))
    with contextlib.suppress(KeyError), steady(torch.device("cpu"), wanted):
        assert torch.are_deterministic_algorithms_enabled() and torch.get_num_threads() == before[1] + 1
        assert ("ieee" in settings()[2:]) == (wanted == "full")
        torch.manual_seed(5)
        raise KeyError
    assert settings() == before and torch.equal(torch.get_rng_state(), generator)
