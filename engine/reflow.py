"""Reflow (rectified flow): straight lines between stored pairs (x0, x1), where x1 is where a model's ODE carried x0.

The pairs are a coupling without crossings of cost no higher than the model's own, so the new flow is straighter, and needs fewer steps
(Liu 2209.03003). A reflowed model can be reflowed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.arrays import Array, encode_array
from engine.choice import Problem
from engine.ops import Scalar, ones_like
from engine.paths import Path, Prediction

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.fields.base import Field
    from engine.samplers import SamplerBase

FEWEST = 2
FARTHEST = 1e6
"""Standard deviations of the data beyond which no flow carries a point: such pairs are damaged."""


class Reflow(Path, tag="reflow", frozen=True, kw_only=True):
    """x_t = (1 - t) x0 + t x1 over stored pairs."""

    label: ClassVar[str] = "Reflow"
    summary: ClassVar[str] = "Straight lines between the two ends of a trained model's own paths, to straighten them."
    formula: ClassVar[str] = r"x_t = (1-t)\,x_0 + t\,x_1,\quad x_1 = \mathrm{ODE}_\theta(x_0)"
    source: ClassVar[str] = "Liu 2209.03003"
    paired: ClassVar[bool] = True

    pairs: Annotated[Array | None, Meta(description="The pairs, float32 (n, 2, d), standardised coordinates: x0, then x1.")] = None
    ends: Annotated[str, Meta(description="Which source and data the pairs lie between, as a digest.")] = ""

    def __post_init__(self) -> None:
        if self.pairs is None:
            return
        values = self.pairs.values
        if values.ndim != 3 or values.shape[1] != 2 or values.shape[2] not in (2, 3) or values.dtype.kind != "f":
            raise Problem(f"reflow: pairs need shape (n, 2, d), real numbers; this is {values.dtype} {values.shape}")
        if len(values) < FEWEST:
            raise Problem(f"reflow: {len(values)} pairs; there must be at least {FEWEST}")
        if not (np.abs(values) <= FARTHEST).all():
            raise Problem(f"reflow: the pairs must be finite numbers, within {FARTHEST:,.0f} standard deviations")

    def stored(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(x0, x1), (n, d) each, standardised coordinates. Raises Problem without pairs."""
        if self.pairs is None:
            raise Problem(NO_PAIRS)
        values = self.pairs.values.astype(np.float64)
        return values[:, 0], values[:, 1]

    def source_weight(self, t: Scalar) -> Scalar:
        return 1.0 - t

    def data_weight(self, t: Scalar) -> Scalar:
        return t * 1.0

    def source_weight_dot(self, t: Scalar) -> Scalar:
        return -ones_like(t)

    def data_weight_dot(self, t: Scalar) -> Scalar:
        return ones_like(t)

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        return 0.0, 1.0

    def combination_refusal(self, experiment: Experiment) -> str | None:
        if self.pairs is None:
            return NO_PAIRS
        axes = self.pairs.values.shape[2]
        if axes != experiment.target.dimension:
            return f"The pairs of Reflow have {axes} axes and the data {experiment.target.dimension}: make them anew from a model of these."
        if experiment.objective.prediction != "velocity":
            return f"{experiment.objective.label} does not go with Reflow: paired points tell a velocity only."
        if experiment.coupling.paired:
            return f"Reflow brings its own pairs: take the independent coupling, not {experiment.coupling.label}."
        if self.ends != digest_of_ends(experiment):
            return "The pairs of Reflow were made for another source or other data: make them anew from a model of these."
        return None


NO_PAIRS = "Reflow needs pairs that a trained model has made: train on a session with --reflow, or take another path."


def digest_of_ends(experiment: Experiment) -> str:
    """What tells apart the source and the data of two experiments; what labels are called does not."""
    ends = [msgspec.to_builtins(end, enc_hook=encode_array) for end in (experiment.source, experiment.target)]
    for end in ends:
        if end["type"] == "painting":
            del end["names"]
    text = msgspec.json.encode(ends)
    return hashlib.sha256(text).hexdigest()[:16]


def reflow_pairs(field: Field, sampler: SamplerBase, n: int, seed: int) -> Generator[float, None, Array]:
    """Carry n draws of the source along the field's ODE: yields the share that is done, returns the pairs, float32 (n, 2, d).

    Raises Problem where the sampler is random, where the field's path does not begin at the source, or when particles are lost.
    """
    from engine.simulation import simulate

    if sampler.stochastic:
        raise Problem(f"Reflow's pairs are the two ends of an ODE's paths, and {sampler.label} is random: take an ODE sampler.")
    a, b = float(field.path.source_weight(field.interval[0])), float(field.path.data_weight(field.interval[0]))
    if abs(a - 1.0) > AT_SOURCE or abs(b) > AT_SOURCE:
        begins = f"begins at {a:.3g} x₀ + {b:.3g} x₁, not at the source x₀"
        why = f", since {field.prediction} prediction tells no velocity before t = {field.interval[0]:.3g}" if field.interval[0] > 0 else ""
        raise Problem(f"The model's flow on {field.path.label} {begins}{why}: no pairs for Reflow can be made of it.")
    first: NDArray[np.float32] | None = None
    last: NDArray[np.float32] | None = None
    for step in simulate(field, sampler, n=n, seed=seed):
        if first is None:
            first = step.x.detach().cpu().numpy().astype(np.float32)
        if step.index == step.steps:
            last = step.x.detach().cpu().numpy().astype(np.float32)
        yield step.index / max(1, step.steps)
    if first is None or last is None or not np.isfinite(last).all():
        raise Problem("The model's paths do not all end: no pairs for Reflow can be made of it.")
    return Array(np.stack([first, last], axis=1))


def placeholder(dimension: int) -> Array:
    """Pairs that are none, to ask before any are made whether a reflowed experiment can be."""
    return Array(np.zeros((FEWEST, 2, dimension), np.float32))


def reflowed(experiment: Experiment, pairs: Array) -> Experiment:
    """The experiment that trains a new network on a model's pairs; source, data, network and training settings stay."""
    from engine.couplings import Independent
    from engine.labels import Unconditional
    from engine.objectives import FlowMatching

    return msgspec.structs.replace(
        experiment,
        path=Reflow(pairs=pairs, ends=digest_of_ends(experiment)),
        coupling=Independent(),
        objective=experiment.objective if isinstance(experiment.objective, FlowMatching) else FlowMatching(),
        condition=Unconditional(),
    )


AT_SOURCE = 0.01
"""How far the weights of x0 and x1 at the start may be from 1 and 0."""
