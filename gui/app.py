"""open_lab: starts the application and its event loop. The window paints first; torch comes after, on the worker's thread."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import logging
import logging.handlers
import signal
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QCoreApplication, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from gui.preferences import Preferences, state_folder
from gui.theme import apply_theme

log = logging.getLogger(__name__)
GC_MS = 2_000
SIGNALS_MS = 250
SWITCH_SECONDS = 5e-4
"""How long a thread may hold the interpreter while another waits: the worker asks for it after each of its many small operations."""
QUIET = ("This plugin does not support", "propagateSizeHints", "Could not parse stylesheet of object QMenuBar")


def open_lab(session: str | None = None) -> int:
    """Opens the lab, with a session file if one is given; returns the exit code when it is closed."""
    app = make_app()
    _log_to_file()
    _use_vispy()
    import qasync

    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    from gui.lab import Lab

    preferences = Preferences()
    apply_theme(app, preferences.theme)
    lab = Lab(preferences)
    _tell_errors(lab.window.messages.problem)
    _listen_to_ctrl_c(app, lab.window.close)
    started = False

    def start() -> None:
        nonlocal started
        if not started:
            started = True
            _collect_here(app)
            lab.start()
            if session is not None:
                lab.files.open_dropped(session)

    lab.stage.first_drawn.connect(lambda: QTimer.singleShot(0, start))
    QTimer.singleShot(2_000, start)  # where nothing is ever drawn (no OpenGL), the lab still works
    lab.window.show()
    finished = asyncio.Event()
    app.lastWindowClosed.connect(finished.set)
    with loop:
        loop.run_until_complete(finished.wait())
        lab.close()
        loop.run_until_complete(asyncio.sleep(0))
    sys.excepthook = sys.__excepthook__
    return 0


def make_app() -> QApplication:
    """The QApplication with what must be set before it."""
    found = QApplication.instance()
    if isinstance(found, QApplication):
        return found
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    QCoreApplication.setApplicationName("Pushforward")
    QCoreApplication.setOrganizationName("Pushforward")
    return QApplication(sys.argv[:1])


def _use_vispy() -> None:
    """vispy on PySide6; its import takes Qt's message handler, so ours comes after."""
    from vispy import app as vispy_app

    vispy_app.use_app("pyside6")
    from vispy.app.backends import _pyside6  # noqa: F401 - imported here so that its message handler is replaced below

    qInstallMessageHandler(_qt_message)


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


def _collect_here(app: QApplication) -> None:
    """Garbage is collected on this thread only: an OpenGL object freed on the worker's thread would crash."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.disable()
    timer = QTimer(app)
    timer.timeout.connect(lambda: gc.collect(1))
    timer.start(GC_MS)


def _listen_to_ctrl_c(app: QApplication, close: Callable[[], object]) -> None:
    """Ctrl-C closes the lab as its window would; the timer gives Python a turn to notice."""
    signal.signal(signal.SIGINT, lambda *_: close())
    timer = QTimer(app)
    timer.timeout.connect(lambda: None)
    timer.start(SIGNALS_MS)
