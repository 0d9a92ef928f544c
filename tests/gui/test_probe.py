"""The point under the pointer: its values in the user's units, what goes through it, and the card beside it, in a real window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from engine.arrays import Array
from engine.densities.mixture import GaussianMixture
from engine.experiment import Experiment
from engine.fields.learned import LearnedField
from engine.guidance import ClassifierFree
from engine.likelihood import DensitySolver, log_prob
from engine.networks import MLP
from engine.samplers import EulerMaruyama, Heun
from engine.targets import Checkerboard, EightGaussians, Helix, Mixture, Moons, Points
from gui.probe import ProbeRequest, Through, Values, nearest, through, values
from gui.probe_table import figure, nearest_words, table, vector
from gui.runs import Fields, RunRequest, Snapshot, law_of
from tests.gui.test_guided_runs import SMALL as TWO_COLOURS
from tests.gui.test_lab import lab as lab  # the fixture: a whole lab on the screen
from tests.gui.test_lab import until, within

torch.set_num_threads(1)


def eruptions() -> Points:
    """Two clouds like those of a geyser: minutes of eruption against minutes of waiting, with scales that differ eleven times."""
    rng = np.random.Generator(np.random.Philox(key=1))
    long = rng.random(272) < 0.64
    rows = np.stack([np.where(long, 4.3, 2.0), np.where(long, 80.0, 54.5)], axis=1) + rng.standard_normal((272, 2)) * [0.35, 5.9]
    return Points(values=Array(rows), columns=("eruption (min)", "waiting (min)"))


def request(experiment: Experiment, snapshot: Snapshot | None = None, **changes: Any) -> RunRequest:
    return RunRequest(law_of(experiment), Heun(steps=10), snapshot, particles=10, seed=0, device="cpu", **changes)


def network(experiment: Experiment) -> Snapshot:
    """A network with small random weights: a smooth field that is not the exact one."""
    weights = 0.05 * torch.randn(experiment.flat_length(), generator=torch.Generator().manual_seed(1))
    return Snapshot(1, 1, LearnedField(experiment, weights))


def last(slices: Any) -> Any:
    return [value for value in slices if value is not None][-1]


def pixel(lab: Any, pane: int, x: float, y: float) -> QPoint:
    view = lab.stage.panes[pane].canvas.view()
    at = view.to_pixels(np.array([[x, y]]))[0] / view.pixel_ratio
    return QPoint(round(at[0]), round(at[1]))


def move(lab: Any, pane: int, x: float, y: float) -> None:
    move_to(lab, pane, pixel(lab, pane, x, y))


def move_to(lab: Any, pane: int, at: QPoint) -> None:
    """A pointer's moves come by way of the display: waits until the lab has heard of it."""
    canvas = lab.stage.panes[pane].canvas
    within(lab, lambda: QTest.mouseMove(canvas, at + QPoint(3, 3)))
    within(lab, lambda: QTest.mouseMove(canvas, at))

    def there() -> bool:
        point = lab.probe.point
        return point is not None and point[0] == pane and (pixel(lab, *point) - at).manhattanLength() <= 1

    until(lab, there)


def answered(lab: Any) -> Any:
    """Waits for the numbers of the point as it is now."""
    until(lab, lambda: lab.probe.values.found is not None and lab.probe.values.found.request == lab.probe.values.asked)
    point, found = lab.probe.point, lab.probe.values.found
    until(lab, lambda: lab.probe.values.found.request.x == point[1:] and lab.probe.values.found.request.t == lab.stage.clock.t)
    assert found is not None
    return lab.probe.values.found


def geyser_truth(target: Points, place: np.ndarray, t: float) -> tuple[float, np.ndarray, np.ndarray]:
    """log p_t, u and s on CondOT in the user's units, from scratch: x = shift + t (z - shift) + (1 - t) scale eps."""
    z, frame = target.density().means, target.frame()
    means, stds = frame.shift + t * (z - frame.shift), (1.0 - t) * frame.scale
    assert np.allclose(target.density().covariances, 0.0)
    law = GaussianMixture(means, stds=stds)
    logit = -0.5 * np.square((place - means) / stds).sum(axis=1)
    weights = np.exp(logit - logit.max()) / np.exp(logit - logit.max()).sum()
    u = weights @ (z - frame.shift - frame.scale * (place - means) / stds)
    s = -weights @ ((place - means) / stds**2)
    return float(law.log_prob(place[None])[0]), u, s


