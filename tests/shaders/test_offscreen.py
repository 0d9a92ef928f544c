"""Contexts: GLSL compiles, errors are one line, state is given back, nothing is kept too long."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from msgspec.structs import replace
from vispy import gloo
from vispy.gloo import gl

from shaders import programs
from shaders.offscreen import NoOpenGL, Offscreen, hidden_canvas
from shaders.painter import Painter, grab
from shaders.scene import Particles
from tests.shaders.conftest import BARE, moving, scene, still


def test_every_shader_is_a_pair_of_plain_ascii_glsl_120():
    files = sorted(programs.FOLDER.glob("*"))
    assert {f.suffix for f in files} == {".vert", ".frag"}
    assert {f.stem for f in files if f.suffix == ".vert"} == {f.stem for f in files if f.suffix == ".frag"}
    for file in files:
        text = file.read_text(encoding="ascii")
        assert "#version" not in text
        assert " in vec" not in text
        assert "texture(" not in text
        for kind, prefix in (("attribute", "a_"), ("uniform", "u_"), ("varying", "v_")):
            for line in text.splitlines():
                if line.startswith(kind):
                    assert line.split()[2].startswith(prefix), (file.name, line)


@pytest.mark.parametrize("name", sorted(f.stem for f in programs.FOLDER.glob("*.vert")))
def test_glsl_compiles_and_links(offscreen, name):
    offscreen._canvas.set_current()
    handles = []
    for kind, suffix in ((gl.GL_VERTEX_SHADER, "vert"), (gl.GL_FRAGMENT_SHADER, "frag")):
        handle = gl.glCreateShader(kind)
        gl.glShaderSource(handle, "#version 120\n" + programs.source(f"{name}.{suffix}"))
        gl.glCompileShader(handle)
        assert gl.glGetShaderParameter(handle, gl.GL_COMPILE_STATUS), gl.glGetShaderInfoLog(handle)
        handles.append(handle)
    linked = gl.glCreateProgram()
    for handle in handles:
        gl.glAttachShader(linked, handle)
    gl.glLinkProgram(linked)
    assert gl.glGetProgramParameter(linked, gl.GL_LINK_STATUS), gl.glGetProgramInfoLog(linked)
    gl.glDeleteProgram(linked)


def test_an_unknown_backend_is_refused_in_one_line():
    with pytest.raises(NoOpenGL) as caught:
        hidden_canvas("no-such-backend")
    assert "\n" not in str(caught.value)
    assert "no-such-backend" in str(caught.value)
    with pytest.raises(NoOpenGL, match="with-block"):
        Offscreen((8, 8)).render(scene(), [])


def test_grab_gives_the_state_back(offscreen):
    offscreen._canvas.set_current()
    painter = Painter()
    gloo.set_viewport(1, 2, 5, 6)
    gloo.set_state(blend=False, depth_test=True, scissor_test=False)
    picture = grab(painter, scene(replace(BARE, particles=Particles())), [still([(0.0, 0.0)])], (33, 21))
    assert picture.shape == (21, 33, 4)
    assert tuple(gl.glGetParameter(gl.GL_VIEWPORT)) == (1, 2, 5, 6)
    assert gl.glIsEnabled(gl.GL_DEPTH_TEST)
    assert not gl.glIsEnabled(gl.GL_BLEND)
    assert not gl.glIsEnabled(gl.GL_SCISSOR_TEST)


def test_uploads_happen_once_and_are_forgotten_with_their_arrays(offscreen, monkeypatch):
    offscreen._canvas.set_current()
    painter, data = Painter(), moving([(0.0, 0.0)] * 5, [(1.0, 1.0)] * 5, frames=3)
    made = []
    real = gloo.VertexBuffer
    monkeypatch.setattr(gloo, "VertexBuffer", lambda *a, **k: made.append(1) or real(*a, **k))
    layers = replace(BARE, particles=Particles())
    for t in (0.1, 0.2, 0.4):
        painter.draw(scene(layers, t=t), [data], (16, 16))
    first = len(made)
    assert first <= 4  # two frames, one table of colours, and the painter's own
    painter.draw(scene(layers, t=0.7), [data], (16, 16))
    assert len(made) == first + 1  # the third frame
    painter.draw(scene(layers, t=0.1), [data], (16, 16))
    assert len(made) == first + 1
    painter.draw(scene(layers), [still([(0.0, 0.0)])], (16, 16))
    assert not any(owner is data.positions for owners, *_ in painter._keep._made.values() for owner in owners)


def test_keep_stays_under_its_limit():
    keep, array = programs.Keep(limit_bytes=1000), np.zeros(1)
    for i in range(20):
        keep.get(array, (i,), lambda i=i: i, 100)
    assert len(keep._made) <= 10
    assert keep.get(array, (19,), lambda: "made again", 100) == 19
    assert keep.get(array, (0,), lambda: "made again", 100) == "made again"


def test_it_works_in_a_process_without_any_display():
    code = (
        "from shaders.offscreen import Offscreen; from shaders.scene import Scene\n"
        "import sys\n"
        "with Offscreen((64, 48)) as o: print(o.render(Scene(captions=True, title='A'), []).shape)\n"
        "assert not {'PySide6', 'torch'} & set(sys.modules)"
    )
    env = {k: v for k, v in __import__("os").environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(48, 64, 4)"


def test_egl_gets_a_second_chance_without_the_surfaceless_hint(monkeypatch):
    from vispy import app

    asked = []

    def refuse(name):
        import os

        asked.append((name, os.environ.get("EGL_PLATFORM")))
        raise RuntimeError("refused")

    monkeypatch.setattr(app, "Application", refuse)
    monkeypatch.setattr("importlib.reload", lambda module: asked.append(module.__name__))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "EGL_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoOpenGL, match=r"egl: refused; egl: refused; osmesa: refused"):
        hidden_canvas()
    assert asked[:3] == [("egl", "surfaceless"), "vispy.app.backends._egl", ("egl", None)]


def test_contexts_live_beside_each_other(offscreen):
    sc, data = scene(replace(BARE, particles=Particles(size=9.0))), [still([(0.3, 0.2)])]
    first = offscreen.render(sc, data, size=(40, 30))
    with Offscreen((40, 30)) as other:
        assert (other.render(sc, data) == first).all()
    assert (offscreen.render(sc, data, size=(40, 30)) == first).all()


def test_what_is_on_the_card_is_not_sent_again(offscreen, monkeypatch):
    offscreen._canvas.set_current()
    painter, data = Painter(), moving([(0.0, 0.0)] * 5, [(1.0, 1.0)] * 5, frames=2)
    sent = []
    real = gloo.Program.__setitem__
    monkeypatch.setattr(gloo.Program, "__setitem__", lambda self, name, value: sent.append(name) or real(self, name, value))
    layers = replace(BARE, particles=Particles())
    painter.draw(scene(layers, t=0.1), [data], (16, 16))
    assert {"a_here", "u_world_to_clip", "u_between"} <= set(sent)
    sent.clear()
    painter.draw(scene(layers, t=0.2), [data], (16, 16))
    assert sent == ["u_between"]
    sent.clear()
    painter.draw(scene(layers, t=0.2, extent=1.0), [data], (16, 16))
    assert "u_world_to_clip" in sent
    assert "a_here" not in sent
