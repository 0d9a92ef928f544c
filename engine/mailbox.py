"""Mailbox: the latest value only, with the generation of the request it answers. Stale answers are dropped."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Mailbox(Generic[Value]):
    """Written by the worker as often as it likes, read by the window at its frame rate."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = 0
        self._value: Value | None = None

    @property
    def generation(self) -> int:
        """The generation of the latest request."""
        return self._generation

    def advance(self) -> int:
        """A new request: what is in the box, and what is still under way for older ones, counts no more. Returns its generation."""
        with self._lock:
            self._generation += 1
            self._value = None
            return self._generation

    def put(self, value: Value, generation: int) -> bool:
        """Replace what is in the box; False (and nothing changes) if ``generation`` is not the present one."""
        with self._lock:
            if generation != self._generation:
                return False
            self._value = value
            return True

    def take(self) -> Value | None:
        """The latest value, once; None if nothing new has come."""
        with self._lock:
            value, self._value = self._value, None
            return value

    def peek(self) -> Value | None:
        """The latest value without taking it."""
        with self._lock:
            return self._value
