"""Export: the samples of a pane as CSV or NPY in the user's units, a pane or the stage as a PNG or on the clipboard."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFileDialog, QFormLayout

from engine.choice import Problem
from engine.files import replacing
from shaders.scene import PaneData, Scene

if TYPE_CHECKING:
    from gui.files import FileControl
    from gui.lab import Lab

STAGE = -1


class Export(QObject):
    """Each asks what and where, then writes off the window's thread."""

    def __init__(self, lab: Lab, files: FileControl):
        super().__init__(files)
        self._lab, self._files = lab, files

    def samples(self) -> None:
        """The particles of a pane at t = 1."""
        pane = self._ask_pane("Save samples", whole_stage=False)
        if pane is None:
            return
        found = self._ask_file("Save samples", "samples.csv", "Table (*.csv);;NumPy array (*.npy)")
        if found is not None:
            self._files.spawn(self._write_samples(self._lab.stage.showings[pane[0]].latest, found))

    def picture(self) -> None:
        """A pane or the stage as PNG."""
        chosen = self._ask_pane("Save picture", whole_stage=True)
        if chosen is None:
            return
        pixels = self.drawn(*chosen)
        found = self._ask_file("Save picture", "pushforward.png", "Picture (*.png)")
        if found is not None:
            self._files.spawn(self._write_picture(pixels, found))

    def copy(self) -> None:
        """The stage to the clipboard."""
        QGuiApplication.clipboard().setImage(image_of(self.drawn(STAGE, 2)))
        self._lab.window.messages.note("The stage is on the clipboard.")

    def drawn(self, pane: int, factor: int) -> NDArray[np.uint8]:
        """The picture, ``factor`` times as large as on the screen, with its captions, (h, w, 4)."""
        stage = self._lab.stage
        scene: Scene = replace(stage.scene_now(), captions=True)
        metrics = [widget.metric_words for widget in stage.panes]
        scene = replace(scene, panes=tuple(replace(p, metric=words) for p, words in zip(scene.panes, metrics, strict=True)))
        data = [showing.at(scene.t, scene.panes[i].layers.trails.length) for i, showing in enumerate(stage.showings)]
        width, height = stage.width(), stage.height()
        if pane != STAGE:
            scene, data = replace(scene, panes=(scene.panes[pane],)), [data[pane]]
            width, height = stage.panes[pane].width(), stage.panes[pane].height()
        return stage.darkroom.picture(scene, data, (width * factor, height * factor), float(factor))

    async def _write_samples(self, data: PaneData, path: Path) -> None:
        if data.positions is None:
            raise Problem("There are no samples yet.")
        d = data.dimension
        samples = data.positions[-1].astype(np.float64) * data.scale[:d] + data.shift[:d]
        await asyncio.to_thread(write_samples, samples, data.axis_names, path)
        self._lab.window.messages.note(f"{len(samples):,} samples in {path.name}.")

    async def _write_picture(self, pixels: NDArray[np.uint8], path: Path) -> None:
        await asyncio.to_thread(write_picture, pixels, path)
        self._lab.window.messages.note(f"{pixels.shape[1]} × {pixels.shape[0]} pixels in {path.name}.")

    def _ask_pane(self, title: str, *, whole_stage: bool) -> tuple[int, int] | None:
        """(pane, factor), or None when it was cancelled."""
        titles = [pane.title for pane in self._lab.model.document.scene.panes]
        if not whole_stage and len(titles) == 1:
            return 0, 1
        dialog = QDialog(self._lab.window)
        dialog.setWindowTitle(title)
        form, panes, factors = QFormLayout(dialog), QComboBox(), QComboBox()
        if whole_stage:
            panes.addItem("the whole stage", STAGE)
        for index, text in enumerate(titles):
            panes.addItem(f"{index + 1}: {text}", index)
        form.addRow("What", panes)
        for factor in (1, 2, 3, 4):
            factors.addItem(f"{factor}×", factor)
        if whole_stage:
            form.addRow("Size", factors)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(dialog.accept)
        buttons.rejected.connect(dialog.reject)
        form.addRow(buttons)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        answer = (int(panes.currentData()), int(factors.currentData()))
        dialog.deleteLater()
        return answer if accepted else None

    def _ask_file(self, title: str, name: str, kinds: str) -> Path | None:
        start = Path(self._lab.preferences.folder) / name
        found, chosen = QFileDialog.getSaveFileName(self._lab.window, title, str(start), kinds)
        if not found:
            return None
        path = Path(found)
        self._lab.preferences.folder = str(path.parent)
        suffix = chosen.partition("*")[2].rstrip(")")
        return path if path.suffix else path.with_suffix(suffix)


def write_samples(samples: NDArray[np.float64], names: tuple[str, ...], path: Path) -> None:
    """CSV with a header, or NPY by the suffix; written whole or not at all. Raises Problem."""
    with replacing(path) as temporary:
        if path.suffix.lower() == ".npy":
            with temporary.open("wb") as file:
                np.lib.format.write_array(file, samples, allow_pickle=False)
        else:
            header = ",".join(f'"{name}"' if "," in name else name for name in names)
            np.savetxt(temporary, samples, delimiter=",", header=header, comments="", fmt="%.17g", encoding="utf-8")


def write_picture(pixels: NDArray[np.uint8], path: Path) -> None:
    """PNG, written whole or not at all. Raises Problem."""
    from PIL import Image

    with replacing(path) as temporary:
        Image.fromarray(pixels[:, :, :3]).save(temporary, format="PNG")


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """A QImage that owns its pixels."""
    height, width = pixels.shape[:2]
    return QImage(np.ascontiguousarray(pixels).data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
