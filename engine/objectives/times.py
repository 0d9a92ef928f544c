"""Time samplers: the law p(t) by which t is drawn in training, as structs whose density can be drawn.

A loss E_t w(t) ||...||^2 is minimised under the law that t is drawn by: changing the law changes what the network spends itself on,
as a weight w(t) p(t) under the uniform law would. Where ``reweight`` is on, each error is divided by (high - low) p(t): the loss
is then that of the uniform law, and only its variance differs.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.choice import Choice
from engine.ops import Scalar, at_least, at_most, divide, exp, log, ones_like

Interval = tuple[float, float]
Floats32 = NDArray[np.float32]
EDGE = 1e-6
NODES = 4_097


class TimeSamplerBase(Choice, frozen=True, kw_only=True):
    """A law of t on the closed interval on which the objective is trained."""

    def draw(self, interval: Interval, batch: int, steps: int, rng: np.random.Generator, path: Any = None) -> Floats32:
        """t of ``steps`` batches, (steps, batch) float32, on ``interval``; ``path`` is the path trained on."""
        raise TypeError(f"{type(self).__name__} draws no times")

    def density(self, t: Scalar, interval: Interval = (0.0, 1.0), path: Any = None) -> Scalar:
        """p(t), elementwise, zero outside the interval; its integral is 1."""
        raise TypeError(f"{type(self).__name__} has no density")

    def factor(self, t: Scalar, interval: Interval, path: Any = None) -> Scalar:
        """What the errors at t are multiplied by: 1, or 1 / ((high - low) p(t)) where the loss is reweighted."""
        return ones_like(t)

    def refusal(self, path: Any) -> str | None:
        """Why times cannot be drawn so along this path, in one sentence; None if they can."""
        return None


def _strata(batch: int, steps: int, rng: np.random.Generator) -> Floats32:
    """One U(0, 1) draw in each of ``batch`` equal strata, (steps, batch): the same law as independent draws, less variance of a batch."""
    return (np.arange(batch, dtype=np.float32) + rng.random((steps, batch), dtype=np.float32)) / np.float32(batch)


def _stretched(unit: Floats32, interval: Interval) -> Floats32:
    low, high = interval
    t: Floats32 = np.clip(low + (high - low) * unit, low, high).astype(np.float32)
    return t


def _inside(t: Scalar, interval: Interval) -> Scalar:
    return (t >= interval[0]) & (t <= interval[1])


class UniformTime(TimeSamplerBase, tag="uniform", frozen=True, kw_only=True):
    """p(t) = 1 / (high - low), one draw in each of as many strata as the batch has points."""

    label: ClassVar[str] = "Uniform"
    summary: ClassVar[str] = "Every time alike, evenly spread over each batch."
    formula: ClassVar[str] = r"t \sim \mathcal{U}[t_{\min}, t_{\max}]"
    source: ClassVar[str] = "Lipman 2210.02747"

    def draw(self, interval: Interval, batch: int, steps: int, rng: np.random.Generator, path: Any = None) -> Floats32:
        return _stretched(_strata(batch, steps, rng), interval)

    def density(self, t: Scalar, interval: Interval = (0.0, 1.0), path: Any = None) -> Scalar:
        return _inside(t, interval) * (ones_like(t) / (interval[1] - interval[0]))


class LogitNormalTime(TimeSamplerBase, tag="logit-normal", frozen=True, kw_only=True):
    """t = low + (high - low) / (1 + exp(-N(mean, scale^2))); the loss is that of the uniform law with w(t) p(t) for w(t)."""

    label: ClassVar[str] = "Logit-normal"
    summary: ClassVar[str] = "More of the middle, where the velocity is hardest; the mean moves it towards noise (below 0) or data."
    formula: ClassVar[str] = r"\ln\tfrac{t}{1-t} \sim \mathcal{N}(m, s^2)"
    source: ClassVar[str] = "Esser 2403.03206"

    mean: Annotated[float, Meta(ge=-5, le=5, description="Mean of ln(t/(1 − t)); above 0 nearer to the data.", extra={"symbol": "m"})] = 0.0
    scale: Annotated[float, Meta(ge=0.1, le=5, description="Standard deviation of ln(t/(1 − t)).", extra={"symbol": "s"})] = 1.0

    def draw(self, interval: Interval, batch: int, steps: int, rng: np.random.Generator, path: Any = None) -> Floats32:
        normal = np.float32(self.mean) + np.float32(self.scale) * rng.standard_normal((steps, batch), dtype=np.float32)
        return _stretched(1.0 / (1.0 + np.exp(-normal)), interval)

    def density(self, t: Scalar, interval: Interval = (0.0, 1.0), path: Any = None) -> Scalar:
        width = interval[1] - interval[0]
        unit = at_most(at_least((t - interval[0]) / width, EDGE), 1.0 - EDGE)
        away = (log(unit / (1.0 - unit)) - self.mean) / self.scale
        normal = exp(-0.5 * away * away) / (self.scale * math.sqrt(2.0 * math.pi))
        return _inside(t, interval) * (normal / (unit * (1.0 - unit) * width))


class ImportanceTime(TimeSamplerBase, tag="importance", frozen=True, kw_only=True):
    """Uniform in the log signal-to-noise ratio lambda = ln(alpha^2 / beta^2): p(t) = lambda'(t) / (lambda_max - lambda_min).

    lambda' = 2 W / (alpha beta) = g^2 / beta^2, so this is also the law that evens out the likelihood weight g^2 of a noise prediction
    (Song 2101.09258, section 4.2). lambda is kept between ``lowest`` and ``highest``, and within what the path reaches on the interval.
    """

    label: ClassVar[str] = "Uniform in log-SNR"
    summary: ClassVar[str] = "Every decade of noise alike: as many draws next to the data as next to the noise."
    formula: ClassVar[str] = r"p(t) \propto \dot\lambda_t,\quad \lambda_t = \ln \alpha_t^2 / \beta_t^2"
    source: ClassVar[str] = "Kingma & Gao 2303.00848; Song 2101.09258"

    lowest: Annotated[float, Meta(ge=-30, le=0, description="Least log-SNR drawn.", extra={"symbol": "λ_min", "unit": "nats"})] = -10.0
    highest: Annotated[float, Meta(gt=0, le=30, description="Greatest log-SNR drawn.", extra={"symbol": "λ_max", "unit": "nats"})] = 10.0
    reweight: Annotated[
        bool, Meta(description="Divide each error by p(t): the loss of uniform times between the same ends, with another variance.")
    ] = False

    def draw(self, interval: Interval, batch: int, steps: int, rng: np.random.Generator, path: Any = None) -> Floats32:
        level, t = _log_snr_table(path, interval, self.lowest, self.highest)
        drawn = level[0] + (level[-1] - level[0]) * _strata(batch, steps, rng).astype(np.float64)
        result: Floats32 = np.interp(drawn, level, t).astype(np.float32)
        return result

    def density(self, t: Scalar, interval: Interval = (0.0, 1.0), path: Any = None) -> Scalar:
        level, times = _log_snr_table(path, interval, self.lowest, self.highest)
        low, high = float(times[0]), float(times[-1])
        inside = at_most(at_least(t, low), high)
        slope = 2.0 * divide(path.wronskian(inside), path.alpha(inside) * path.beta(inside))
        return ((t >= low - EDGE) & (t <= high + EDGE)) * (slope / float(level[-1] - level[0]))

    def factor(self, t: Scalar, interval: Interval, path: Any = None) -> Scalar:
        if not self.reweight:
            return ones_like(t)
        _, times = _log_snr_table(path, interval, self.lowest, self.highest)
        return divide(1.0, self.density(t, interval, path) * float(times[-1] - times[0]))

    def refusal(self, path: Any) -> str | None:
        from engine.paths import GaussianPath

        if not isinstance(path, GaussianPath):
            return "Times uniform in log-SNR need a Gaussian path, on which α²/β² is the signal-to-noise ratio."
        return None


@lru_cache(maxsize=16)
def _log_snr_table(path: Any, interval: Interval, lowest: float, highest: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """lambda at evenly spaced nodes and the t of each, increasing: lambda inverted by bisection, good to 1e-12 at the nodes."""
    left, right = np.float64(interval[0]), np.float64(interval[1])

    def level_at(t: Any) -> Any:
        with np.errstate(divide="ignore"):
            return 2.0 * (np.log(path.alpha(t)) - np.log(path.beta(t)))

    ends = (max(lowest, float(level_at(left))), min(highest, float(level_at(right))))
    level = np.linspace(*ends, NODES)
    low, high = np.full(NODES, left), np.full(NODES, right)
    for _ in range(52):
        middle = 0.5 * (low + high)
        below = level_at(middle) < level
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    t = 0.5 * (low + high)
    return level, t


TimeSampler = UniformTime | LogitNormalTime | ImportanceTime
