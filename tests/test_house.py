"""The rules of the house that no other checker holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def sources(*rooms: str) -> list[Path]:
    """Every Python file of the rooms."""
    return [path for room in rooms for path in (ROOT / room).rglob("*.py")]


@pytest.mark.parametrize("module", ["engine.experiment", "engine.samplers", "engine.overrides", "engine.session", "gui.document", "main"])
def test_structs_come_without_torch(module: str) -> None:
    """The window must be there before torch is: describing an experiment does not import it."""
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_shading_language_lives_in_files() -> None:
    """GLSL is in .vert and .frag files, not in Python strings."""
    assert not [path for path in sources("shaders", "gui") if "gl_Position" in path.read_text(encoding="utf-8")]
    assert list((ROOT / "shaders").rglob("*.vert"))


def test_no_file_is_a_maze() -> None:
    """A file has one idea; past 400 lines it asks to be split."""
    long = {str(path): n for path in sources("engine", "shaders", "gui") if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_nothing_is_pickled_or_evaluated() -> None:
    """No pickle, no eval, anywhere a file from outside could reach."""
    words = ("import pickle", "torch.load(", "allow_pickle=True", " eval(", "\neval(", ' exec("', "marshal.loads")
    guilty = {str(path): word for path in sources("engine", "shaders", "gui") for word in words if word in path.read_text(encoding="utf-8")}
    assert guilty == {}
