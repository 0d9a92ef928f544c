"""Background threads yield the processor to the thread that draws, where the system has priorities of single threads."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

LAST = 19


def yield_to_others(steps: int) -> None:
    """This thread, and those it begins, step back by so many steps of niceness (19 at most) behind the others of the process.

    On Linux, where a niceness belongs to a thread; elsewhere, or where the system does not allow it, nothing happens. Only root can take
    it back.
    """
    if sys.platform == "linux" and steps > 0:
        own = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, own, min(os.getpriority(os.PRIO_PROCESS, own) + steps, LAST))
