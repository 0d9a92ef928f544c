"""Lab: the composition. Makes the model, the worker, the window and the controllers, connects them, and takes them down again."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from engine.samplers import RK4, Euler, EulerMaruyama, Heun
from engine.worker import Priority, Worker
from gui.distance_control import DistanceControl
from gui.document import PaneSettings, start_word
from gui.field_control import FieldControl
from gui.files import FileControl
from gui.flow_map_control import FlowMapControl
from gui.history.control import HistoryControl
from gui.lab_window import LabWindow
from gui.map_control import MapControl
from gui.matching import matched
from gui.menus import fill_menus, show_truth
from gui.model import LabModel, LabState
from gui.preferences import Preferences
from gui.probe_control import ProbeControl
from gui.reflow_control import ReflowControl
from gui.runs import Snapshot, prepare_torch
from gui.simulation_control import SimulationControl
from gui.stage.layer_settings import open_layer_settings
from gui.stage.pane_settings import PaneSettingsPopover
from gui.step_control import StepControl
from gui.theme import ThemeChoice, apply_theme, is_dark
from gui.training_control import TrainingControl
from gui.training_job import Progress

SAMPLERS = (Heun(), EulerMaruyama(), RK4(), Euler())
"""What further panes show."""
FIRST_SENTENCE = "Paint over it, then press Train."
WORKER_NICENESS = 5
"""Drawing comes first, then what the panes and the training need, then distances."""


class Lab(QObject):
    """What a window that has painted becomes: ``start()`` lets things move, ``close()`` ends them."""

    closed = Signal()

    def __init__(self, window: LabWindow, model: LabModel, preferences: Preferences):
        super().__init__()
        self.preferences, self.model, self.window = preferences, model, window
        window.complete()
        self.worker = Worker(first=partial(prepare_torch, self.model.experiment.training.threads), niceness=WORKER_NICENESS)
        self.stage = self.window.stage
        self.simulation = SimulationControl(self.model, self.stage, self.worker)
        self.training = TrainingControl(self.model, self.worker, self)
        self.training.device = preferences.device
        self.fields = FieldControl(self.model, self.stage, self.worker, self.simulation)
        self.maps = MapControl(self.model, self.stage, self.worker, self.simulation)
        self.probe = ProbeControl(self.model, self.stage, self.worker, self.simulation)
        self.flow_maps = FlowMapControl(self.model, self.stage, self.worker, self.simulation)
        self.distances = DistanceControl(self)
        self.reflow = ReflowControl(self)
        self.steps = StepControl(self)
        self.history = HistoryControl(self)
        self.files = FileControl(self)
        self._connect_stage()
        self._connect_training()
        fill_menus(self)
        self.window.may_close = self.files.may_close
        self.window.dropped = self.files.open_dropped
        self.window.messages.hint(FIRST_SENTENCE)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self.follow_system_theme)

    def start(self) -> None:
        """The window is there: torch may come, and something may move."""
        self.worker.start()
        self.distances.start()
        self.simulation.set_device(self.training.device)
        self.simulation.start()
        self.stage.start()
        self.stage.panes[0].canvas.setFocus()  # Space plays; without this the first button would have it
        self.stage.clock.play()
        self.stage.clock_changed.emit()
        self.files.start()

    def close(self) -> None:
        """Threads end, canvases are freed."""
        self.files.close()
        self.stage.close_panes()
        self.distances.close()
        self.worker.close()
        self.closed.emit()

    def follow_system_theme(self) -> None:
        """The system has turned dark or light; that matters to whoever chose to follow it."""
        if self.preferences.theme == "system":
            self.set_theme("system")

    def set_theme(self, choice: ThemeChoice) -> None:
        self.preferences.theme = choice
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, choice)
        self.stage.set_theme("dark" if is_dark() else "light")

    def set_device(self, device: str) -> None:
        """Training and simulation move there."""
        self.preferences.device = device
        self.simulation.set_device(device)
        self.training.set_device(device)

    def train(self) -> None:
        """The one big button; on an empty canvas it says what is missing."""
        if self.window.controls.target.is_cleared and not self.training.running:
            self.window.messages.problem("The canvas is empty: paint something, then press Train.")
        else:
            self.training.toggle()

    def draw_again(self) -> None:
        """Other noise."""
        self.model.edit_document("draw again", replace(self.model.document, seed=self.model.document.seed + 1), merge="seed")

    def add_pane(self) -> None:
        """One more: the first kind of sampler that is not there yet, with the model of the last."""
        panes = self.model.document.panes
        there = {type(pane.sampler) for pane in panes}
        other = next((sampler for sampler in SAMPLERS if type(sampler) not in there), panes[-1].sampler)
        self.model.add_pane(PaneSettings(sampler=other, model=panes[-1].model))

    def remove_pane(self) -> None:
        self.model.remove_pane(len(self.model.document.panes) - 1)

    def match_evaluations(self, index: int) -> None:
        """The other panes get as many function evaluations as this one has, as nearly as their steps allow; one step of undo."""
        found = matched(self.model.document.panes, index, self.simulation.evaluations(index))
        if found.panes is not None:
            self.model.edit_document("match evaluations", replace(self.model.document, panes=found.panes))
        self.window.messages.note(found.sentence)

    @property
    def empty_panes(self) -> list[int]:
        """Those that show a reason in place of particles; none where all do."""
        return self.distances.empty_panes

    def _connect_stage(self) -> None:
        stage, bar = self.stage, self.window.transport
        stage.clock_changed.connect(lambda: bar.show_clock(stage.clock))
        stage.ticked.connect(self._read)
        stage.settings_asked.connect(self._pane_settings)
        stage.failed.connect(self.window.messages.problem)
        self.probe.said.connect(self.window.messages.note)
        self.flow_maps.failed.connect(self.window.messages.problem)
        self.flow_maps.said.connect(self.window.messages.note)
        self.maps.failed.connect(self.window.messages.problem)
        self.maps.training = lambda: self.training.running
        stage.layer_settings_asked.connect(partial(open_layer_settings, self))
        bar.play_asked.connect(stage.toggle_play)
        bar.sought.connect(stage.seek)
        bar.turn_asked.connect(stage.turn)
        bar.speed_chosen.connect(stage.set_speed)
        bar.loop_chosen.connect(stage.set_loop)
        bar.show_clock(stage.clock)
        self.simulation.failed.connect(self.window.messages.problem)
        self.model.changed.connect(self._follow)
        self.window.controls.adapted.connect(self.window.messages.note)
        easel = self.window.controls.target.easel
        easel.strokeFinished.connect(self._after_stroke)
        easel.strokeStarted.connect(lambda: stage.step_aside(True))
        easel.strokeEnded.connect(lambda: stage.step_aside(False))

    def _connect_training(self) -> None:
        training, window = self.training, self.window
        training.status_changed.connect(self._training_status)
        training.progressed.connect(self._training_progress)
        training.snapshot_taken.connect(self._snapshot)
        training.said.connect(window.messages.note)
        training.failed.connect(window.messages.problem)

    def _read(self) -> None:
        """At frame rate: what the worker and the distances have left for the window."""
        self.training.read()
        self.reflow.read()
        self.window.loss.show_series(self.training.losses)
        if self.training.running and self.steps.step is None and self.simulation.wants_snapshot:
            self.training.want_snapshot()

    def _follow(self, _old: LabState, new: LabState) -> None:
        """What there is at t = 0 has its name on the bar."""
        self.window.transport.set_start(start_word(new.experiment))

    def _after_stroke(self) -> None:
        """Whoever paints with the pointer finds the keys on the stage again: Space plays instead of painting."""
        if self.window.controls.target.easel.underMouse():
            self.stage.panes[0].canvas.setFocus()

    def _pane_settings(self, index: int) -> None:
        model, pane = self.model, self.stage.panes[index]
        popover = PaneSettingsPopover(
            model.document.panes[index],
            trained=self.training.snapshot is not None,
            only_one=len(model.document.panes) == 1,
            experiment=model.experiment,
            runs=self.history.list.runs,
            parent=self.window,
        )
        popover.edited.connect(lambda settings: model.edit_pane(index, settings))
        popover.removed.connect(lambda: model.remove_pane(index))
        popover.match_asked.connect(lambda: self.match_evaluations(index))
        popover.truth_asked.connect(lambda: show_truth(self, index))
        popover.enlarged.connect(lambda: self.stage.toggle_alone(index))
        popover.open_below(pane.header)

    def _training_status(self, status: str) -> None:
        self.window.top.show_status(status)
        if status == "training" and self.window.messages.kind == "hint":
            self.window.messages.dismiss()

    def _offer_reflow(self) -> None:
        """The button is there while there is a network that can be straightened."""
        self.window.top.reflow.setVisible(self.reflow.refusal() is None)

    def _training_progress(self, progress: Progress | None) -> None:
        self.window.top.show_progress(progress)

    def _snapshot(self, snapshot: Snapshot | None) -> None:
        """The first snapshot of a network turns the panes to it; when no network fits, they go back to the exact field."""
        first = snapshot is not None and not self._has_snapshot
        self._has_snapshot = snapshot is not None
        if snapshot is None or first:
            model = "exact" if snapshot is None else "learned"
            panes = tuple(replace(pane, model=model) if pane.run is None else pane for pane in self.model.document.panes)
            self.simulation.set_snapshot(self.steps.instead_of(snapshot))
            self.model.show_document(panes=panes)
        else:
            self.simulation.set_snapshot(self.steps.instead_of(snapshot))
        self._offer_reflow()

    _has_snapshot = False

    def ask_devices(self, show: object) -> None:
        """The devices there are, once torch is there; ``show(list)`` on the window's thread."""
        from engine.devices import devices

        job = self.worker.call(devices, name="devices", priority=Priority.WATCHED)
        timer = QTimer(self)

        def look() -> None:
            if job.done:
                timer.stop()
                timer.deleteLater()
                if job.error is None and callable(show):
                    show(job.future.result())

        timer.timeout.connect(look)
        timer.start(200)
