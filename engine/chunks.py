"""Work on many rows, chunk by chunk: as many chunks at a time as torch has threads, each on one.

A network of this size keeps a chunk of rows in the cache. To share one such chunk among threads costs more in waiting than it saves; to
give each thread a chunk of its own costs nothing, and leaves every result as one thread alone would have it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier

import torch

FEWEST = 4
"""Chunks for each thread below which one thread does them all."""


def by_chunks(work: Callable[[slice], None], rows: int, size: int) -> None:
    """Calls ``work`` with slices of at most ``size`` that cover 0 ... rows; it writes its results itself, and may run on any thread."""
    chunks = [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
    threads = torch.get_num_threads()
    if threads == 1 or len(chunks) < FEWEST * threads:
        for chunk in chunks:
            work(chunk)
        return
    grad = torch.is_grad_enabled()

    def on_its_own(first: int) -> None:
        with torch.set_grad_enabled(grad):
            for chunk in chunks[first::threads]:
                work(chunk)

    list(_pool(threads).map(on_its_own, range(threads)))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that each use one core. The number that torch gives to threads begun later stays what it is here."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="chunks", initializer=_one_core)
    all_there = Barrier(threads)
    list(pool.map(lambda _: all_there.wait(), range(threads)))
    torch.set_num_threads(threads)
    return pool


def _one_core() -> None:
    torch.get_num_threads()  # at a thread's first question torch sets its number, so the question comes before the answer
    torch.set_num_threads(1)
