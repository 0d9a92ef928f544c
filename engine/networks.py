"""The network: an MLP with a time embedding. The struct says what it is; building it imports torch."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from engine.choice import Choice

Activation = Literal["silu", "gelu", "tanh", "softplus", "selu"]


class MLP(Choice, frozen=True, kw_only=True, tag="mlp"):
    """x_t and an embedding of t through ``depth`` hidden layers of ``width`` units to R^d."""

    label: ClassVar[str] = "MLP"
    summary: ClassVar[str] = "A fully connected network of the point and the time."
    formula: ClassVar[str] = r"f_\theta(x, t) = W_L\,\phi(\cdots \phi(W_1 [x, \mathrm{emb}(t)] + b_1)\cdots) + b_L"
    source: ClassVar[str] = "Tancik 2006.10739 (Fourier features)"

    width: Annotated[int, Meta(ge=4, le=2048, description="Units in each hidden layer.", extra={"symbol": "w", "log": True})] = 128
    depth: Annotated[int, Meta(ge=1, le=12, description="Hidden layers.", extra={"symbol": "L"})] = 3
    activation: Annotated[Activation, Meta(description="Smooth ones keep divergences right; SELU is there for published protocols.")] = "silu"
    time_features: Annotated[int, Meta(ge=0, le=64, description="Pairs of sines and cosines of t; 0 feeds t alone.")] = 8
    space_features: Annotated[int, Meta(ge=0, le=64, description="Pairs of sines and cosines of x per axis, for sharp edges; 0 feeds x alone.")] = 0
