"""RegressionLearner: mean squared errors on batches drawn ahead in blocks, by the network's handwritten backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.batches import BatchesBase, Block, batches_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from engine.experiment import Experiment
    from engine.flat_mlp import FlatMLP


class Blocks:
    """The block that a step belongs to; the last one is kept."""

    def __init__(self, batches: BatchesBase) -> None:
        self.batches = batches
        self._steps = batches.steps
        self._block: Block | None = None

    def at(self, step: int) -> Block:
        """The block of ``step``."""
        block = self._block
        if block is None or not 0 <= step - block.first < self._steps:
            self._block = None  # the old one's memory goes before the new one's comes
            self._block = block = self.batches.block(step // self._steps)
        return block


class RegressionLearner:
    """E w(t) ||f_theta - f*||^2 with the targets of ``batches``."""

    def __init__(self, experiment: Experiment, network: FlatMLP, device: torch.device, batches: BatchesBase | None = None) -> None:
        self._network = network
        self._blocks = Blocks(batches or batches_of(experiment, device, network.dtype))

    def loss(self, step: int) -> Tensor:
        """The loss of one step; its gradient is in the network's ``gradient``."""
        return self._network.loss_and_gradient(*self._blocks.at(step).step(step))

    def close(self) -> None:
        """End what draws batches in the background."""
        self._blocks.batches.close()
