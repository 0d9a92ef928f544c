"""RecordDialog: what the film is to be, a still of it, and how far it is. The lab stays usable meanwhile."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QWidget,
)

from engine import session as sessions
from gui.document import decode_document, encode_document
from gui.export import image_of
from gui.preferences import state_folder
from gui.recorder.process import FilmOptions, FilmProcess
from gui.widgets import column, label, row
from shaders.scene import Scene
from shaders.view import frame_camera

if TYPE_CHECKING:
    from gui.lab import Lab

SIZES = (("1280 × 720", 1280, 720), ("1920 × 1080", 1920, 1080), ("3840 × 2160", 3840, 2160), ("1080 × 1080, square", 1080, 1080))
CUSTOM = "other"
FORMATS = (("MP4 (H.264)", "mp4"), ("GIF", "gif"), ("WebM (VP9)", "webm"), ("PNG sequence", "png"))
RATES = (24, 25, 30, 50, 60)
STILL = QSize(480, 300)
LOGICAL = 1280 * 720


class RecordDialog(QDialog):
    """One at a time; ``open_for`` shows the one there is."""

    _open: RecordDialog | None = None

    @classmethod
    def open_for(cls, lab: Lab) -> None:
        """The dialog of this lab, in front."""
        if cls._open is None:
            cls._open = cls(lab)
        cls._open.show()
        cls._open.raise_()
        cls._open.refresh()

    def __init__(self, lab: Lab):
        super().__init__(lab.window)
        self._lab = lab
        self._film: FilmProcess | None = None
        self._recording = False
        self.setWindowTitle("Record")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._make_fields()
        self.still = label("")
        self.still.setFixedSize(STILL)
        self.still.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence = label("", "dim")
        self.sentence.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.hide()
        self.go, self.stop = QPushButton("Record"), QPushButton("Close")
        self.go.setProperty("role", "primary")
        self.go.setDefault(True)
        self.go.clicked.connect(self._record)
        self.stop.clicked.connect(self._cancel_or_close)
        right = column(self.still, self.sentence, self.bar, 1, row(1, self.stop, self.go), spacing=10)
        layout = row(self._form(), right, spacing=20, margins=(18, 16, 18, 14))
        self.setLayout(layout)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(120)
        self._later.timeout.connect(self.refresh)

    def _make_fields(self) -> None:
        preferences = self._lab.preferences
        self.panes = [QCheckBox(f"{i + 1}: {pane.title}") for i, pane in enumerate(self._lab.model.document.scene.panes)]
        for box in self.panes:
            box.setChecked(True)
            box.toggled.connect(lambda _on: self._later.start())
        self.size = _combo([(words, (w, h)) for words, w, h in SIZES] + [("other…", CUSTOM)], preferences.text("film/size", "1920 × 1080"))
        self.width_, self.height_ = _spin(16, 7680, 1600, 2), _spin(16, 4320, 900, 2)
        self.format = _combo(list(FORMATS), preferences.text("film/format", "MP4 (H.264)"))
        self.fps = _combo([(f"{rate} frames/s", rate) for rate in RATES], preferences.text("film/fps", "60 frames/s"))
        self.seconds = _seconds(0.5, 600, 6.0)
        self.hold_start, self.hold_end = _seconds(0.0, 60, 0.5), _seconds(0.0, 60, 1.0)
        self.loop = QCheckBox("Run back to the noise: it repeats without a jump")
        self.captions = QCheckBox("Names, distances and t in the picture")
        self.captions.setChecked(True)
        self.fit = QCheckBox("Frame source and data anew")
        self.title = QLineEdit()
        self.title.setPlaceholderText("none")
        self.theme = _combo([("dark", "dark"), ("light", "light")], self._lab.stage.scene_now().theme)
        for combo in (self.size, self.format, self.fps, self.theme):
            combo.currentIndexChanged.connect(lambda _i: self._later.start())
        for spin in (self.width_, self.height_, self.seconds, self.hold_start, self.hold_end):
            spin.valueChanged.connect(lambda _v: self._later.start())
        for check in (self.captions, self.fit, self.loop):
            check.toggled.connect(lambda _on: self._later.start())
        self.title.textChanged.connect(lambda _text: self._later.start())

    def _form(self) -> QWidget:
        made = QWidget()
        form = QFormLayout(made)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(9)
        form.addRow("Panes", _as_widget(column(*self.panes)))
        self._custom = _as_widget(row(self.width_, label("×"), self.height_, label("pixels", "dim"), 1))
        form.addRow("Size", _as_widget(column(self.size, self._custom)))
        form.addRow("Format", self.format)
        form.addRow("Speed", self.fps)
        form.addRow("Length", self.seconds)
        form.addRow("Rest at both ends", _as_widget(row(self.hold_start, self.hold_end)))
        form.addRow("", self.loop)
        form.addRow("Title", self.title)
        form.addRow("", self.captions)
        form.addRow("", self.fit)
        form.addRow("Theme", self.theme)
        made.setFixedWidth(460)
        return made

    def refresh(self) -> None:
        """The still, and whether this can be recorded."""
        self._custom.setVisible(self.size.currentData() == CUSTOM)
        chosen = [i for i, box in enumerate(self.panes) if box.isChecked() and i < len(self._lab.stage.panes)]
        problem = self._problem(chosen)
        if not self._recording:
            self.go.setEnabled(problem is None)
            frames = round(self.seconds.value() * self._rate())
            self.sentence.setText(problem or f"{frames} frames, drawn by a clock of their own: the lab stays free meanwhile.")
        if chosen:
            self.still.setPixmap(self._picture(chosen))

    def _problem(self, chosen: list[int]) -> str | None:
        if not chosen:
            return "Choose at least one pane."
        if self.seconds.value() <= self.hold_start.value() + self.hold_end.value() + 2 / self._rate():
            return "The rests leave no time to move: make the film longer."
        return None

    def _rate(self) -> float:
        rate = float(self.fps.currentData())
        return min(rate, 50.0) if self.format.currentData() == "gif" else rate

    def _pixels(self) -> tuple[int, int]:
        data = self.size.currentData()
        return (self.width_.value(), self.height_.value()) if data == CUSTOM else (int(data[0]), int(data[1]))

    def _scene(self, chosen: list[int]) -> Scene:
        scene = self._lab.stage.scene_now()
        words = [widget.metric_words for widget in self._lab.stage.panes]
        panes = tuple(replace(scene.panes[i], metric=words[i]) for i in chosen)
        return replace(scene, panes=panes, theme=self.theme.currentData(), title=self.title.text(), captions=self.captions.isChecked())

    def _picture(self, chosen: list[int]) -> QPixmap:
        width, height = self._pixels()
        scale = min(STILL.width() / width, STILL.height() / height)
        size = (max(2, round(width * scale)), max(2, round(height * scale)))
        ratio = max(0.7, math.sqrt(width * height / LOGICAL)) * scale
        stage, scene = self._lab.stage, self._scene(chosen)
        data = [stage.showings[i].at(scene.t, scene.panes[k].layers.trails.length) for k, i in enumerate(chosen)]
        if self.fit.isChecked():
            scene = replace(scene, camera=frame_camera(data, size[0] / len(chosen) / size[1], scene.camera))
        sharp = 2  # drawn twice as large and shrunk: the film's own pixels are finer than the still's
        pixels = stage.panes[0].canvas.grab(scene, data, (size[0] * sharp, size[1] * sharp), ratio * sharp)
        whole = QPixmap.fromImage(image_of(pixels))
        return whole.scaled(*size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)

    def _record(self) -> None:
        kind = str(self.format.currentData())
        folder = kind == "png"
        start = Path(self._lab.preferences.folder) / (self._lab.files.name if folder else f"{self._lab.files.name}.{kind}")
        title = "Folder of pictures (a new one)" if folder else "Film"
        found, _ = QFileDialog.getSaveFileName(self, title, str(start), "" if folder else f"{self.format.currentText()} (*.{kind})")
        if not found:
            return
        out = Path(found)
        if not folder and out.suffix.lower() != f".{kind}":
            out = out.with_name(f"{out.name}.{kind}")
        self._lab.preferences.folder = str(out.parent)
        for name, combo in (("size", self.size), ("format", self.format), ("fps", self.fps)):
            self._lab.preferences.set_text(f"film/{name}", combo.currentText())
        self.record_to(out)

    def record_to(self, out: Path) -> None:
        """Starts the film with the options as they stand."""
        options = FilmOptions(
            out=out,
            size=self._pixels(),
            fps=self._rate(),
            seconds=self.seconds.value(),
            hold_start=self.hold_start.value(),
            hold_end=self.hold_end.value(),
            loop=self.loop.isChecked(),
            captions=self.captions.isChecked(),
            title=self.title.text(),
            theme=self.theme.currentData(),
            fit=self.fit.isChecked(),
            folder=self.format.currentData() == "png",
        )
        chosen = [i for i, box in enumerate(self.panes) if box.isChecked()]
        self._busy(True)
        self._lab.files.spawn(self._start(options, chosen))

    async def _start(self, options: FilmOptions, chosen: list[int]) -> None:
        from dataclasses import replace as with_changes

        try:
            session = await self._lab.files.session()
            document = decode_document(session.scene)
            scene = replace(document.scene, panes=tuple(document.scene.panes[i] for i in chosen))
            document = replace(document, scene=scene, panes=tuple(document.panes[i] for i in chosen))
            session = with_changes(session, scene=encode_document(document))
            path = state_folder() / f"film-{id(self)}{sessions.SUFFIX}"
            await asyncio.to_thread(sessions.save, session, path)
        except (OSError, ValueError) as error:
            self._ended(str(error))
            return
        film = FilmProcess(options, path, self)
        self._film = film
        film.progressed.connect(self._progressed)
        film.done.connect(lambda out: self._ended(f"Recorded {Path(out).name}."))
        film.failed.connect(lambda text: self._ended(f"Not recorded: {text}"))
        film.cancelled.connect(lambda: self._ended("Cancelled; nothing is left of it."))
        film.start()

    def _progressed(self, fraction: float, words: str) -> None:
        self.bar.setValue(round(1000 * fraction))
        self.sentence.setText(words)

    def _busy(self, busy: bool) -> None:
        self._recording = busy
        self.bar.setVisible(busy)
        self.bar.setValue(0)
        self.go.setEnabled(not busy)
        self.stop.setText("Cancel" if busy else "Close")
        if busy:
            self.sentence.setText("Saving what is to be filmed…")

    def _ended(self, text: str) -> None:
        self._film = None
        self._busy(False)
        self.sentence.setText(text)
        messages = self._lab.window.messages
        (messages.problem if text.startswith("Not") else messages.note)(text)

    def _cancel_or_close(self) -> None:
        if self._film is not None:
            self.sentence.setText("Cancelling…")
            self._film.cancel()
        elif not self._recording:
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._film is not None:
            self._film.cancel()
            self._film.wait(5_000)
        RecordDialog._open = None
        event.accept()


def _combo(items: list[tuple[str, object]], chosen: str) -> QComboBox:
    made = QComboBox()
    for words, data in items:
        made.addItem(words, data)
    made.setCurrentIndex(max(0, made.findText(chosen)))
    return made


def _spin(low: int, high: int, value: int, step: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setSingleStep(step)
    made.setValue(value)
    made.editingFinished.connect(lambda: made.setValue(made.value() // step * step))
    return made


def _seconds(low: float, high: float, value: float) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(low, high)
    made.setSingleStep(0.5)
    made.setDecimals(1)
    made.setSuffix(" s")
    made.setValue(value)
    return made


def _as_widget(layout: object) -> QWidget:
    made = QWidget()
    made.setLayout(layout)  # type: ignore[arg-type]  # a QLayout
    return made
