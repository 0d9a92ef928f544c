"""A lab in a real window with a small network, for tests of one of its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import qasync
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from engine.networks import MLP
from engine.samplers import Euler, EulerMaruyama
from gui.app import show_first
from gui.document import LabDocument, PaneSettings
from gui.model import LabModel, LabState
from gui.preferences import Preferences

SMALL = LabDocument(
    panes=(PaneSettings(sampler=Euler(steps=6)), PaneSettings(sampler=EulerMaruyama(steps=8))),
    particles=1_000,
)


def small_lab(qapp: QApplication, size: tuple[int, int] = (1100, 760)) -> Iterator[Any]:
    """A lab that runs; ``lab.loop`` is its event loop. PUSHFORWARD_STATE must name a folder of the test's own."""
    from gui.lab import Lab
    from gui.lab_window import LabWindow

    state = LabState(document=SMALL)
    experiment = replace(state.experiment, network=MLP(width=16, depth=1), training=replace(state.experiment.training, batch=64))
    loop = qasync.QEventLoop(qapp)
    asyncio.set_event_loop(loop)
    preferences, model = Preferences(), LabModel(LabState(experiment, SMALL))
    window = LabWindow(model, preferences)
    window.resize(*size)
    show_first(window)
    made: Any = Lab(window, model, preferences)
    made.loop = loop
    made.start()
    yield made
    made.model.saved()
    made.window.close()
    made.close()
    loop.close()
    asyncio.set_event_loop(None)
    made.window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def until(lab: Any, condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Runs the event loop until the condition holds."""

    async def wait() -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)

    lab.loop.run_until_complete(wait())


def done(lab: Any, work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns."""
    return lab.loop.run_until_complete(asyncio.wait_for(work, 60))


def within(lab: Any, act: Callable[[], object]) -> None:
    """Does it while the event loop runs, as a click would."""

    async def call() -> None:
        act()

    lab.loop.run_until_complete(asyncio.wait_for(call(), 60))


def train(lab: Any, steps: int) -> None:
    """Trains so many steps at least, then pauses, and waits until the panes show the very last weights."""
    before = lab.training.work.step if lab.training.work is not None else 0
    lab.training.start()
    until(lab, lambda: lab.training.progress is not None and lab.training.work.step >= before + steps)
    lab.training.pause()
    until(lab, lambda: settled(lab) and lab.training.snapshot is not None and lab.training.snapshot.step == lab.training.work.step)


def settled(lab: Any) -> bool:
    """Every pane shows what it should."""
    panes = range(len(lab.model.document.panes))
    return not lab.simulation.renewing and all(lab.simulation.shown(i) == lab.simulation.request_of(i) for i in panes)
