"""The lab's document: what is in it survives a file, and what is wrong in a file is named."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from engine.choice import Problem
from engine.samplers import RK4, DormandPrince, EulerMaruyama, Heun
from engine.samplers.sigma import ConstantSigma, ReversalSigma
from gui.document import (
    LabDocument,
    PaneSettings,
    counted,
    decode_document,
    encode_document,
    labelled,
    pane_caption,
    pane_title,
)
from shaders.scene import Camera, Scene


def test_a_document_comes_back_as_it_was() -> None:
    document = LabDocument(
        scene=Scene(camera=Camera(extent=1.5), t=0.25),
        panes=(
            PaneSettings(sampler=EulerMaruyama(steps=7, sigma=ConstantSigma(scale=0.3)), model="learned"),
            PaneSettings(sampler=RK4(steps=9)),
        ),
        particles=123,
        loop="ping-pong",
    )
    assert decode_document(encode_document(document)) == document


def test_a_session_without_a_scene_gets_the_default() -> None:
    assert decode_document(None) == LabDocument()


@pytest.mark.parametrize("text", [b"{", b'{"particles": "many"}', b'{"colour": 1}', b'{"panes": []}', b"\xff"])
def test_a_bad_scene_is_a_problem_in_one_line(text: bytes) -> None:
    with pytest.raises(Problem) as caught:
        decode_document(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shown", [0, 1, 3, 4])
def test_scene_panes_follow_the_settings(shown: int) -> None:
    document = LabDocument(scene=Scene(panes=LabDocument().scene.panes[:1] * shown))
    assert len(decode_document(encode_document(document)).scene.panes) == 2


def test_words() -> None:
    assert pane_title(Heun()) == "ODE · Heun"
    assert pane_title(EulerMaruyama()) == "SDE · Euler–Maruyama"
    assert pane_caption(PaneSettings(sampler=Heun(steps=50), model="learned")) == "50 steps · 100 evaluations"
    assert pane_caption(PaneSettings(sampler=EulerMaruyama(steps=200))) == "200 steps · 200 evaluations · σ = √(1−t) · exact field"
    reversal = PaneSettings(sampler=EulerMaruyama(steps=1, sigma=ReversalSigma(scale=0.5)), model="learned")
    assert pane_caption(reversal) == "1 step · 1 evaluation · σ = 0.5 g_t"
    adaptive = PaneSettings(sampler=DormandPrince(steps=20), model="learned")
    assert pane_caption(adaptive, "86 evaluations") == "20 steps · rtol 1e-5, atol 1e-5 · 86 evaluations"
    assert counted(1, "step") == "1 step"
    assert counted(12480, "step") == "12\u202f480 steps"
    assert [pane.title for pane in labelled(LabDocument()).scene.panes] == ["ODE · Heun", "SDE · Euler–Maruyama"]


def test_the_document_needs_no_window() -> None:
    code = "import sys, gui.document; bad = {'PySide6', 'torch', 'vispy', 'scipy'} & set(sys.modules); sys.exit(f'{bad}' if bad else 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_encoding_is_json_of_its_fields() -> None:
    assert set(msgspec.json.decode(encode_document(LabDocument()))) == {"scene", "panes", "particles", "seed", "speed", "loop"}
