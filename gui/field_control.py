"""FieldControl: velocity and score on a grid at the time shown, for the panes that show them. At most one question a pane is under way."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QObject

from engine.mailbox import Mailbox
from engine.worker import Job, Priority, Worker
from gui.model import LabModel
from gui.runs import Grid, GridRequest, grid
from gui.simulation_control import SimulationControl
from gui.stage.stage import Stage

SPACING = 26.0
"""Logical pixels between nodes of the grid."""
TIME_STEP = 1 / 64
"""t is rounded to this while it plays: a field looks the same a moment later."""


@dataclass
class _Pane:
    box: Mailbox[Grid] = field(default_factory=Mailbox)
    asked: GridRequest | None = None
    job: Job[None] | None = None


class FieldControl(QObject):
    """Looks at every tick whether a pane's grid is still the right one; asks for another when the one before has come."""

    def __init__(self, model: LabModel, stage: Stage, worker: Worker, simulation: SimulationControl):
        super().__init__(stage)
        self._model, self._stage, self._worker, self._simulation = model, stage, worker, simulation
        self._panes: list[_Pane] = []
        stage.ticked.connect(self._tick)

    def _tick(self) -> None:
        count = len(self._stage.panes)
        del self._panes[count:]
        while len(self._panes) < count:
            self._panes.append(_Pane())
        for index, pane in enumerate(self._panes):
            self._look_after(index, pane)

    def _look_after(self, index: int, pane: _Pane) -> None:
        wanted = self._wanted(index)
        showing = self._stage.showings[index]
        if wanted is None:
            if pane.asked is not None:
                pane.asked, pane.job = None, None
                pane.box.advance()
                showing.set_fields(None)
            return
        found = pane.box.take()
        if found is not None:
            showing.set_fields((found.velocity, found.score, found.request.box))
            self._stage.wake()
        if wanted != pane.asked and (pane.job is None or pane.job.done):
            pane.asked = wanted
            fields = self._simulation.fields
            pane.box.advance()
            pane.job = self._worker.submit(lambda: grid(wanted, fields), name="field", priority=Priority.WATCHED, mailbox=pane.box)

    def _wanted(self, index: int) -> GridRequest | None:
        layers = self._model.document.scene.panes[index].layers
        run = self._simulation.shown(index)
        if run is None or self._stage.dimension != 2 or run.target.dimension != 2 or not (layers.velocity.visible or layers.score.visible):
            return None
        canvas, clock = self._stage.panes[index].canvas, self._stage.clock
        t = round(clock.t / TIME_STEP) * TIME_STEP if clock.playing else clock.t
        width, height = canvas.width(), canvas.height()
        nodes = (max(4, round(width / SPACING)), max(4, round(height / SPACING)))
        return GridRequest(run, t, canvas.view().visible(), nodes, layers.velocity.visible, layers.score.visible)
