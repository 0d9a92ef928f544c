"""LabWindow: where everything is. Layout and nothing else; gui.lab connects what is in it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QWidget

from gui.actions import Actions, add_stage_keys
from gui.control_column import ControlColumn
from gui.messages import BusyBar, MessageBar, Notices
from gui.model import LabModel
from gui.preferences import Preferences
from gui.stage.stage import Stage
from gui.stage.transport import TransportBar
from gui.theme import is_dark
from gui.top_bar import TopBar
from gui.widgets import card, column, row

CONTROLS_WIDTH = 300
PARTICLES_HEIGHT, CHARTS_HEIGHT = 36, 158


class LabWindow(QMainWindow):
    """Top bar; controls at the left; stage, transport and charts at the right."""

    def __init__(self, model: LabModel, preferences: Preferences):
        super().__init__()
        self._preferences = preferences
        self.may_close: Callable[[], bool] = lambda: True
        self.dropped: Callable[[str], object] = lambda _path: None
        self._before_full_screen = Qt.WindowState.WindowNoState
        self._charts_wanted = preferences.flag("charts", True)
        self._controls_wanted = preferences.flag("controls", True)
        self.setWindowTitle("Pushforward")
        self.setAcceptDrops(True)
        self.actions_ = Actions(self)
        self.top = TopBar(self.actions_)
        self.controls = ControlColumn(model, preferences)
        self.stage = Stage(model, "dark" if is_dark() else "light")
        self.transport = TransportBar()
        self._model = model
        self._particles_place, self._charts = QWidget(), QWidget()
        self.messages, self.busy = MessageBar(), BusyBar()
        self.setMenuWidget(self.top)
        self._right = self._right_side()
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(self.controls)
        self._splitter.addWidget(self._right)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(6)
        self.setCentralWidget(self._splitter)
        add_stage_keys(self.actions_, self._right)
        self.setMinimumSize(900, 600)
        self._restore()

    def _right_side(self) -> QWidget:
        self._deck = card()
        self._deck.setLayout(column(self.transport, self._particles_place, spacing=0, margins=(10, 6, 10, 8)))
        self._particles_place.setFixedHeight(PARTICLES_HEIGHT)
        self._charts.setFixedHeight(CHARTS_HEIGHT)
        right = QWidget()
        layout = column(self.stage, self._deck, self._charts, spacing=10, margins=(2, 2, 10, 10))
        layout.setStretch(0, 1)
        right.setLayout(layout)
        self._notices = Notices(self.stage, self.messages, self.busy, foot=lambda: self.stage.foot)
        return right

    def complete(self) -> None:
        """What can wait until the window has painted: the other cards, the particles' controls, the charts."""
        from gui.charts.distances import DistanceTable
        from gui.charts.over_training import OverTraining
        from gui.stage.particle_bar import ParticleBar

        self.stage.complete()
        self.controls.complete()
        self.over_training, self.distances = OverTraining(), DistanceTable()
        self.loss = self.over_training.loss
        self._particles_place.setLayout(column(ParticleBar(self._model, self.actions_)))
        charts = row(self.over_training, self.distances, spacing=10)
        charts.setStretch(0, 1)
        charts.setStretch(1, 1)
        self._charts.setLayout(charts)

    def show_charts(self, wanted: bool) -> None:
        self._charts_wanted = wanted
        self._preferences.set_flag("charts", wanted)
        self._arrange()

    def show_controls(self, wanted: bool) -> None:
        self._controls_wanted = wanted
        self._preferences.set_flag("controls", wanted)
        self._arrange()

    def set_full_screen(self, on: bool) -> None:
        """The stage with its transport, nothing else."""
        if on and not self.isFullScreen():
            self._before_full_screen = self.windowState()
            self.showFullScreen()
        elif not on and self.isFullScreen():
            self.setWindowState(self._before_full_screen)
        self._arrange()

    def set_presentation(self, on: bool) -> None:
        """Nothing but panes and captions."""
        self.stage.show_bare(on)
        self.actions_["full-screen"].setChecked(on)
        self.set_full_screen(on)

    def remember(self) -> None:
        """Keeps the layout for the next time."""
        if not self.isFullScreen():
            self._preferences.set_blob("geometry", self.saveGeometry())
            self._preferences.set_blob("splitter", self._splitter.saveState())
        self._preferences.sync()

    def _restore(self) -> None:
        geometry = self._preferences.blob("geometry")
        if geometry.isEmpty() or not self.restoreGeometry(geometry):
            room = self.screen().availableGeometry()
            self.resize(min(1600, room.width()), min(960, room.height()))
        state: QByteArray = self._preferences.blob("splitter")
        if state.isEmpty() or not self._splitter.restoreState(state):
            self._splitter.setSizes([CONTROLS_WIDTH, self.width() - CONTROLS_WIDTH])
        self.actions_["charts"].setChecked(self._charts_wanted)
        self.actions_["controls"].setChecked(self._controls_wanted)
        self._arrange()

    def _arrange(self) -> None:
        full, bare = self.actions_["full-screen"].isChecked(), self.actions_["presentation"].isChecked()
        self.top.setVisible(not full)
        self.controls.setVisible(self._controls_wanted and not full)
        self._charts.setVisible(self._charts_wanted and not full)
        self._deck.setVisible(not bare)
        if bare:
            self.messages.dismiss()
            self.stage.panes[0].canvas.setFocus()
        self._right.layout().setContentsMargins(*((10, 10, 10, 10) if full else (2, 2, 10, 10)))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if url.isLocalFile():
                event.acceptProposedAction()
                self.dropped(url.toLocalFile())
                return

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.may_close():
            self.remember()
            event.accept()
        else:
            event.ignore()
