"""Fonts and words: every sign that the lab writes has a glyph, wherever it runs."""

from __future__ import annotations

import numpy as np
import pytest

from shaders import fonts
from shaders.layout import Rect
from shaders.text import Label, TextVisual


@pytest.mark.parametrize("weight", ["regular", "bold"])
@pytest.mark.parametrize("sign", "σ∝√₂→·–αβθγε−∇‖²⁻⁵°éß≈∞…")
def test_sign_has_a_glyph(sign, weight):
    font = fonts.font_for(sign, weight, 16)
    assert fonts._glyph(font, sign) != fonts._glyph(font, "\U0010fffe")
    assert fonts.ink(sign, weight, 16).mask.max() > 100


def test_without_the_packages_pillows_own_font_is_there(monkeypatch):
    monkeypatch.setattr(fonts, "find_spec", lambda _: None)
    found = fonts.fonts.__wrapped__("regular", 14)
    assert len(found) == 1
    assert found[0].getlength("word") > 10


def test_figures_are_tabular():
    assert len({fonts.width(d, "regular", 13) for d in "0123456789"}) == 1


@pytest.mark.parametrize(("text", "small"), [("p_t", "t"), ("‖u_θ − u‖", "θ"), ("∂_t p + ∇·(p b)", "t"), ("log p_θ − log p", "θ")])
def test_a_subscript_is_small_and_low(text, small):
    pieces = [(part.text.strip(), part.drop) for part in fonts.runs(text, "regular", 20)]
    lowered = [piece for piece, drop in pieces if drop]
    assert lowered == [small]
    assert "_" not in "".join(piece for piece, _ in pieces)
    assert fonts.width(text, "regular", 20) < fonts.width(text.replace("_", ""), "regular", 20)
    below = fonts.ink(text, "regular", 20)
    assert below.mask[below.ascent + 2 :].any()


@pytest.mark.parametrize("text", ["my_file", "run_12", "a__b", "left_t", "x_123"])
def test_what_is_no_symbol_keeps_its_line(text):
    assert "".join(part.text for part in fonts.runs(text, "regular", 14)) == text


def test_a_long_text_is_cut_with_an_ellipsis():
    text = "Euler–Maruyama with 200 steps"
    short = fonts.elide(text, "regular", 14, 100)
    assert short.endswith("…")
    assert fonts.width(short, "regular", 14) <= 100
    assert text.startswith(short[:-1])
    assert fonts.elide(text, "regular", 14, 1000) == text
    assert fonts.elide(text, "regular", 14, 1) == ""


def test_ink_has_ascent_and_is_not_cut():
    drawn = fonts.ink("Ågy|", "bold", 40)
    assert drawn.mask[0].max() == 0
    assert drawn.mask[-1].max() == 0
    assert drawn.mask[:, -1].max() == 0
    assert drawn.mask.shape[1] >= drawn.advance


def test_labels_are_aligned():
    at = {a: Label("W₂ 0.038", 100.0, 50.0, (1, 1, 1, 1), across=a).origin()[0] for a in ("left", "center", "right")}
    length = fonts.width("W₂ 0.038", "regular", 12)
    assert at["left"] == 100
    assert at["right"] == pytest.approx(100 - length, abs=1)
    assert at["center"] == pytest.approx(100 - length / 2, abs=1)


def test_a_full_atlas_starts_anew_and_loses_no_word(offscreen):
    offscreen._canvas.set_current()
    visual = TextVisual(side=64)
    labels = [Label(f"number {i}", 0.0, 0.0, (1, 1, 1, 1)) for i in range(60)]
    visual.draw(Rect(0, 0, 16, 16), labels)
    assert len(visual._places) == 60
    boxes = np.zeros((visual._side, visual._side), int)
    for u, v, drawn in visual._places.values():
        h, w = drawn.mask.shape
        boxes[v : v + h, u : u + w] += 1
    assert boxes.max() == 1
