"""TimePlot: where training looks: the density of t and the weight w(t) of the errors, drawn small."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtWidgets import QWidget

from engine.experiment import Experiment
from gui.curve_plot import CurvePlot, Line

POINTS = 161
CEILING = 4.0
"""Curves are cut here times the median of the highest: a weight such as the signal-to-noise ratio is huge at an end."""
FLAT = 1e-6


class TimePlot(CurvePlot):
    """p(t) and w(t), each against its own mean; hidden while both are flat."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Times and weights of training")
        self.setToolTip(
            "p(t): how often training looks at time t.\nw(t): how much errors count there, over the median.\nt = 0 is noise, t = 1 is data."
        )

    def show_objective(self, experiment: Experiment) -> None:
        """The law of t and the weights of the experiment's objective."""
        t, curves = time_curves(experiment)
        flat = all(np.ptp(values) <= FLAT * max(1.0, float(np.max(np.abs(values)))) for values in curves.values())
        self.setVisible(not flat and bool(curves))
        if flat or not curves:
            return
        top = max(float(np.quantile(values, 0.9)) for values in curves.values())
        ceiling = min(CEILING * max(top, 1e-9), max(float(np.max(values)) for values in curves.values()))
        roles = {"p": "alpha", "w": "beta"}
        places = {"p": 0.5, "w": 0.8}
        self.set_curves(t, [Line(curves[name], roles[name], name, name == "w", places[name]) for name in curves], ceiling)


def time_curves(experiment: Experiment) -> tuple[Any, dict[str, Any]]:
    """t inside the interval of training, and the curves that are known of it: "p" the density of t, "w" the weight over its mean."""
    objective: Any = experiment.objective
    path = experiment.field_path()
    low, high = experiment.interval()
    t = np.linspace(low + 1e-3, high - 1e-3, POINTS)
    found: dict[str, Any] = {}
    law = getattr(objective, "time", None)
    if law is not None and law.refusal(path) is None:
        found["p"] = _finite(law.density(t, (low, high), path), t)
    weight = getattr(objective, "weight", None)
    if weight is not None and weight.refusal(path) is None:
        value = _finite(weight.weight(path, t, objective.prediction), t)
        found["w"] = value / max(float(np.median(value)), 1e-12)
    return t, found


def _finite(values: Any, t: Any) -> Any:
    return np.nan_to_num(np.asarray(values, dtype=float) * np.ones_like(t), nan=0.0, posinf=0.0, neginf=0.0)
