"""The field of Gaussian data N(m, v I), every prediction in closed form: an oracle that shares no code with engine.predictions."""

from __future__ import annotations

import numpy as np
import torch

from engine.paths import GaussianPath, Prediction


class GaussianField:
    def __init__(self, path: GaussianPath, prediction: Prediction = "velocity", mean=(0.0, 0.0), std=0.3, dtype=torch.float64) -> None:
        self.path, self.prediction = path, prediction
        self.interval = path.interval(prediction)
        self.dimension = len(mean)
        self.std = std
        self.mean = np.array(mean, dtype=np.float64)
        self.covariance = std**2 * np.eye(self.dimension)
        self.device, self.dtype = torch.device("cpu"), dtype
        self.calls: list[float] = []

    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        assert self.interval[0] <= t <= self.interval[1]
        self.calls.append(t)
        alpha, beta = float(self.path.alpha(t)), float(self.path.beta(t))
        y = x - alpha * torch.from_numpy(self.mean).to(x.dtype)
        total = alpha**2 * self.std**2 + beta**2
        data = torch.from_numpy(self.mean).to(x.dtype) + alpha * self.std**2 / total * y
        if self.prediction == "velocity":
            return float(self.path.alpha_dot(t)) * data + float(self.path.beta_beta_dot(t)) / total * y
        if self.prediction == "score":
            return -y / total
        if self.prediction == "noise":
            return beta / total * y
        if self.prediction == "data":
            return data
        return alpha * beta / total * y - beta * data


class StubPath:
    """A Brownian path of which each particle moves by sqrt(h) in at most one step: reads off a sampler's linear coefficients.

    Particle 0 never moves; particle k moves in step k. A linear sampler started from x = 1 for particle 0 and 0 for the others ends
    where the sum of squares is the variance of a run started from N(0, 1).
    """

    def __init__(self, times: list[float]) -> None:
        self.times = times

    def at(self, t: float) -> np.ndarray:
        done = np.array([s <= t + 1e-12 for s in self.times], dtype=float)
        jumps = np.concatenate([[0.0], np.sqrt(np.diff(self.times))])
        return (done * jumps)[:, None]
