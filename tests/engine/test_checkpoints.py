"""Which checkpoints are kept: evenly in log step, the first and the latest always, within the bounds of number and memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import checkpoints
from engine.checkpoints import MOST, MOST_BYTES, Checkpoints, most_of, nearest, next_step, place, thinned

Steps = st.lists(st.integers(0, 2_000_000), min_size=1, max_size=120, unique=True).map(sorted)


def gaps(steps: list[int]) -> list[float]:
    return [place(after) - place(before) for before, after in pairwise(steps)]


@given(Steps, st.integers(2, 40))
def test_thinning_keeps_the_ends_and_leaves_no_wide_gap(steps: list[int], most: int) -> None:
    kept = [steps[k] for k in thinned(steps, most)]
    assert len(kept) == min(most, len(steps))
    assert (kept[0], kept[-1]) == (steps[0], steps[-1])
    assert kept == sorted(set(kept))
    if len(kept) > 1:
        whole = place(steps[-1]) - place(steps[0])
        assert max(gaps(kept)) <= max(*gaps(steps), 2 * whole / (most - 1)) + 1e-9


@given(Steps)
def test_with_room_for_one_the_latest_stays(steps: list[int]) -> None:
    assert [steps[k] for k in thinned(steps, 1)] == steps[-1:]
    assert thinned(steps, 0) == []


@given(st.integers(-1, 10**12))
def test_the_next_step_is_later_and_not_far(step: int) -> None:
    following = next_step(step)
    assert following > step
    if step >= 1:
        assert following <= max(step + 2, step * 1.34)
    assert next_step(following - 1) == following, "nothing is left out"


def test_the_first_steps_are_all_there() -> None:
    step, found = -1, []
    while step < 1000:
        step = next_step(step)
        found.append(step)
    assert found[:8] == [0, 1, 2, 3, 4, 5, 6, 8]
    assert found[-11:] == [100, 120, 160, 200, 250, 300, 400, 500, 600, 800, 1000]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60_000), st.integers(1, 9))
def test_a_training_of_any_length_keeps_few_and_evenly(last: int, most: int) -> None:
    before = checkpoints.MOST
    checkpoints.MOST = most
    try:
        kept = Checkpoints()
        step = 0
        while (due := kept.due(step)) <= last:
            kept.keep(due, lambda due=due: np.full(3, due, dtype=np.float32))
            step = due if due > step else 0
            assert kept.kept[-1].step == due, "the latest is always there"
    finally:
        checkpoints.MOST = before
    steps = [one.step for one in kept.kept]
    assert len(steps) <= most
    assert all(one.ema[0] == one.step for one in kept.kept)
    if most > 1:
        assert steps[0] == 0
        ladder = np.log(2.0)  # from step 0 to 1, the widest as they are taken
        assert max(gaps(steps), default=0.0) <= max(ladder, 2 * place(steps[-1]) / (most - 1)) + 1e-9


def test_memory_is_bounded_too() -> None:
    assert most_of(50_000) == MOST
    assert most_of(4_000_000) == MOST_BYTES // 16_000_000 == 8
    assert most_of(10**9) == 1
    for size in (1, 10**5, 10**6, 10**7):
        assert most_of(size) * size * 4 <= MOST_BYTES


@given(Steps, st.floats(0, 3e6))
def test_the_nearest_is_the_nearest_in_log_step(steps: list[int], wanted: float) -> None:
    found = steps[nearest(steps, wanted)]
    assert abs(place(found) - place(wanted)) == pytest.approx(min(abs(place(step) - place(wanted)) for step in steps))


def test_what_is_older_than_the_latest_is_not_taken() -> None:
    kept = Checkpoints()
    for step in (0, 5, 5, 3, 8):
        kept.keep(step, lambda: np.zeros(1, dtype=np.float32))
    assert [one.step for one in kept.kept] == [0, 5, 8]
