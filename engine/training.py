"""Trainer: training as a generator of short slices, that can be cancelled, saved and gone on with between any two of them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from engine.choice import Problem
from engine.devices import resolve
from engine.learners import learner
from engine.optimiser import Adam
from engine.randomness import generator
from engine.training_state import TrainingState

if TYPE_CHECKING:
    from engine.experiment import Experiment, Training
    from engine.fields.learned import LearnedField

SLICE_SECONDS = 0.02
SLICE_STEPS = 32


class TrainingStopped(Problem):
    """Training cannot go on; the trainer holds the last good weights."""


@dataclass(frozen=True, eq=False)
class TrainingStep:
    """One slice: the steps since the last one."""

    step: int
    """Steps done in all."""
    losses: NDArray[np.float32]
    """The loss of each new step, in order."""
    seconds: float
    """How long the slice took."""


def rate_at(training: Training, step: int) -> float:
    """Learning rate of a step: eta / sqrt(1 + k / k0) when open-ended, down to a hundredth over ``decay_steps``, geometrically, or eta."""
    if training.rate == "constant":
        return training.learning_rate
    if training.decay_steps:
        return training.learning_rate * math.exp(-math.log(100.0) * min(1.0, step / training.decay_steps))
    return training.learning_rate / math.sqrt(1.0 + step / SETTLE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether numpy, torch's allocator on the processor (a plain RuntimeError that names itself) or a GPU ran out of memory."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "DefaultCPUAllocator" in str(error)


def refuse_the_impossible(experiment: Experiment) -> None:
    """Raises Problem if one step needs more memory than the machine has: asking for it could bring the machine down instead of failing."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    batch, sizes = experiment.training.batch, experiment.sizes()
    passes = experiment.objective.passes(experiment.target.dimension)
    needed = 4 * (passes * batch * (sizes[0] + 3 * sum(sizes[1:])) + 8 * experiment.parameters())
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > 0.8 * there:
        raise Problem(
            f"a step of batch {batch:,} with this network needs {needed / 1e9:.1f} GB and the machine has {there / 1e9:.1f} GB: "
            "choose a smaller training.batch, network.width or network.depth."
        )


SETTLE = 2_000.0
"""k0: steps after which the open-ended rate begins to fall."""


class Trainer:
    """Trains the network of an experiment: ``for slice in trainer.run(): ...``; stop by leaving the loop."""

    def __init__(self, experiment: Experiment, device: str = "cpu", state: TrainingState | None = None) -> None:
        reason = experiment.refusal()
        if reason:
            raise Problem(reason)
        self.experiment = experiment
        self.device = torch.device(resolve(device))
        refuse_the_impossible(experiment)
        self._set_threads()
        self.network = experiment.build(self.device)
        self.network.initialise(generator(experiment.training.seed, "weights"))
        self._learner = learner(experiment, self.network, self.device)
        self._adam = Adam(self.network.weights, self.network.gradient, experiment.training.beta2)
        if state is not None:
            if len(state.weights) != len(self.network.weights):
                raise Problem(f"the weights kept are {len(state.weights)} numbers, and this network has {len(self.network.weights)}.")
            self._adam.load(state)
        self.losses: list[float] = []
        """The loss of each step that this trainer has done."""

    @property
    def step(self) -> int:
        """Steps done in all."""
        return self._adam.steps_done

    def run(self, until: int | None = None) -> Generator[TrainingStep, None, None]:
        """Slices of up to 32 steps or about 20 ms, without end or until exactly step ``until``.

        Raises TrainingStopped, with the last good weights kept, when the loss is no longer finite, memory runs out, or a coupling cannot
        be computed. What works in the background ends with the loop.
        """
        try:
            yield from self._slices(math.inf if until is None else until)
        finally:
            self._learner.close()

    def _slices(self, most: float) -> Generator[TrainingStep, None, None]:
        while self.step < most:
            started = time.perf_counter()
            self._set_threads()
            good = [tensor.clone() for tensor in self._adam.tensors()], self.step
            try:
                losses: list[torch.Tensor] = []
                while len(losses) < SLICE_STEPS and self.step < most and (not losses or time.perf_counter() - started < SLICE_SECONDS):
                    losses.append(self._step())
                values = torch.stack(losses).to("cpu", torch.float32).numpy()
                finite = bool(np.isfinite(values).all()) and bool(torch.isfinite(self._adam.ema.sum()))
            except (MemoryError, RuntimeError) as error:
                self._return_to(*good)
                if not is_out_of_memory(error):
                    raise
                raise TrainingStopped(f"out of memory at step {self.step}: choose a smaller batch or network.") from error
            except Problem as problem:
                self._return_to(*good)
                raise TrainingStopped(str(problem)) from problem
            if not finite:
                at = self.step
                self._return_to(*good)
                raise TrainingStopped(
                    f"the loss was not a finite number by step {at}; the weights of step {self.step} are kept. Lower the learning rate."
                )
            self.losses.extend(float(value) for value in values)
            yield TrainingStep(self.step, values, time.perf_counter() - started)

    def _set_threads(self) -> None:
        """The number of threads decides roundings, so it belongs to the run, whatever else has set it meanwhile."""
        if self.device.type == "cpu" and torch.get_num_threads() != self.experiment.training.threads:
            torch.set_num_threads(self.experiment.training.threads)

    def _step(self) -> torch.Tensor:
        training = self.experiment.training
        loss = self._learner.loss(self.step)
        self._adam.step(rate_at(training, self.step), training.weight_decay, training.ema)
        return loss

    def _return_to(self, tensors: list[torch.Tensor], step: int) -> None:
        for own, kept in zip(self._adam.tensors(), tensors, strict=True):
            own.copy_(kept)
        self._adam.steps_done = step

    def state(self) -> TrainingState:
        """What training can go on from, bit for bit; a copy."""
        return self._adam.state()

    def field(self) -> LearnedField:
        """The averaged network as a field; a copy that training leaves alone."""
        return self.experiment.objective.field(self.experiment, self._adam.ema.clone())
