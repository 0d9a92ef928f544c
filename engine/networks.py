"""The network: an MLP of the point and the time. The struct says what it is; building it imports torch."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from engine.choice import Choice

if TYPE_CHECKING:
    import torch

    from engine.flat_mlp import FlatMLP

Activation = Literal["silu", "gelu", "tanh", "softplus", "selu"]


ALIGN = 16
"""Every view starts at a multiple of 16 numbers (64 bytes of float32): roundings then do not depend on where it lies."""


class MLP(Choice, frozen=True, kw_only=True, tag="mlp"):
    """x_t and an embedding of t through ``depth`` hidden layers of ``width`` units to R^d."""

    label: ClassVar[str] = "MLP"
    summary: ClassVar[str] = "A fully connected network of the point and the time."
    formula: ClassVar[str] = r"f_\theta(x, t) = W_L\,\phi(\cdots \phi(W_1 [x, \mathrm{emb}(t)] + b_1)\cdots) + b_L"
    source: ClassVar[str] = "Tancik 2006.10739 (Fourier features); Karras 2206.00364 (skip and scale)"

    width: Annotated[int, Meta(ge=4, le=2048, description="Units in each hidden layer.", extra={"symbol": "w", "log": True})] = 128
    depth: Annotated[int, Meta(ge=1, le=12, description="Hidden layers.", extra={"symbol": "L"})] = 3
    activation: Annotated[Activation, Meta(description="Smooth ones keep divergences right; SELU is for published protocols.")] = "silu"
    time_features: Annotated[int, Meta(ge=0, le=64, description="Pairs of sines and cosines of t; 0 feeds t alone.")] = 8
    space_features: Annotated[
        int, Meta(ge=0, le=64, description="Pairs of sines and cosines of x per axis, for sharp edges; 0 feeds x alone.")
    ] = 8
    residual: Annotated[
        bool, Meta(description="Learn only what a Gaussian of the data's mean and variance does not know; off: the plain network.")
    ] = True

    def inputs(self, dimension: int) -> int:
        """Length of the first layer's input: the point, its features, and the time's."""
        return dimension * (1 + 2 * self.space_features) + max(1, 2 * self.time_features)

    def sizes(self, dimension: int, heads: int = 1, extra: int = 0) -> tuple[int, ...]:
        """Units layer by layer, from the input (with ``extra`` numbers at its end) to ``heads`` vectors of R^d side by side."""
        return (self.inputs(dimension) + extra, *([self.width] * self.depth), heads * dimension)

    def parameters(self, dimension: int, heads: int = 1, extra: int = 0) -> int:
        """How many weights and biases."""
        sizes = self.sizes(dimension, heads, extra)
        return sum(b * (a + 1) for a, b in pairwise(sizes))

    def flat_length(self, dimension: int, heads: int = 1, extra: int = 0) -> int:
        """Numbers in the flat vector that holds them: each array is padded to a whole number of ``ALIGN``."""
        sizes = self.sizes(dimension, heads, extra)
        return sum(-(-count // ALIGN) * ALIGN for a, b in pairwise(sizes) for count in (a * b, b))

    def build(
        self, dimension: int, device: torch.device | str = "cpu", dtype: torch.dtype | None = None, *, heads: int = 1, extra: int = 0
    ) -> FlatMLP:
        """The network with all weights zero; ``FlatMLP.initialise`` draws them."""
        from engine.flat_mlp import FlatMLP

        return FlatMLP(self.sizes(dimension, heads, extra), self.activation, device=device, dtype=dtype)