def test_values_under_the_pointer_are_in_the_users_units(lab: Any) -> None:
    target = eruptions()
    lab.model.edit_experiment("target", replace(lab.model.experiment, target=target))
    until(lab, lambda: lab.simulation.shown(0) is not None and lab.simulation.shown(0).target == target)
    within(lab, lambda: lab.stage.seek(0.6))
    until(lab, lambda: not lab.stage.camera.moving)
    move(lab, 0, 0.3, -0.4)
    found = answered(lab)
    frame = target.frame()
    assert frame.scale[1] > 9.0 * frame.scale[0]
    place = frame.outward(np.array([found.request.x]))[0]
    assert np.abs(np.array(found.request.x) - [0.3, -0.4]).max() < 0.03  # a pixel of the window
    log, u, s = geyser_truth(target, place, 0.6)
    assert found.own.log_prob == pytest.approx(log, abs=1e-4)
    np.testing.assert_allclose(found.own.velocity, u, rtol=1e-3)
    np.testing.assert_allclose(found.own.score, s, rtol=1e-3)
    rows = target.density().means
    away = np.linalg.norm((rows - place) / frame.scale, axis=1)
    assert found.nearest.kind == "data point"
    assert found.nearest.standardised
    assert found.nearest.distance == pytest.approx(away.min(), rel=1e-9)
    np.testing.assert_allclose(found.nearest.place, rows[away.argmin()])
    card = lab.stage.panes[0].probe
    assert card.isVisible()
    head, columns = card.table.head, card.table.columns
    assert head.startswith(f"eruption (min) {figure(place[0])} · waiting (min) {figure(place[1])}")
    assert columns == ("exact",)
    assert [row.cells[0] for row in card.table.rows] == [figure(np.exp(log)), figure(log), vector(tuple(u)), vector(tuple(s))]
    assert "standardised away" in card.table.lines[0]


def test_the_card_stands_beside_the_point_and_goes_with_the_pointer(lab: Any) -> None:
    until(lab, lambda: lab.stage.showings[0].latest.positions is not None)
    canvas, card = lab.stage.panes[0].canvas, lab.stage.panes[0].probe
    for share in ((0.2, 0.15), (0.5, 0.5), (0.9, 0.1), (0.3, 0.3), (0.25, 0.8)):
        at = QPoint(round(share[0] * canvas.width()), round(share[1] * canvas.height()))
        move_to(lab, 0, at)
        answered(lab)
        assert card.isVisible()
        assert not card.geometry().adjusted(-5, -5, 5, 5).contains(at)
        assert canvas.rect().contains(card.geometry())
        assert not lab.stage.panes[1].probe.isVisible()
    # the picture moves beneath a pointer that rests: another point is there, and the card knows
    before = lab.probe.point
    within(lab, lambda: lab.stage.camera.zoom(1.5))
    until(lab, lambda: not lab.stage.camera.moving and lab.probe.point != before)
    until(lab, lambda: (pixel(lab, 0, *lab.probe.point[1:]) - at).manhattanLength() <= 2)
    for size in (QSize(300, 120), QSize(475, 110), QSize(140, 100)):  # four panes in a small window
        card.parentWidget().resize(size)
        for x in range(0, size.width(), 9):
            at = QPoint(x, size.height() // 2)
            card.place(QPointF(at))
            assert not card.geometry().contains(at)
    within(lab, canvas.left.emit)
    assert not card.isVisible()
    move_to(lab, 0, QPoint(60, 60))
    assert card.isVisible()
    within(lab, lambda: lab.stage.show_bare(True))
    until(lab, lambda: not card.isVisible())


def test_a_click_holds_the_point_while_t_runs(lab: Any) -> None:
    until(lab, lambda: lab.stage.showings[0].latest.positions is not None)
    within(lab, lambda: lab.stage.seek(0.3))
    until(lab, lambda: not lab.stage.camera.moving)
    pane = lab.stage.panes[0]
    move(lab, 0, 0.5, 0.2)
    within(lab, lambda: QTest.mouseClick(pane.canvas, Qt.MouseButton.LeftButton, pos=pixel(lab, 0, 0.5, 0.2)))
    assert lab.probe.held is not None
    first = answered(lab)
    within(lab, pane.canvas.left.emit)
    assert pane.probe.isVisible()
    assert pane.mark.isVisible()
    within(lab, lambda: lab.stage.seek(0.8))
    second = answered(lab)
    assert second.request.x == first.request.x
    assert second.own.log_prob != first.own.log_prob
    within(lab, lambda: lab.window.actions_["copy-values"].trigger())
    copied = QGuiApplication.clipboard().text()
    assert f"log p (nats)\t{figure(second.own.log_prob)}" in copied
    # a drag holds nothing new, a click lets go, and Esc does
    within(lab, lambda: lab.probe.release())
    canvas = pane.canvas
    within(lab, lambda: QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(80, 80)))
    within(lab, lambda: QTest.mouseMove(canvas, QPoint(120, 90)))
    assert not pane.probe.isVisible()  # a hand has hold of the picture
    within(lab, lambda: QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(120, 90)))
    assert lab.probe.held is None
    within(lab, lambda: lab.window.actions_["hold-point"].trigger())
    assert lab.probe.held is not None
    within(lab, lambda: QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(150, 90)))
    assert lab.probe.held is None


