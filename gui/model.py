"""LabModel: the one place where the lab's state lives. Controllers and views read it, ask it to change, and follow ``changed``.

The state is frozen; every change makes a new one and tells what it was before, so that each follower acts on the difference alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from engine.experiment import Experiment
from gui.document import MOST_PANES, LabDocument, PaneSettings, labelled, with_matching_panes
from shaders.scene import Camera, Layers, Pane

MERGE_SECONDS = 1.5
"""Edits of the same thing that follow each other faster than this are one step of undo (a slider being dragged)."""


@dataclass(frozen=True)
class LabState:
    """What is trained, and what is shown of it."""

    experiment: Experiment = field(default_factory=Experiment)
    document: LabDocument = field(default_factory=LabDocument)


class LabModel(QObject):
    """Holds a LabState. ``edit_*`` can be undone; ``show_*`` (camera, layers: how one looks) cannot, and does not count as unsaved."""

    changed = Signal(object, object)
    """(old, new) LabState."""
    edited_changed = Signal(bool)

    def __init__(self, state: LabState | None = None, parent: QObject | None = None):
        super().__init__(parent)
        self.state = _tidy(state or LabState())
        self.undo = QUndoStack(self)
        self._touched = False
        self.undo.cleanChanged.connect(self._tell_edited)

    @property
    def experiment(self) -> Experiment:
        return self.state.experiment

    @property
    def document(self) -> LabDocument:
        return self.state.document

    @property
    def edited(self) -> bool:
        """Whether there is something that no file has yet."""
        return self._touched or not self.undo.isClean()

    def touch(self) -> None:
        """There is something new to save that undo does not know: trained weights, a painted stroke."""
        if not self._touched:
            self._touched = True
            self.edited_changed.emit(True)

    def saved(self) -> None:
        """A file has it all now."""
        self._touched = False
        self.undo.setClean()
        self.edited_changed.emit(self.edited)

    def reset(self, state: LabState) -> None:
        """Another session: nothing of the one before can be undone."""
        self.undo.clear()
        self._touched = False
        self.enter(state)
        self.edited_changed.emit(False)

    def edit_experiment(self, text: str, experiment: Experiment, merge: str = "") -> None:
        """A step of undo named ``text``; steps with the same ``merge`` that follow quickly become one."""
        self._push(text, LabState(experiment, self.document), merge)

    def edit_document(self, text: str, document: LabDocument, merge: str = "") -> None:
        """Likewise, for what is shown. What a run told of itself goes with the settings that it had."""
        document = with_matching_panes(document)
        panes = tuple(
            replace(shown, measured="", network="") if new != old else shown
            for shown, new, old in zip_longest(document.scene.panes, document.panes, self.document.panes[: len(document.panes)])
        )
        document = replace(document, scene=replace(document.scene, panes=panes))
        self._push(text, LabState(self.experiment, document), merge)

    def set_target(self, target: Any) -> None:
        """What the easel painted: its own commands undo it, so no step is added here."""
        if target != self.experiment.target:
            self.enter(LabState(replace(self.experiment, target=target), self.document))
            self.touch()

    def edit_pane(self, index: int, settings: PaneSettings) -> None:
        """Another sampler, step count, σ or model in one pane."""
        panes = list(self.document.panes)
        panes[index] = settings
        self.edit_document("pane's sampler", replace(self.document, panes=tuple(panes)), merge=f"pane {index}")

    def add_pane(self, settings: PaneSettings) -> None:
        """One more pane at the right, up to four, with the layers of the last one."""
        document = self.document
        if len(document.panes) < MOST_PANES:
            self.edit_document("add pane", replace(document, panes=(*document.panes, settings)))

    def remove_pane(self, index: int) -> None:
        """One pane less; the last one stays."""
        document = self.document
        if len(document.panes) > 1:
            panes = document.panes[:index] + document.panes[index + 1 :]
            shown = document.scene.panes[:index] + document.scene.panes[index + 1 :]
            self.edit_document("remove pane", replace(document, panes=panes, scene=replace(document.scene, panes=shown)))

    def show_camera(self, camera: Camera) -> None:
        """Pan, zoom, orbit: all panes look from the same place."""
        self.show_scene(camera=camera)

    def show_layers(self, index: int, layers: Layers) -> None:
        """Which layers a pane shows."""
        panes = list(self.document.scene.panes)
        panes[index] = replace(panes[index], layers=layers)
        self.show_scene(panes=tuple(panes))

    def show_measured(self, index: int, words: str, network: str = "") -> None:
        """What the run of a pane told of itself, and of which network it is where that is not the latest."""
        panes = list(self.document.scene.panes)
        if index < len(panes) and (panes[index].measured, panes[index].network) != (words, network):
            panes[index] = replace(panes[index], measured=words, network=network)
            self.show_scene(panes=tuple(panes))

    def show_all_layers(self, **changes: Any) -> None:
        """The same change of layers in every pane, e.g. ``particles=…``."""
        self.show_scene(panes=tuple(_with_layers(pane, changes) for pane in self.document.scene.panes))

    def show_scene(self, **changes: Any) -> None:
        """Any other fields of the scene."""
        self.enter(LabState(self.experiment, replace(self.document, scene=replace(self.document.scene, **changes))))

    def show_document(self, **changes: Any) -> None:
        """Speed, loop."""
        self.enter(LabState(self.experiment, replace(self.document, **changes)))

    def enter(self, state: LabState) -> None:
        """Takes a state as it is and tells the followers, if it differs."""
        state = _tidy(state)
        old = self.state
        if state != old:
            self.state = state
            self.changed.emit(old, state)

    def _tell_edited(self) -> None:
        self.edited_changed.emit(self.edited)

    def _push(self, text: str, state: LabState, merge: str) -> None:
        if _tidy(state) != self.state:
            self.undo.push(_Edit(self, text, _tidy(state), merge))


class _Edit(QUndoCommand):
    """One step of undo. What it did not touch (the camera, say) stays as it is when it is undone."""

    def __init__(self, model: LabModel, text: str, new: LabState, merge: str):
        super().__init__(text)
        self._model, self._old, self._new = model, model.state, new
        self._merge, self._when = merge, time.monotonic()

    def redo(self) -> None:
        self._move(self._old, self._new)

    def undo(self) -> None:
        self._move(self._new, self._old)

    def id(self) -> int:
        return hash(self._merge) & 0x3FFFFFFF if self._merge else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Edit) or other._merge != self._merge or other._when - self._when > MERGE_SECONDS:
            return False
        self._new, self._when = other._new, other._when
        return True

    def _move(self, before: LabState, after: LabState) -> None:
        now = self._model.state
        self._model.enter(
            LabState(_grafted(now.experiment, before.experiment, after.experiment), _grafted(now.document, before.document, after.document))
        )


def _grafted(now: Any, before: Any, after: Any) -> Any:
    """``now`` with the fields in which ``after`` differs from ``before``."""
    if before == after:
        return now
    if not isinstance(now, msgspec.Struct) or type(now) is not type(before) or type(before) is not type(after):
        return after
    names = now.__struct_fields__
    return replace(now, **{name: _grafted(getattr(now, name), getattr(before, name), getattr(after, name)) for name in names})


def _with_layers(pane: Pane, changes: dict[str, Any]) -> Pane:
    return replace(pane, layers=replace(pane.layers, **changes))


def _tidy(state: LabState) -> LabState:
    return LabState(state.experiment, labelled(state.document))
