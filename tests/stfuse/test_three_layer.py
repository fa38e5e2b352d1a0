import pytest

from stfuse.networks.beginning import initialise
from stfuse.networks.three_layer import three_layer


@pytest.mark.parametrize(
    ("channels", "bands", "count"),
    [(1, 1, 57_281), (6, 6, 87_206), (6, 2, 84_002), (14, 7, 129_479), (26, 7, 191_687)],
)
def test_the_three_layer_net_has_the_published_parameter_count(channels, bands, count):
    assert sum(p.numel() for p in three_layer(channels, bands).parameters()) == count


def test_the_paper_beginning_draws_every_layer_alike():
    network = three_layer(6, 6)
    initialise(network, 0, "normal")
    for name, value in network.named_parameters():
        spread = value.std().item()
        assert spread == pytest.approx(0.01, rel=0.1) if name.endswith("weight") else spread == 0
