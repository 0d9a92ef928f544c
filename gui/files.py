"""FileControl: New, Open, Save, recent files, drops, the question about unsaved changes. Disks are waited for off the window's thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace as with_key
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMessageBox

from engine import session as sessions
from engine.choice import Problem
from engine.past_run import Measured
from engine.session import SUFFIX, Session
from engine.training_state import TrainingState
from engine.worker import Priority
from gui.autosave import Autosave
from gui.document import decode_document, encode_document, with_matching_panes
from gui.export import Export
from gui.history.control import measured, series
from gui.model import LabState
from gui.training_job import fits

if TYPE_CHECKING:
    from gui.lab import Lab

log = logging.getLogger(__name__)
FILTER = f"Pushforward sessions (*{SUFFIX})"
ANYTHING = f"{FILTER};;Images and tables (*.png *.jpg *.jpeg *.webp *.csv *.tsv *.txt *.npy);;All files (*)"


class FileControl(QObject):
    """Knows which file the session is; everything slow is a task of the event loop."""

    def __init__(self, lab: Lab):
        super().__init__(lab)
        self._lab = lab
        self.path: Path | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._after_save: Callable[[], object] | None = None
        self.export = Export(lab, self)
        self.autosave = Autosave(lab, self)
        lab.model.edited_changed.connect(lambda _edited: self._show_title())
        self._show_title()

    @property
    def name(self) -> str:
        return self.path.stem if self.path is not None else "untitled"

    def start(self) -> None:
        """Begins to keep unsaved work aside; offers what a crash has left."""
        self.autosave.start()

    def close(self) -> None:
        self.autosave.close()
        for task in self._tasks:
            task.cancel()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine; a Problem in it becomes a message."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def new(self) -> None:
        """An empty session."""
        if self._may_lose(self.new):
            self._lab.training.forget()
            self._lab.history.open(Session(experiment=LabState().experiment), "")
            self._lab.model.reset(LabState())
            self.path = None
            self.autosave.forget()
            self._lab.stage.camera.frame_again()
            self._show_title()

    def choose(self) -> None:
        """Asks for a file and opens it."""
        found, _ = QFileDialog.getOpenFileName(self._lab.window, "Open", self._lab.preferences.folder, ANYTHING)
        if found:
            self.open_dropped(found)

    def open_dropped(self, path: str) -> None:
        """A session is opened; anything else is a target."""
        if Path(path).suffix.lower() == SUFFIX:
            self.open(path)
        else:
            self._lab.window.controls.target.load_file(path)

    def open(self, path: str, *, recovered: bool = False) -> None:
        """Reads a session file, and only then lets go of the present one."""
        if recovered or self._may_lose(lambda: self.open(path)):
            self.spawn(self._open(Path(path), recovered))

    def save(self) -> None:
        if self.path is None:
            self.save_as()
        else:
            self.spawn(self._save(self.path))

    def save_as(self) -> None:
        """Asks for a name and saves."""
        start = self.path or Path(self._lab.preferences.folder) / f"untitled{SUFFIX}"
        found, _ = QFileDialog.getSaveFileName(self._lab.window, "Save as", str(start), FILTER)
        if not found:
            self._after_save = None
            return
        path = Path(found)
        self.spawn(self._save(path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)))

    def may_close(self) -> bool:
        """Whether the window may close now; asks about unsaved changes."""
        if not self._lab.model.edited:
            return True
        answer = self._ask("Save before leaving?")
        if answer == QMessageBox.StandardButton.Save:
            self._after_save = self._lab.window.close
            self.save()
            return False
        return answer == QMessageBox.StandardButton.Discard

    def interrupted(self) -> None:
        """Ctrl-C asks nothing: unsaved work is kept aside, and the lab closes."""
        self._lab.window.may_close = lambda: True

        async def leave() -> None:
            try:
                await self.autosave.keep_for_next_time()
            finally:
                self._lab.window.close()

        self.spawn(leave())

    async def session(self) -> Session:
        """The lab as a session; the weights are asked of the worker, between two of its slices."""
        lab, state = self._lab, None
        work, experiment = lab.training.work, lab.model.experiment
        if work is not None and fits(work.experiment, experiment):
            job = lab.worker.call(work.state, name="weights to save", priority=Priority.WATCHED)
            state = await asyncio.wrap_future(job.future)
        return self._session(state)

    def _session(self, state: TrainingState | None) -> Session:
        lab, work, document = self._lab, self._lab.training.work, self._lab.model.document
        scene = lab.stage.scene_now()
        metrics = [pane.metric_words for pane in lab.stage.panes]
        scene = replace(scene, panes=tuple(replace(p, metric=words) for p, words in zip(scene.panes, metrics, strict=True)))
        learned = any(pane.model == "learned" for pane in document.panes)
        progress = lab.training.progress
        trained = work is not None and state is not None
        return Session(
            experiment=lab.model.experiment,
            scene=encode_document(with_matching_panes(replace(document, scene=scene))),
            state=state,
            checkpoints=work.checkpoints if work is not None and state is not None else (),
            distances=measured(lab.distances.series) if trained else Measured(),
            run=lab.history.present if trained else "",
            runs=lab.history.list.runs,
            losses=_until(lab.training.losses.rows, state.step) if state is not None else sessions.no_losses(),
            model="learned" if learned and state is not None else "exact",
            device=progress.device if progress is not None else "cpu",
            seconds=work.seconds if work is not None else 0.0,
        )

    async def _save(self, path: Path) -> None:
        self._lab.window.busy.begin(f"Saving {path.name}…")
        try:
            session = await self.session()
            await asyncio.to_thread(sessions.save, session, path)
        except Problem:
            self._after_save = None
            raise
        finally:
            self._lab.window.busy.end()
        self.path = path
        self._lab.preferences.add_recent(path)
        self._lab.preferences.folder = str(path.parent)
        self._lab.model.saved()
        self.autosave.forget()
        self._show_title()
        follow, self._after_save = self._after_save, None
        self._lab.window.messages.note(f"Saved {path.name}.")
        if follow is not None:
            follow()

    async def _open(self, path: Path, recovered: bool) -> None:
        lab = self._lab
        lab.window.busy.begin(f"Opening {path.name}…")
        try:
            session = await asyncio.to_thread(sessions.load, path)
            document = decode_document(session.scene)
        except Problem:
            lab.preferences.forget_recent(str(path))
            raise
        finally:
            lab.window.busy.end()
        if session.scene is None:
            document = replace(document, panes=tuple(replace(pane, model=session.model) for pane in document.panes))
        self.show(session, LabState(session.experiment, document))
        self.path = None if recovered else path
        if recovered:
            lab.model.touch()
            self.autosave.forget_recovered(path)
        else:
            lab.preferences.add_recent(path)
            lab.preferences.folder = str(path.parent)
        self._show_title()

    def show(self, session: Session, state: LabState) -> None:
        """Puts a session on the screen."""
        lab = self._lab
        lab.training.forget()
        lab.stage.camera.by_hand = session.scene is not None
        lab.stage.camera.rest()
        if session.state is not None and not session.run:
            session = with_key(session, run=uuid4().hex)
        lab.history.open(session, session.run)
        lab.model.reset(state)
        lab.training.open(session)
        lab.distances.restore(series(session.distances))
        lab.stage.clock.seek(state.document.scene.t)
        lab.stage.clock_changed.emit()
        lab.window.messages.dismiss()

    def _may_lose(self, follow: Callable[[], object]) -> bool:
        """Whether the present session may go; asks if it has unsaved changes. After Save, ``follow`` is tried again."""
        if not self._lab.model.edited:
            return True
        answer = self._ask("Save it first?")
        if answer == QMessageBox.StandardButton.Save:
            self._after_save = follow
            self.save()
            return False
        return answer == QMessageBox.StandardButton.Discard

    def _ask(self, question: str) -> QMessageBox.StandardButton:
        buttons = QMessageBox.StandardButton
        box = QMessageBox(self._lab.window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(f"“{self.name}” has changes that no file has yet.")
        box.setInformativeText(question)
        box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        box.setDefaultButton(buttons.Save)
        return buttons(box.exec())

    def _show_title(self) -> None:
        edited = self._lab.model.edited
        self._lab.window.top.show_title(self.name, edited)
        self._lab.window.setWindowTitle(f"{self.name}[*] — Pushforward")
        self._lab.window.setWindowModified(edited)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (Problem, OSError, MemoryError) as error:
            log.warning("%s", error)
            self._lab.window.messages.problem(str(error) or type(error).__name__)


def _until(rows: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """The losses up to the weights' own step: what is shown may be a slice ahead of them."""
    return rows[rows[:, 0] <= step].copy()
