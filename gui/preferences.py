"""Preferences: what is remembered between sessions (layout, theme, recent files, last folder), and where files of state live.

``PUSHFORWARD_STATE`` names another folder for all of it (tests, a machine on which the home folder cannot be written).
"""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from gui.theme import ThemeChoice

MOST_RECENT = 10


def state_folder() -> Path:
    """Where unsaved sessions are kept aside and the log is written; made when first asked for. Raises OSError."""
    own = os.environ.get("PUSHFORWARD_STATE")
    if own:
        folder = Path(own)
    else:
        from platformdirs import user_state_path

        folder = user_state_path("pushforward", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Preferences:
    """A thin, typed face of QSettings."""

    def __init__(self) -> None:
        self._settings = QSettings(str(state_folder() / "lab.ini"), QSettings.Format.IniFormat)

    @property
    def theme(self) -> ThemeChoice:
        value = str(self._settings.value("theme", "dark"))
        return value if value in ("dark", "light", "system") else "dark"  # type: ignore[return-value]  # checked just now

    @theme.setter
    def theme(self, value: ThemeChoice) -> None:
        self._settings.setValue("theme", value)

    @property
    def folder(self) -> str:
        """The folder of the last file dialog."""
        found = str(self._settings.value("folder", ""))
        return found if found and Path(found).is_dir() else str(Path.home())

    @folder.setter
    def folder(self, value: str) -> None:
        self._settings.setValue("folder", value)

    @property
    def device(self) -> str:
        return str(self._settings.value("device", "auto"))

    @device.setter
    def device(self, value: str) -> None:
        self._settings.setValue("device", value)

    @property
    def recent(self) -> list[str]:
        """Session files, the latest first."""
        found = self._settings.value("recent", [])
        return [found] if isinstance(found, str) else [str(item) for item in found or []]

    def add_recent(self, path: Path) -> None:
        kept = [item for item in self.recent if item != str(path)]
        self._settings.setValue("recent", [str(path), *kept][:MOST_RECENT])

    def forget_recent(self, path: str) -> None:
        self._settings.setValue("recent", [item for item in self.recent if item != path])

    def flag(self, name: str, default: bool) -> bool:
        return str(self._settings.value(name, default)).lower() in ("true", "1")

    def set_flag(self, name: str, value: bool) -> None:
        self._settings.setValue(name, value)

    def blob(self, name: str) -> QByteArray:
        """Geometry of a window or splitter; empty when there is none."""
        found = self._settings.value(name)
        return found if isinstance(found, QByteArray) else QByteArray()

    def set_blob(self, name: str, value: QByteArray) -> None:
        self._settings.setValue(name, value)

    def text(self, name: str, default: str = "") -> str:
        return str(self._settings.value(name, default))

    def set_text(self, name: str, value: str) -> None:
        self._settings.setValue(name, value)

    def sync(self) -> None:
        self._settings.sync()
