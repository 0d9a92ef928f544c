"""The easel: where a target is painted."""

from gui.easel.easel import SIDE, Easel

__all__ = ["SIDE", "Easel"]
