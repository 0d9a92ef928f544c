"""FilmForm: what the film is to be, as fields; it knows nothing of how a film is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QLayout, QLineEdit, QSpinBox, QWidget

from gui.preferences import Preferences
from gui.recorder.process import FilmOptions
from gui.widgets import column, label, row

SIZES = (("1280 × 720", 1280, 720), ("1920 × 1080", 1920, 1080), ("3840 × 2160", 3840, 2160), ("1080 × 1080, square", 1080, 1080))
CUSTOM = "other"
FORMATS = (("MP4 (H.264)", "mp4"), ("GIF", "gif"), ("WebM (VP9)", "webm"), ("PNG sequence", "png"))
RATES = (24, 25, 30, 50, 60)
AXES = (("model time t", "t"), ("training steps", "training"))
AXIS_TIP = "Along t from source to data; or at one t along the training, from the untrained network to the latest, evenly in log step"
FASTEST_GIF = 50.0
MARGIN = 5
"""Pixels left of a spin box's number, as in the other fields."""


class FilmForm(QWidget):
    """``changed`` after every edit; ``options`` is what ``render`` is to be told."""

    changed = Signal()

    def __init__(
        self,
        titles: Sequence[str],
        theme: str,
        fit: bool,
        preferences: Preferences,
        *,
        no_training: str = "",
        t: float = 1.0,
        step: int | None = None,
    ):
        """``no_training``: why there is no film along the training, in one sentence; ``t``: what such a film shows at first; ``step``: the
        checkpoint that the panes show, if it is not the latest."""
        super().__init__()
        self._step = step
        self.axis = _combo([(words, axis) for words, axis in AXES], AXES[0][0], AXIS_TIP)
        if no_training:
            self.axis.setEnabled(False)
            self.axis.setToolTip(no_training)
        self.at = QDoubleSpinBox()
        self.at.setRange(0.0, 1.0)
        self.at.setSingleStep(0.05)
        self.at.setDecimals(2)
        self.at.setPrefix("t = ")
        self.at.lineEdit().setTextMargins(MARGIN, 0, 0, 0)
        self.at.setValue(t)
        self.at.setToolTip("The model time at which the network is seen to learn: 1 is the result")
        self._preferences = preferences
        self.panes = [QCheckBox(f"{i + 1}: {title}") for i, title in enumerate(titles)]
        sizes: list[tuple[str, object]] = [(words, (w, h)) for words, w, h in SIZES]
        self.size_ = _combo([*sizes, ("other…", CUSTOM)], preferences.text("film/size", "1920 × 1080"), "Size of the film in pixels")
        self.width_, self.height_ = _pixels(16, 7680, 1600, "Width in pixels, an even number"), _pixels(16, 4320, 900, "Height, even")
        self.format = _combo(list(FORMATS), preferences.text("film/format", "MP4 (H.264)"), "MP4 plays everywhere; a GIF repeats by itself")
        rates: list[tuple[str, object]] = [(f"{rate} frames/s", rate) for rate in RATES]
        self.fps = _combo(rates, preferences.text("film/fps", "60 frames/s"), "Frames a second; a GIF has at most 50")
        self.seconds = _seconds(0.5, 600, 6.0, "Length of the whole film, rests included")
        self.hold_start = _seconds(0.0, 60, 0.5, "Rest on the noise, t = 0")
        self.hold_end = _seconds(0.0, 60, 1.0, "Rest on the result, t = 1")
        self.loop = QCheckBox("Run back to the beginning: it repeats without a jump")
        self.captions = QCheckBox("Names, distances and t in the picture")
        self.fit = QCheckBox("Frame source and data anew")
        self.fit.setChecked(fit)
        self.fit.setToolTip("Otherwise the film is centred as the panes are now")
        self.title = QLineEdit()
        self.title.setPlaceholderText("none")
        self.theme = _combo([("dark", "dark"), ("light", "light")], theme, "Light prints well")
        for box in (*self.panes, self.captions):
            box.setChecked(True)
        self._lay_out()
        self._listen()

    @property
    def chosen(self) -> list[int]:
        """The panes that are to be seen."""
        return [i for i, box in enumerate(self.panes) if box.isChecked()]

    @property
    def along_training(self) -> bool:
        """Whether the film goes along the training instead of along t."""
        return self.axis.currentData() == "training"

    @property
    def rate(self) -> float:
        """Frames a second."""
        rate = float(self.fps.currentData())
        return min(rate, FASTEST_GIF) if self.format.currentData() == "gif" else rate

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the film."""
        data = self.size_.currentData()
        return (self.width_.value(), self.height_.value()) if data == CUSTOM else (int(data[0]), int(data[1]))

    @property
    def kind(self) -> str:
        """mp4, gif, webm, or png for a sequence."""
        return str(self.format.currentData())

    @property
    def frames(self) -> int:
        return round(self.seconds.value() * self.rate)

    def problem(self) -> str | None:
        """Why this cannot be recorded, in one sentence."""
        if not self.chosen:
            return "Choose at least one pane."
        if self.seconds.value() <= self.hold_start.value() + self.hold_end.value() + 2 / self.rate:
            return "The rests leave no time to move: make the film longer."
        return None

    def options(self, out: Path) -> FilmOptions:
        """The options as they stand."""
        return FilmOptions(
            out=out,
            size=self.pixels,
            fps=self.rate,
            seconds=self.seconds.value(),
            hold_start=self.hold_start.value(),
            hold_end=self.hold_end.value(),
            loop=self.loop.isChecked(),
            captions=self.captions.isChecked(),
            title=self.title.text(),
            theme=self.theme.currentData(),
            fit=self.fit.isChecked(),
            folder=self.kind == "png",
            training=self.along_training,
            at=self.at.value(),
            step=None if self.along_training else self._step,
        )

    def remember(self) -> None:
        """Size, format and rate are the same the next time."""
        for name, combo in (("size", self.size_), ("format", self.format), ("fps", self.fps)):
            self._preferences.set_text(f"film/{name}", combo.currentText())

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(9)
        form.setHorizontalSpacing(16)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._custom = _as_widget(row(self.width_, label("×"), self.height_, label("pixels", "dim"), 1))
        self._ends = label("", "dim"), label("", "dim")
        rests = row(self.hold_start, self._ends[0], self.hold_end, self._ends[1])
        along = row(self.axis, self.at)
        along.setStretch(0, 1)
        form.addRow("Panes", _as_widget(column(*self.panes)))
        form.addRow("Film over", _as_widget(along))
        form.addRow("Size", _as_widget(column(self.size_, self._custom)))
        form.addRow("Format", self.format)
        form.addRow("Frame rate", self.fps)
        form.addRow("Length", self.seconds)
        form.addRow("Rest at", _as_widget(rests))
        form.addRow("", self.loop)
        form.addRow("Title", self.title)
        form.addRow("", self.captions)
        form.addRow("", self.fit)
        form.addRow("Theme", self.theme)
        self._custom.setVisible(self.size_.currentData() == CUSTOM)
        self.setFixedWidth(460)
        self._show_axis()

    def _show_axis(self) -> None:
        """What the rests are on, and the t of a film along the training."""
        training = self.along_training
        self.at.setVisible(training)
        for end, words in zip(self._ends, ("untrained", "latest") if training else ("noise", "data"), strict=True):
            end.setText(words)
        self.hold_start.setToolTip("Rest on the untrained network" if training else "Rest on the noise, t = 0")
        self.hold_end.setToolTip("Rest on the latest network" if training else "Rest on the result, t = 1")

    def _listen(self) -> None:
        self.axis.currentIndexChanged.connect(lambda _i: (self._show_axis(), self.changed.emit()))
        self.at.valueChanged.connect(lambda _v: self.changed.emit())
        self.size_.currentIndexChanged.connect(lambda _i: self._custom.setVisible(self.size_.currentData() == CUSTOM))
        for combo in (self.size_, self.format, self.fps, self.theme):
            combo.currentIndexChanged.connect(lambda _i: self.changed.emit())
        for spin in (self.width_, self.height_, self.seconds, self.hold_start, self.hold_end):
            spin.valueChanged.connect(lambda _v: self.changed.emit())
        for check in (*self.panes, self.captions, self.fit, self.loop):
            check.toggled.connect(lambda _on: self.changed.emit())
        self.title.textChanged.connect(lambda _text: self.changed.emit())


def _combo(items: Sequence[tuple[str, object]], chosen: str, tip: str) -> QComboBox:
    made = QComboBox()
    for words, data in items:
        made.addItem(words, data)
    made.setCurrentIndex(max(0, made.findText(chosen)))
    made.setToolTip(tip)
    return made


def _pixels(low: int, high: int, value: int, tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setSingleStep(2)
    made.lineEdit().setTextMargins(MARGIN, 0, 0, 0)
    made.setValue(value)
    made.setToolTip(tip)
    made.editingFinished.connect(lambda: made.setValue(made.value() // 2 * 2))
    return made


def _seconds(low: float, high: float, value: float, tip: str) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(low, high)
    made.setSingleStep(0.5)
    made.lineEdit().setTextMargins(MARGIN, 0, 0, 0)
    made.setDecimals(1)
    made.setSuffix(" s")
    made.setValue(value)
    made.setToolTip(tip)
    return made


def _as_widget(layout: QLayout) -> QWidget:
    made = QWidget()
    made.setLayout(layout)
    return made