def test_the_layer_shows_what_goes_through_the_point(lab: Any) -> None:
    until(lab, lambda: lab.stage.showings[0].latest.positions is not None)
    within(lab, lambda: lab.stage.seek(0.5))
    move(lab, 1, 0.4, 0.3)  # the SDE pane: its field's ODE all the same
    assert isinstance(lab.model.document.panes[1].sampler, EulerMaruyama)
    answered(lab)
    assert lab.stage.showings[1].latest.probed is None
    within(lab, lambda: lab.window.actions_["layer-probe"].trigger())
    until(lab, lambda: lab.stage.showings[1].latest.probed is not None)
    probed = lab.stage.showings[1].latest.probed
    assert probed.point == pytest.approx(lab.probe.point[1:])
    assert lab.stage.showings[0].latest.probed is None
    until(lab, lambda: any("carry" in line for line in lab.stage.panes[1].probe.table.lines))
    within(lab, lambda: lab.window.actions_["layer-probe"].trigger())
    until(lab, lambda: lab.stage.showings[1].latest.probed is None)


def test_in_three_dimensions_there_is_no_point(lab: Any) -> None:
    lab.model.edit_experiment("target", replace(lab.model.experiment, target=Helix()))
    until(lab, lambda: lab.stage.showings[0].latest.dimension == 3)
    within(lab, lambda: QTest.mouseMove(lab.stage.panes[0].canvas, QPoint(120, 120)))
    within(lab, lambda: QTest.mouseClick(lab.stage.panes[0].canvas, Qt.MouseButton.LeftButton, pos=QPoint(130, 120)))
    assert lab.probe.point is None
    assert not lab.stage.panes[0].probe.isVisible()


@pytest.mark.parametrize("target", [Mixture(), Checkerboard(), Moons()], ids=lambda target: target.name)
@pytest.mark.parametrize("t", [0.25, 0.7])
def test_paths_pass_through_the_point_and_average_to_the_velocity(target: Any, t: float) -> None:
    """Against an even finer solution of the ODE; the weighted slopes of all conditional paths there are the exact velocity."""
    asked = ProbeRequest(request(Experiment(target=target)), (0.35, -0.2), t, paths=True)
    fields = Fields()
    found = last(through(asked, fields))
    assert isinstance(found, Through)
    probed = found.probed
    np.testing.assert_allclose(probed.backward[-1], asked.x, atol=1e-5)
    np.testing.assert_allclose(probed.forward[0], asked.x, atol=1e-5)
    field = fields.exact(asked.run.law, "cpu")
    for end, drawn in ((field.interval[0], probed.backward[0]), (field.interval[1], probed.forward[-1])):
        from engine.flow_map import carried, graded_times

        *_, (_, place) = carried(field, np.array([asked.x]), graded_times(t, end, 400))
        np.testing.assert_allclose(drawn, place[0], atol=5e-3)
    k = round(t * 60)
    at = probed.conditional[:, k] if abs(k / 60 - t) < 1e-9 else None
    if at is not None:
        np.testing.assert_allclose(at, np.broadcast_to(asked.x, at.shape), atol=1e-5)
    share = float(probed.weights.sum())
    assert 0.5 < share <= 1.0 + 1e-6
    assert f"{100 * share:.0f} %" in found.coverage or "over 99 %" in found.coverage
    # on CondOT a conditional path is straight: from its noise at t = 0 to its data at t = 1
    mean = probed.weights @ (probed.conditional[:, -1] - probed.conditional[:, 0])
    if share > 0.9999:
        np.testing.assert_allclose(mean, probed.arrow, atol=1e-3)
    assert np.linalg.norm(mean - share * np.array(probed.arrow)) < 8.0 * (1.0 - share) + 1e-3


