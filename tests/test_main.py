"""main.py itself: what it takes, and how little it imports before the window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import main as program

ROOT = Path(__file__).parents[1]


def test_help_and_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--help"]) == 0
    assert "train" in capsys.readouterr().out
    for arguments, said in [
        (["trian"], "trian: there is no such session file, and no command of that name; the commands are train, sample"),
        ([str(tmp_path / "none.pushforward")], "there is no such session file"),
        (["a", "b"], "a b: main.py takes one session file, or a command"),
        (["--bogus"], "--bogus: main.py takes one session file"),
    ]:
        assert program.main(arguments) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


def test_without_a_command_the_lab_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gui.app

    seen = []
    monkeypatch.setattr(gui.app, "open_lab", lambda path: seen.append(path) or 0)
    there = tmp_path / "s.pushforward"
    there.touch()
    assert program.main([]) == 0
    assert program.main([str(there)]) == 0
    assert seen == [None, str(there)]


MODULES = ["main", "engine.worker", "engine.session", "engine.overrides", "engine.catalogue", "engine.film", "gui.runs"]


@pytest.mark.parametrize("module", MODULES)
def test_torch_and_its_like_come_late(module: str) -> None:
    late = {"torch", "scipy.stats", "ot", "vispy"} | ({"argparse", "numpy", "msgspec"} if module == "main" else set())
    code = f"import sys, {module}; print(*({late!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert done.stdout.split() == []


def test_render_imports_no_qt_before_and_after_drawing() -> None:
    code = "import sys, gui.recorder.render, shaders.offscreen, gui.runs; print([name for name in sys.modules if 'PySide' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
