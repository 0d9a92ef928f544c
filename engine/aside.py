"""Aside: what cannot be cut into short slices, on a thread of its own, waited for in slices. The thread ends before the generator does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

Value = TypeVar("Value")
Share = TypeVar("Share")
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


def beside(slices: Generator[Share, None, Value], name: str = "beside") -> Generator[Share | None, None, Value]:
    """A generator whose slices are long, on a thread of its own: yields the last of what it has yielded, None before the first.

    Whoever leaves the loop waits for the slice that is under way; the generator is closed on its thread.
    """
    last: list[Share | None] = [None]
    leave = threading.Event()

    def run() -> Value | None:
        try:
            while not leave.is_set():
                try:
                    last[0] = next(slices)
                except StopIteration as stop:
                    value: Value = stop.value
                    return value
            return None
        finally:
            slices.close()

    waiting = aside(run, name)
    try:
        while True:
            try:
                next(waiting)
            except StopIteration as stop:
                result: Value = stop.value
                return result
            yield last[0]
    finally:
        leave.set()
        waiting.close()
