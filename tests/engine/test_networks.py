"""The flat network: its handwritten backward pass against autograd, its views, and the products behind it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.flat_mlp import PLAIN, FlatMLP
from engine.networks import MLP
from engine.products import _fused, fused_available, linear, linear_swish, product


def problem(sizes: tuple[int, ...], rows: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(rows, sizes[0], generator=draw, dtype=dtype)
    return x, torch.randn(rows, sizes[-1], generator=draw, dtype=dtype), torch.rand(rows, 1, generator=draw, dtype=dtype)


def by_autograd(network: FlatMLP, x: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    flat = network.weights.clone().requires_grad_()
    oracle = FlatMLP(network.sizes, network.activation, dtype=network.dtype)
    oracle.adopt(flat)
    loss = (weight * (oracle.forward(x) - target) ** 2).sum(1).mean()
    loss.backward()
    assert flat.grad is not None
    return loss.detach(), flat.grad


@pytest.mark.parametrize("activation", sorted(PLAIN))
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_backward_equals_autograd(activation: str, dtype: torch.dtype, tolerance: float) -> None:
    sizes = (5, 24, 40, 16, 3)
    network = FlatMLP(sizes, activation, dtype=dtype)
    network.initialise(np.random.default_rng(0))
    network.layers[-1][0].copy_(torch.linspace(-1, 1, 48, dtype=dtype).view(3, 16))
    data = problem(sizes, 37, dtype)
    loss = network.loss_and_gradient(*data)
    expected_loss, expected = by_autograd(network, *data)
    assert abs(float(loss - expected_loss)) <= tolerance * float(expected_loss)
    assert float((network.gradient - expected).abs().max()) <= tolerance * float(expected.abs().max())


def test_large_layers_equal_autograd() -> None:
    """Sizes at which oneDNN does the products."""
    sizes = (50, 128, 128, 2)
    network = FlatMLP(sizes, "silu")
    network.initialise(np.random.default_rng(0))
    network.layers[-1][0].fill_(0.1)
    data = problem(sizes, 512, torch.float32)
    network.loss_and_gradient(*data)
    _, expected = by_autograd(network, *data)
    assert float((network.gradient - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def test_second_batch_of_another_size() -> None:
    sizes = (4, 8, 2)
    network = FlatMLP(sizes, "silu", dtype=torch.float64)
    network.initialise(np.random.default_rng(0))
    for rows in (3, 11, 3):
        data = problem(sizes, rows, torch.float64)
        loss = network.loss_and_gradient(*data)
        assert float(loss) == pytest.approx(float(by_autograd(network, *data)[0]), rel=1e-12)


def test_views_share_the_flat_tensor() -> None:
    network = FlatMLP((3, 5, 2), "tanh")
    network.weights.fill_(2.0)
    assert all(bool((part == 2.0).all()) for layer in network.layers for part in layer)
    assert all(part.data_ptr() % 64 == network.weights.data_ptr() % 64 for layer in network.layers for part in layer)


def test_unknown_activation_is_refused() -> None:
    network = FlatMLP((3, 5, 2), "step")
    with pytest.raises(ValueError, match="step"):
        network.loss_and_gradient(*problem((3, 5, 2), 4, torch.float32))


@pytest.mark.parametrize("dimension", [2, 3])
def test_sizes_count_and_start(dimension: int) -> None:
    struct = MLP(width=32, depth=2, space_features=3, time_features=4)
    assert struct.inputs(dimension) == dimension * 7 + 8
    network = struct.build(dimension)
    assert struct.parameters(dimension) == sum(part.numel() for layer in network.layers for part in layer)
    assert struct.flat_length(dimension) == len(network.weights)
    network.initialise(np.random.default_rng(0))
    assert bool((network.forward(torch.randn(5, struct.inputs(dimension))) == 0).all())


def test_products_agree_with_the_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(3)
    x, w, b = (torch.randn(*shape, generator=draw) for shape in ((512, 96), (96, 96), (96,)))
    out = torch.empty(512, 96)
    results = []
    for fused in (fused_available(), False):
        monkeypatch.setattr("engine.products.fused_available", lambda fused=fused: fused)
        results.append(
            [linear(x, w, b, out).clone(), linear_swish(x, w, b), product(x, w, out).clone(), product(x.t(), x, torch.empty(96, 96))]
        )
    for fast, plain in zip(*results, strict=True):
        assert torch.allclose(fast, plain, rtol=0, atol=1e-5 * float(plain.abs().max()))


def test_a_wrong_product_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    fused_available.cache_clear()
    monkeypatch.setattr("engine.products._fused", lambda *arguments: _fused(*arguments) + 0.01)
    assert not fused_available()
    monkeypatch.undo()
    fused_available.cache_clear()
