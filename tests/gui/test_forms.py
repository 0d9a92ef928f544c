"""Forms: any struct goes in and comes out, edits are valid or marked, and what cannot be combined says why."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, structs
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from engine.experiment import Training
from engine.networks import MLP
from engine.objectives import Objective, VPrediction
from engine.samplers import EulerMaruyama, Heun, Sampler
from engine.samplers.sigma import ConstantSigma, ReversalSigma
from engine.schedules import OT, CondOT, Schedule, VPLinear
from engine.targets import SHAPES
from gui.forms import StructForm
from gui.forms.editors import CheckEditor, LiteralEditor, NumberEditor, StructEditor
from gui.forms.number import STEPS, Scale, has_slider, parsed, shown
from gui.forms.reflection import FieldSpec, alternatives, fields_of

STRUCTS: list[type[Struct]] = [
    Training,
    MLP,
    *(kind for union in (Schedule, Objective, Sampler) for kind in alternatives(union)),
    *SHAPES,
]


CURVES: dict[str, list[Any]] = {
    "rising": [((0.0, 0.0), (1.0, 1.0)), ((0.0, 0.0), (0.3, 0.1), (1.0, 1.0))],
    "falling": [((0.0, 1.0), (1.0, 0.0)), ((0.0, 1.0), (0.2, 0.9), (0.7, 0.4), (1.0, 0.0))],
    "non-negative": [((0.0, 0.5), (1.0, 0.0)), ((0.0, 0.0), (0.5, 1.0), (0.6, 0.2), (1.0, 0.3))],
}


def values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Anything that a field allows."""
    match spec.kind:
        case "bool":
            return st.booleans()
        case "literal":
            return st.sampled_from(spec.options)
        case "int":
            m = spec.multiple
            low, high = -((-spec.low - spec.low_open) // m), (spec.high - spec.high_open) // m  # in whole numbers: 2**63 - 1 is no float
            return st.integers(low, high).map(lambda k: k * m)
        case "float":
            return st.floats(spec.low, spec.high, exclude_min=spec.low_open, exclude_max=spec.high_open, allow_nan=False)
        case "curve":
            return st.sampled_from(CURVES[spec.trend])
        case "struct":
            return st.one_of([whole(option) for option in spec.options])
    raise AssertionError(f"{spec.name}: a form cannot edit {spec.kind}")


def whole(kind: type[Struct]) -> st.SearchStrategy[Any]:
    """Any valid instance."""
    return st.builds(kind, **{spec.name: values(spec) for spec in fields_of(kind)})


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_value_goes_in_and_comes_out(kind: type[Struct], qtbot: QtBot, data: st.DataObject) -> None:
    value = data.draw(whole(kind))
    form = StructForm(kind)
    qtbot.addWidget(form)
    told: list[Any] = []
    form.changed.connect(told.append)
    form.set_value(value)
    assert form.value == value
    assert told == []
    # and what each editor shows is the value: committing it again unchanged changes nothing
    for spec in fields_of(kind):
        editor = form.editor(spec.name)
        if isinstance(editor, NumberEditor):
            editor.box.setText(str(getattr(value, spec.name)))
            editor.box.setModified(True)
            editor.box._commit()
        elif isinstance(editor, LiteralEditor):
            assert editor.combo.key == getattr(value, spec.name)
        elif isinstance(editor, CheckEditor):
            assert editor.check.isChecked() == getattr(value, spec.name)
        elif isinstance(editor, StructEditor):
            assert editor.form.value == getattr(value, spec.name)
    assert form.value == value
    assert form.problems == []


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_sliders_propose_only_valid_numbers_and_reach_both_ends(kind: type[Struct]) -> None:
    for spec in fields_of(kind):
        if spec.kind in ("int", "float") and has_slider(spec):
            scale = Scale(spec)
            proposed = [scale.value(k) for k in range(0, STEPS + 1, 7)] + [scale.value(STEPS)]
            for value in proposed:
                assert spec.convert(value) == value
            assert proposed == sorted(proposed)
            if not spec.high_open:
                assert proposed[-1] == spec.high
            if not spec.low_open:
                assert proposed[0] == spec.low
            if spec.kind == "float":
                span = max(abs(v) for v in proposed)
                assert all(abs(scale.value(scale.position(v)) - v) <= 0.02 * max(abs(v), 0.01 * span) for v in proposed)


def test_every_choice_in_the_forms_has_help() -> None:
    for kind in STRUCTS:
        for spec in fields_of(kind):
            assert spec.description, f"{kind.__name__}.{spec.name} has no help"


class Odd(Struct, frozen=True):
    """A struct with every kind of field."""

    ratio: Annotated[float, Meta(gt=0, lt=1, description="A share.", extra={"symbol": "ρ", "unit": "std"})] = 0.5
    count: Annotated[int, Meta(ge=1, le=10**9, description="How many.", extra={"unit": "points"})] = 3
    word: Annotated[Literal["one", "two-three"], Meta(description="Which.")] = "one"
    flag: Annotated[bool, Meta(description="Whether.")] = False
    name: Annotated[str, Meta(description="What it is called.")] = "x"
    inner: Annotated[OT, Meta(description="A struct alone.")] = OT()
    hidden: tuple[float, ...] = (1.0, 2.0)


@pytest.fixture
def odd(qtbot: QtBot) -> StructForm:
    form = StructForm(Odd)
    qtbot.addWidget(form)
    form.resize(250, 300)
    form.show()
    qtbot.waitExposed(form)
    return form


def type_in(box: QLineEdit, text: str) -> None:
    """As a user: focus, select all, type, Enter."""
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)
    QTest.keyClick(box, Qt.Key.Key_Return)


