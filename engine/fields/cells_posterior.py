"""The posterior of a raster of uniform cells along a Gaussian path: E[z | x_t = x], the score and log p_t, in closed form.

A cell's factor per axis is the mean of phi(xi), xi = (x - alpha z)/beta, over the cell: [Phi(xi_low) - Phi(xi_high)]/delta with
delta = alpha |cell| / beta. Cells are separable, so for n points on an h x w raster everything is two matrix products:

    p_t(x) = sum_ij w_ij G_ni F_nj / beta^2,    E[z_x | x] = sum_ij w_ij G_ni (first moment)_nj / (the same without the moment).

Two forms of the factors keep full precision: where delta is small (early: the cell is small against the noise) Gauss-Legendre
nodes, because a difference of Phi would cancel, and the moment is that of z; where it is large the difference itself, by erfc of |xi|
so that both tails keep their digits, and the moment is that of xi, because x - alpha z would cancel. Points so far from any ink
that the products underflow are done again in log space by erfcx, over the inked cells that can matter. Source: MATHS section 2.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from engine.densities.cells import Cells
from engine.fields.separable import OnAxes
from engine.ops import Scalar, log, plain

_CHUNK = 1 << 19
_ROOT_HALF = math.sqrt(0.5)
_FAR_SMALL = 0.05
_PHI_0 = 1.0 / math.sqrt(2.0 * math.pi)


@lru_cache
def _nodes(count: int) -> tuple[tuple[float, float], ...]:
    """Gauss-Legendre nodes on [-1/2, 1/2] and their shares."""
    nodes, shares = np.polynomial.legendre.leggauss(count)
    return tuple(zip((0.5 * nodes).tolist(), (0.5 * shares).tolist(), strict=True))


class CellsPosterior:
    """E[z|x], score and log p_t for ``Cells`` in standardised coordinates."""

    def __init__(self, cells: Cells, device: torch.device, dtype: torch.dtype) -> None:
        cells = cells.trimmed()
        top = float(cells.weights.max())
        self._log_top = math.log(top)
        self._weights = torch.as_tensor(cells.weights / top, device=device, dtype=dtype)
        h, w = cells.weights.shape
        self._low: tuple[Scalar, Scalar] = (float(cells.low[0]), float(cells.low[1]))
        self._size: tuple[Scalar, Scalar] = (float(cells.cell[0]), float(cells.cell[1]))
        self._count = (w, h)
        row, column = np.nonzero(cells.weights)
        self._place = torch.as_tensor(np.stack([column, row], axis=1), device=device, dtype=torch.float64)
        self._light = np.log(cells.weights[row, column] / top)
        self._log_weights = torch.as_tensor(self._light, device=device)
        single = dtype == torch.float32
        # below this delta nodes serve; the error of each form is below the dtype's own on both sides
        self._small = 0.25 if single else 0.05
        self._single = single
        # where the products underflow, and how many nats below the largest term a cell may be left out
        self._faint, self._depth = (1e-25, 25.0) if single else (1e-250, 45.0)

    def __call__(self, x: Tensor, alpha: Scalar, beta: Scalar) -> tuple[Tensor, Tensor]:
        """(D, -score), (n, 2) each."""
        parts = [self._moments(part, alpha, beta) for part in self._split(x)]
        return torch.cat([data for _, data, _ in parts]), torch.cat([pull for _, _, pull in parts])

    def log_prob(self, x: Tensor, alpha: Scalar, beta: Scalar) -> Tensor:
        """log p_t(x), nats, (n,)."""
        return torch.cat([self._moments(part, alpha, beta)[0] for part in self._split(x)])

    def moments(self, x: Tensor, alpha: Scalar, beta: Scalar, far: bool = True) -> tuple[Tensor, Tensor, Tensor]:
        """log p_t (n,), D (n, 2) and -score (n, 2); with ``far=False`` log p_t may be -inf where it is below ``floor``."""
        parts = [self._moments(part, alpha, beta, far) for part in self._split(x)]
        log_prob, data, pull = (torch.cat(column) for column in zip(*parts, strict=True))
        return log_prob, data, pull

    @property
    def separable(self) -> bool:
        """Whether ``on_axes`` can be asked."""
        return True

    def on_axes(self, axes: Sequence[Tensor], alpha: Scalar, beta: Scalar, moments: bool = True) -> OnAxes:
        """p_t (0 where it underflows), D and -score on the grid of places axes[0] (n,) by axes[1] (m,), and where they are known."""
        (along, along_moment, along_shift), (up, up_moment, up_shift) = (self._factors(axes[k], k, alpha, beta) for k in range(2))
        inked = self._weights.T @ up.T
        mass = along @ inked
        density = mass * torch.exp(self._constant(beta) - along_shift[:, None] - up_shift)
        known = mass > self._faint
        if not moments:
            return OnAxes(density, None, None, known)
        firsts = along_moment @ inked, along @ (self._weights.T @ up_moment.T)
        mass = torch.where(known, mass, torch.ones_like(mass))
        places = axes[0][:, None], axes[1][None, :]
        parts = [self._along_axis(places[axis], firsts[axis] / mass, axis, alpha, beta, self._small) for axis in range(2)]
        return OnAxes(density, torch.stack([data for data, _ in parts], dim=-1), torch.stack([pull for _, pull in parts], dim=-1), known)

    def moments_of_axes(self, x: Tensor, alpha: Scalar, betas: list[Scalar], far: bool = True) -> tuple[Tensor, Tensor, Tensor]:
        """``moments`` where each axis has a blur of its own: the second axis is stretched until both are alike."""
        ratio, stretched = betas[0] / betas[1], self._stretched(betas)
        if stretched is self:
            return self.moments(x, alpha, betas[0], far)
        log_prob, data, pull = stretched.moments(torch.stack([x[:, 0], x[:, 1] * ratio], dim=1), alpha, betas[0], far)
        data, pull = torch.stack([data[:, 0], data[:, 1] / ratio], dim=1), torch.stack([pull[:, 0], pull[:, 1] * ratio], dim=1)
        return log_prob + log(ratio), data, pull

    def on_axes_of(self, axes: Sequence[Tensor], alpha: Scalar, betas: list[Scalar], moments: bool = True) -> OnAxes:
        """``on_axes`` where each axis has a blur of its own."""
        ratio, stretched = betas[0] / betas[1], self._stretched(betas)
        if stretched is self:
            return self.on_axes(axes, alpha, betas[0], moments)
        density, data, pull, known = stretched.on_axes([axes[0], axes[1] * ratio], alpha, betas[0], moments)
        if data is None or pull is None:
            return OnAxes(density * ratio, None, None, known)
        data, pull = torch.stack([data[..., 0], data[..., 1] / ratio], dim=-1), torch.stack([pull[..., 0], pull[..., 1] * ratio], dim=-1)
        return OnAxes(density * ratio, data, pull, known)

    def _stretched(self, betas: list[Scalar]) -> CellsPosterior:
        """The raster with its second axis in units in which the blur is betas[0]; itself where both blurs are alike."""
        if plain(betas[0]) == plain(betas[1]):
            return self
        ratio, other = betas[0] / betas[1], copy.copy(self)
        other.__dict__.pop("_tree", None)
        other._low, other._size = (self._low[0], self._low[1] * ratio), (self._size[0], self._size[1] * ratio)
        return other

    def floor(self, beta: Scalar) -> float:
        """log p_t above which all that matters is there without the terms in log space."""
        return math.log(self._faint) + self._depth + plain(self._constant(beta))

    def by_cell(self, x: Tensor, alpha: Scalar, beta: Scalar) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """What each cell has to do with one point x (2,), float64: p(cell | x_t = x) (h, w), which sum to 1; and per axis, because cells
        are separable, E[z | x, cell] and E[eps | x, cell] / beta of its columns (w,) and rows (h,): means of a truncated Gaussian.

        The cells are those of the inked rectangle, row 0 at the bottom.
        """
        logs, datas, pulls = [], [], []
        for axis in range(2):
            index = torch.arange(self._count[axis], device=x.device, dtype=torch.float64)
            place = x[axis].double().expand(len(index))
            factor, moment = self._log_factor(place, index, axis, alpha, beta)
            data, pull = self._along_axis(place, moment, axis, alpha, beta, _FAR_SMALL)
            logs.append(factor)
            datas.append(data)
            pulls.append(pull)
        logit = logs[1][:, None] + logs[0] + self._weights.double().log()
        shares = torch.softmax(logit.flatten(), dim=0).view_as(logit)
        return shares, (datas[0], datas[1]), (pulls[0], pulls[1])

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        return torch.split(x, max(1, _CHUNK // (max(self._count) + 1)))

    def _by_nodes(self, axis: int, alpha: Scalar, beta: Scalar, small: float) -> bool:
        return plain(alpha) * plain(self._size[axis]) < small * plain(beta)

    def _moments(self, x: Tensor, alpha: Scalar, beta: Scalar, far: bool = True) -> tuple[Tensor, Tensor, Tensor]:
        """log p_t (n,), D (n, 2), -score (n, 2)."""
        along, along_moment, along_shift = self._factors(x[:, 0], 0, alpha, beta)
        up, up_moment, up_shift = self._factors(x[:, 1], 1, alpha, beta)
        inked = up @ self._weights
        mass = (inked * along).sum(dim=1)
        faint = ~(mass > self._faint)
        mass = torch.where(faint, torch.ones_like(mass), mass)
        first = torch.stack([(inked * along_moment).sum(dim=1), ((up_moment @ self._weights) * along).sum(dim=1)], dim=1) / mass[:, None]
        data, pull = self._data_and_pull(x, first, alpha, beta, self._small)
        log_prob = mass.log() - along_shift - up_shift + self._constant(beta)
        if not far:
            log_prob = log_prob.masked_fill(faint, -math.inf)
        elif bool(faint.any()):
            # what has run away to infinity has no nearest ink
            lost = ~torch.isfinite(x).all(dim=1)
            pull = pull.masked_fill(lost[:, None], math.nan)
            where = (faint & ~lost).nonzero()[:, 0]
            again = self._far_moments(x[where].double(), alpha, beta)
            log_prob, data, pull = (
                whole.index_copy(0, where, part.to(x.dtype)) for whole, part in zip((log_prob, data, pull), again, strict=True)
            )
        return log_prob, data, pull

    def _constant(self, beta: Scalar) -> Scalar:
        log_beta = beta.log() if isinstance(beta, Tensor) else math.log(beta)
        return self._log_top - 2.0 * log_beta + 2.0 * math.log(_PHI_0)

    def _data_and_pull(self, x: Tensor, first: Tensor, alpha: Scalar, beta: Scalar, small: float) -> tuple[Tensor, Tensor]:
        """D and -score = E/beta from the first moments, each axis's of z or of xi, by x = alpha D + beta E."""
        parts = [self._along_axis(x[:, axis], first[:, axis], axis, alpha, beta, small) for axis in range(2)]
        return torch.stack([data for data, _ in parts], dim=1), torch.stack([pull for _, pull in parts], dim=1)

    def _along_axis(self, place: Tensor, moment: Tensor, axis: int, alpha: Scalar, beta: Scalar, small: float) -> tuple[Tensor, Tensor]:
        """E[z] and E[eps]/beta of one axis from its first moment, of z or of xi as ``_by_nodes`` says."""
        if self._by_nodes(axis, alpha, beta, small):
            return moment, (place - alpha * moment) / (beta * beta)
        return (place - beta * moment) / alpha, moment / beta

    def _factors(self, x: Tensor, axis: int, alpha: Scalar, beta: Scalar) -> tuple[Tensor, Tensor, Tensor]:
        """Mean of sqrt(2 pi) phi over each cell, that times z or xi, (n, cells) each, both times e^shift; and shift (n,)."""
        low, size, count = self._low[axis], self._size[axis], self._count[axis]
        index = torch.arange(count + 1, device=x.device, dtype=x.dtype)
        if self._by_nodes(axis, alpha, beta, self._small):
            # what lies outside the raster is measured from its rim
            outside = (x - alpha * low).clamp(max=0.0) + (x - alpha * (low + size * count)).clamp(min=0.0)
            shift = 0.5 * (outside / beta) ** 2
            factor, moment = torch.zeros(1, device=x.device, dtype=x.dtype), torch.zeros(1, device=x.device, dtype=x.dtype)
            # in float32 two nodes serve while delta is below 0.08: their error is of the order of delta^4 xi^4 / 4000
            fewer = plain(alpha) * plain(size) < 0.08 * plain(beta)
            for node, share in _nodes(2 if self._single and fewer else 3 if self._single else 5):
                z = low + size * (index[:-1] + (0.5 + node))
                xi = (x / beta)[:, None] - (alpha / beta) * z
                weight = torch.exp(shift[:, None] - 0.5 * xi * xi) * share
                factor = factor + weight
                moment = moment + weight * z
            return factor, moment, shift
        xi = (x / beta)[:, None] - (alpha / beta) * (low + size * index)
        tail = torch.special.erfc(xi.abs() * _ROOT_HALF) * (0.5 / _PHI_0)
        signed = torch.where(xi > 0, -tail, tail)
        above = (xi > 0).to(x.dtype) / _PHI_0
        phi = torch.exp(-0.5 * xi * xi)
        over = beta / (alpha * size)
        factor = ((above[:, :-1] - above[:, 1:]) + (signed[:, :-1] - signed[:, 1:])) * over
        return factor, (phi[:, 1:] - phi[:, :-1]) * over, torch.zeros_like(x)

    def _far_moments(self, x: Tensor, alpha: Scalar, beta: Scalar) -> tuple[Tensor, Tensor, Tensor]:
        """The same as ``_moments`` in log space and float64, for points (n, 2) whose nearest ink is many beta away."""
        if not len(x):
            return x.new_zeros(0), x, x
        parts = [self._far_part(part, alpha, beta) for part in torch.split(x, 512)]
        log_prob, data, pull = (torch.cat(column) for column in zip(*parts, strict=True))
        return log_prob, data, pull

    def _far_part(self, x: Tensor, alpha: Scalar, beta: Scalar) -> tuple[Tensor, Tensor, Tensor]:
        point, cell = self._pairs(x.detach() / plain(alpha), plain(beta) / plain(alpha))
        log_x, mean_x = self._log_factor(x[point, 0], self._place[cell, 0], 0, alpha, beta)
        log_y, mean_y = self._log_factor(x[point, 1], self._place[cell, 1], 1, alpha, beta)
        logit = log_x + log_y + self._log_weights[cell]
        zero = torch.zeros(len(x), device=x.device, dtype=x.dtype)
        top = zero.scatter_reduce(0, point, logit.detach(), "amax", include_self=False)
        share = torch.exp(logit - top[point])
        mass = zero.index_add(0, point, share)
        first = torch.stack([zero.index_add(0, point, share * mean) / mass for mean in (mean_x, mean_y)], dim=1)
        data, pull = self._data_and_pull(x, first, alpha, beta, _FAR_SMALL)
        return mass.log() + top + self._constant(beta), data, pull

    def _pairs(self, x: Tensor, blur: float) -> tuple[Tensor, Tensor]:
        """Indices (point, cell) of every inked cell that can hold more than e^-depth of the point's posterior N(x, blur^2) x weight."""
        places = x.cpu().numpy()
        nearest, cell = self._tree.query(places)
        slack = 2.0 * blur**2 * (self._depth - self._light[cell])
        reach = np.sqrt(nearest**2 + slack) + math.hypot(*map(plain, self._size))
        found = self._tree.query_ball_point(places, reach)
        point = np.repeat(np.arange(len(places)), [len(cells) for cells in found])
        cells = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=len(point))
        return torch.as_tensor(point, device=x.device), torch.as_tensor(cells, device=x.device)

    @cached_property
    def _tree(self) -> cKDTree:
        low, size = ([plain(number) for number in pair] for pair in (self._low, self._size))
        return cKDTree(np.array(low) + np.array(size) * (self._place.cpu().numpy() + 0.5))

    def _log_factor(self, x: Tensor, index: Tensor, axis: int, alpha: Scalar, beta: Scalar) -> tuple[Tensor, Tensor]:
        """Log of the mean of sqrt(2 pi) phi over cell ``index``, and the mean of z or xi in it under phi, elementwise, float64."""
        low, size = self._low[axis], self._size[axis]
        if self._by_nodes(axis, alpha, beta, _FAR_SMALL):
            nodes, shares = np.polynomial.legendre.leggauss(5)
            z = low + size * (index[:, None] + torch.as_tensor(0.5 + 0.5 * nodes, device=x.device))
            xi = (x / beta)[:, None] - (alpha / beta) * z
            logit = torch.as_tensor(np.log(0.5 * shares), device=x.device) - 0.5 * xi * xi
            return torch.logsumexp(logit, dim=1), (torch.softmax(logit, dim=1) * z).sum(dim=1)
        high_end = x / beta - (alpha / beta) * (low + size * index)
        low_end = x / beta - (alpha / beta) * (low + size * (index + 1.0))
        straddles = (high_end > 0) & (low_end < 0)
        near = torch.where(straddles, torch.zeros_like(x), torch.minimum(high_end.abs(), low_end.abs()))
        far = torch.maximum(high_end.abs(), low_end.abs())
        # both ends on one side: e^(-near^2/2) [erfcx(near) - e^(-gap) erfcx(far)] / 2; else 1 less both tails
        faded = torch.exp(-0.5 * (far - near) * (far + near))
        one_side = torch.special.erfcx(near * _ROOT_HALF) - faded * torch.special.erfcx(far * _ROOT_HALF)
        both = 2.0 - torch.special.erfc(high_end.abs() * _ROOT_HALF) - torch.special.erfc(low_end.abs() * _ROOT_HALF)
        share = torch.where(straddles, both, one_side) * (0.5 / _PHI_0)
        slope = torch.where(
            straddles,
            torch.exp(-0.5 * low_end**2) - torch.exp(-0.5 * high_end**2),
            torch.where(high_end > 0, 1.0 - faded, faded - 1.0),
        )
        over = beta / (alpha * size)
        log_over = over.log() if isinstance(over, Tensor) else math.log(over)
        return share.log() - 0.5 * near**2 + log_over, slope / share
