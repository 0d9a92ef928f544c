"""The menus, and what each action does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from gui.actions import menu_of
from gui.stage.layer_settings import next_kind
from gui.stage.transport import SPEEDS

if TYPE_CHECKING:
    from gui.lab import Lab

STEP = 0.01
THEMES = {"dark": "Dark", "light": "Light", "system": "As the system"}


def fill_menus(lab: Lab) -> None:
    """Builds the menu bar and connects every action."""
    actions, bar, window = lab.window.actions_, lab.window.top.menus, lab.window
    file = menu_of(bar, "&File")
    actions.fill(file, "new open")
    recent = file.addMenu("Open &recent")
    recent.aboutToShow.connect(lambda: _fill_recent(lab, recent))
    actions.fill(file, "- save save-as - record - export-samples export-picture copy-picture - quit")
    edit = menu_of(bar, "&Edit")
    easel = window.controls.target.easel.actions_by_name
    edit.addActions([easel["undo"], easel["redo"]])
    edit.addSeparator()
    edit.addActions([easel[name] for name in ("brush", "gaussian", "blur", "eraser")])
    edit.addSeparator()
    edit.addActions([easel[name] for name in ("mirror", "n-fold", "smaller", "larger", "clear")])
    view = menu_of(bar, "&View")
    actions.fill(
        view,
        "play reverse loop slower faster - start back ahead end - frame zoom-in zoom-out - hold-point copy-values -",
    )
    along = view.addMenu("Along the &training")
    actions.fill(along, "play-training - step-first step-back step-ahead step-latest")
    layers = view.addMenu("&Layers of all panes")
    actions.fill(
        layers,
        "layer-particles layer-trails layer-velocity layer-score layer-histogram layer-target "
        "layer-map layer-contours layer-flow_map layer-probe - field-style map-kind",
    )
    view.addMenu(_theme_menu(lab, view))
    actions.fill(view, "- controls charts full-screen presentation")
    stage = menu_of(bar, "&Stage")
    actions.fill(stage, "add-pane remove-pane draw-again - match-evaluations - all-distances solver-study truth")
    train = menu_of(bar, "&Train")
    actions.fill(train, "train stop restart - reflow runs - cancel-runs -")
    device = train.addMenu("&Device")
    device.aboutToShow.connect(lambda: _fill_devices(lab, device))
    helps = menu_of(bar, "&Help")
    actions.fill(helps, "help about")
    _connect(lab)


def _connect(lab: Lab) -> None:
    actions, window, stage, training, files = lab.window.actions_, lab.window, lab.stage, lab.training, lab.files
    actions.on(
        new=files.new, open=files.choose, save=files.save, save_as=files.save_as, record=lambda: _record(lab),
        export_samples=files.export.samples, export_picture=files.export.picture, copy_picture=files.export.copy, quit=window.close,
    )  # fmt: skip
    actions.on(
        play=stage.toggle_play, reverse=stage.turn, loop=stage.next_loop,
        faster=lambda: _change_speed(lab, 1), slower=lambda: _change_speed(lab, -1),
        start=lambda: stage.seek(0.0), end=lambda: stage.seek(1.0), back=lambda: stage.step(-STEP), ahead=lambda: stage.step(STEP),
        frame=stage.camera.frame_again, zoom_in=lambda: stage.camera.zoom(1.25), zoom_out=lambda: stage.camera.zoom(0.8),
        draw_again=lab.draw_again, add_pane=lab.add_pane, remove_pane=lab.remove_pane,
    )  # fmt: skip
    actions.on(
        controls=lambda: window.show_controls(actions["controls"].isChecked()),
        charts=lambda: window.show_charts(actions["charts"].isChecked()),
        full_screen=lambda: window.set_full_screen(actions["full-screen"].isChecked()),
        presentation=lambda: window.set_presentation(actions["presentation"].isChecked()),
    )
    actions.on(train=lab.train, stop=training.stop, restart=training.restart, cancel_runs=stage.cancel_asked.emit)
    actions.on(reflow=lab.reflow.start, runs=lambda: _runs(lab))
    actions.on(
        play_training=lab.steps.toggle_play, step_first=lab.steps.first, step_back=lab.steps.back, step_ahead=lab.steps.ahead,
        step_latest=lab.steps.to_latest,
    )  # fmt: skip
    actions.on(all_distances=lambda: _distances(lab))
    window.distances.all_asked.connect(actions["all-distances"].trigger)
    actions.on(truth=lambda: show_truth(lab))
    actions.on(solver_study=lambda: _study(lab), match_evaluations=lambda: lab.match_evaluations(0))
    actions.on(hold_point=lab.probe.hold, copy_values=lab.probe.copy)
    actions.on(help=lambda: _help(lab), about=lambda: _about(lab))
    for layer in ("particles", "trails", "velocity", "score", "histogram", "target", "map", "contours", "flow_map", "probe"):
        actions[f"layer-{layer}"].triggered.connect(lambda _checked=False, layer=layer: _toggle_layer(lab, layer))
    actions.on(field_style=lambda: _toggle_style(lab), map_kind=lambda: next_kind(lab))
    leave = QAction(window)
    leave.setShortcut("Esc")
    leave.triggered.connect(lambda: _escape(lab))
    window.addAction(leave)


def _escape(lab: Lab) -> None:
    """Leaves presentation or full screen; then dismisses what is said."""
    actions, window = lab.window.actions_, lab.window
    if actions["presentation"].isChecked():
        actions["presentation"].trigger()
    elif actions["full-screen"].isChecked():
        actions["full-screen"].trigger()
    elif not lab.probe.release():
        window.messages.dismiss()


def _record(lab: Lab) -> None:
    from gui.recorder.dialog import RecordDialog

    RecordDialog.open_for(lab)


def _study(lab: Lab) -> None:
    from gui.study.window import StudyWindow

    StudyWindow.open_for(lab)


def _distances(lab: Lab) -> None:
    from gui.distance_window import DistanceWindow

    DistanceWindow.open_for(lab)


def show_truth(lab: Lab, pane: int | None = None) -> None:
    """The window "Network and truth"; of a pane, if that is said."""
    from gui.truth.window import TruthWindow

    TruthWindow.open_for(lab, pane)


def _runs(lab: Lab) -> None:
    from gui.history.window import RunsWindow

    RunsWindow.open_for(lab)


def _help(lab: Lab) -> None:
    from gui.help import HelpSheet

    HelpSheet(lab.window).show()


def _about(lab: Lab) -> None:
    from gui.help import AboutSheet

    AboutSheet(lab.window).show()


def _change_speed(lab: Lab, by: int) -> None:
    nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - lab.stage.clock.speed))
    lab.stage.set_speed(SPEEDS[min(len(SPEEDS) - 1, max(0, nearest + by))])


def _toggle_layer(lab: Lab, layer: str) -> None:
    """In all panes: on where the first pane has it off."""
    panes = lab.model.document.scene.panes
    on = not getattr(panes[0].layers, layer).visible
    for index, pane in enumerate(panes):
        lab.model.show_layers(index, replace(pane.layers, **{layer: replace(getattr(pane.layers, layer), visible=on)}))


def _toggle_style(lab: Lab) -> None:
    for index, pane in enumerate(lab.model.document.scene.panes):
        style = "streamlines" if pane.layers.velocity.style == "arrows" else "arrows"
        layers = replace(pane.layers, velocity=replace(pane.layers.velocity, style=style), score=replace(pane.layers.score, style=style))
        lab.model.show_layers(index, layers)


def _theme_menu(lab: Lab, parent: QMenu) -> QMenu:
    menu, group = QMenu("&Theme", parent), QActionGroup(parent)
    for choice, words in THEMES.items():
        action = menu.addAction(words)
        action.setCheckable(True)
        action.setChecked(lab.preferences.theme == choice)
        action.triggered.connect(lambda _checked=False, choice=choice: lab.set_theme(choice))
        group.addAction(action)
    return menu


def _fill_recent(lab: Lab, menu: QMenu) -> None:
    menu.clear()
    for path in lab.preferences.recent:
        menu.addAction(path, lambda path=path: lab.files.open(path))
    if menu.isEmpty():
        menu.addAction("Nothing yet").setEnabled(False)


def _fill_devices(lab: Lab, menu: QMenu) -> None:
    """What there is, once torch has said so."""
    menu.clear()
    menu.addAction("Looking…").setEnabled(False)

    def show(found: list[tuple[str, str]]) -> None:
        menu.clear()
        group = QActionGroup(menu)
        for name, words in [("auto", "Automatic"), *found]:
            action = menu.addAction(words if name in ("auto", "cpu") else f"{words} ({name})")
            action.setCheckable(True)
            action.setChecked(lab.training.device == name)
            action.triggered.connect(lambda _checked=False, name=name: lab.set_device(name))
            group.addAction(action)

    lab.ask_devices(show)
