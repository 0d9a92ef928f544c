"""Panes with as many evaluations as one of them."""

from __future__ import annotations

from engine.samplers import RK4, DormandPrince, Euler, EulerMaruyama, Heun
from gui.document import PaneSettings
from gui.matching import matched


def panes(*samplers: object) -> tuple[PaneSettings, ...]:
    return tuple(PaneSettings(sampler=sampler) for sampler in samplers)  # type: ignore[arg-type]


def test_the_others_get_its_evaluations() -> None:
    found = matched(panes(Heun(steps=50), EulerMaruyama(steps=200), RK4(steps=9)), 0, 100)
    assert found.panes == panes(Heun(steps=50), EulerMaruyama(steps=100), RK4(steps=25))
    assert found.sentence == "All panes now have 100 evaluations, as Heun has: Euler–Maruyama 100 steps (100), RK4 25 steps (100)."


def test_as_near_as_steps_allow() -> None:
    found = matched(panes(Euler(steps=7), RK4(steps=1)), 0, 7)
    assert found.panes == panes(Euler(steps=7), RK4(steps=2))
    assert "about 7 evaluations" in found.sentence


def test_an_adaptive_method_gives_but_cannot_take() -> None:
    found = matched(panes(DormandPrince(), Euler(steps=7)), 0, 86)
    assert found.panes is not None
    assert found.panes[1].sampler.steps == 86
    found = matched(panes(Euler(steps=7), DormandPrince()), 0, 7)
    assert found.panes is None
    assert "the run decides" in found.sentence
    assert "not run yet" in matched(panes(DormandPrince(), Euler()), 0, None).sentence
    assert matched(panes(Euler()), 0, 50).panes is None
