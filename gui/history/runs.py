"""RunList: the finished runs in memory, within bounds. Names and order are the user's; a run that trains on replaces what it was."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from engine.choice import Problem
from engine.past_run import PastRun

MOST_RUNS = 64
MOST_BYTES = 256 << 20
LONGEST_NAME = 200


class RunList(QObject):
    """``changed`` after every change; ``crowded_out`` names the runs for which there was no room any more."""

    changed = Signal()
    crowded_out = Signal(object)

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._runs: tuple[PastRun, ...] = ()
        self._deleted: list[tuple[int, PastRun]] = []

    @property
    def runs(self) -> tuple[PastRun, ...]:
        """The oldest first."""
        return self._runs

    @property
    def names(self) -> list[str]:
        return [run.name for run in self._runs]

    def get(self, key: str) -> PastRun | None:
        """The run of that key, if it is in the list."""
        return next((run for run in self._runs if run.key == key), None)

    def reset(self, runs: tuple[PastRun, ...]) -> None:
        """Those of another session."""
        self._deleted = []
        self._enter(runs)

    def put(self, run: PastRun) -> None:
        """Adds a run at the end; one of the same key is replaced in its place and keeps its name."""
        before = self.get(run.key)
        if before is None:
            self._enter(self._within_bounds((*self._runs, run)))
        else:
            run = run if run.name == before.name else replace(run, name=before.name)
            self._enter(self._within_bounds(tuple(run if one.key == run.key else one for one in self._runs)))

    def rename(self, key: str, name: str) -> None:
        """Raises Problem for an empty name, or one that another run has."""
        name = " ".join(name.split())[:LONGEST_NAME]
        if not name:
            raise Problem("A run needs a name.")
        if any(run.name == name and run.key != key for run in self._runs):
            raise Problem(f"There is a run named “{name}” already.")
        self._enter(tuple(replace(run, name=name) if run.key == key else run for run in self._runs))

    def delete(self, keys: list[str]) -> list[PastRun]:
        """Takes runs away; ``undelete`` brings the last that were taken back."""
        gone = [(i, run) for i, run in enumerate(self._runs) if run.key in keys]
        if gone:
            self._deleted = gone
            self._enter(tuple(run for run in self._runs if run.key not in keys))
        return [run for _i, run in gone]

    @property
    def deleted(self) -> list[str]:
        """Names of what ``undelete`` would bring back."""
        return [run.name for _i, run in self._deleted]

    def undelete(self) -> None:
        """What was deleted last is where it was."""
        runs = list(self._runs)
        for place, run in self._deleted:
            if self.get(run.key) is None:
                runs.insert(min(place, len(runs)), run)
        self._deleted = []
        self._enter(tuple(runs))

    def _within_bounds(self, runs: tuple[PastRun, ...]) -> tuple[PastRun, ...]:
        """The oldest go until the rest has room; the latest stays."""
        kept, gone = list(runs), []
        while len(kept) > 1 and (len(kept) > MOST_RUNS or sum(run.bytes for run in kept) > MOST_BYTES):
            gone.append(kept.pop(0).name)
        if gone:
            self.crowded_out.emit(gone)
        return tuple(kept)

    def _enter(self, runs: tuple[PastRun, ...]) -> None:
        self._runs = runs
        self.changed.emit()
