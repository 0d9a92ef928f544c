"""FilmProcess: ``main.py render`` as a process of its own, so that the lab stays free; its progress, its end, and a clean cancel."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

MAIN = Path(__file__).resolve().parents[2] / "main.py"
PATIENCE_MS = 4_000
SIMULATING = 0.2
"""Share of the bar that simulating the panes gets; the frames get the rest."""


@dataclass(frozen=True)
class FilmOptions:
    """What the dialog asks for; the same names as ``render``'s."""

    out: Path
    size: tuple[int, int]
    fps: float
    seconds: float
    hold_start: float
    hold_end: float
    loop: bool
    captions: bool
    title: str
    theme: str
    fit: bool
    folder: bool
    """A PNG sequence."""
    training: bool = False
    """Along the training at t = ``at`` instead of along t."""
    at: float = 1.0
    step: int | None = None
    """The checkpoint that is shown; None: the latest weights."""

    def arguments(self, session: Path) -> list[str]:
        """The command line after ``main.py``."""
        out = f"{self.out}{os.sep}" if self.folder else str(self.out)
        words = ["render", str(session), "--out", out, "--size", f"{self.size[0]}x{self.size[1]}", "--fps", f"{self.fps:g}"]
        words += ["--seconds", f"{self.seconds:g}", "--hold-start", f"{self.hold_start:g}", "--hold-end", f"{self.hold_end:g}"]
        words += ["--title", self.title, "--theme", self.theme, "--progress"]
        if self.training:
            words += ["--axis", "training", "--at", f"{self.at:g}"]
        elif self.step is not None:
            words += ["--step", str(self.step)]
        words += [flag for flag, on in (("--loop", self.loop), ("--no-captions", not self.captions), ("--fit", self.fit)) if on]
        return words


class FilmProcess(QObject):
    """One film. Exactly one of ``done``, ``failed`` and ``cancelled`` ends it."""

    progressed = Signal(float, str)
    done = Signal(str)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, options: FilmOptions, session: Path, parent: QObject | None = None):
        super().__init__(parent)
        self._options, self._session = options, session
        self._before = self._parts()
        self._stopping = False
        self._over = False
        self._rest = ""
        self._last = ""
        self._process = QProcess(self)
        self._process.setProgram(sys.executable)
        self._process.setArguments([str(MAIN), *options.arguments(session)])
        self._process.readyReadStandardError.connect(self._read)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._error)

    def start(self) -> None:
        self._process.start()

    def cancel(self) -> None:
        """As Ctrl-C would: the film's own tidying up runs; what does not answer is ended."""
        if self._over or self._stopping:
            return
        self._stopping = True
        if sys.platform == "win32":
            self._process.kill()
        else:
            self._process.terminate()
            QTimer.singleShot(PATIENCE_MS, self._process.kill)

    def wait(self, milliseconds: int) -> bool:
        """Blocks until it has ended (the lab is closing)."""
        return self._process.waitForFinished(milliseconds)

    def _read(self) -> None:
        self._rest += bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        *lines, self._rest = self._rest.replace("\r", "\n").split("\n")
        for line in (line.strip() for line in lines):
            if line:
                self._last = line
                found = fraction_of(line)
                if found is not None:
                    self.progressed.emit(found, line)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._over:
            return
        self._over = True
        self._read()
        self._tidy()
        if code == 0 and status == QProcess.ExitStatus.NormalExit and not self._stopping:
            self.done.emit(str(self._options.out))
        elif self._stopping:
            self.cancelled.emit()
        else:
            self.failed.emit((self._last or self._rest).strip() or f"the film ended with exit code {code}")

    def _error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and not self._over:
            self._over = True
            self._tidy()
            self.failed.emit(f"the film could not be started: {self._process.errorString()}")

    def _tidy(self) -> None:
        """Nothing half-written is left, however it ended."""
        self._session.unlink(missing_ok=True)
        for part in self._parts() - self._before:
            if part.is_dir():
                for file in part.iterdir():
                    file.unlink(missing_ok=True)
                part.rmdir()
            else:
                part.unlink(missing_ok=True)

    def _parts(self) -> set[Path]:
        out = self._options.out
        return set(out.parent.glob(f".{out.stem}*.part*")) if out.parent.is_dir() else set()


def fraction_of(line: str) -> float | None:
    """How far the film is, from a line of its progress; None for any other line."""
    frame = re.fullmatch(r"frame (\d+) of (\d+)(?:: .*)?", line)
    if frame:
        return SIMULATING + (1 - SIMULATING) * int(frame[1]) / max(1, int(frame[2]))
    pane = re.fullmatch(r"pane (\d+) of (\d+): (\d+) %", line)
    if pane:
        return SIMULATING * (int(pane[1]) - 1 + int(pane[3]) / 100) / max(1, int(pane[2]))
    return None
