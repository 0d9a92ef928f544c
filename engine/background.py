"""Background threads yield the processor to the thread that draws, where the system has priorities of single threads."""

from __future__ import annotations

import os
import sys
import threading


def yield_to_others(niceness: int) -> None:
    """This thread, and those it begins, take the processor when no thread of a lower niceness (0 to 19) wants it.

    On Linux, where a niceness belongs to a thread; elsewhere nothing happens. It cannot be taken back without the rights of root.
    """
    if sys.platform == "linux" and niceness:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
