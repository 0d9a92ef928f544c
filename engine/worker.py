"""Worker: the one background thread that owns the device. Jobs go in by a queue with two priorities; results leave by mailboxes.

A job is a callable that returns a generator. The thread runs one slice (one ``next()``) of the job that is due, then looks again: so
what the user watches overtakes a training between two of its slices, and cancelling takes effect within one slice.
"""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, Generic, TypeVar

from engine.background import yield_to_others
from engine.choice import Problem
from engine.mailbox import Mailbox

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Slices = Generator[Any, None, Result]
"""What a job does: yields after each slice of work, returns its result."""


class Priority(IntEnum):
    """Who goes first."""

    WATCHED = 0
    """What the user is looking at: a simulation of a visible pane."""
    BACKGROUND = 1
    """Everything else: training."""


class JobFailed(Problem):
    """A job raised something other than a Problem; the text is one line, the traceback is in the log."""


class Job(Generic[Result]):
    """One piece of work: cancel it, pause it, read ``error``, or wait for ``future`` (``await asyncio.wrap_future(job.future)``)."""

    def __init__(
        self,
        worker: Worker,
        work: Callable[[], Slices[Result]],
        name: str,
        priority: Priority,
        mailbox: Mailbox[Any] | None,
        generation: int,
    ):
        self.name = name
        self.priority = priority
        self.generation = generation
        self.future: Future[Result] = Future()
        """Its result; cancelled with the job; on failure a Problem whose text is ``error``."""
        self.error: str | None = None
        """One line, once the job has failed."""
        self.seconds = 0.0
        """Time its slices have taken so far."""
        self._worker = worker
        self._work: Callable[[], Slices[Result]] | None = work
        self._slices: Slices[Result] | None = None
        self._mailbox = mailbox
        self._cancel = threading.Event()
        self._paused = threading.Event()

    @property
    def done(self) -> bool:
        """Finished, failed or cancelled."""
        return self.future.done()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop; a generator with long slices may look at this between its own steps."""
        stale = self._mailbox is not None and self.generation < self._mailbox.generation
        return stale or self._cancel.is_set() or self.future.cancelled()

    @property
    def paused(self) -> bool:
        return self._paused.is_set()

    def cancel(self) -> None:
        """Stop after the slice that is running; the generator is closed (its ``finally`` runs) on the worker's thread."""
        self._cancel.set()
        self._worker._wake()

    def pause(self) -> None:
        """Run no more slices until ``resume``."""
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()
        self._worker._wake()

    def _slice(self) -> bool:
        """Run one slice on the worker's thread; True once the job is over, however it ended."""
        began = time.perf_counter()
        try:
            if self.cancelled:
                return self._end_cancelled()
            if self._slices is None:
                assert self._work is not None
                self._slices = self._work()
            value = next(self._slices)
            if self._mailbox is not None and value is not None:
                self._mailbox.put(value, self.generation)
        except StopIteration as stop:
            result: Result = stop.value
            self._end(lambda: self.future.set_result(result))
            return True
        except Problem as problem:
            self._fail(problem)
            return True
        except Exception as error:  # whatever a job raises becomes a message, and the worker lives on
            log.exception("job %s failed", self.name)
            failed = JobFailed(one_line(error))
            failed.__cause__ = error
            self._fail(failed)
            return True
        finally:
            self.seconds += time.perf_counter() - began
        return False

    def _end_cancelled(self) -> bool:
        if self._slices is not None:
            self._slices.close()
        self.future.cancel()
        self._end(lambda: None)
        return True

    def _fail(self, problem: Problem) -> None:
        self.error = str(problem)
        self._end(lambda: self.future.set_exception(problem))

    def _end(self, settle: Callable[[], None]) -> None:
        self._slices = self._work = None
        if self.future.set_running_or_notify_cancel():  # False: whoever awaited it has given up
            settle()


