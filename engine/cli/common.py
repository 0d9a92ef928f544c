"""What the commands share: arguments with one-line errors, exit codes, interruption, progress.

Exit codes: 0, done; 2, cannot be done, and one line on stderr names what is wrong; 130, interrupted (Ctrl-C or SIGTERM).
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from engine.choice import Problem
from engine.files import reason

DONE, WRONG, INTERRUPTED = 0, 2, 130
LINE_EVERY = 5.0
"""Seconds between lines of progress where stderr is not a terminal."""


NOT_A_NUMBER = re.compile(r"argument (?P<flag>[^:]+): invalid (?P<kind>int|float) value: '(?P<value>.*)'")
"""argparse's words for a number that is none."""


class Interrupted(BaseException):
    """SIGINT or SIGTERM: raised wherever the program is, so that every ``finally`` runs."""


class Arguments(argparse.ArgumentParser):
    """argparse that neither abbreviates nor prints its usage: a mistake is one line."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            prog=f"main.py {command}", description=description, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        found = NOT_A_NUMBER.fullmatch(message)
        if found is not None:
            raise Problem(f"{found['flag']} {found['value']}: must be a {'whole ' if found['kind'] == 'int' else ''}number")
        raise Problem(f"{self.prog.removeprefix('main.py ')}: {message} (see {self.prog} --help)")


def command(run: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> int:
    """Run a command to its exit code."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        with interruptible():
            run(arguments)
            sys.stdout.flush()
    except Problem as problem:
        say(" ".join(str(problem).split()))
        return WRONG
    except (Interrupted, KeyboardInterrupt) as interruption:
        say(str(interruption) or "interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone: nobody is left to tell
        _drop_stdout()
        return DONE
    except OSError as error:  # files speak for themselves (engine.files): what is left is our own output, to a full disk for instance
        _drop_stdout()
        say(f"{f'{error.filename}: ' if error.filename else ''}cannot be read or written: {reason(error)}")
        return WRONG
    except MemoryError:
        say("there is not enough memory for this")
        return WRONG
    return DONE


def _drop_stdout() -> None:
    """Nothing more can be written there; the new one stays open for the interpreter's last flush."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def say(line: str) -> None:
    """One line on stderr."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted inside the block (on the main thread; elsewhere nothing changes)."""

    def raise_interrupted(_signal: int, _frame: FrameType | None) -> None:
        raise Interrupted

    with _handling(raise_interrupted):
        yield


@contextmanager
def noticing() -> Iterator[threading.Event]:
    """SIGINT and SIGTERM set the event instead of raising, so that work stops between two steps, never inside one."""
    stop = threading.Event()
    with _handling(lambda _signal, _frame: stop.set()):
        yield stop


@contextmanager
def undisturbed() -> Iterator[None]:
    """SIGINT and SIGTERM wait for the end of the block: an exception in the middle of torch's import would abort the whole process."""
    with noticing() as stop:
        yield
    if stop.is_set():
        raise Interrupted


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def spread(arguments: Sequence[str], flag: str, belongs: Callable[[str], bool]) -> list[str]:
    """``--set a=1 b=2`` as ``--set a=1 --set b=2``: words after the first that ``belongs`` are the flag's too."""
    out: list[str] = []
    words = iter(arguments)
    inside = 0
    for word in words:
        if word == flag:
            inside = 1
        elif inside and (inside == 1 or (not word.startswith("-") and belongs(word))):
            if inside > 1:
                out.append(flag)
            inside += 1
        else:
            inside = 0
        out.append(word)
    return out


def spread_sets(arguments: Sequence[str]) -> list[str]:
    """``--set``'s words."""
    return spread(arguments, "--set", lambda word: "=" in word)


class Progress:
    """One line that rewrites itself on a terminal; elsewhere a line every few seconds, and one at the end."""

    def __init__(self, every: float | None = None) -> None:
        self._tty = sys.stderr.isatty()
        self._every = every if every is not None else 0.1 if self._tty else LINE_EVERY
        self._last = 0.0
        self._shown = ""

    def show(self, line: str, *, last: bool = False) -> None:
        """Show where things stand."""
        now = time.monotonic()
        if not last and now - self._last < self._every:
            return
        self._last = now
        if self._tty:
            sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if last else ""))
        elif line != self._shown:
            sys.stderr.write(f"{line}\n")
        self._shown = line
        sys.stderr.flush()
