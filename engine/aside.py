"""Aside: a call that cannot be cut into slices, on a thread of its own, waited for in slices. The thread ends before the generator does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

Value = TypeVar("Value")
SLICE_SECONDS = 0.01


def aside(call: Callable[[], Value], name: str = "aside") -> Generator[None, None, Value]:
    """What ``call`` gives, or raises; yields while it waits. Leaving the loop waits for the call under way."""
    future: Future[Value] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is raised by whoever waits
            future.set_exception(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(SLICE_SECONDS)
            yield
    finally:
        thread.join()
    return future.result()
