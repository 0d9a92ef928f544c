"""Distances in a real lab: every one of them comes, the head and the table agree, curves follow the training, files hold the numbers."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from engine.distance_table import cells, columns, text
from engine.likelihood import held_out
from engine.metrics import w2
from engine.randomness import generator
from engine.samplers import Euler, EulerMaruyama
from engine.targets import Helix, SwissRoll
from gui.distance_window import LINES, DistanceWindow, rows_of
from gui.distances import FROM_SAMPLES, IN_TRAINING, points_for
from gui.document import PaneSettings
from gui.live_likelihood import Flow
from gui.series_of_distances import DistanceSeries
from tests.gui.test_lab import lab as lab  # the fixture: a whole lab on the screen
from tests.gui.test_lab import shown, until, within


def whole(lab: Any, n: int | None = None) -> bool:
    """Whether all panes have all distances, from n points."""
    rows = lab.distances.rows()
    names = {*FROM_SAMPLES, "straightness", "nll", "nll_user", "excess"}
    return all(names <= set(row.distances) and (n is None or row.distances["w2"].n == n) for row in rows)


@pytest.fixture
def window(lab: Any) -> Iterator[Any]:
    until(lab, lambda: whole(lab, 250) and lab.distances.rows()[0].distances["nll"].n == 2_000)
    within(lab, lab.window.distances.more.click)
    made = DistanceWindow._open
    assert made is not None
    yield made
    if DistanceWindow._open is made:
        made.close()


def test_every_distance_of_every_pane_comes_with_error_floor_and_n(lab: Any) -> None:
    until(lab, lambda: whole(lab, 250))
    for index, row in enumerate(lab.distances.rows()):
        for name in ("w2", "sliced_w2", "mmd", "energy", "kl", "tv", "js", "modes", "near"):
            one = row.distances[name]
            assert one.value is not None, (name, one.reason)
            assert one.floor is not None
            assert one.spread is not None
            assert (one.n, one.repeats) == (250, 4)
        assert row.step is None
        head = lab.stage.panes[index].header
        table = lab.window.distances.texts[1 + index]
        assert table[1].startswith(f"{head.metric.text()} ±")  # one number in both places
        assert abs(float(head.metric.text()) - row.distances["w2"].value) < 0.05
    ends = lab.stage.showings[0].latest.positions[-1].astype(float)
    target = lab.model.experiment.target
    fresh = [target.frame().inward(target.sample(250, generator(0, "evaluation", "one", k))) for k in range(4)]
    known = [w2(ends[250 * k : 250 * (k + 1)], one) for k, one in enumerate(fresh)]  # each repeat has particles and draws of its own
    assert lab.distances.rows()[0].distances["w2"].value == pytest.approx(np.mean(known), rel=1e-9)
    assert lab.distances.rows()[0].distances["w2"].error == pytest.approx(np.std(known, ddof=1) / 2, rel=1e-9)


def test_the_likelihood_is_that_of_the_flow_in_both_units(lab: Any) -> None:
    until(lab, lambda: whole(lab) and lab.distances.rows()[0].distances["nll"].n == 2_000)
    row = lab.distances.rows()[0]
    target, field = lab.model.experiment.target, lab.simulation.fields.exact(lab.simulation.shown(0).law, "cpu")
    slices = held_out(field, target, n=2_000, start=lab.model.experiment.start)
    while True:
        try:
            next(slices)
        except StopIteration as stop:
            found = stop.value
            break
    assert row.distances["nll_user"].value == pytest.approx(found.value, rel=1e-6)
    assert row.distances["nll"].value == pytest.approx(found.value - target.frame().log_det, rel=1e-6)
    assert row.distances["nll"].floor == pytest.approx(found.floor - target.frame().log_det)
    # the exact field's likelihood is the entropy, up to its solver
    above = row.distances["excess"]
    assert above.value == pytest.approx(row.distances["nll"].value - row.distances["nll"].floor, abs=1e-9)
    assert abs(above.value) < 0.02
    assert above.error < 0.1 * row.distances["nll"].error


def test_curves_follow_the_training_outlive_a_pause_and_go_with_a_restart(lab: Any) -> None:
    within(lab, lambda: lab.model.edit_document("particles", replace(lab.model.document, particles=4_000)))
    until(lab, lambda: shown(lab))
    lab.window.actions_["train"].trigger()
    heun, em = "Euler, 6 steps", "Euler–Maruyama, 8 steps, σ = √(1−t)"
    until(lab, lambda: len(lab.distances.series.of("w2")) == 2 and all(len(c.steps) >= 2 for c in lab.distances.series.of("w2")))
    assert lab.training.running
    series = lab.distances.series
    assert [curve.label for curve in series.of("w2")] == [heun, em]  # the panes' order, whichever was measured first
    until(lab, lambda: lab.distances.series.of("nll"))
    assert [curve.label for curve in lab.distances.series.of("nll")] == ["the network's flow"]
    lab.window.actions_["train"].trigger()
    assert lab.training.status == "paused"
    last = lab.training.work.step
    until(lab, lambda: lab.training.snapshot.step == lab.training.work.step)
    last = lab.training.work.step
    until(lab, lambda: all(lab.distances.series.has(last, name, "w2") for name in (heun, em)))  # the last point, too
    until(lab, lambda: lab.distances.series.has(last, "the network's flow", "nll"))
    kept = lab.distances.series
    assert set(kept.of("w2")[0].steps) >= set(series.of("w2")[0].steps)
    assert {one.n for one in kept.estimates(last, heun).values()} == {IN_TRAINING, 1_000}  # all of one n; straightness of quarters
    until(lab, lambda: whole(lab, 1_000))  # at rest from more points, which are none of the curve
    assert lab.distances.series.of("w2")[0].steps.tolist() == kept.of("w2")[0].steps.tolist()
    assert [row.step for row in lab.distances.rows()] == [last, last]
    window = lab.window
    window.over_training.choose("kl")
    assert window.over_training.curves.plot.legend == [heun, em]
    within(lab, lab.training.restart)
    until(lab, lambda: len(lab.distances.series) == 0)
    assert lab.training.work.step < last
    until(lab, lambda: len(lab.distances.series) > 0)
    lab.distances.restore(kept)  # what a session had kept
    assert lab.distances.series is kept


def test_a_changed_target_takes_the_numbers_away_and_what_does_not_apply_says_why(lab: Any) -> None:
    until(lab, lambda: whole(lab))
    within(lab, lambda: lab.model.edit_experiment("target", replace(lab.model.experiment, target=SwissRoll())))
    assert "w2" not in lab.distances.rows()[0].distances
    assert not lab.stage.panes[0].metric_words
    until(lab, lambda: whole(lab, 250))
    row = lab.distances.rows()[0]
    assert row.distances["modes"].value is None
    head = lab.window.distances.texts[0]
    if "modes" in head:
        assert lab.window.distances.texts[1][head.index("modes")] == "–"
    assert "no modes" in row.distances["modes"].reason


def test_three_dimensions_have_the_same_numbers(lab: Any) -> None:
    within(lab, lambda: lab.model.edit_experiment("target", replace(lab.model.experiment, target=Helix())))
    until(lab, lambda: shown(lab) and lab.simulation.shown(0) is not None and lab.simulation.shown(0).target == Helix())
    until(lab, lambda: whole(lab, 250))
    for row in lab.distances.rows():
        assert all(row.distances[name].value is not None for name in ("w2", "sliced_w2", "mmd", "energy", "kl", "tv", "js", "nll"))
    assert lab.distances.rows()[0].distances["kl"].note.count("×") == 2


def test_the_window_shows_copies_and_saves_what_is_known(lab: Any, window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown_words = [window.table.item(line, 1).text() for line in range(len(LINES))]
    assert all("±" in words or "%" in words for words in shown_words), shown_words
    assert window.table.item(len(LINES) - 1, 2).text() == "–"  # an SDE has no straightness
    assert "SDE" in window.table.item(len(LINES) - 1, 2).toolTip()
    window.table.selectRow(3)
    assert "MMD" not in window.note.text()
    assert "maximum mean discrepancy" in window.note.text()
    within(lab, window.copy_table)
    rows = lab.distances.rows()
    assert QGuiApplication.clipboard().text() == text(rows)
    assert not window.save_curves_button.isEnabled()
    series = DistanceSeries().with_point(5, "a", dict(rows[0].distances)).with_point(9, "a", dict(rows[1].distances))
    within(lab, lambda: lab.distances.restore(series))
    until(lab, window.save_curves_button.isEnabled)
    answers = iter([str(tmp_path / "a.csv"), str(tmp_path / "b")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (next(answers), ""))
    within(lab, window.save_table)
    within(lab, window.save_curves)
    until(lab, lambda: (tmp_path / "a.csv").exists() and (tmp_path / "b.csv").exists())
    for name, kept in (("a.csv", rows), ("b.csv", rows_of(series))):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            assert list(csv.reader(file)) == [columns(), *cells(kept)]
    until(lab, lambda: window.sentence.text().startswith("Written"))
    for theme in ("light", "dark"):
        lab.set_theme(theme)


def test_what_cannot_be_written_is_one_line(lab: Any, window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(tmp_path / "none" / "a.csv"), ""))
    within(lab, window.save_table)
    until(lab, lambda: "cannot be written" in window.sentence.text())
    assert "\n" not in window.sentence.text()
    within(lab, window.close)
    assert DistanceWindow._open is None


def test_the_first_number_of_a_pane_comes_before_the_last_of_another(lab: Any) -> None:
    until(lab, lambda: whole(lab, 250))
    came: list[tuple[int, int]] = []
    take = lab.distances._thread.take

    def spied() -> list[Any]:
        found = take()
        came.extend((pane, len(one.distances)) for pane, one in found)
        return found

    lab.distances._thread.take = spied
    within(lab, lambda: lab.model.edit_document("seed", replace(lab.model.document, seed=1)))
    until(lab, lambda: sum(count >= len(FROM_SAMPLES) for _pane, count in came) >= 2)
    firsts = [next(i for i, (pane, count) in enumerate(came) if pane == place and count >= 3) for place in (0, 1)]
    ends = [next(i for i, (pane, count) in enumerate(came) if pane == place and count > len(FROM_SAMPLES)) for place in (0, 1)]
    assert max(firsts) < min(ends)


def test_the_thread_rests_while_it_trains(lab: Any) -> None:
    thread = lab.distances._thread
    until(lab, lambda: whole(lab, 250))
    run = lab.distances._latest[0]
    clock = time.pthread_getcpuclockid(thread._thread.ident)

    def spent(training: bool) -> tuple[float, float]:
        """Processor time of the thread, and time, for one measurement of 500 points."""
        thread.training = training
        before, began = time.clock_gettime(clock), time.perf_counter()
        thread.ask(0, run, 500)
        found: list[Any] = []
        while not any(one.whole for _pane, one in found):
            time.sleep(0.01)
            found += thread.take()
        return time.clock_gettime(clock) - before, time.perf_counter() - began

    worked, _ = spent(False)
    assert worked > 0.05
    worked, passed = spent(True)
    thread.training = False
    assert worked <= 0.15 * passed  # 0.12, and what is outside of the slices


@pytest.mark.parametrize(
    ("particles", "training", "rest"), [(6_000, 500, 1_500), (20_000, 500, 2_000), (1_000, 250, 250), (300, 250, 250), (90, 90, 90)]
)
def test_points_on_each_side(particles: int, training: int, rest: int) -> None:
    assert points_for(particles, True) == training
    assert points_for(particles, False) == rest


def test_a_flow_is_known_by_its_field_and_not_by_its_sampler(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    one, other = (lab.simulation.shown(i) for i in (0, 1))
    assert one != other
    assert Flow(one) == Flow(other)
    within(lab, lambda: lab.model.edit_document("panes", replace(lab.model.document, panes=(PaneSettings(sampler=Euler(steps=3)),))))
    until(lab, lambda: len(lab.distances.rows()) == 1 and whole(lab))
    within(lab, lambda: lab.model.add_pane(PaneSettings(sampler=EulerMaruyama(steps=5))))
    until(lab, lambda: len(lab.distances.rows()) == 2 and whole(lab))
    assert math.isfinite(lab.distances.rows()[1].distances["nll"].value)
