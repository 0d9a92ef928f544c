"""ProbeControl: the read-out of the point under the pointer, and what goes through it. Two questions at most are under way: the quick
one for the numbers, the slower one for paths and for log p of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPoint, QPointF, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from engine.guidance import NoGuidance
from engine.mailbox import Mailbox
from engine.worker import Job, Priority, Slices, Worker
from gui.field_control import TIME_STEP
from gui.model import LabModel
from gui.probe import ProbeRequest, Through, Values, through, values
from gui.probe_table import table
from gui.simulation_control import SimulationControl
from gui.stage.stage import Stage

Answer = TypeVar("Answer", Values, Through)


@dataclass(eq=False)
class _Lane(Generic[Answer]):
    """One question at a time; the latest answer stays."""

    box: Mailbox[Answer] = field(default_factory=Mailbox)
    asked: ProbeRequest | None = None
    job: Job[None] | None = None
    found: Answer | None = None

    def ask(self, request: ProbeRequest, worker: Worker, work: Callable[[], Slices[None]]) -> None:
        """Asks once the one before has been answered; or before, where the point has moved on and something has come of it."""
        there = self.found is not None and self.found.request == self.asked
        moved = self.asked is not None and request.x != self.asked.x
        if request != self.asked and (self.job is None or self.job.done or (there and moved)):
            self.asked = request
            self.box.advance()
            self.job = worker.submit(work, name="probe", priority=Priority.WATCHED, mailbox=self.box)

    def read(self) -> bool:
        """Whether something has come."""
        found = self.box.take()
        if found is not None:
            self.found = found
        return found is not None

    def drop(self) -> None:
        """Nobody asks any more."""
        if self.asked is not None:
            self.box.advance()
            self.asked = self.job = self.found = None


class ProbeControl(QObject):
    """A click holds the point, so that t can run or the pointer go elsewhere; another click, or Esc, lets go."""

    said = Signal(str)

    def __init__(self, model: LabModel, stage: Stage, worker: Worker, simulation: SimulationControl):
        super().__init__(stage)
        self._model, self._stage, self._worker, self._simulation = model, stage, worker, simulation
        self._under: tuple[int, float, float] | None = None
        """(pane, x, y) under the pointer, in the world."""
        self._pixel = np.zeros(2)
        """Where the pointer is in that pane's picture, logical pixels."""
        self.held: tuple[int, float, float] | None = None
        """The point that is held."""
        self.values: _Lane[Values] = _Lane()
        self.through: _Lane[Through] = _Lane()
        stage.camera.hovered.connect(self._hovered)
        stage.camera.clicked.connect(self._clicked)
        stage.camera.menu_asked.connect(self._menu)
        stage.ticked.connect(self._tick)

    @property
    def point(self) -> tuple[int, float, float] | None:
        """(pane, x, y) that is told of: the one that is held, or that under the pointer."""
        found = self.held or self._under
        return found if found is not None and found[0] < len(self._stage.panes) and self._stage.dimension == 2 else None

    def hold(self) -> None:
        """Holds the point under the pointer, or lets go of the one that is held (a key, or a click)."""
        self.held = None if self.held is not None else self._under
        self._stage.wake()

    def release(self) -> bool:
        """Lets go; whether there was something to let go of."""
        held, self.held = self.held, None
        return held is not None

    def copy(self) -> None:
        """The values to the clipboard."""
        point = self.point
        if point is None:
            self.said.emit("There is no point: move the pointer over a pane.")
            return
        QGuiApplication.clipboard().setText(self._stage.panes[point[0]].probe.table.text)
        self.said.emit("The values at the point are on the clipboard.")

    def _hovered(self, pane: int, x: float, y: float) -> None:
        self._under = (pane, x, y) if pane >= 0 else None
        if self._under is not None:
            self._pixel = self._seen(*self._under)
        self._show()

    def _seen(self, pane: int, x: float, y: float) -> NDArray[np.float64]:
        """Where a point of the world is in a pane's picture, logical pixels."""
        view = self._stage.panes[pane].canvas.view()
        return view.to_pixels(np.array([[x, y]]))[0] / view.pixel_ratio

    def _stay_under(self) -> None:
        """The pointer rests, but the picture has moved beneath it: another point is there now."""
        if self._under is None or self._under[0] >= len(self._stage.panes) or self._stage.dimension != 2:
            return
        pane = self._under[0]
        if np.abs(self._seen(*self._under) - self._pixel).max() > 0.5:
            x, y = self._stage.panes[pane].canvas.world_at(*self._pixel.tolist())
            self._under = (pane, float(x), float(y))

    def _clicked(self, pane: int, x: float, y: float) -> None:
        self._under = (pane, x, y)
        self.hold()

    def _menu(self, pane: int, x: float, y: float, at: QPoint) -> None:
        if self.held is None:
            self._under = (pane, x, y)
        menu = QMenu(self._stage)
        menu.addAction("Copy values", self.copy)
        menu.addAction("Let go of the point" if self.held is not None else "Hold the point", self.hold)
        menu.addSeparator()
        menu.addAction("Frame everything", self._stage.camera.frame_again)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def _tick(self) -> None:
        self._stay_under()
        came = (self.values.read(), self.through.read())
        request = self._wanted()
        if request is None:
            self.values.drop()
            self.through.drop()
        else:
            fields = self._simulation.fields
            self.values.ask(replace(request, paths=False), self._worker, lambda: values(replace(request, paths=False), fields))
            if request.paths or request.run.snapshot is not None or request.run.guidance != NoGuidance():
                self.through.ask(request, self._worker, lambda: through(request, fields))
            else:
                self.through.drop()
        self._show()
        if any(came):
            self._stage.wake()

    def _wanted(self) -> ProbeRequest | None:
        """What to ask about the point; None where there is nothing to ask."""
        point = self.point
        if point is None:
            return None
        index, x, y = point
        run = self._simulation.shown(index)
        if run is None or run.target.dimension != 2:
            return None
        clock = self._stage.clock
        t = round(clock.t / TIME_STEP) * TIME_STEP if clock.playing else clock.t
        return ProbeRequest(run, (x, y), t, self._model.document.scene.panes[index].layers.probe.visible)

    def _show(self) -> None:
        """Card, ring and paths of the pane with the point; the others have none."""
        point = self.point
        for index, (pane, showing) in enumerate(zip(self._stage.panes, self._stage.showings, strict=True)):
            here = point is not None and point[0] == index
            pane.mark.setVisible(here and self.held is not None)
            if not here or self._stage.bare or pane.canvas.dragging:
                pane.probe.hide()
            probed = self.through.found.probed if here and self.through.found is not None else None
            if not self._model.document.scene.panes[index].layers.probe.visible:
                probed = None
            showing.show(probed=probed)
        if point is not None:
            self._show_card(*point)

    def _show_card(self, index: int, x: float, y: float) -> None:
        pane, data = self._stage.panes[index], self._stage.showings[index].latest
        at = self._seen(index, x, y)
        pane.mark.place(QPointF(at[0], at[1]))
        if self._stage.bare or pane.canvas.dragging:
            return
        place = (x * float(data.scale[0]) + float(data.shift[0]), y * float(data.scale[1]) + float(data.shift[1]))
        answer = self.values.found if self._simulation.shown(index) is not None else None
        clock = self._stage.clock
        pane.probe.show_table(table(data.axis_names, place, clock.t, answer, self.through.found, playing=clock.playing))
        pane.probe.place(QPointF(at[0], at[1]), self._path(index))
        pane.probe.show()

    def _path(self, index: int) -> list[QPointF]:
        """The path through the point, as it is shown, in logical pixels of the picture."""
        probed, view = self._stage.showings[index].latest.probed, self._stage.panes[index].canvas.view()
        if probed is None:
            return []
        places = view.to_pixels(np.concatenate([probed.backward[::4], probed.forward[::4]])) / view.pixel_ratio
        return [QPointF(x, y) for x, y in np.clip(places, -1e4, 1e4).tolist()]