def test_typing_changes_the_value_and_says_so_once(odd: StructForm) -> None:
    told: list[Odd] = []
    odd.changed.connect(told.append)
    type_in(odd.editor("count").box, "1e6")
    type_in(odd.editor("ratio").box, "0.123456789")
    QTest.mouseClick(odd.editor("flag").check, Qt.MouseButton.LeftButton, pos=QPoint(6, 8))
    type_in(odd.editor("name").line, "cat")
    assert told[-1] == odd.value == Odd(count=1_000_000, ratio=0.123456789, flag=True, name="cat")
    assert len(told) == 4
    assert odd.value.hidden == (1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "words"), [("2", "0 < a number < 1"), ("cat", "must be a number"), ("nan", "must be a number"), ("", "must be a number")]
)
def test_what_is_wrong_is_marked_and_changes_nothing(odd: StructForm, text: str, words: str) -> None:
    box = odd.editor("ratio").box
    box.setFocus()
    box.selectAll()
    QTest.keyClick(box, Qt.Key.Key_Delete)
    QTest.keyClicks(box, text)
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert odd.value == Odd()
    assert words in odd.problems[0]
    assert box.property("wrong") is True
    assert odd.editor("ratio").problem.isVisible()
    QTest.keyClick(box, Qt.Key.Key_Escape)
    assert odd.problems == []
    assert box.text().startswith("0.5")


def test_the_slider_moves_the_value_and_the_arrows_too(odd: StructForm) -> None:
    editor = odd.editor("ratio")
    editor.slider.setFocus()
    before = odd.value.ratio
    QTest.keyClick(editor.slider, Qt.Key.Key_Right)
    assert odd.value.ratio > before
    editor.box.setFocus()
    ratio = odd.value.ratio
    QTest.keyClick(editor.box, Qt.Key.Key_Down)
    assert odd.value.ratio < ratio


def test_units_symbols_and_bounds_are_told(odd: StructForm) -> None:
    editor = odd.editor("ratio")
    assert editor.box.toolTip() == "ρ: A share.\n0 < value < 1 std"
    assert editor.box.accessibleName() == "Ratio"
    assert editor.box.text() == "0.5 std"
    assert odd.editor("count").slider is None
    assert odd.editor("word").combo.itemText(1) == "two three"


def test_tab_goes_through_the_fields_in_order(odd: StructForm) -> None:
    odd.editor("ratio").slider.setFocus()
    seen = []
    for _ in range(5):
        # the window's own focus: no window manager is needed for it
        seen.append(odd.focusWidget())
        QTest.keyClick(odd.focusWidget(), Qt.Key.Key_Tab)
    editors = [odd.editor(name) for name in ("ratio", "count", "word", "flag")]
    assert seen == [widget for editor in editors for widget in editor.focusable()]


def test_a_choice_is_remembered_when_one_comes_back(qtbot: QtBot) -> None:
    form = StructForm(Schedule)
    qtbot.addWidget(form)
    form.set_value(OT(sigma_min=0.2))
    form.chooser.picked.emit(VPLinear)
    assert form.value == VPLinear()
    form.chooser.picked.emit(OT)
    assert form.value == OT(sigma_min=0.2)


def test_what_alternatives_share_goes_along(qtbot: QtBot) -> None:
    form = StructForm(Sampler, EulerMaruyama(sigma=ConstantSigma(scale=3.0)))
    qtbot.addWidget(form)
    form.editor("sigma").form.chooser.picked.emit(ReversalSigma)
    assert form.value == EulerMaruyama(sigma=ReversalSigma(scale=3.0))
    form.set_value(Heun(steps=77))
    assert form.value.steps == 77


def test_what_cannot_be_combined_is_grey_and_says_why(qtbot: QtBot) -> None:
    form = StructForm(Objective, refusal=lambda objective: CondOT().refusal(objective.prediction))
    qtbot.addWidget(form)
    reason = form.chooser.reason(VPrediction)
    assert reason is not None
    assert "variance preserving" in reason
    index = form.chooser.keys.index(VPrediction)
    assert not form.chooser.model().item(index).isEnabled()
    assert form.chooser.itemData(index, Qt.ItemDataRole.ToolTipRole) == reason
    form.chooser.setFocus()
    for _ in range(8):
        QTest.keyClick(form.chooser, Qt.Key.Key_Down)
    assert not isinstance(form.value, VPrediction)


def test_show_and_hide_keep_the_other_fields(qtbot: QtBot) -> None:
    form = StructForm(Training, Training(seed=5), show=("batch",))
    qtbot.addWidget(form)
    assert [spec.name for spec in form.shown()] == ["batch"]
    type_in(form.editor("batch").box, "64")
    assert form.value == Training(seed=5, batch=64)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.002, "0.002"), (2e-6, "2e-6"), (1024, "1024"), (0.123456, "0.1235"), (1e9, "1e9")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("text", "kind", "value"), [("1 000", "int", 1000), ("1e3", "int", 1000), ("1_0", "int", 10), ("−2.5", "float", -2.5)]
)
def test_numbers_are_read_as_people_write_them(text: str, kind: str, value: float) -> None:
    assert parsed(text, kind) == value


@pytest.mark.parametrize("text", ["1.5", "x", "", "--3", "1e-3"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parsed(text, "int")


@pytest.mark.usefixtures("qapp")
def test_a_form_needs_a_struct() -> None:
    with pytest.raises(TypeError, match="struct"):
        StructForm(int)


def test_defaults_survive_a_replace() -> None:
    assert structs.replace(Odd(), ratio=0.25).count == 3
