"""Predictions and the one linear map between any two of them (MATHS section 2, "Conversions").

On a Gaussian path x = alpha D + beta E and u = alpha_dot D + beta_dot E, so each of velocity u, score s, noise E, data D
and v is a x + b y of any other y, with numbers a and b of t alone. Everything here is those pairs (a, b), in closed form.
It needs eps Gaussian and independent of z: the independent coupling with a Gaussian source.

``t`` may be a float, a numpy array or a torch tensor; a and b come out in kind. Nothing here imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.ops import Scalar, as_number, ones_like
from engine.paths import END, GaussianPath, Prediction

if TYPE_CHECKING:
    from engine.samplers.sigma import Sigma

Pair = tuple[Scalar, Scalar]
"""(a, b) of wanted = a x + b given."""


def domain(path: GaussianPath, given: Prediction, wanted: Prediction) -> tuple[float, float]:
    """The closed interval of t where ``wanted`` follows from ``given``: that of ``given``, short of t = 1 for a score where beta_1 = 0."""
    low, high = path.interval(given)
    if wanted == "score" and given != "score" and float(path.beta(1.0)) < END:
        high = min(high, 1.0 - END)
    return low, high


def coefficients(path: GaussianPath, t: Scalar, given: Prediction, wanted: Prediction) -> Pair:
    """(a, b) with wanted = a x + b given, exact, at any t of ``domain(path, given, wanted)``.

    From E: D = (x - beta E)/alpha. From D: E = (x - alpha D)/beta. From u: D = (beta u - beta_dot x)/W,
    E = (alpha_dot x - alpha u)/W with W = alpha_dot beta - alpha beta_dot. s = -E/beta. Where alpha^2 + beta^2 = 1:
    u = -W v, D = alpha x - beta v, E = beta x + alpha v.
    """
    t = as_number(t)
    one = ones_like(t)
    if given == wanted:
        return one * 0.0, one
    if wanted == "data":
        return _data(path, t, given)
    if wanted == "noise":
        return _noise(path, t, given)
    if wanted == "velocity":
        return _velocity(path, t, given)
    if wanted == "score":
        beta = path.beta(t)
        a, b = _noise(path, t, given)
        return -a / beta, -b / beta
    return _v(path, t, given)


def drift_coefficients(path: GaussianPath, t: Scalar, given: Prediction, sigma: Sigma) -> Pair:
    """(a, b) with u + sigma^2 s / 2 = a x + b given: the drift of the SDE; sigma^2 s comes in closed form from ``sigma``."""
    a, b = coefficients(path, t, given, "velocity")
    c, d = sigma.half_score(path, as_number(t), given)
    return a + c, b + d


def convert(path: GaussianPath, x: Any, t: Scalar, value: Any, given: Prediction, wanted: Prediction) -> Any:
    """The wanted prediction (n, d) from the given one (n, d) at x (n, d) and t (a number, or (n, 1))."""
    if given == wanted:
        return value
    a, b = coefficients(path, t, given, wanted)
    return a * x + b * value


def _data(path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
    alpha, beta = path.alpha(t), path.beta(t)
    if given == "data":
        return ones_like(t) * 0.0, ones_like(t)
    if given == "noise":
        return 1.0 / alpha, -beta / alpha
    if given == "score":
        return 1.0 / alpha, beta * beta / alpha
    if given == "v":
        return alpha, -beta
    over_w = path.inverse_wronskian(t)
    if path.variance_preserving:
        return alpha, beta * over_w
    return -path.beta_dot(t) * over_w, beta * over_w


def _noise(path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
    alpha, beta = path.alpha(t), path.beta(t)
    if given == "noise":
        return ones_like(t) * 0.0, ones_like(t)
    if given == "data":
        return 1.0 / beta, -alpha / beta
    if given == "score":
        return ones_like(t) * 0.0, -beta
    if given == "v":
        return beta, alpha
    over_w = path.inverse_wronskian(t)
    if path.variance_preserving:
        return beta, -alpha * over_w
    return path.alpha_dot(t) * over_w, -alpha * over_w


def _velocity(path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
    if given == "velocity":
        return ones_like(t) * 0.0, ones_like(t)
    if given == "v":
        return ones_like(t) * 0.0, -path.wronskian(t)
    if given == "data":
        beta = path.beta(t)
        return path.beta_beta_dot(t) / (beta * beta), path.wronskian(t) / beta
    # u = (alpha_dot/alpha) x + g^2 s / 2, and g^2 s / 2 = -(W/alpha) E
    rate = path.log_alpha_dot(t)
    if given == "score":
        return rate, 0.5 * path.g2(t)
    return rate, -path.wronskian(t) / path.alpha(t)


def _v(path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
    """v = alpha E - beta D on variance-preserving paths, where alpha^2 + beta^2 = 1."""
    alpha, beta = path.alpha(t), path.beta(t)
    if given == "velocity":
        return ones_like(t) * 0.0, -path.inverse_wronskian(t)
    if given == "data":
        return alpha / beta, -1.0 / beta
    if given == "noise":
        return -beta / alpha, 1.0 / alpha
    return -beta / alpha, -beta / alpha
