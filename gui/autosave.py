"""Autosave: every minute an unsaved session is kept aside; what a crash has left is offered at the next start."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, QLocale, QLockFile, QObject, QTimer

from engine import session as sessions
from engine.past_run import PastRun
from engine.session import SUFFIX
from gui.model import LabState
from gui.preferences import state_folder

if TYPE_CHECKING:
    from gui.files import FileControl
    from gui.lab import Lab

EVERY_SECONDS = 60


class Autosave(QObject):
    """One file for each running lab, locked while it runs: a file whose lock is free belongs to a lab that has crashed."""

    def __init__(self, lab: Lab, files: FileControl):
        super().__init__(files)
        self._lab, self._files = lab, files
        self._folder = state_folder() / "unsaved"
        self._folder.mkdir(exist_ok=True)
        self._path = self._folder / f"{os.getpid()}-{QDateTime.currentMSecsSinceEpoch()}{SUFFIX}"
        self._lock = QLockFile(str(self._path) + ".lock")
        self._lock.setStaleLockTime(0)
        self._leave = False
        self._kept: tuple[LabState, int, tuple[PastRun, ...]] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_SECONDS * 1000)
        self._timer.timeout.connect(self.keep)

    def start(self) -> None:
        """Offers the latest left-over, if there is one, and begins."""
        self._lock.tryLock(0)
        left = self._left_over()
        if left:
            latest = max(left, key=lambda path: path.stat().st_mtime)
            when = QLocale().toString(QDateTime.fromSecsSinceEpoch(int(latest.stat().st_mtime)), QLocale.FormatType.ShortFormat)
            self._lab.window.messages.offer(
                f"A session of {when} was not saved.",
                Recover=lambda: self._files.open(str(latest), recovered=True),
                Discard=lambda: [remove(path) for path in left],
            )
        self._timer.start()

    def close(self) -> None:
        """A tidy end leaves nothing behind."""
        self._timer.stop()
        if not self._leave:
            self.forget()
        self._lock.unlock()

    def keep(self) -> None:
        """Writes the session aside if it has changes that are not there yet."""
        step = self._lab.training.progress.step if self._lab.training.progress is not None else 0
        now = (self._lab.model.state, step, self._lab.history.list.runs)
        if self._lab.model.edited and now != self._kept:
            self._kept = now
            self._files.spawn(self._keep())

    async def keep_for_next_time(self) -> None:
        """What is unsaved stays aside, to be offered at the next start."""
        if self._lab.model.edited:
            await self._keep()
            self._leave = True

    def forget(self) -> None:
        """The work is in a file of its own now, or is not wanted."""
        self._kept = None
        self._path.unlink(missing_ok=True)

    def forget_recovered(self, path: Path) -> None:
        """A left-over has been opened; it stays until this lab has kept its own."""
        self._kept = None
        self._files.spawn(self._keep_and_remove(path))

    async def _keep_and_remove(self, path: Path) -> None:
        await self._keep()
        if path != self._path:
            remove(path)

    async def _keep(self) -> None:
        session = await self._files.session()
        await asyncio.to_thread(sessions.save, session, self._path)

    def _left_over(self) -> list[Path]:
        return [path for path in self._folder.glob(f"*{SUFFIX}") if path != self._path and _is_free(path)]


def _is_free(path: Path) -> bool:
    lock = QLockFile(str(path) + ".lock")
    free = lock.tryLock(0)
    if free:
        lock.unlock()
    return free


def remove(path: Path) -> None:
    """Takes a left-over and its lock away."""
    path.unlink(missing_ok=True)
    Path(str(path) + ".lock").unlink(missing_ok=True)
