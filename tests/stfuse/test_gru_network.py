import numpy as np
import pytest
import torch

from stfuse.networks.gru import SeriesGRU


def count(module):
    return sum(p.numel() for p in module.parameters())


def inputs(lengths, features=4, base=False, seed=0):
    """Random steps, padded with NaN to the longest."""
    rng = np.random.default_rng(seed)
    out = np.full((len(lengths), features + base, max(lengths), 1), np.nan, np.float32)
    for one, length in zip(out, lengths, strict=True):
        one[:, :length] = rng.normal(size=(features + base, length, 1))
    return torch.from_numpy(out)


def small(residual=False, draws=1, dropout=0.0):
    torch.manual_seed(0)
    return SeriesGRU(4, hidden=6, depth=2, width=5, dropout=dropout, residual=residual, draws=draws)


def test_the_paper_s_network_has_its_parameters():
    network = SeriesGRU(4)
    assert count(network.gru) == 2_958_336
    assert count(network) == count(SeriesGRU(4, residual=True)) == 3_024_769
    assert [tuple(layer.weight.shape) for layer in (network.enter, network.between, network.leave)] == [
        (128, 4),
        (128, 512),
        (1, 128),
    ]
    assert network.gru.dropout == 0.3 and network.gru.bidirectional and network.gru.num_layers == 3


def test_every_step_is_answered_between_0_and_1():
    with torch.no_grad():
        said = small().eval()(inputs([3, 7]))
    assert said.shape == (2, 1, 7, 1)
    assert torch.all((said[0, 0, :3] > 0) & (said[0, 0, :3] < 1)) and torch.all(said[0, 0, 3:] == 0)


@pytest.mark.parametrize("residual", [False, True])
def test_padding_changes_nothing(residual):
    network = small(residual).eval()
    torch.nn.init.normal_(network.leave.weight)
    both = inputs([5, 9], base=residual)
    with torch.no_grad():
        together = network(both)
        for n, length in enumerate([5, 9]):
            alone = network(both[n : n + 1, :, :length])
            torch.testing.assert_close(together[n : n + 1, :, :length], alone, rtol=0, atol=1e-6)
        more = torch.cat([both, torch.full_like(both[:, :, :4], torch.nan)], dim=2)
        torch.testing.assert_close(network(more)[:, :, :9], together, rtol=0, atol=1e-6)


def test_both_directions_and_the_order_count():
    network, one = small().eval(), inputs([6])
    with torch.no_grad():
        said = network(one)
        for step in (0, 5):
            other = one.clone()
            other[:, :, step] += 1
            assert torch.all(network(other)[0, 0] != said[0, 0])  # a step reaches all others


def test_a_residual_network_begins_with_what_it_adds_to():
    network, one = small(residual=True).eval(), inputs([4], base=True)
    with torch.no_grad():
        torch.testing.assert_close(network(one)[:, 0], torch.sigmoid(one[:, 4]))


def test_first_states_are_drawn_in_training_and_fixed_in_use():
    network, one = small(), inputs([4, 4])
    one[1] = one[0]
    with torch.no_grad():
        assert not torch.equal(network(one), network(one))
        assert not torch.equal(*network(one))  # each sequence of a batch has its own
        torch.manual_seed(3)
        first = network.eval()(one)
        torch.manual_seed(4)
        assert torch.equal(network(one), first) and torch.equal(*first)


def test_several_draws_are_averaged_and_none_is_zero():
    one = inputs([5])
    with torch.no_grad():
        network = small(draws=2).eval()
        both = network(one)
        zero = torch.zeros(4, 1, 6)
        drawn = [torch.randn(4, 1, 6, generator=torch.Generator().manual_seed(n)) for n in range(2)]
        said = []
        for state in (zero, *drawn):
            entered = torch.relu(network.enter(one[..., 0].transpose(1, 2)))
            found = network.leave(torch.relu(network.between(network.gru(entered, state)[0])))
            said.append(torch.sigmoid(found).transpose(1, 2)[..., None])
        torch.testing.assert_close(both, (said[1] + said[2]) / 2)
        network.draws = 0
        torch.testing.assert_close(network(one), said[0])


def test_a_sequence_of_no_step_harms_no_other():
    two = inputs([4, 4])
    two[1] = torch.nan
    network = small().eval()
    with torch.no_grad():
        torch.testing.assert_close(network(two)[:1], network(two[:1]))
        assert torch.isfinite(network(two)).all()


def test_a_network_that_has_run_off_says_nothing():
    network = small().eval()
    torch.nn.init.constant_(network.leave.bias, 1e6)
    with torch.no_grad():
        assert torch.isnan(network(inputs([3]))).all()
