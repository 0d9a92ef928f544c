"""The solver study in a real window: it runs on the worker, can be cancelled, and writes what it shows."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QCheckBox, QFileDialog

from engine.study_table import COLUMNS, rows, text
from engine.targets import Moons
from gui.study.window import StudyWindow
from tests.gui.test_lab import lab as lab  # the fixture: a whole lab on the screen
from tests.gui.test_lab import shown, until, within


@pytest.fixture
def window(lab: Any) -> Any:
    until(lab, lambda: shown(lab))
    within(lab, lab.window.actions_["solver-study"].trigger)
    made = StudyWindow._open
    assert made is not None
    made.form.set_value(replace(made.form.value, particles=50, fewest=8, most=32))
    yield made
    made.close()


def tick(window: Any, *labels: str) -> None:
    for box in window.samplers.findChildren(QCheckBox):
        if box.isChecked() != (box.text() in labels):
            box.click()


def finished(lab: Any, window: Any) -> None:
    within(lab, window.go.click)
    assert window.running
    assert window.stop.text() == "Cancel"
    until(lab, lambda: not window.running)


def test_a_study_runs_and_is_written(lab: Any, window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert window.empty.isVisible()
    assert not any(button.isEnabled() for button in window.exports)
    tick(window, "Euler", "Heun", "Euler–Maruyama")
    finished(lab, window)
    found = window.found
    assert [sampler.label for sampler in found.samplers] == ["Euler", "Heun", "Euler–Maruyama"]
    assert len(found.points) == 9
    assert found.slope(0) == pytest.approx(1.0, abs=0.2)
    assert not window.empty.isVisible()
    assert "9 runs" in window.sentence.text()
    assert window.go.isEnabled()
    legend = window.chart.legend
    assert legend[0] == f"Euler · slope {found.slope(0):.2f}"
    assert legend[2].startswith("Euler–Maruyama · strong slope")
    window.copy_table()
    assert QGuiApplication.clipboard().text() == text(found)
    answers = iter([str(tmp_path / "a.csv"), str(tmp_path / "a.png")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (next(answers), ""))
    within(lab, window.save_table)
    within(lab, window.save_picture)
    until(lab, lambda: (tmp_path / "a.csv").exists() and (tmp_path / "a.png").exists())
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [list(COLUMNS), *rows(found)]
    until(lab, lambda: window.sentence.text().startswith("Written"))
    picture = QImage(str(tmp_path / "a.png"))
    assert (picture.width(), picture.height()) == (1600, 1000)
    assert len({picture.pixel(x, y) for x in range(0, 1600, 7) for y in range(0, 1000, 7)}) > 3


def test_what_cannot_be_written_is_one_line(lab: Any, window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tick(window, "Euler")
    finished(lab, window)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(tmp_path / "none" / "a.csv"), ""))
    within(lab, window.save_table)
    until(lab, lambda: "cannot be written" in window.sentence.text())
    assert "\n" not in window.sentence.text()


def test_cancel_keeps_what_is_known_and_the_lab_goes_on(lab: Any, window: Any) -> None:
    window.form.set_value(replace(window.form.value, particles=2_000, most=8_192))
    tick(window, "Euler")
    within(lab, window.go.click)
    until(lab, lambda: window.found is not None and len(window.found.points) > 1)
    within(lab, window.stop.click)
    assert not window.running
    assert window.sentence.text() == "Cancelled; what was measured stays."
    assert window.exports[1].isEnabled()
    assert window.go.isEnabled()
    until(lab, lambda: lab.worker.waiting == 0)


def test_nothing_ticked_and_an_empty_range_are_said(window: Any) -> None:
    tick(window)
    assert not window.go.isEnabled()
    assert window.sentence.text() == "Tick at least one sampler."
    tick(window, "Heun")
    assert window.go.isEnabled()
    window.form.set_value(replace(window.form.value, fewest=64, most=8))
    window._show_state()
    assert not window.go.isEnabled()
    assert "more than the most" in window.sentence.text()


def test_the_window_follows_the_experiment(lab: Any, window: Any) -> None:
    tick(window, "Heun")
    within(lab, lambda: lab.model.edit_experiment("target", replace(lab.model.experiment, target=Moons())))
    assert "Moons" in window.about.text()
    assert [sampler.label for sampler in window.samplers.chosen] == ["Heun"]


def test_measures_and_themes(lab: Any, window: Any) -> None:
    tick(window, "Heun")
    finished(lab, window)
    window.show_axis("w2")
    assert window.found is not None
    assert window.found.points, window.sentence.text()
    assert window.chart.getAxis("left").labelText.startswith("W₂")
    for theme in ("light", "dark"):
        lab.set_theme(theme)
        assert window.chart.legend
