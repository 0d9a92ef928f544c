"""Typeset formulas: LaTeX to SVG by ziamath, drawn in the text's colour.

ziamath is imported and run on a thread of its own, after the window is there; until a formula is ready its place is empty.
"""

from __future__ import annotations

import builtins
import logging
from functools import lru_cache

from PySide6.QtCore import QByteArray, QObject, QRectF, QRunnable, QSize, Qt, QThreadPool, QTimer, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from gui.theme import colour, notifier

if hasattr(builtins, "__orig_import__"):
    # PySide's own import reads the source of every module for its __feature__ switches, and is not safe in another thread: attributes
    # and slots of widgets were missing, and the process crashed, while ziamath was being imported. Nothing here uses the switches.
    builtins.__import__ = builtins.__orig_import__

log = logging.getLogger(__name__)

PART = r",\quad"
"""Where a long formula may break into lines."""
PADDING = 8
LINE_GAP = 5
FIRST_DELAY_MS = 120
"""The import of ziamath waits until the window has been drawn."""
SMALLEST = 0.62
"""A line wider than its place shrinks this far at most."""


def lines_of(latex: str) -> tuple[str, ...]:
    """The parts of a formula that stand on lines of their own."""
    return tuple(part.strip() for part in latex.split(PART) if part.strip())


@lru_cache(maxsize=512)
def svg_of(latex: str) -> str:
    """SVG of one line at 20 px, paths only (QtSvg knows no <symbol>). Slow at first: imports ziamath."""
    import ziamath

    ziamath.config.svg2 = False
    return str(ziamath.Latex(latex, size=20).svg())


class _Typesetter(QObject):
    """Carries finished formulas from the typesetting thread to the widgets."""

    done = Signal(str, list)
    _one: _Typesetter | None = None

    def __init__(self) -> None:
        super().__init__()
        self.pool = QThreadPool(self)
        self.pool.setMaxThreadCount(1)
        self.ready: dict[str, list[str]] = {}
        self.asked: set[str] = set()
        self.begun = False
        self.done.connect(self._keep)

    @classmethod
    def the(cls) -> _Typesetter:
        if cls._one is None:
            cls._one = cls()
        return cls._one

    def ask(self, latex: str) -> None:
        if latex not in self.asked:
            first, self.asked = not self.asked, self.asked | {latex}
            if first:
                QTimer.singleShot(FIRST_DELAY_MS, self, self._begin)
            if self.begun:
                self.pool.start(_Work(self, latex))

    def _begin(self) -> None:
        self.begun = True
        for latex in sorted(self.asked):
            self.pool.start(_Work(self, latex))

    def _keep(self, latex: str, lines: list[str]) -> None:
        self.ready[latex] = lines


class _Work(QRunnable):
    def __init__(self, owner: _Typesetter, latex: str) -> None:
        super().__init__()
        self._owner, self._latex = owner, latex

    def run(self) -> None:
        try:
            lines = [svg_of(line) for line in lines_of(self._latex)]
        except Exception:  # whatever a library says of one formula: its place stays empty, and the log has it
            log.exception("no formula: %s", self._latex)
            return
        self._owner.done.emit(self._latex, lines)


def finish() -> None:
    """Wait for the typesetting thread: before the application goes."""
    if _Typesetter._one is not None:
        _Typesetter._one.pool.waitForDone()


class Formula(QFrame):
    """One formula in a quiet well, as many lines as it has parts."""

    def __init__(self, latex: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("well")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._latex = ""
        self._lines: list[QSvgRenderer] = []
        self._painted: QImage | None = None
        _Typesetter.the().done.connect(self._arrived)
        notifier().changed.connect(self._repaint)
        self.set_latex(latex)

    @property
    def latex(self) -> str:
        return self._latex

    @property
    def is_ready(self) -> bool:
        """Whether the formula is typeset."""
        return bool(self._lines)

    def set_latex(self, latex: str, help_text: str = "") -> None:
        """Show this formula, LaTeX without dollar signs; empty hides the widget."""
        self.setToolTip(help_text)
        self.setAccessibleName("Formula")
        self.setAccessibleDescription(latex)
        if latex == self._latex:
            return
        self._latex = latex
        # only within another widget: a formula alone would become a window by being shown
        if self.parentWidget() is not None:
            self.setVisible(bool(latex))
        ready = _Typesetter.the().ready.get(latex)
        if ready is not None:
            self._set_lines(ready)
        elif latex:
            self._set_lines([])
            if self.isVisible():
                _Typesetter.the().ask(latex)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._latex and not self._lines:
            _Typesetter.the().ask(self._latex)

    def _arrived(self, latex: str, lines: list[str]) -> None:
        if latex == self._latex:
            self._set_lines(lines)

    def _set_lines(self, lines: list[str]) -> None:
        self._lines = [QSvgRenderer(QByteArray(svg.encode())) for svg in lines]
        self._repaint()
        self.updateGeometry()

    def _repaint(self) -> None:
        self._painted = None
        self.update()

    def _scale(self) -> float:
        """Pixels of a line per SVG pixel: the widget's font against the 20 px of typesetting."""
        return self.fontMetrics().height() / 20.0 * 0.98

    def _fitted(self, width: float) -> list[QRectF]:
        """Where each line goes in a widget of this width."""
        boxes, y = [], float(PADDING)
        for line in self._lines:
            size = line.defaultSize()
            scale = self._scale()
            room = width - 2 * PADDING
            if size.width() * scale > room:
                scale = max(scale * SMALLEST, room / size.width())
            boxes.append(QRectF(PADDING, y, size.width() * scale, size.height() * scale))
            y += size.height() * scale + LINE_GAP
        return boxes

    def _height(self, width: float) -> int:
        boxes = self._fitted(width)
        text = self.fontMetrics().height() + 2 * PADDING
        return max(text, round(boxes[-1].bottom()) + PADDING) if boxes else text + (len(lines_of(self._latex)) - 1) * (text - PADDING)

    def sizeHint(self) -> QSize:
        return QSize(200, self._height(self.width() if self.width() > 100 else 230))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._painted = None
        if self.height() != self._height(self.width()):
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._lines:
            return
        ratio = self.devicePixelRatioF()
        if self._painted is None:
            self._painted = self._drawn(ratio)
        painter = QPainter(self)
        painter.drawImage(0, 0, self._painted)
        painter.end()

    def _drawn(self, ratio: float) -> QImage:
        image = QImage(self.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(ratio)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for line, box in zip(self._lines, self._fitted(self.width()), strict=True):
            line.render(painter, box)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        painter.fillRect(self.rect(), colour("text"))
        painter.end()
        return image
