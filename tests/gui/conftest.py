"""A real window on a real (virtual) display, the dark theme, and a check that no test leaves a window behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from gui.formula import svg_of
from gui.theme import apply_theme


@pytest.fixture(scope="session", autouse=True)
def themed(qapp: QApplication) -> QApplication:
    """The application in the dark theme. ziamath is imported here: what it warns of at import is an error where a test ends meanwhile."""
    svg_of("x")
    apply_theme(qapp, "dark")
    return qapp


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """After all fixtures are gone (pytest-qt has closed what it was given), no window may be on the screen."""
    yield
    if QApplication.instance() is None or "qtbot" not in getattr(item, "fixturenames", ()):
        return
    left = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    for widget in left:
        widget.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert not left, f"{item.nodeid} left open: {left}"
