"""Network and truth in a real window, on a small network that is really trained."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton

from engine.samplers import MALA, Euler, EulerMaruyama, Heun
from engine.samplers.sigma import ConstantSigma, SqrtSigma
from engine.targets import Mixture, Moons
from gui.document import PaneSettings
from gui.stage.pane_settings import PaneSettingsPopover
from gui.truth.window import TruthWindow
from tests.gui.test_lab import lab as lab  # the fixture: a whole lab on the screen
from tests.gui.test_lab import shown, until, within


@pytest.fixture
def window(lab: Any) -> Iterator[Any]:
    lab.model.edit_experiment("target", replace(lab.model.experiment, target=Mixture()))
    until(lab, lambda: shown(lab))
    within(lab, lab.window.actions_["truth"].trigger)
    made = TruthWindow._open
    assert made is not None
    made.sources.form.set_value(replace(made.sources.form.value, particles=100, repeats=3))
    made.curve.form.set_value(replace(made.curve.form.value, points=50, times=8, repeats=2))
    made.certificate.form.set_value(replace(made.certificate.form.value, delta=0.2, paths=200))
    yield made
    if TruthWindow._open is not None:
        made.close()


@pytest.fixture
def trained(lab: Any, window: Any) -> Any:
    train(lab, 60)
    return window


def train(lab: Any, steps: int) -> None:
    within(lab, lab.train)
    until(lab, lambda: lab.training.progress is not None and lab.training.progress.step > steps)
    within(lab, lab.training.stop)
    until(lab, lambda: lab.worker.waiting == 0 and lab.training.snapshot is not None)
    until(lab, lambda: lab.training.snapshot.step == lab.training.work.step)


def measured(lab: Any, page: Any) -> Any:
    assert page.go.isEnabled(), page.reason.text()
    within(lab, page.go.click)
    until(lab, lambda: not page.running, 120.0)
    assert page.found is not None, page.status.text()
    return page.found


def test_without_a_network_the_reason_stands_where_the_chart_would(lab: Any, window: Any) -> None:
    for index, page in enumerate(window.pages):
        window.show_page(index)
        assert page.reason.isVisible()
        assert not page.body.isVisible()
        assert not any(button.isEnabled() for button in page.exports)
    assert "Press Measure" in window.sources.reason.text()
    for page in (window.curve, window.certificate):
        assert page.reason.text() == "Nothing is trained yet: press Train in the lab, then measure."
        assert not page.go.isEnabled()
    window.show_page(0)
    within(lab, lambda: lab.model.edit_pane(0, replace(lab.model.document.panes[0], sampler=Euler(steps=1))))
    found = measured(lab, window.sources)
    assert set(found.w2) == {"floor", "ideal", "solver"}
    assert [row.label for row in window.sources.chart.rows][-1] == "This pane: exact field"
    assert "comes from the solver" in window.sources.sentence.text()


def test_where_the_error_comes_from(lab: Any, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = trained.sources
    found = measured(lab, page)
    assert set(found.w2) == {"floor", "ideal", "solver", "network", "pane"}
    rows = page.chart.rows
    assert [kind for kind, _ in rows[2].parts] == ["solver"]
    assert [kind for kind, _ in rows[3].parts] == ["network"]
    assert {kind for kind, _ in rows[4].parts} == {"network", "solver"}
    assert sum(length for _, length in rows[4].parts) + rows[4].base == pytest.approx(rows[4].value)
    assert found.w2["pane"].mean == pytest.approx(rows[4].value)
    assert page.sentence.text().endswith(".")
    texts = [cell.text() for cell in page.body.findChildren(type(page.status))]
    assert "6 (now)" in texts
    assert "12" in texts
    assert any("Gaussian 1" in text for text in texts)
    assert f"network at step {lab.training.snapshot.step}" in page.about.text()
    page.copy_table()
    assert QGuiApplication.clipboard().text().startswith("points\tW2 (standardised units)")
    answers = iter([str(tmp_path / "a.csv"), str(tmp_path / "a.png")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (next(answers), ""))
    within(lab, page.save_table)
    within(lab, page.save_picture)
    until(lab, lambda: (tmp_path / "a.csv").exists() and (tmp_path / "a.png").exists())
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert float(lines[1][1]) == pytest.approx(found.w2["floor"].mean, rel=1e-8)
    assert [line[0] for line in lines[1:6]] == [row.label for row in rows]
    until(lab, lambda: page.status.text().startswith("Written"))
    picture = QImage(str(tmp_path / "a.png"))
    assert picture.width() == 2 * page.frame.width()
    assert len({picture.pixel(x, y) for x in range(0, picture.width(), 5) for y in range(0, picture.height(), 5)}) > 8


def test_errors_over_time_and_the_time_of_the_stage(lab: Any, trained: Any) -> None:
    page = trained.curve
    trained.show_page(1)
    found = measured(lab, page)
    assert [curve.words[:8] for curve in page.chart.curves] == ["E‖u_θ − ", "E‖s_θ − "]
    integral = found.integral(found.velocity).mean()
    assert f"∫ E‖u_θ − u‖² dt = {integral:.1f}"[:-1] in page.sentence.text()
    within(lab, lab.stage.toggle_play)  # rest
    box = page.chart.getPlotItem().vb
    spot = page.chart.mapFromScene(box.mapViewToScene(QPointF(0.25, sum(box.viewRange()[1]) / 2)))
    QTest.mouseClick(page.chart.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(spot))
    until(lab, lambda: abs(lab.stage.clock.t - 0.25) < 0.01)
    until(lab, lambda: page.chart.line.value() == pytest.approx(lab.stage.clock.t))
    before = lab.stage.clock.t
    QTest.keyClick(page.chart, Qt.Key.Key_Right)
    assert lab.stage.clock.t == pytest.approx(before + 0.01)
    assert page.chart.getAxis("left").logarithmic
    page.log.click()
    assert not page.chart.getAxis("left").logarithmic


def test_the_certificate_of_an_sde_and_of_an_ode(lab: Any, trained: Any) -> None:
    page = trained.certificate
    trained.show_page(2)
    assert "Euler follows no SDE with a σ_t" in page.reason.text()
    assert "Press Measure for the SDE" in page.reason.text()
    assert page.go.isEnabled()
    within(lab, lambda: trained.choose(1))
    assert page.sigma.value == SqrtSigma()
    assert "Euler–Maruyama" in page._about_sigma.text()
    found = measured(lab, page).certificate
    assert [bar.name for bar in page.bars.bars] == ["TV(p, p′)", "√(KL/2)", "√(KL_path/2)"]
    values = [bar.value for bar in page.bars.bars]
    assert values == [found.tv, found.pinsker, found.path_bound]
    assert values == sorted(values)
    assert found.t == pytest.approx(0.8)
    assert "nats" in page.bars.bars[2].words
    assert page.chart.curves[0].y[-1] == pytest.approx(found.path_kl)
    axis = page.chart.getAxis("bottom")
    assert len(axis.tickValues(0.0, -0.7, 500.0)[0][1]) >= 3  # the axis runs backwards
    assert page.stale.text() == ""
    within(lab, lambda: page.form.editor("delta")._typed(0.1))
    assert "earlier settings at the left" in page.stale.text()
    within(lab, lambda: page.sigma.changed.emit(page.sigma.set_value(ConstantSigma())))
    assert "SDE with σ = √(1−t)" in page.about.text()


def test_numbers_say_when_they_are_of_earlier_settings(lab: Any, trained: Any) -> None:
    page = trained.sources
    measured(lab, page)
    assert page.stale.text() == ""
    within(lab, lambda: lab.model.edit_pane(0, replace(lab.model.document.panes[0], sampler=Heun(steps=9))))
    assert "earlier settings. Now: " in page.stale.text()
    assert "Heun, 9 steps" in page.stale.text()
    assert "Euler, 6 steps" in page.about.text()
    within(lab, lambda: lab.model.edit_pane(0, replace(lab.model.document.panes[0], sampler=Euler(steps=6))))
    assert page.stale.text() == ""
    within(lab, lambda: lab.model.edit_experiment("target", replace(lab.model.experiment, target=Moons())))
    assert "Moons" in page.stale.text()
    within(lab, lambda: lab.model.edit_pane(0, replace(lab.model.document.panes[0], sampler=MALA())))
    assert "no fine solver" in page.stale.text()
    assert not page.go.isEnabled()
    assert page.exports[1].isEnabled()


def test_cancel_and_leaving_leave_nothing_behind(lab: Any, trained: Any) -> None:
    page = trained.certificate
    trained.show_page(2)
    within(lab, page.go.click)
    until(lab, lambda: page.bar.value() > 0)
    assert trained.chips[2].text().endswith("…")
    QTest.keyClick(trained, Qt.Key.Key_Escape)
    assert trained.isVisible()
    assert not page.running
    assert page.status.text() == "Cancelled."
    until(lab, lambda: lab.worker.waiting == 0)
    until(lab, lambda: "certificate" not in {thread.name for thread in threading.enumerate()})
    trained.sources.form.set_value(replace(trained.sources.form.value, particles=2_000))
    within(lab, trained.sources.go.click)
    until(lab, lambda: "exact W₂" in trained.sources.status.text())
    timers = trained.findChildren(QTimer)
    QTest.keyClick(trained, Qt.Key.Key_Escape)
    assert TruthWindow._open is None
    assert not any(timer.isActive() for timer in timers)
    until(lab, lambda: lab.worker.waiting == 0)
    until(lab, lambda: "exact W2" not in {thread.name for thread in threading.enumerate()})


def test_the_panes_settings_lead_there(lab: Any, window: Any) -> None:
    window.close()
    within(lab, lambda: lab._pane_settings(1))
    popover = next(w for w in lab.window.findChildren(PaneSettingsPopover))
    button = next(b for b in popover.findChildren(QPushButton) if b.text() == "Where does the error come from?")
    within(lab, button.click)
    made = TruthWindow._open
    assert made is not None
    assert made.panes.key == 1
    assert isinstance(made.sources.present.sampler, EulerMaruyama)
    within(lab, lambda: lab.model.remove_pane(1))
    assert made.panes.key == 0
    assert lab.window.actions_["truth"].shortcut() == QKeySequence("Ctrl+J")
    made.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes(lab: Any, window: Any, theme: str) -> None:
    within(lab, lambda: lab.model.edit_pane(0, PaneSettings(sampler=Euler(steps=3))))
    measured(lab, window.sources)
    lab.set_theme(theme)
    picture = window.sources.picture()
    colours = {picture.pixel(x, y) for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 7)}
    assert len(colours) > 8
    lab.set_theme("dark")
