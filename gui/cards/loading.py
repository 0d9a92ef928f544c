"""FileLoader: reads a target from a file on another thread, so that a large table never stops the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from engine.choice import Problem


class FileLoader(QObject):
    """``loaded(target)`` or ``failed(sentence)``, for the latest request only."""

    loaded = Signal(object)
    failed = Signal(str)
    _finished = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._generation = 0
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._finished.connect(self._deliver)

    def load(self, path: str | Path, columns: tuple[str, ...] | None = None, label: str | None = None) -> None:
        """Begin to read; what was asked before is dropped."""
        self._generation += 1
        self._pool.start(_Reading(self, self._generation, Path(path), columns, label))

    def cancel(self) -> None:
        """Forget what is being read."""
        self._generation += 1

    def _deliver(self, generation: int, result: object) -> None:
        if generation != self._generation:
            return
        if isinstance(result, str):
            self.failed.emit(result)
        else:
            self.loaded.emit(result)


class _Reading(QRunnable):
    def __init__(self, owner: FileLoader, generation: int, path: Path, columns: tuple[str, ...] | None, label: str | None) -> None:
        super().__init__()
        self._owner, self._generation, self._path, self._columns = owner, generation, path, columns
        self._label = label

    def run(self) -> None:
        from engine.targets.loading import load_target  # Pillow: not before it is needed

        try:
            result: object = load_target(self._path, columns=self._columns, label=self._label)
        except (Problem, OSError, MemoryError) as problem:
            result = str(problem) or type(problem).__name__
        self._owner._finished.emit(self._generation, result)
