"""open_lab: starts the application and its event loop. The window paints first; torch comes after, on the worker's thread."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import logging.handlers
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from gui.preferences import Preferences, state_folder
from gui.theme import apply_theme

if TYPE_CHECKING:
    from gui.lab_window import LabWindow
    from gui.model import LabModel

log = logging.getLogger(__name__)
PATIENCE_SECONDS = 2.0
GC_MS, OLDER_EVERY = 250, 20
SIGNALS_MS = 250
SWITCH_SECONDS = 5e-4
"""How long a thread may hold the interpreter while another waits: the worker asks for it after each of its many small operations."""
QUIET = ("This plugin does not support", "propagateSizeHints", "Could not parse stylesheet of object QMenuBar")


def open_lab(session: str | None = None) -> int:
    """Opens the lab, with a session file if one is given; returns the exit code when it is closed."""
    gc.disable()  # until the first paint; then _collect_here
    app = make_app()
    _log_to_file()
    qInstallMessageHandler(_qt_message)
    from gui.lab_window import LabWindow
    from gui.model import LabModel

    preferences = Preferences()
    apply_theme(app, preferences.theme)
    model = LabModel()
    window = LabWindow(model, preferences)
    _tell_errors(window.messages.problem)
    show_first(window)
    _run(app, window, model, preferences, session)
    sys.excepthook = sys.__excepthook__
    return 0


def show_first(window: LabWindow) -> None:
    """Shows the window and returns when it has painted itself; what takes long to import comes after."""
    painted: list[bool] = []
    window.stage.first_drawn.connect(lambda: painted.append(True))
    window.show()
    until = time.monotonic() + PATIENCE_SECONDS  # where nothing is ever drawn (no OpenGL), the lab still works
    while not painted and time.monotonic() < until:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)
    QApplication.processEvents()


def _run(app: QApplication, window: LabWindow, model: LabModel, preferences: Preferences, session: str | None) -> None:
    """The event loop, from the first paint until the window is closed."""
    import asyncio

    import qasync

    from gui.lab import Lab

    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    finished = asyncio.Event()
    app.lastWindowClosed.connect(finished.set)
    with loop:
        lab = Lab(window, model, preferences)
        _collect_here(app)

        async def live() -> None:
            lab.start()
            _listen_to_ctrl_c(app, lab.files.interrupted)
            if session is not None:
                lab.files.open_dropped(session)
            if window.isVisible():  # it may have been closed while it opened
                await finished.wait()

        try:
            loop.run_until_complete(live())
        finally:
            lab.close()
        loop.run_until_complete(asyncio.sleep(0))


def make_app() -> QApplication:
    """The QApplication with what must be set before it."""
    found = QApplication.instance()
    if isinstance(found, QApplication):
        return found
    # Mesa in software leaves a core to the training, and one to the window's own thread, which draws too
    os.environ.setdefault("LP_NUM_THREADS", str(max(0, (os.cpu_count() or 2) - 2)))
    QCoreApplication.setApplicationName("Pushforward")
    QCoreApplication.setOrganizationName("Pushforward")
    return QApplication(sys.argv[:1])


def _qt_message(kind: QtMsgType, _context: object, text: str) -> None:
    if any(quiet in text for quiet in QUIET):
        return
    levels = {
        QtMsgType.QtDebugMsg: logging.DEBUG,
        QtMsgType.QtInfoMsg: logging.INFO,
        QtMsgType.QtWarningMsg: logging.WARNING,
        QtMsgType.QtCriticalMsg: logging.ERROR,
        QtMsgType.QtFatalMsg: logging.CRITICAL,
    }
    logging.getLogger("qt").log(levels.get(kind, logging.WARNING), "%s", text)


def _log_to_file() -> None:
    """Warnings and errors go to a file of bounded size; a native crash leaves its stack there too."""
    with contextlib.suppress(OSError):
        path = state_folder() / "lab.log"
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=1 << 20, backupCount=1, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.WARNING)
        faulthandler.enable((path.parent / "crash.log").open("w", encoding="utf-8"))


def _tell_errors(say: Callable[[str], object]) -> None:
    """An error nobody expected becomes one line in the window and a traceback in the log; the lab stays open."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        log.error("unexpected: %s", "".join(traceback.format_exception(kind, error, trace)))
        say(f"Something went wrong in the lab ({kind.__name__}: {error}). Your work is still here; the log has more.")

    sys.excepthook = hook


def _collect_here(app: QApplication) -> QTimer:
    """Garbage is collected on this thread only: an OpenGL object freed on the worker's thread would crash.

    Little and often: what a quarter of a second leaves costs a few milliseconds, so no frame is late; older things come in turn.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.disable()
    timer = QTimer(app)
    count = 0

    def collect() -> None:
        nonlocal count
        count += 1
        gc.collect(1 if count % OLDER_EVERY == 0 else 0)

    timer.timeout.connect(collect)
    timer.start(GC_MS)
    return timer


def _listen_to_ctrl_c(app: QApplication, close: Callable[[], object]) -> None:
    """Ctrl-C closes the lab as its window would; the timer gives Python a turn to notice."""
    signal.signal(signal.SIGINT, lambda *_: close())
    timer = QTimer(app)
    timer.timeout.connect(lambda: None)
    timer.start(SIGNALS_MS)
