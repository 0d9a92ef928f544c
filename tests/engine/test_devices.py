"""Devices by name."""

from __future__ import annotations

import pytest
import torch

from engine.choice import Problem
from engine.devices import devices, resolve


def pretend(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda k: f"Card {k}")


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 0)
    assert devices() == [("cpu", "CPU")]
    assert resolve("auto") == resolve("cpu") == "cpu"
    with pytest.raises(Problem, match=r"^device cuda: .*GPU") as caught:
        resolve("cuda")
    assert "\n" not in str(caught.value)


def test_with_two(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 2)
    assert devices() == [("cpu", "CPU"), ("cuda:0", "Card 0"), ("cuda:1", "Card 1")]
    assert [resolve(name) for name in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda:0", "cuda:0", "cuda:1", "cpu"]
    with pytest.raises(Problem, match="cuda:2"):
        resolve("cuda:2")
    with pytest.raises(Problem, match="'gpu'"):
        resolve("gpu")
