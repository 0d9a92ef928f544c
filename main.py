"""Pushforward's command line. ``python main.py [SESSION]`` opens the lab; train, sample, evaluate, study, render, info and list need
no window.

Nothing is imported before it is known what is wanted: the window must be there at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "train": "engine.cli.train",
    "sample": "engine.cli.sample",
    "evaluate": "engine.cli.evaluate",
    "study": "engine.cli.study",
    "render": "gui.recorder.render",
    "info": "engine.cli.info",
    "list": "engine.cli.catalogue",
}

HELP = """\
python main.py [SESSION]     open the lab, with that session

without a window (each has --help):
python main.py train         train a network on a file or a shape, into a session file
python main.py sample        draw samples from a session, in the data's own units
python main.py evaluate      how far its samples are from the truth: every distance, with its floor
python main.py study         how fast the error of samplers falls with their evaluations, on the exact field
python main.py render        make a film of a session, with no display needed
python main.py info          what a session file holds
python main.py list          the targets, paths, couplings, objectives, samplers … there are, by the names that --set takes

exit codes: 0 done; 2 one line on stderr says what is wrong; 130 interrupted (train keeps what it has learned)
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command, or open the lab; returns the exit code."""
    first = arguments[0] if arguments else None
    if first in COMMANDS:
        try:
            return int(importlib.import_module(COMMANDS[first]).main(arguments[1:]))
        except KeyboardInterrupt:  # while the command's modules are still being imported; afterwards it sees to signals itself
            sys.stderr.write("interrupted\n")
            return 130
    if first in ("-h", "--help", "help"):
        sys.stdout.write(HELP)
        return 0
    if len(arguments) > 1 or (first is not None and first.startswith("-")):
        return wrong(f"{' '.join(arguments)}: main.py takes one session file, or a command: {', '.join(COMMANDS)} (see main.py --help)")
    if first is not None and not os.path.exists(first):
        return wrong(f"{first}: there is no such session file, and no command of that name; the commands are {', '.join(COMMANDS)}")
    # PySide6 reads the source of every module that is imported after it, so these come before
    importlib.import_module("vispy.gloo")
    importlib.import_module("engine.experiment")
    from gui.app import open_lab

    return int(open_lab(first))


def wrong(line: str) -> int:
    """One line on stderr, and the exit code 2."""
    sys.stderr.write(f"{line}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