def one_line(error: BaseException) -> str:
    """``ClassName: first line of the message``."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def import_torch() -> None:
    """The first job of a new worker: torch comes late, and on this thread."""
    importlib.import_module("torch")


class Worker:
    """The thread named "device". ``with Worker() as worker:`` or ``start()`` … ``close()``.

    ``watched_share``: while background work waits, watched work takes at most this share of the time (over windows of about
    ``BURST`` seconds), so that training keeps at least 1 - share of its speed. Jobs of one priority take turns. ``niceness``: how many
    steps its thread stands back behind the others (``engine.background``).
    """

    BURST = 0.1
    """Seconds of watched work that may run at once before background work gets its share."""

    def __init__(self, *, watched_share: float = 0.4, first: Callable[[], object] | None = import_torch, niceness: int = 0) -> None:
        if not 0.0 < watched_share <= 1.0:
            raise Problem(f"watched_share must be above 0 and at most 1, not {watched_share}")
        self.watched_share, self.niceness = watched_share, niceness
        self._changed = threading.Condition()
        self._jobs: dict[Priority, deque[Job[Any]]] = {priority: deque() for priority in Priority}
        self._credit = 0.0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="device", daemon=False)
        if first is not None:
            self.call(first, name="start")

    def start(self) -> Worker:
        """Start the thread; jobs submitted before wait for it."""
        self._thread.start()
        return self

    def __enter__(self) -> Worker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Jobs that are not over, the running and the paused ones included."""
        with self._changed:
            return sum(len(queue) for queue in self._jobs.values())

    def submit(
        self,
        work: Callable[[], Slices[Result]],
        *,
        name: str,
        priority: Priority = Priority.BACKGROUND,
        mailbox: Mailbox[Any] | None = None,
        generation: int | None = None,
    ) -> Job[Result]:
        """Queue a job. What it yields (None aside) goes to ``mailbox`` under ``generation`` (by default the mailbox's present one);
        once the mailbox has moved on to a later generation, the job is cancelled by itself. Raises Problem after ``close``."""
        if generation is None:
            generation = 0 if mailbox is None else mailbox.generation
        job: Job[Result] = Job(self, work, name, priority, mailbox, generation)
        with self._changed:
            if self._closing:
                raise Problem("the lab is closing: no more work is taken")
            self._jobs[priority].append(job)
            self._changed.notify()
        return job

    def call(self, function: Callable[[], Result], *, name: str, priority: Priority = Priority.WATCHED) -> Job[Result]:
        """Queue a plain function as a job of one slice."""

        def once() -> Slices[Result]:
            yield from ()
            return function()

        return self.submit(once, name=name, priority=priority)

    def close(self) -> None:
        """Cancel every job, wait for the slice that is running, and join the thread. May be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        elif self._thread.ident is None:
            self._drop_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        yield_to_others(self.niceness)
        while (job := self._next()) is not None:
            began = time.perf_counter()
            over = job._slice()
            self._account(job.priority, time.perf_counter() - began)
            with self._changed:
                queue = self._jobs[job.priority]
                queue.remove(job)
                if not over:
                    queue.append(job)
            del job  # a finished job must not live on in this frame until the next one comes
        self._drop_all()

    def _next(self) -> Job[Any] | None:
        """The job that is due, a cancelled one first; waits for one. None when closing, or when the main thread ended without closing."""
        with self._changed:
            while not self._closing and threading.main_thread().is_alive():
                for job in (job for queue in self._jobs.values() for job in queue if job.cancelled):
                    return job
                ready = {priority: self._ready(priority) for priority in Priority}
                watched, background = ready[Priority.WATCHED], ready[Priority.BACKGROUND]
                if watched is not None and (background is None or self._credit >= 0.0):
                    return watched
                if background is not None:
                    return background
                self._changed.wait(1.0)
            return None

    def _ready(self, priority: Priority) -> Job[Any] | None:
        return next((job for job in self._jobs[priority] if not job.paused), None)

    def _account(self, priority: Priority, seconds: float) -> None:
        """Leaky bucket: watched slices spend, background slices earn, only while the other kind waits."""
        with self._changed:
            other = Priority.BACKGROUND if priority is Priority.WATCHED else Priority.WATCHED
            waits = self._ready(other) is not None
        if priority is Priority.BACKGROUND:
            self._credit += seconds * self.watched_share
        elif waits:
            self._credit -= seconds * (1.0 - self.watched_share)
        self._credit = min(max(self._credit, -self.BURST), self.BURST * (1.0 - self.watched_share))

    def _drop_all(self) -> None:
        with self._changed:
            left = [job for queue in self._jobs.values() for job in queue]
            for queue in self._jobs.values():
                queue.clear()
        for job in left:
            job._cancel.set()
            job._slice()
