"""Stage: the panes side by side, one camera and one time for all, drawn at frame rate and only when something has changed."""

from __future__ import annotations

import time
from typing import get_args

from msgspec.structs import replace
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from gui.document import MOST_PANES, LoopMode, start_word
from gui.model import LabModel, LabState
from gui.stage.camera import CameraControl
from gui.stage.clock import Clock
from gui.stage.darkroom import Darkroom
from gui.stage.pane import PaneWidget
from gui.stage.showing import Showing
from shaders.layout import grid
from shaders.scene import Scene, ThemeName

HARDWARE_HZ, SOFTWARE_HZ, IDLE_HZ = 60, 30, 10
ASIDE_HZ = 20
"""One pane a tick while someone paints."""
SOFTWARE_TRAILS = 400
"""Trails in the window where the processor draws them; films and pictures have them all."""


class Stage(QWidget):
    """Owns the clock and the pane widgets; everything else about the scene is in the model."""

    ticked = Signal()
    """At frame rate: time to read the mailboxes."""
    clock_changed = Signal()
    settings_asked = Signal(int)
    layer_settings_asked = Signal(int, str)
    """(pane, layer): its chip's ▾."""
    cancel_asked = Signal()
    failed = Signal(str)
    first_drawn = Signal()

    def __init__(self, model: LabModel, theme: ThemeName):
        super().__init__()
        self._model, self._theme = model, theme
        self.clock = Clock(t=model.document.scene.t, speed=model.document.speed, loop=model.document.loop)
        self.darkroom = Darkroom()
        self.panes: list[PaneWidget] = []
        self.showings: list[Showing] = []
        self.camera = CameraControl(self, model)
        self._most = 1
        self._alone: int | None = None
        self._bare = False
        self._busy_until = 0.0
        self._aside, self._turn = False, 0
        self._last = time.perf_counter()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(10)
        self._timer = QTimer(self)
        self._timer.setTimerType(self._timer.timerType().PreciseTimer)
        self._timer.timeout.connect(self._tick)
        model.changed.connect(self._follow)
        self._match_panes()
        self.redraw()

    def complete(self) -> None:
        """All the panes; until then there is the first alone, so that the window is there sooner."""
        self._most = MOST_PANES
        self._match_panes()
        self.redraw()

    def start(self) -> None:
        """Begins to tick."""
        self._last = time.perf_counter()
        self._timer.start(1000 // self._hz)

    def close_panes(self) -> None:
        """Frees what is on the graphics card; the stage is over."""
        self._timer.stop()
        for pane in self.panes:
            pane.canvas.leave()
        self.darkroom.close()

    @property
    def dimension(self) -> int:
        return self._model.experiment.target.dimension

    @property
    def _hz(self) -> int:
        return SOFTWARE_HZ if self.darkroom.in_software else HARDWARE_HZ

    @property
    def bare(self) -> bool:
        """Whether a presentation is on."""
        return self._bare

    @property
    def ticking(self) -> bool:
        return self._timer.isActive()

    @property
    def foot(self) -> int:
        """The height of what is below the pictures of the lowest panes."""
        shown = [pane for pane in self.panes if not pane.isHidden()]
        return min((self.height() - pane.y() - pane.canvas.geometry().bottom() for pane in shown), default=0)

    def scene_of(self, index: int) -> Scene:
        """The scene of one pane at this moment, as its canvas draws it."""
        scene = self._model.document.scene
        pane = scene.panes[index]
        if self.darkroom.in_software and pane.layers.trails.count > SOFTWARE_TRAILS:
            trails = replace(pane.layers.trails, count=SOFTWARE_TRAILS)
            pane = replace(pane, layers=replace(pane.layers, trails=trails))
        return replace(scene, panes=(pane,), t=self.clock.t, theme=self._theme, captions=False)

    def scene_now(self) -> Scene:
        """The whole scene at this moment."""
        return replace(self._model.document.scene, t=self.clock.t, theme=self._theme, start=start_word(self._model.experiment))

    def set_theme(self, theme: ThemeName) -> None:
        self._theme = theme
        self.redraw()

    def step_aside(self, on: bool) -> None:
        """While someone paints on the easel the panes take turns, so that the brush keeps its pace where there is no graphics card."""
        self._aside = on and self.darkroom.in_software

    def redraw(self, only: int | None = None) -> None:
        """Shows every pane, or one, as it is now."""
        t = self.clock.t
        for index, (pane, showing) in enumerate(zip(self.panes, self.showings, strict=True)):
            if only is not None and index != only:
                continue
            trail = self._model.document.scene.panes[index].layers.trails.length
            pane.canvas.show_scene(self.scene_of(index), showing.at(t, trail))

    def seek(self, t: float) -> None:
        """The user moves t: play stops."""
        self.clock.pause()
        self.clock.seek(t)
        self._after_clock()

    def step(self, amount: float) -> None:
        self.seek(self.clock.t + amount)

    def toggle_play(self) -> None:
        if self.clock.playing:
            self.clock.pause()
        else:
            self.clock.play()
        self._after_clock()

    def turn(self) -> None:
        """The other way; from rest it starts at once."""
        self.clock.turn()
        self.clock.play()
        self._after_clock()

    def set_speed(self, speed: float) -> None:
        self._model.show_document(speed=speed)

    def set_loop(self, loop: LoopMode) -> None:
        self._model.show_document(loop=loop)

    def next_loop(self) -> None:
        modes = get_args(LoopMode)
        self.set_loop(modes[(modes.index(self.clock.loop) + 1) % len(modes)])

    def show_alone(self, index: int | None) -> None:
        """One pane large, or all again."""
        self._alone = index
        self._lay_out()

    def toggle_alone(self, index: int) -> None:
        """This pane alone, or all again."""
        self.show_alone(None if self._alone == index else index)

    def show_bare(self, bare: bool) -> None:
        """Presentation: nothing but pictures and captions."""
        self._bare = bare
        for pane in self.panes:
            pane.show_bare(bare)

    def wake(self) -> None:
        """Something has come that moves: full frame rate for a while."""
        self._busy_until = time.perf_counter() + 1.0
        if self._timer.isActive() and self._timer.interval() != 1000 // self._hz:
            self._timer.start(1000 // self._hz)

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]  # a QResizeEvent, which nothing here looks at
        self._lay_out()

    def _tick(self) -> None:
        now = time.perf_counter()
        passed, self._last = min(now - self._last, 0.1), now
        self.ticked.emit()
        moved = self.clock.advance(passed)
        for showing in self.showings:
            showing.advance(passed)
        self.camera.advance(passed)
        if self._aside:
            self._turn += 1
            self.redraw(self._turn % len(self.panes))
            self.clock_changed.emit()
        elif moved:
            self._after_clock()
        else:
            self.redraw()
        lively = self.clock.playing or self.camera.moving or any(showing.gliding for showing in self.showings) or now < self._busy_until
        wanted = 1000 // (ASIDE_HZ if self._aside else self._hz if lively else IDLE_HZ)
        if self._timer.interval() != wanted:
            self._timer.start(wanted)

    def _after_clock(self) -> None:
        self.redraw()
        self.clock_changed.emit()
        self.wake()

    def _follow(self, old: LabState, new: LabState) -> None:
        document = new.document
        if old.document.panes != document.panes:
            self._match_panes()
        self.clock.speed, self.clock.loop = document.speed, document.loop
        for index, pane in enumerate(self.panes):
            shown = document.scene.panes[index]
            pane.show_words(shown.title, shown.caption)
            pane.chips.show_layers(shown.layers, self.dimension)
        if (old.document.speed, old.document.loop) != (document.speed, document.loop):
            self.clock_changed.emit()
        self.redraw()

    def _match_panes(self) -> None:
        """As many widgets as the model has panes; data of the ones that stay is kept."""
        wanted = min(len(self._model.document.panes), self._most)
        while len(self.panes) > wanted:
            self.showings.pop()
            self._dismiss(self.panes.pop())
        while len(self.panes) < wanted:
            self._add_widget()
        for index, pane in enumerate(self.panes):
            shown = self._model.document.scene.panes[index]
            pane.show_words(shown.title, shown.caption)
            pane.chips.show_layers(shown.layers, self.dimension)
        if self._alone is not None and self._alone >= wanted:
            self._alone = None
        self._lay_out()

    def _dismiss(self, pane: PaneWidget) -> None:
        self._grid.removeWidget(pane)
        pane.hide()
        pane.canvas.leave()
        pane.deleteLater()

    def _add_widget(self) -> None:
        index, pane, showing = len(self.panes), PaneWidget(self.darkroom), Showing()
        if self.showings:
            showing.set_target(self.showings[0].bare)
        pane.show_bare(self._bare)
        pane.chips.changed.connect(lambda layers: self._model.show_layers(index, layers))
        pane.chips.settings_asked.connect(lambda layer: self.layer_settings_asked.emit(index, layer))
        pane.header.settings_asked.connect(lambda: self.settings_asked.emit(index))
        pane.header.cancel.clicked.connect(self.cancel_asked)
        self.camera.follow(index, pane.canvas)
        pane.canvas.failed.connect(self.failed)
        if index == 0:
            pane.canvas.drawn.connect(self._first_drawn)
        self.panes.append(pane)
        self.showings.append(showing)

    def _first_drawn(self) -> None:
        self.panes[0].canvas.drawn.disconnect(self._first_drawn)
        self.first_drawn.emit()

    def _lay_out(self) -> None:
        shown = [pane for i, pane in enumerate(self.panes) if self._alone is None or i == self._alone]
        planned = len(shown) if self._alone is not None else len(self._model.document.panes)
        columns, _rows = grid(planned, self.width(), self.height())
        places = {pane: divmod(i, columns) for i, pane in enumerate(shown)}
        for pane in self.panes:
            pane.setVisible(pane in places)
            if pane in places and self._grid.getItemPosition(self._grid.indexOf(pane))[:2] != places[pane]:
                self._grid.addWidget(pane, *places[pane])
        self.camera.frame_soon()
        for k in range(4):
            self._grid.setColumnStretch(k, 1 if k < columns else 0)
            self._grid.setRowStretch(k, 1 if any(r == k for r, _ in places.values()) else 0)
