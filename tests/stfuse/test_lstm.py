import numpy as np
import pytest
import torch

from stfuse.networks import lstm
from stfuse.networks.lstm import PixelLSTM, begin_lstm


def network(bands: int = 6, dates: int = 2, seed: int = 0, **settings) -> PixelLSTM:
    return begin_lstm(PixelLSTM(dates * bands, bands, **settings), seed).eval()


def images(bands: int = 6, n: int = 1, size: int = 5) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(n, 2 * bands, size, size + 1)).astype(np.float32))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_equations(net: PixelLSTM, steps: np.ndarray) -> np.ndarray:
    """Yang et al. 2021, equations 5 to 10, for one pixel (date, band), layer after layer."""
    w = {name: value.detach().numpy().astype(np.float64) for name, value in net.named_parameters()}
    for layer in (0, 1):
        units = w[f"layers.weight_hh_l{layer}"].shape[1]
        h, c, seen = np.zeros(units), np.zeros(units), []
        for x in steps:
            gates = w[f"layers.weight_ih_l{layer}"] @ x + w[f"layers.bias_ih_l{layer}"]
            gates += w[f"layers.weight_hh_l{layer}"] @ h + w[f"layers.bias_hh_l{layer}"]
            enter, forget, candidate, leave = gates.reshape(4, units)
            c = sigmoid(forget) * c + sigmoid(enter) * np.tanh(candidate)
            h = sigmoid(leave) * np.tanh(c)
            seen.append(h)
        steps = np.array(seen)
    return w["dense.weight"] @ steps[-1] + w["dense.bias"]


@pytest.mark.parametrize(("bands", "dates", "count"), [(6, 2, 124_606), (6, 3, 124_606), (1, 2, 122_101)])
def test_the_network_has_the_published_parameter_count_whatever_the_number_of_dates(bands, dates, count):
    assert sum(p.numel() for p in network(bands, dates).parameters()) == count


def test_with_one_bias_a_gate_it_would_have_the_number_that_keras_shows():
    net = network()
    second = sum(p.numel() for name, p in net.named_parameters() if "bias_hh" in name)
    assert sum(p.numel() for p in net.parameters()) - second == 123_806
    assert all((p == 0).all() for name, p in net.named_parameters() if "bias_hh" in name)


@pytest.mark.parametrize("bands", [1, 2, 3, 6])
def test_it_says_what_the_equations_say(bands):
    net = network(bands, units=7)
    image = images(bands)
    with torch.inference_mode():
        said = net(image).numpy()
    assert said.shape == (1, bands, 5, 6)
    pixel = image[0, :, 3, 4].numpy().astype(np.float64).reshape(2, bands)
    np.testing.assert_allclose(said[0, :, 3, 4], by_equations(net, pixel), atol=1e-6)


def test_the_dates_are_told_apart():
    net, image = network(), images()
    with torch.inference_mode():
        swapped = net(torch.cat([image[:, 6:], image[:, :6]], dim=1))
        assert (net(image) - swapped).abs().max() > 0.01


def test_permuted_pixels_are_predicted_as_they_were():
    net, image = network(), images()
    order = torch.from_numpy(np.random.default_rng(1).permutation(30))
    shuffled = image.reshape(1, 12, 30)[:, :, order].reshape(1, 12, 5, 6)
    with torch.inference_mode():
        expected = net(image).reshape(1, 6, 30)[:, :, order]
        np.testing.assert_allclose(net(shuffled).reshape(1, 6, 30), expected, atol=1e-6)


def test_a_batch_of_one_gives_what_it_gives_among_others(monkeypatch):
    net, many = network(), images(n=4)
    with torch.inference_mode():
        together = net(many)
        for i in range(4):
            np.testing.assert_allclose(net(many[i : i + 1])[0], together[i], atol=1e-6)
        monkeypatch.setattr(lstm, "PIXELS_AT_ONCE", 7)
        np.testing.assert_allclose(net(many), together, atol=1e-6)


def test_cells_are_dropped_while_training_only():
    net, image = network(), images()
    torch.manual_seed(0)
    with torch.inference_mode():
        assert torch.equal(net(image), net(image))
        net.train()
        assert not torch.allclose(net(image), net(image))
        net.dropout.p = 0.0
        said = net(image)
        np.testing.assert_allclose(net.eval()(image), said, atol=1e-6)


def test_the_mean_of_many_dropped_networks_is_the_whole_one():
    """Dropout stands before the dense layer alone: there it keeps the mean, between the layers it would not."""
    net = network(dropout=0.5)
    image = images(size=2)
    torch.manual_seed(0)
    with torch.inference_mode():
        whole = net(image)
        net.train()
        mean = torch.stack([net(image) for _ in range(4000)]).mean(0)
    np.testing.assert_allclose(mean, whole, atol=0.02)


def test_weights_begin_as_in_keras():
    net = network()
    for layer, entering in ((net.layers.weight_ih_l0, 6), (net.layers.weight_ih_l1, 100)):
        limit = np.sqrt(6 / (entering + 400))
        assert 0.95 * limit < layer.abs().max() <= limit
        assert abs(layer.mean()) < 0.05 * limit
    recurring = net.layers.weight_hh_l0
    np.testing.assert_allclose((recurring.T @ recurring).detach(), np.eye(100), atol=1e-5)
    bias = net.layers.bias_ih_l1.detach().numpy().reshape(4, 100)
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 100).reshape(4, 100))
    assert (net.dense.bias == 0).all()


def test_four_patches_are_learnt_by_heart():
    rng = np.random.default_rng(0)
    shown, goal = (torch.from_numpy(rng.normal(size=(4, c, 3, 3)).astype(np.float32)) for c in (12, 6))
    net = network(dropout=0.0).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(200):
        optimiser.zero_grad()
        loss = (net(shown) - goal).square().mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < 1e-3


def test_the_seed_decides_how_weights_begin():
    first, again, other = network(seed=3), network(seed=3), network(seed=4)
    for (name, a), b, c in zip(first.named_parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert "bias" in name or not torch.equal(a, c)


def test_a_broken_number_of_dates_is_refused():
    with pytest.raises(ValueError, match="2 channels for each date, found 5"):
        PixelLSTM(5, 2)
