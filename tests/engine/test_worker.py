"""The worker: order, fairness, cancel, errors, mailboxes. Real threads; work is counted in slices that sleep."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Generator, Iterator

import pytest

from engine.choice import Problem
from engine.mailbox import Mailbox
from engine.worker import JobFailed, Priority, Worker

TIMEOUT = 10.0


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker(first=None) as running:
        yield running
    assert not running.alive
    assert all(thread.name != "device" for thread in threading.enumerate())


def counting(n: int, log: list[str], name: str, seconds: float = 0.0) -> Generator[int, None, str]:
    for k in range(n):
        if seconds:
            time.sleep(seconds)
        log.append(name)
        yield k
    return name


def endless(seconds: float, log: list[str], name: str) -> Generator[int, None, None]:
    k = 0
    while True:
        time.sleep(seconds)
        log.append(name)
        yield (k := k + 1)


def test_a_job_runs_on_the_thread_named_device_and_returns_its_result(worker: Worker) -> None:
    def work() -> Generator[None, None, str]:
        yield
        return threading.current_thread().name

    assert worker.submit(work, name="a").future.result(TIMEOUT) == "device"
    assert worker.call(lambda: threading.current_thread().name, name="b").future.result(TIMEOUT) == "device"


def test_the_first_job_comes_before_what_was_submitted_before_the_start() -> None:
    order: list[str] = []
    worker = Worker(first=lambda: order.append("first"))
    job = worker.call(lambda: order.append("second"), name="second")
    with worker:
        job.future.result(TIMEOUT)
    assert order == ["first", "second"]


def test_watched_work_overtakes_a_training_between_two_slices(worker: Worker) -> None:
    log: list[str] = []
    training = worker.submit(lambda: endless(0.002, log, "train"), name="train")
    while len(log) < 5:
        time.sleep(0.001)
    watched = worker.submit(lambda: counting(3, log, "watch"), name="watch", priority=Priority.WATCHED)
    assert watched.future.result(TIMEOUT) == "watch"
    first = log.index("watch")
    assert log[first : first + 3] == ["watch"] * 3, "short watched work is not interleaved with training"
    assert not training.done


def test_watched_work_leaves_background_work_its_share() -> None:
    log: list[str] = []
    with Worker(first=None, watched_share=0.4) as worker:
        worker.submit(lambda: endless(0.002, log, "train"), name="train")
        worker.submit(lambda: endless(0.002, log, "watch"), name="watch", priority=Priority.WATCHED)
        while len(log) < 400:
            time.sleep(0.01)
    share = log[100:400].count("train") / 300
    assert 0.5 < share < 0.7


def test_watched_work_alone_has_all_the_time_and_saves_none_up() -> None:
    log: list[str] = []
    with Worker(first=None, watched_share=0.5) as worker:
        worker.submit(lambda: counting(100, log, "watch", 0.001), name="alone", priority=Priority.WATCHED).future.result(TIMEOUT)
        assert worker._credit >= 0.0


def test_jobs_of_one_priority_take_turns(worker: Worker) -> None:
    log: list[str] = []
    gate = threading.Event()
    worker.call(lambda: gate.wait(TIMEOUT), name="gate")
    jobs = [worker.submit(lambda name=name: counting(4, log, name), name=name) for name in "ab"]
    gate.set()
    for job in jobs:
        job.future.result(TIMEOUT)
    assert log == ["a", "b"] * 4


def test_cancel_closes_the_generator_within_one_slice(worker: Worker) -> None:
    closed, slices = threading.Event(), []

    def work() -> Generator[int, None, None]:
        try:
            while True:
                slices.append(1)
                time.sleep(0.005)
                yield 0
        finally:
            closed.set()

    job = worker.submit(work, name="long")
    while not slices:
        time.sleep(0.001)
    before = len(slices)
    job.cancel()
    assert closed.wait(TIMEOUT)
    assert len(slices) <= before + 2
    assert job.future.cancelled()
    assert job.done


def test_cancel_before_the_start_runs_nothing(worker: Worker) -> None:
    gate, ran = threading.Event(), []
    worker.call(lambda: gate.wait(TIMEOUT), name="gate")
    job = worker.call(lambda: ran.append(1), name="never")
    job.cancel()
    gate.set()
    worker.call(lambda: None, name="after", priority=Priority.WATCHED).future.result(TIMEOUT)
    assert job.future.cancelled()
    assert not ran


def test_cancelling_the_awaited_future_cancels_the_job(worker: Worker) -> None:
    log: list[str] = []
    job = worker.submit(lambda: endless(0.001, log, "x"), name="x")
    assert job.future.cancel()
    worker.call(lambda: None, name="after", priority=Priority.BACKGROUND).future.result(TIMEOUT)
    assert job.cancelled
    assert worker.waiting <= 1


def test_a_problem_is_passed_on_word_for_word_and_the_worker_lives_on(worker: Worker) -> None:
    def work() -> Generator[None, None, None]:
        yield
        raise Problem("the painting is empty")

    job = worker.submit(work, name="bad")
    with pytest.raises(Problem, match=r"^the painting is empty$"):
        job.future.result(TIMEOUT)
    assert job.error == "the painting is empty"
    assert worker.call(lambda: 7, name="good").future.result(TIMEOUT) == 7


def test_any_other_exception_becomes_one_line_with_the_traceback_in_the_log(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        raise ZeroDivisionError("by nothing\nsecond line")

    with caplog.at_level(logging.ERROR):
        job = worker.call(work, name="bad")
        with pytest.raises(JobFailed, match=r"^ZeroDivisionError: by nothing$"):
            job.future.result(TIMEOUT)
    assert job.error == "ZeroDivisionError: by nothing"
    assert caplog.records[0].exc_info is not None
    assert worker.call(lambda: 7, name="good").future.result(TIMEOUT) == 7


def test_an_exception_while_closing_is_a_failure_too(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    def work() -> Generator[None, None, None]:
        try:
            while True:
                yield
        finally:
            raise ValueError("on the way out")

    job = worker.submit(work, name="bad")
    while not job.seconds:
        time.sleep(0.001)
    job.cancel()
    assert worker.call(lambda: 7, name="good", priority=Priority.BACKGROUND).future.result(TIMEOUT) == 7
    assert job.error == "ValueError: on the way out"
    assert caplog.records


def test_pause_and_resume(worker: Worker) -> None:
    log: list[str] = []
    job = worker.submit(lambda: endless(0.001, log, "x"), name="x")
    while not log:
        time.sleep(0.001)
    job.pause()
    worker.call(lambda: None, name="flush").future.result(TIMEOUT)
    time.sleep(0.01)
    stood = len(log)
    time.sleep(0.03)
    assert len(log) == stood
    assert job.paused
    job.resume()
    deadline = time.monotonic() + TIMEOUT
    while len(log) == stood and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(log) > stood


def test_a_paused_job_can_be_cancelled(worker: Worker) -> None:
    job = worker.submit(lambda: endless(0.001, [], "x"), name="x")
    job.pause()
    job.cancel()
    deadline = time.monotonic() + TIMEOUT
    while not job.done and time.monotonic() < deadline:
        time.sleep(0.001)
    assert job.future.cancelled()


def test_the_mailbox_keeps_the_latest_value_once() -> None:
    box: Mailbox[int] = Mailbox()
    assert box.take() is None
    assert box.put(1, 0)
    assert box.put(2, 0)
    assert box.peek() == 2
    assert box.take() == 2
    assert box.take() is None


def test_stale_values_are_dropped_and_their_job_is_cancelled(worker: Worker) -> None:
    box: Mailbox[int] = Mailbox()
    old = worker.submit(lambda: endless(0.001, [], "old"), name="old", mailbox=box)
    deadline = time.monotonic() + TIMEOUT
    while box.peek() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert box.peek() is not None
    generation = box.advance()
    assert box.peek() is None
    assert not box.put(99, generation - 1)
    new = worker.submit(lambda: counting(3, [], "new"), name="new", mailbox=box)
    assert new.future.result(TIMEOUT) == "new"
    assert new.generation == generation
    assert box.take() == 2
    while not old.done and time.monotonic() < deadline:
        time.sleep(0.001)
    assert old.future.cancelled()


def test_close_cancels_what_waits_and_refuses_more() -> None:
    log: list[str] = []
    worker = Worker(first=None).start()
    running = worker.submit(lambda: endless(0.001, log, "x"), name="x")
    while not log:
        time.sleep(0.001)
    waiting = worker.submit(lambda: counting(1, log, "never"), name="never")
    waiting.pause()
    worker.close()
    worker.close()
    assert not worker.alive
    assert running.future.cancelled()
    assert waiting.future.cancelled()
    with pytest.raises(Problem, match="closing"):
        worker.call(lambda: None, name="late")


def test_a_worker_that_never_started_closes() -> None:
    worker = Worker(first=None)
    job = worker.call(lambda: 1, name="x")
    worker.close()
    assert job.future.cancelled()
    assert worker.waiting == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no niceness of its own")
def test_a_nice_worker_and_what_it_begins_leave_the_processor_to_others() -> None:
    def own() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def begun() -> int:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(own()))
        thread.start()
        thread.join()
        return found[0]

    before = own()
    with Worker(first=None, niceness=5) as nice:
        assert nice.call(own, name="own").future.result(TIMEOUT) == min(before + 5, 19)
        assert nice.call(begun, name="begun").future.result(TIMEOUT) == min(before + 5, 19)
    with Worker(first=None, niceness=40) as last:  # and one that is nice already becomes no less so
        assert last.call(own, name="own").future.result(TIMEOUT) == 19
    with Worker(first=None) as plain:
        assert plain.call(own, name="own").future.result(TIMEOUT) == before
    assert own() == before
