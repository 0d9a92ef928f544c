"""Rows shared among threads: every row once, the same numbers as one thread gives, errors and torch's settings as they were."""

from __future__ import annotations

import pytest
import torch

from engine.chunks import by_chunks
from engine.experiment import Experiment
from engine.fields.learned import CHUNK, LearnedField
from engine.networks import MLP
from engine.randomness import generator


@pytest.fixture
def _threads() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("rows", [0, 1, 99, 100, 101, 5_000])
def test_every_row_is_done_once(threads: int, rows: int) -> None:
    torch.set_num_threads(threads)
    done = torch.zeros(rows)

    def work(part: slice) -> None:
        assert len(done[part]) <= 100
        assert torch.is_grad_enabled()
        done[part] += 1.0

    by_chunks(work, rows, 100)
    assert bool((done == 1.0).all())
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("_threads")
def test_an_error_comes_back() -> None:
    torch.set_num_threads(2)

    def work(part: slice) -> None:
        if part.start == 700:
            raise MemoryError("no more")

    with pytest.raises(MemoryError, match="no more"):
        by_chunks(work, 2_000, 100)


@pytest.mark.usefixtures("_threads")
def test_a_network_gives_the_same_numbers_on_any_number_of_threads() -> None:
    experiment = Experiment(network=MLP(width=32, depth=2))
    network = experiment.build()
    network.initialise(generator(0, "weights"))
    field = LearnedField(experiment, network.weights)
    x = torch.from_numpy(generator(1, "points").standard_normal((9 * CHUNK + 5, 2))).float()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(field(x, 0.4))
    assert torch.equal(*found)
