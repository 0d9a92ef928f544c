"""The schedule drawn small: the weights of source and data, the latent noise and, for an SDE, sigma_t over t in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QWidget

from engine.paths import GaussianPath, Path
from gui.curve_plot import CurvePlot, Line

POINTS = 161
CEILING = 1.5
"""sigma_t is cut here times the largest of the weights: g_t is infinite at an end of some schedules."""

Curve = NDArray[np.float64]


def curves(path: Path, sigma: Any = None) -> tuple[Curve, dict[str, Curve]]:
    """t and the values of each curve: the weights "alpha" and "beta" of data and source, "gamma" where there is latent noise, "sigma"."""
    t = np.linspace(0.0, 1.0, POINTS)
    inner = np.clip(t, 1e-3, 1.0 - 1e-3)
    found = {"alpha": np.asarray(path.data_weight(t), dtype=float), "beta": np.asarray(path.source_weight(t), dtype=float)}
    if path.has_latent_noise:
        found["gamma"] = np.asarray(path.latent(t), dtype=float)
    if sigma is not None and sigma.refusal(path) is None:
        found["sigma"] = np.sqrt(np.asarray(sigma.sigma2(path, inner), dtype=float) * np.ones_like(t))
    return t, found


class SchedulePlot(CurvePlot):
    """The curves with their letters; noise at the left, data at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Schedule")
        self._path: Path | None = None
        self._sigma: Any = None
        self._noise = True

    def set_path(self, path: Path, sigma: Any = None, noise: bool = True) -> None:
        """Draw this path, with the sigma of an SDE if there is one. ``noise``: whether the source is Gaussian."""
        if (path, sigma, noise) == (self._path, self._sigma, self._noise):
            return
        self._path, self._sigma, self._noise = path, sigma, noise
        t, found = curves(path, sigma)
        highest = max(float(np.max(values)) for name, values in found.items() if name != "sigma")
        top = highest
        if "sigma" in found:
            top = max(highest, min(highest * CEILING, float(np.max(found["sigma"]))))
        gaussian = isinstance(path, GaussianPath)
        letters = {"sigma": "σ", "gamma": "γ", "beta": "β" if gaussian else "a", "alpha": "α" if gaussian else "b"}
        roles = {"gamma": "dim"}
        places = {"sigma": 0.7, "gamma": 0.3, "beta": 0.04, "alpha": 0.99}
        lines = [
            Line(found[name], roles.get(name, name), letter, name in ("sigma", "gamma"), places[name])
            for name, letter in letters.items()
            if name in found
        ]
        named = gaussian and noise
        self.set_curves(t, lines, top, ("noise" if named else "source", "data"))
        words = self._words(found, gaussian, "noise" if named else "of the source")
        self.setToolTip("\n".join([*words, f"t = 0 is {'noise' if named else 'the source'}, t = 1 is data."]))

    @staticmethod
    def _words(found: dict[str, Curve], gaussian: bool, start: str) -> list[str]:
        data, source = ("α_t", "β_t") if gaussian else ("b_t", "a_t")
        words = [f"{data} is how much of the data is in x_t, {source} how much {start}"]
        if "gamma" in found:
            words.append("γ_t is the latent noise in between")
        if "sigma" in found:
            words.append("σ_t is the noise that the SDE adds")
        return words
