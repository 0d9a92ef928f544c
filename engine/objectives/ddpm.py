"""Discrete DDPM: a chain of T noising steps b_k, its noise predicted at those noise levels only, by L_simple or by the ELBO's weights.

x_k = sqrt(1 - b_k) x_{k-1} + sqrt(b_k) eps, so x_k = sqrt(abar_k) x_0 + sqrt(1 - abar_k) eps with abar_k the product of (1 - b_j).
k counts from the data, k = 0, to the noise, k = T. On a variance-preserving path abar = alpha^2, so each level is a time t_k of the path.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.objectives.base import ObjectiveCore
from engine.objectives.times import Floats32, Interval
from engine.ops import Scalar
from engine.paths import GaussianPath, Prediction

if TYPE_CHECKING:
    from engine.experiment import Experiment

Floats = NDArray[np.float64]
Levels = Literal["path", "linear"]
Loss = Literal["simple", "elbo"]
Variance = Literal["forward", "posterior"]


class Chain:
    """The noise levels k = 1 ... T of a chain; arrays are (T,), entry k - 1 for level k."""

    def __init__(self, times: Floats, signal: Floats, variance: Variance = "forward") -> None:
        self.times = times
        """t_k on the path, falling."""
        self.signal = signal
        """abar_k = alpha^2(t_k), falling."""
        before = np.concatenate([[1.0], signal[:-1]])
        self.b = 1.0 - signal / before
        """b_k = 1 - abar_k / abar_{k-1}."""
        self.posterior = (1.0 - before) / (1.0 - signal) * self.b
        """Variance of q(x_{k-1} | x_k, x_0); 0 at k = 1."""
        last = np.arange(len(times)) == 0
        self.variance = np.where(last | (variance == "forward"), self.b, self.posterior)
        """Variance of the model's step from k to k - 1: b_k, or the posterior's (b_1 for the last step); Ho 2006.11239, section 3.2."""
        ratio = np.where(last, 1.0, self.posterior / self.variance)
        self.spare = 0.5 * (ratio - 1.0 - np.log(ratio))
        """What the two variances add to the divergence of a step, nats for each dimension."""
        self.weights = self.b**2 / (2.0 * self.variance * (1.0 - self.b) * (1.0 - signal))
        """What ||eps - eps_theta||^2 counts in the ELBO at each level, nats."""

    def __len__(self) -> int:
        return len(self.times)

    def nearest(self, t: Any) -> NDArray[np.int64]:
        """Index k - 1 of the level nearest to each time."""
        rising = self.times[::-1]
        middles = 0.5 * (rising[1:] + rising[:-1])
        found: NDArray[np.int64] = len(rising) - 1 - np.searchsorted(middles, np.asarray(t, dtype=np.float64))
        return found


class DDPM(ObjectiveCore, tag="ddpm", frozen=True, kw_only=True):
    """E_k w_k ||eps_theta(x_k, t_k) - eps||^2, k uniform on 1 ... T; w_k = 1 (simple) or T times the ELBO's weight (elbo, nats)."""

    label: ClassVar[str] = "DDPM"
    summary: ClassVar[str] = "Noise prediction at the T levels of a chain, as the first diffusion models were trained."
    formula: ClassVar[str] = (
        r"\mathbb{E}_{k}\,w_k\|\varepsilon_\theta(x_k, k) - \varepsilon\|^2,\quad "
        r"x_k = \sqrt{\bar\alpha_k}\,x_0 + \sqrt{1-\bar\alpha_k}\,\varepsilon"
    )
    source: ClassVar[str] = "Ho 2006.11239; Sohl-Dickstein 1503.03585"
    group: ClassVar[str] = "Likelihood"
    prediction: ClassVar[Prediction] = "noise"
    takes_labels: ClassVar[bool] = True

    steps: Annotated[int, Meta(ge=2, le=4_000, description="Levels of noise.", extra={"symbol": "T", "log": True})] = 1_000
    levels: Annotated[Levels, Meta(description="Even times of the path, or the classic b_k that rise evenly.")] = "path"
    b_first: Annotated[
        float,
        Meta(gt=0, lt=1, description="b₁ of the classic levels at T = 1000; scaled by 1000/T.", extra={"symbol": "b₁", "log": True}),
    ] = 1e-4
    b_last: Annotated[
        float,
        Meta(gt=0, lt=1, description="b_T of the classic levels at T = 1000; scaled by 1000/T.", extra={"symbol": "b_T", "log": True}),
    ] = 0.02
    variance: Annotated[
        Variance, Meta(description="Of the model's steps in the bound: b_k, best for broad data, or the posterior's, best for points.")
    ] = "forward"
    loss: Annotated[Loss, Meta(description="All levels alike, or each as the bound of the likelihood weighs it.")] = "simple"

    def refusal(self, experiment: Experiment) -> str | None:
        path = experiment.gaussian_path()
        if path is None or not path.variance_preserving:
            name = experiment.path.label
            return f"DDPM's chain keeps α² + β² = 1, and {name} is not variance preserving: choose VP linear, VP cosine or trigonometric."
        if self.levels == "linear":
            if max(self.b_first, self.b_last) * 1_000.0 / self.steps >= 1.0:
                return (
                    f"With {self.steps} steps b_k rises to {max(self.b_first, self.b_last) * 1e3 / self.steps:.3g}: it must stay below 1."
                )
            if len(chain_of(self, path)) < 2:
                return "These b_k leave the path's range of noise levels at once: make b₁ smaller."
        return super().refusal(experiment)

    def times(self, interval: Interval, batch: int, steps: int, rng: np.random.Generator, path: Any = None) -> Floats32:
        chain = chain_of(self, path)
        unit = (np.arange(batch) + rng.random((steps, batch))) / batch
        found: Floats32 = chain.times[np.minimum((unit * len(chain)).astype(np.int64), len(chain) - 1)].astype(np.float32)
        return found

    def weigh(self, path: Any, t: Scalar) -> Scalar:
        if self.loss == "simple":
            return super().weigh(path, t)
        chain = chain_of(self, path)
        if isinstance(t, (float, np.ndarray)):
            return len(chain) * chain.weights[chain.nearest(t)]
        return t.new_tensor(len(chain) * chain.weights[chain.nearest(t.detach().cpu().numpy())])


@lru_cache(maxsize=16)
def chain_of(objective: DDPM, path: GaussianPath) -> Chain:
    """The chain of an objective on a variance-preserving path.

    ``path``: t_k = 1 - (1 - t_min) k / T. ``linear``: b_k evenly from b_1 to b_T (Ho 2006.11239), each level at the time when the path
    has it; levels noisier than where the path's noise prediction begins are left out (of 1000: 3 with VP linear, 174 with VP cosine).
    """
    low, _ = path.interval("noise")
    count = objective.steps
    if objective.levels == "path":
        times = 1.0 - (1.0 - low) * np.arange(1, count + 1) / count
        return Chain(times, np.asarray(path.alpha(times), dtype=np.float64) ** 2, objective.variance)
    b = np.linspace(objective.b_first, objective.b_last, count) * 1_000.0 / count
    signal = np.cumprod(1.0 - b)
    signal = signal[signal >= float(path.alpha(low)) ** 2]
    left, right = np.full(len(signal), low), np.ones(len(signal))
    for _ in range(54):
        middle = 0.5 * (left + right)
        noisier = np.asarray(path.alpha(middle)) ** 2 < signal
        left, right = np.where(noisier, middle, left), np.where(noisier, right, middle)
    return Chain(np.asarray(0.5 * (left + right), dtype=np.float64), np.asarray(signal, dtype=np.float64), objective.variance)
