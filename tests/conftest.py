"""Garbage is collected on the main thread only, as in the lab; and what needs the screen runs in one process, beside the rest.

A collection that falls on a thread that imports or computes would destroy widgets there: Qt then crashes, or waits for ever.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ALONE = {"engine", "witness"}
"""Folders of tests that have no widgets."""
FREEZE_EVERY = 50
"""Tests after which what lives on (modules, caches) is not looked at again: it would cost a second after each test."""
_count = 0


def pytest_sessionstart() -> None:
    """From here on nothing is collected but by ``pytest_runtest_protocol``."""
    gc.collect()
    gc.disable()


def pytest_collection_finish() -> None:
    """What has been imported stays."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """After each test, when nothing holds what its fixtures have made. A test without a window may collect where and when it will."""
    global _count
    if item.path.relative_to(HERE).parts[0] in ALONE:
        gc.enable()
    result = yield
    gc.disable()
    _count += 1
    gc.collect()
    if _count % FREEZE_EVERY == 0:
        gc.freeze()
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For ``pytest -n``: two windows at once would take the focus from each other; the engine's files go one by one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFiles(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return path if path.startswith("tests/engine/") else "screen"

    return ByFiles(config, log)
