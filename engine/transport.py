"""Optimal transport between two equally large clouds: the best permutation, and the entropic plan.

Costs are squared distances in float64. POT's network simplex and numpy's products release the GIL, so several run side by side.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem

Floats = NDArray[np.float64]

OPTIMAL = 1
"""What POT's solver returns when it has finished."""


def squared_distances(x: Floats, y: Floats) -> Floats:
    """|x_i - y_j|^2, (n, m), by one matrix product, after moving both to their common centre so that little is lost to rounding."""
    centre = 0.5 * (x.mean(axis=0) + y.mean(axis=0))
    x, y = x - centre, y - centre
    cost: Floats = x @ (-2.0 * y.T)
    cost += np.einsum("ij,ij->i", x, x)[:, None]
    cost += np.einsum("ij,ij->i", y, y)
    return np.maximum(cost, 0.0, out=cost)


def best_permutation(x: Floats, y: Floats) -> NDArray[np.intp]:
    """p with sum_i |x_i - y_p(i)|^2 least, (n,), for x and y (n, d): the exact optimal transport of the two empirical measures.

    3 ms at n = 256, 19 ms at 512, 95 ms at 1,024. The simplex ends in a vertex of Birkhoff's polytope, which is a permutation; where
    POT's compiled solver is not to be had, or did not finish, scipy's assignment finds the same.
    """
    cost = squared_distances(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    plan = _simplex(cost)
    if plan is not None:
        found = plan.argmax(axis=1)
        if len(np.unique(found)) == len(found):
            return np.asarray(found, dtype=np.intp)
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(cost)[1], dtype=np.intp)


def _simplex(cost: Floats) -> Floats | None:
    """The plan of POT's network simplex without the checks around it (``ot.emd`` gives the same); None if there is none."""
    try:
        from ot.lp.emd_wrap import emd_c
    except ImportError:
        return None
    mass = np.full(len(cost), 1.0 / len(cost))
    try:
        plan, _, _, _, code = emd_c(mass, mass, cost, 10_000_000, 1)
    except (TypeError, ValueError):  # another POT with other arguments
        return None
    return np.asarray(plan, dtype=np.float64) if code == OPTIMAL else None


def entropic_plan(x: Floats, y: Floats, epsilon: float, tolerance: float = 1e-4, most: int = 20_000) -> Floats:
    """The plan P (n, m) that minimises <P, C> + epsilon KL(P || 1/n x 1/m), C_ij = |x_i - y_j|^2, by log-stabilised Sinkhorn.

    P_ij = exp((f_i + g_j - C_ij) / epsilon) / (n m). Scalings u, v are found by matrix products and moved into the potentials f, g before
    they leave float64's range (Schmitzer 1610.06519); epsilon comes down from the size of the costs by halves. Rows sum to 1/n to
    rounding; the columns' sums differ from 1/m by the share ``tolerance`` on average. Raises Problem when ``most`` rounds do not reach it:
    epsilon is too small for these points.
    """
    cost = squared_distances(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    potentials = np.zeros(cost.shape[0]), np.zeros(cost.shape[1])
    stage = max(float(cost.mean()), epsilon)
    while stage > epsilon:
        potentials = _sinkhorn(cost, *potentials, stage, 0.1, 100)[:2]
        stage *= 0.5
    f, g, met = _sinkhorn(cost, *potentials, epsilon, tolerance, most)
    if not met:
        raise Problem(f"Sinkhorn's iterations did not meet the marginals in {most:,} rounds: σ is too small for these points.")
    f = -epsilon * (_log_sum((g - cost) / epsilon, axis=1) - math.log(len(g)))
    return np.asarray(np.exp((f[:, None] + g - cost) / epsilon) / cost.size, dtype=np.float64)


def _sinkhorn(cost: Floats, f: Floats, g: Floats, epsilon: float, tolerance: float, most: int) -> tuple[Floats, Floats, bool]:
    """Better potentials, and whether they meet the columns' sums to ``tolerance``."""
    n, m = cost.shape
    rounds = 0
    while True:
        # one round in the log domain, whose range nothing leaves, then cheap ones until a scaling grows too large
        f = -epsilon * (_log_sum((g - cost) / epsilon, axis=1) - math.log(m))
        g = -epsilon * (_log_sum((f[:, None] - cost) / epsilon, axis=0) - math.log(n))
        kernel = np.exp((f[:, None] + g - cost) / epsilon)
        u, v = np.ones(n), np.ones(m)
        while np.abs(np.log(v)).max() < 200.0:
            u = m / (kernel @ v)
            columns = u @ kernel
            rounds += 1
            if float(np.abs(v * columns - n).mean()) < tolerance * n or rounds >= most:
                return f + epsilon * np.log(u), g + epsilon * np.log(v), rounds < most
            v = n / columns
        f, g = f + epsilon * np.log(u), g + epsilon * np.log(v)


def _log_sum(a: Floats, axis: int) -> Floats:
    top = a.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(a - top).sum(axis=axis)) + top.squeeze(axis), dtype=np.float64)


def draw_partners(plan: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """j ~ P_ij / sum_j P_ij for each row i, (n,): every x_i is used once, its partner is drawn."""
    cumulative = np.cumsum(plan, axis=1)
    level = rng.random(len(plan)) * cumulative[:, -1]
    return np.asarray(np.minimum((cumulative <= level[:, None]).sum(axis=1), plan.shape[1] - 1), dtype=np.intp)
