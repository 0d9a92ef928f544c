"""TruthWindow: where the error of a pane comes from, the errors of its field over time, and a certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QDialog, QLabel, QPushButton, QStackedWidget

from gui.forms.combo import ChoiceCombo
from gui.truth.basis import pane_words
from gui.truth.certificate_page import CertificatePage
from gui.truth.curve_page import CurvePage
from gui.truth.page import Page
from gui.truth.sources_page import SourcesPage
from gui.widgets import column, row

if TYPE_CHECKING:
    from gui.lab import Lab

PANES_WIDTH = 230
CHIPS = (
    ("Where the error comes from", "How much of a pane's distance to the data is the network's, and how much the solver's (Alt+1)"),
    ("Errors over time", "The squared errors of the network's velocity and score at each time, averaged over p_t (Alt+2)"),
    ("Certificate", "A bound on the distance of the network's SDE from the exact one, by Girsanov and Pinsker (Alt+3)"),
)


class TruthWindow(QDialog):
    """One at a time; ``open_for`` shows the one there is."""

    _open: TruthWindow | None = None

    @classmethod
    def open_for(cls, lab: Lab, pane: int | None = None) -> TruthWindow:
        """The window of this lab, in front; of ``pane``, if that is said."""
        if cls._open is None:
            cls._open = cls(lab)
        if pane is not None:
            cls._open.choose(pane)
        cls._open.show()
        cls._open.raise_()
        return cls._open

    def __init__(self, lab: Lab):
        super().__init__(lab.window)
        self._lab = lab
        self._pane = 0
        self._words: list[str] = []
        self.setWindowTitle("Network and truth")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.sources, self.curve, self.certificate = SourcesPage(lab), CurvePage(lab), CertificatePage(lab)
        self.pages: tuple[Page, ...] = (self.sources, self.curve, self.certificate)
        self.stack = QStackedWidget()
        self.panes = ChoiceCombo()
        self.panes.setToolTip("Which pane is measured")
        self.panes.setAccessibleName("Pane")
        self.panes.setMinimumWidth(PANES_WIDTH)
        self.panes.picked.connect(self.choose)
        self._lay_out()
        lab.model.changed.connect(self._follow)
        lab.training.snapshot_taken.connect(self._follow)
        lab.closed.connect(self.close)
        for page in self.pages:
            page.changed.connect(self._show_running)
        self._follow()
        room = self.screen().availableGeometry()
        self.resize(min(1180, room.width() - 60), min(740, room.height() - 70))

    def _lay_out(self) -> None:
        group = QButtonGroup(self)
        self.chips: list[QPushButton] = []
        for index, (page, (words, tip)) in enumerate(zip(self.pages, CHIPS, strict=True)):
            self.stack.addWidget(page)
            chip = QPushButton(words)
            chip.setProperty("role", "chip")
            chip.setCheckable(True)
            chip.setChecked(index == 0)
            chip.setAutoDefault(False)
            chip.setToolTip(tip)
            chip.clicked.connect(lambda _checked, index=index: self.show_page(index))
            QShortcut(QKeySequence(f"Alt+{index + 1}"), self).activated.connect(chip.click)
            group.addButton(chip)
            self.chips.append(chip)
        name = QLabel("Pane")
        name.setBuddy(self.panes)
        whole = column(row(*self.chips, 1, name, self.panes, spacing=6), self.stack, spacing=12, margins=(16, 12, 16, 12))
        whole.setStretch(1, 1)
        self.setLayout(whole)

    def show_page(self, index: int) -> None:
        """One of the three."""
        self.chips[index].setChecked(True)
        self.stack.setCurrentIndex(index)
        for place, page in enumerate(self.pages):
            page.go.setDefault(place == index and page.go.isEnabled())

    def choose(self, pane: int) -> None:
        """Another pane: what was measured stays until it is measured again."""
        self._pane = min(max(0, pane), len(self._lab.model.document.panes) - 1)
        self._follow()

    def _follow(self, *_what: object) -> None:
        """The experiment, the panes or the network have changed."""
        words = pane_words(self._lab)
        self._pane = min(self._pane, len(words) - 1)
        if words != self._words:
            self._words = words
            self.panes.set_items((index, text, "") for index, text in enumerate(words))
        self.panes.set_key(self._pane)
        for page in self.pages:
            page.follow(self._pane)

    def _show_running(self) -> None:
        """A page that is measuring says so on its chip, whichever is shown."""
        for chip, page, (words, _tip) in zip(self.chips, self.pages, CHIPS, strict=True):
            chip.setText(f"{words} …" if page.running else words)

    def reject(self) -> None:
        """Esc: cancels what the page shown is measuring, else closes."""
        page = self.pages[self.stack.currentIndex()]
        if page.running:
            page.cancel()
        else:
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        for page in self.pages:
            page.leave()
        self._lab.model.changed.disconnect(self._follow)
        self._lab.training.snapshot_taken.disconnect(self._follow)
        self._lab.closed.disconnect(self.close)
        TruthWindow._open = None
        event.accept()
