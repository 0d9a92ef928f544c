"""Session files for the tests: a small whole one, and the same one rewritten member by member."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.arrays import Array
from engine.experiment import Experiment, Training
from engine.networks import MLP
from engine.session import Checkpoint, Session
from engine.targets import Points
from engine.training_state import TrainingState


def small_session(step: int = 7) -> Session:
    """Points and a tiny network with random weights; nothing in it was trained."""
    rng = np.random.default_rng(0)
    experiment = Experiment(
        target=Points(values=Array(rng.normal(size=(20, 2))), columns=("a", "b")),
        network=MLP(width=4, depth=1),
        training=Training(batch=8, seed=3, threads=2),
    )
    size = experiment.network.flat_length(2)

    def flat() -> np.ndarray[Any, np.dtype[np.float32]]:
        return rng.normal(size=size).astype(np.float32)

    return Session(
        experiment=experiment,
        scene=b'{"panes": []}',
        state=TrainingState(step=step, weights=flat(), ema=flat(), first=flat(), second=np.abs(flat())),
        checkpoints=(Checkpoint(2, flat()), Checkpoint(5, flat())),
        losses=np.array([[1.0, 0.5], [2.0, 0.25]]),
        model="exact",
        device="cpu",
        seconds=1.5,
    )


Members = dict[str, bytes]


def rewritten(source: Path, out: Path, change: Callable[[Members], None]) -> Path:
    """``source`` with its members changed, at ``out``."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out


def edit_head(members: Members, **changes: Any) -> None:
    """session.json with other values."""
    members["session.json"] = json.dumps(json.loads(members["session.json"]) | changes).encode()
