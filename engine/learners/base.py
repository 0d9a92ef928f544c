"""Learner: what computes, for each step of training, a loss and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Learner(Protocol):
    """Made by an objective for one experiment and one network."""

    def loss(self, step: int) -> Tensor:
        """The loss of step ``step``, shape (), with its gradient left in the network's ``gradient``.

        A function of the weights, the seed and the step alone, so that training goes on from a state bit for bit.
        """
        ...

    def close(self) -> None:
        """End what works in the background, if anything does; ``loss`` may be called again."""
        ...
