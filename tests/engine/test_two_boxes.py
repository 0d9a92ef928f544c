"""Two uniform boxes and latent noise on a line, against quadrature; Gaussians as rows of rounder ones, against their own density."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.densities.mixture import GaussianMixture
from engine.fields.lines import in_lines, nodes_of
from engine.fields.two_boxes import NARROW, two_boxes
from engine.randomness import generator

NODES, SHARES = (torch.as_tensor(0.5 * values) for values in np.polynomial.legendre.leggauss(120))
WIDTHS = [
    (1.0, 0.7, 0.3),
    (0.3, 1.2, 0.1),
    (1.0, 0.04, 0.5),
    (0.03, 0.02, 0.5),
    (0.0, 0.6, 0.4),
    (0.7, 0.0, 0.4),
    (0.0, 0.0, 0.4),
    (0.5 * NARROW * 1.001, 0.6, 0.5),
    (0.5 * NARROW * 0.999, 0.6, 0.5),
]


@pytest.mark.parametrize(("f", "g", "latent"), WIDTHS)
def test_density_and_moments_are_the_integrals(f: float, g: float, latent: float) -> None:
    """k, k E[s|z]/f, k E[r|z]/g by 120 x 120 Gauss-Legendre nodes, to 1e-10 of k; -k' by autograd, to 1e-9 of k/gamma."""
    z = torch.linspace(-2.5, 2.5, 41, dtype=torch.float64).requires_grad_()
    found = two_boxes(z, f, g, latent)
    xi = (z[:, None, None] - f * NODES[:, None] - g * NODES) / latent
    parts = torch.exp(-0.5 * xi**2) / (latent * math.sqrt(2.0 * math.pi)) * SHARES[:, None] * SHARES
    exact = parts.sum(dim=(1, 2))
    for value, whole in (
        (found.density, exact),
        (found.first, (parts * NODES[:, None]).sum(dim=(1, 2))),
        (found.second, (parts * NODES).sum(dim=(1, 2))),
    ):
        assert ((value - whole).abs() / exact).max() < 1e-10
    slope = torch.autograd.grad(found.density.sum(), z)[0]
    assert ((found.pull + slope).abs() / exact).max() * latent < 1e-9


@pytest.mark.parametrize(("f", "g"), [(1.0, 0.3), (0.2, 0.9), (0.5, 0.5)])
def test_without_noise_it_is_a_trapezoid(f: float, g: float) -> None:
    """Mass 1, second moment (f^2 + g^2)/12, z = E[s|z] + E[r|z] inside; the limit of little noise to 1e-6."""
    z = torch.linspace(-1.0, 1.0, 20_001, dtype=torch.float64)
    found = two_boxes(z, f, g, 0.0)
    assert torch.trapezoid(found.density, z).item() == pytest.approx(1.0, abs=1e-7)
    assert torch.trapezoid(found.density * z**2, z).item() == pytest.approx((f * f + g * g) / 12.0, abs=1e-7)
    assert (f * found.first + g * found.second - z * found.density).abs().max() < 1e-14
    near = two_boxes(z, f, g, 1e-7)
    for one, other in zip(found[::2], near[::2], strict=True):
        assert (one - other).abs().max() < 1e-6


def test_tails_keep_their_digits() -> None:
    """At 20 gamma beyond both boxes: log k to 1e-9 against log-space nodes."""
    z = torch.tensor([0.5 * (1.0 + 0.7) + 20.0 * 0.1, -0.5 * (1.0 + 0.7) - 20.0 * 0.1], dtype=torch.float64)
    nodes, shares = (torch.as_tensor(0.5 * values) for values in np.polynomial.legendre.leggauss(400))
    xi = (z[:, None, None] - 1.0 * nodes[:, None] - 0.7 * nodes) / 0.1
    logs = (-0.5 * xi**2 + shares.log()[:, None] + shares.log()).flatten(1)
    exact = torch.logsumexp(logs, dim=1) - math.log(0.1 * math.sqrt(2.0 * math.pi))
    assert (two_boxes(z, 1.0, 0.7, 0.1).density.log() - exact).abs().max() < 1e-9


@pytest.mark.parametrize("d", [2, 3])
def test_a_row_of_round_gaussians_is_the_slanting_one(d: int) -> None:
    """Density to 1e-7 of itself at 200 draws, mean and covariance to 1e-7; variances of 1 : 1.2 and 1 : 20 apart."""
    rng = generator(0)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    covariances = [turn * np.linspace(0.05, 0.06, d) @ turn.T, turn * np.geomspace(0.05, 1.0, d) @ turn.T]
    slanting = GaussianMixture(rng.standard_normal((2, d)), covariances=covariances, weights=[0.3, 0.7])
    row = in_lines(slanting)
    assert row.stds is not None
    assert row.count <= 2 * nodes_of(slanting)
    x = slanting.sample(200, rng)
    assert np.abs(row.log_prob(x) - slanting.log_prob(x)).max() < 1e-7
    assert np.abs(row.mean() - slanting.mean()).max() < 1e-7
    assert np.abs(row.covariance() - slanting.covariance()).max() < 1e-7
    straight = GaussianMixture(rng.standard_normal((2, d)), stds=0.3)
    assert in_lines(straight) is straight
    assert nodes_of(straight) == 1