def test_log_p_of_a_network_by_the_change_of_variables() -> None:
    """One number on the card against the density solver to 1e-9 of the same network, user's units."""
    experiment = Experiment(target=eruptions(), network=MLP(width=16, depth=1))
    snapshot = network(experiment)
    for t in (0.2, 0.6, 1.0):
        asked = ProbeRequest(request(experiment, snapshot), (0.3, -0.4), t)
        found = last(through(asked, Fields()))
        assert found.probed is None
        solver = log_prob(snapshot.field, np.array([asked.x]), t, DensitySolver(method="adaptive", tolerance=1e-6))
        while True:
            try:
                next(solver)
            except StopIteration as stop:
                expected = float(stop.value.values[0]) - experiment.target.frame().log_det
                break
        assert found.log_prob == pytest.approx(expected, abs=2e-4)
        told = last(values(asked, Fields()))
        assert told.own.log_prob is None
        assert told.truth is not None
        shown_table = table(("a", "b"), (1.0, 2.0), t, told, found)
        assert shown_table.columns == ("network", "exact")
        assert shown_table.rows[1].cells == (figure(found.log_prob), figure(told.truth.log_prob))
        waiting = table(("a", "b"), (1.0, 2.0), t, told, None)
        assert waiting.rows[1].cells[0] == "…"
        stale = last(through(ProbeRequest(asked.run, (0.31, -0.4), t), Fields()))
        assert table(("a", "b"), (1.0, 2.0), t, told, stale).rows[1].cells[0] == "…"


def test_what_cannot_be_told_is_said() -> None:
    fields = Fields()
    noisy = Experiment(target=Mixture(), source=EightGaussians())
    asked = ProbeRequest(request(noisy), (0.1, 0.2), 0.5, paths=True)
    assert "Gaussian source" in last(through(asked, fields)).coverage
    told = last(values(asked, fields))
    assert isinstance(told, Values)
    assert told.own.score is not None  # in closed form there is one
    guided = request(TWO_COLOURS, guidance=ClassifierFree(scale=2.0, y=1))
    asked = ProbeRequest(guided, (0.1, 0.2), 0.5, paths=True)
    found = last(through(asked, fields))
    assert "no mean over the data" in found.coverage
    assert found.log_prob is not None  # no closed form of a guided density: by the change of variables
    assert last(values(asked, fields)).own.log_prob is None


def test_the_nearest_of_a_painting_is_a_cell_with_ink() -> None:
    target = Checkerboard()
    frame, density = target.frame(), target.density()
    inside = frame.inward(density.sample(1, np.random.Generator(np.random.Philox(key=1))))[0]
    found = nearest(target, inside)
    assert found is not None
    assert found.distance == 0.0
    assert nearest_words(found).startswith("inside a cell")
    corner = frame.inward(density.high[None] + [[3.0, 4.0]])[0]
    found = nearest(target, corner)
    assert found is not None
    assert not found.standardised
    assert found.distance == pytest.approx(5.0 if density.weights[-1, -1] > 0 else np.hypot(3.0, 4.0 + density.cell[1]), rel=1e-9)


@pytest.mark.parametrize(
    ("value", "words"),
    [(3.14159, "3.142"), (-0.0123456, "−0.01235"), (1.2e-5, "1.20·10⁻⁵"), (123456.0, "1.23·10⁵"), (0.0, "0"), (float("-inf"), "−∞")],
)
def test_figures_have_four_digits(value: float, words: str) -> None:
    assert figure(value) == words
