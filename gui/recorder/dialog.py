"""RecordDialog: what the film is to be, a still of it, and how far it is. The lab stays usable meanwhile."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QPixmap
from PySide6.QtWidgets import QDialog, QFileDialog, QProgressBar, QPushButton

from engine import session as sessions
from gui.document import decode_document, encode_document
from gui.export import image_of
from gui.preferences import state_folder
from gui.recorder.film_form import FilmForm
from gui.recorder.process import FilmOptions, FilmProcess
from gui.widgets import column, label, row
from shaders.layout import layout, plot_area
from shaders.scene import Scene
from shaders.view import frame_camera

if TYPE_CHECKING:
    from gui.lab import Lab

STILL = QSize(480, 300)
LOGICAL = 1280 * 720
SOON_MS, FIELDS_MS = 120, 700
"""A still after an edit, and once more when the fields of the moment have come."""


class RecordDialog(QDialog):
    """One at a time; ``open_for`` shows the one there is."""

    _open: RecordDialog | None = None

    @classmethod
    def open_for(cls, lab: Lab) -> RecordDialog:
        """The dialog of this lab, in front."""
        if cls._open is None:
            cls._open = cls(lab)
        cls._open.show()
        cls._open.raise_()
        cls._open.refresh()
        cls._open.later.start(FIELDS_MS)
        return cls._open

    def __init__(self, lab: Lab):
        super().__init__(lab.window)
        self._lab = lab
        self._film: FilmProcess | None = None
        self._recording = self._unwanted = False
        self.setWindowTitle("Record")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        titles = [pane.title for pane in lab.model.document.scene.panes]
        self.form = FilmForm(titles, lab.stage.scene_now().theme, not lab.stage.camera.by_hand, lab.preferences, **_along(lab))
        for i in lab.empty_panes:
            self.form.panes[i].setChecked(False)
            self.form.panes[i].setToolTip("It shows nothing now: its pane says why")
        self.still = label("")
        self.still.setFixedSize(STILL)
        self.still.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence = label("", "dim")
        self.sentence.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        self.go, self.stop = QPushButton("Record"), QPushButton("Close")
        self.go.setProperty("role", "primary")
        self.go.setDefault(True)
        self.go.clicked.connect(self._record)
        self.stop.clicked.connect(self._cancel_or_close)
        right = column(self.still, self.sentence, self.bar, 1, row(1, self.stop, self.go), spacing=10)
        self.setLayout(row(self.form, right, spacing=20, margins=(18, 16, 18, 14)))
        self.later = QTimer(self)
        self.later.setSingleShot(True)
        self.later.timeout.connect(self.refresh)
        self.form.changed.connect(lambda: self.later.start(SOON_MS))

    def refresh(self) -> None:
        """The still, and whether this can be recorded."""
        problem = self.form.problem()
        if not self._recording:
            self.go.setEnabled(problem is None)
            self.sentence.setText(problem or f"{self.form.frames} frames, drawn by a clock of their own: the lab stays free meanwhile.")
        chosen = [i for i in self.form.chosen if i < len(self._lab.stage.panes)]
        if chosen:
            self.still.setPixmap(self._picture(chosen))

    def _scene(self, chosen: list[int]) -> Scene:
        scene, form = self._lab.stage.scene_now(), self.form
        words = [widget.metric_words for widget in self._lab.stage.panes]
        panes = tuple(replace(scene.panes[i], metric=words[i]) for i in chosen)
        if form.along_training:  # the distances are the latest network's, which is seen only at the end
            panes = tuple(replace(pane, metric="") for pane in panes)
            scene = replace(scene, t=form.at.value(), step=self._lab.steps.latest, share=1.0)
        return replace(scene, panes=panes, theme=form.theme.currentData(), title=form.title.text(), captions=form.captions.isChecked())

    def _picture(self, chosen: list[int]) -> QPixmap:
        width, height = self.form.pixels
        scale = min(STILL.width() / width, STILL.height() / height)
        size = (max(2, round(width * scale)), max(2, round(height * scale)))
        sharp = 2  # drawn twice as large and shrunk: the film's own pixels are finer than the still's
        large = (size[0] * sharp, size[1] * sharp)
        ratio = max(0.7, math.sqrt(width * height / LOGICAL)) * scale * sharp
        stage, scene = self._lab.stage, self._scene(chosen)
        data = [stage.showings[i].at(scene.t, scene.panes[k].layers.trails.length) for k, i in enumerate(chosen)]
        if self.form.fit.isChecked():
            plot = plot_area(layout(scene, large, ratio)[0], scene, 0, ratio, flat=data[0].dimension == 2)
            scene = replace(scene, camera=frame_camera(data, plot.width / plot.height, scene.camera))
        pixels = stage.darkroom.picture(scene, data, large, ratio)
        whole = QPixmap.fromImage(image_of(pixels))
        return whole.scaled(*size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)

    def _record(self) -> None:
        kind = self.form.kind
        folder, preferences = kind == "png", self._lab.preferences
        start = Path(preferences.folder) / (self._lab.files.name if folder else f"{self._lab.files.name}.{kind}")
        title = "Folder of pictures (a new one)" if folder else "Film"
        found, _ = QFileDialog.getSaveFileName(self, title, str(start), "" if folder else f"{self.form.format.currentText()} (*.{kind})")
        if not found:
            return
        out = Path(found)
        if not folder and out.suffix.lower() != f".{kind}":
            out = out.with_name(f"{out.name}.{kind}")
        preferences.folder = str(out.parent)
        self.form.remember()
        self.record_to(out)

    def record_to(self, out: Path) -> None:
        """Starts the film with the options as they stand."""
        self._busy(True)
        self._lab.files.spawn(self._start(self.form.options(out), self.form.chosen))

    async def _start(self, options: FilmOptions, chosen: list[int]) -> None:
        from dataclasses import replace as with_changes

        path = state_folder() / f"film-{id(self)}{sessions.SUFFIX}"
        try:
            session = await self._lab.files.session()
            document = decode_document(session.scene)
            chosen = [i for i in chosen if i < len(document.panes)]
            scene = replace(document.scene, panes=tuple(document.scene.panes[i] for i in chosen))
            document = replace(document, scene=scene, panes=tuple(document.panes[i] for i in chosen))
            shown = {pane.run for pane in document.panes}
            session = with_changes(session, scene=encode_document(document), runs=tuple(run for run in session.runs if run.key in shown))
            await asyncio.to_thread(sessions.save, session, path)
        except (OSError, ValueError) as error:
            self._ended(f"Not recorded: {error}")
            return
        if self._unwanted:
            path.unlink(missing_ok=True)
            self._ended("Cancelled; nothing is left of it.")
            return
        film = FilmProcess(options, path, self)
        self._film = film
        film.progressed.connect(self._progressed)
        film.done.connect(lambda out: self._ended(f"Recorded {Path(out).name}."))
        film.failed.connect(lambda text: self._ended(f"Not recorded: {text}"))
        film.cancelled.connect(lambda: self._ended("Cancelled; nothing is left of it."))
        film.start()

    def _progressed(self, fraction: float, words: str) -> None:
        if not self._unwanted:
            self.bar.setValue(round(1000 * fraction))
            self.sentence.setText(words)

    def _busy(self, busy: bool) -> None:
        self._recording, self._unwanted = busy, False
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
        if not self._recording:
            self.close()
            return
        self._unwanted = True
        self.sentence.setText("Cancelling…")
        if self._film is not None:
            self._film.cancel()

    def reject(self) -> None:
        """Esc: Cancel while it records, else Close."""
        self._cancel_or_close()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._unwanted = True
        if self._film is not None:
            self._film.cancel()
            self._film.wait(5_000)
        RecordDialog._open = None
        event.accept()


def _along(lab: Lab) -> dict[str, Any]:
    """What the form is to know of the training: why there is no film along it, the t and the checkpoint that are shown."""
    learned = any(pane.model == "learned" and pane.run is None for pane in lab.model.document.panes)
    if len(lab.steps.checkpoints) < 2:
        why = "There are no checkpoints to go along yet: press Train first."
    else:
        why = "" if learned else "No pane shows the network that is trained."
    t = lab.stage.clock.t
    return {"no_training": why, "t": 1.0 if t < 0.005 else round(t, 2), "step": lab.steps.step if learned else None}
