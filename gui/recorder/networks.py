"""Which network a film shows: the session's, a checkpoint's, a finished run's; and all checkpoints, for a film along the training."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

import msgspec

from engine.checkpoint import Checkpoint
from engine.checkpoints import nearest
from engine.choice import Problem
from engine.past_run import run_named
from engine.session import Session
from gui.document import LabDocument, grouped, with_matching_panes
from shaders.scene import Scene

if TYPE_CHECKING:
    from gui.pane_runs import RunOf
    from gui.runs import Snapshot
    from gui.snapshots import KeptSnapshot


def checkpoint_near(loaded: Session, step: int) -> Checkpoint:
    """The checkpoint nearest to a step in log step; the latest weights are one of them. Raises Problem where there are none."""
    there = along(loaded)
    return there[nearest([one.step for one in there], step)]


def along(loaded: Session) -> list[Checkpoint]:
    """The checkpoints of the training and its latest weights, in the order of their steps. Raises Problem where there are none."""
    if loaded.state is None:
        raise Problem("render: the session has no trained network, and so no training steps to show")
    latest = Checkpoint(loaded.state.step, loaded.state.ema)
    return [*(one for one in loaded.checkpoints if one.step < latest.step), latest]


def present_snapshot(loaded: Session, device: str, step: int | None = None) -> Snapshot:
    """The network of the session, or as it was at the checkpoint nearest to ``step``."""
    from engine.field_of_session import field_of_session
    from gui.runs import Snapshot

    if step is not None:
        return kept(loaded, checkpoint_near(loaded, step), device)
    return Snapshot(0, loaded.step, field_of_session(loaded, "learned", device))


def kept(loaded: Session, checkpoint: Checkpoint, device: str) -> KeptSnapshot:
    """The network at a checkpoint."""
    from gui.snapshots import KeptSnapshot, step_words

    return KeptSnapshot(checkpoint.step, loaded.experiment, checkpoint.ema, device, step_words(checkpoint.step))


def run_of(loaded: Session, device: str) -> RunOf:
    """The experiment and the network of a finished run, by its key."""
    from gui.snapshots import KeptSnapshot

    made: dict[str, Any] = {}
    by_key = {run.key: run for run in loaded.runs}

    def find(key: str) -> Any:
        run = by_key.get(key)
        if run is not None and key not in made:
            made[key] = run.experiment, KeptSnapshot(run.step, run.experiment, run.state.ema, device, run.name)
        return made.get(key)

    return find


def named(document: LabDocument, loaded: Session, words: str = "") -> LabDocument:
    """The document whose panes say which network they show: ``words`` where it is the session's own, a run's name where it is that."""
    document = with_matching_panes(document)
    names = {run.key: run.name for run in loaded.runs}
    panes = tuple(
        msgspec.structs.replace(pane, network=names.get(settings.run, "") if settings.run is not None else words)
        for pane, settings in zip(document.scene.panes, document.panes, strict=True)
    )
    return msgspec.structs.replace(document, scene=msgspec.structs.replace(document.scene, panes=panes))


def check_axis(asked: Namespace) -> None:
    """What does not go together on the command line."""
    if asked.at is not None and asked.axis != "training":
        raise Problem("--at: goes with --axis training")
    if asked.at is not None and not 0.0 <= asked.at <= 1.0:
        raise Problem(f"--at {asked.at:g}: must be from 0 to 1")
    if asked.step is not None and asked.axis == "training":
        raise Problem("--step: a film along the training shows all of them")
    if asked.step is not None and asked.step < 0:
        raise Problem(f"--step {asked.step}: must be at least 0")
    if asked.model == "exact" and (asked.axis == "training" or asked.step is not None or asked.run is not None):
        raise Problem("--model exact: the exact field has no training steps and no runs")


def network_words(asked: Namespace, loaded: Session, document: LabDocument) -> str:
    """Which network the panes show, where it is not the session's own and latest. Raises Problem where no pane shows what is asked for."""
    if asked.axis == "training" or asked.step is not None or asked.run is not None:
        if not any(pane.model == "learned" and pane.run is None for pane in document.panes):
            raise Problem(f"{asked.session}: no pane shows the trained network; add --model learned")
        if asked.axis == "training" and len(along(loaded)) < 2:
            raise Problem(f"{asked.session}: keeps no checkpoints to go along" + (" of that run" if asked.run is not None else ""))
    words = [] if asked.run is None else [run_named(loaded.runs, asked.run).name]
    if asked.step is not None:
        words.append(f"training step {grouped(checkpoint_near(loaded, asked.step).step)}")
    return " · ".join(words)


def with_true_metrics(scene: Scene, stored: Scene, *, along_training: bool) -> Scene:
    """The scene with the distances of the file only where they are of the network that the film shows, from beginning to end."""
    panes = [
        pane
        if not along_training and k < len(stored.panes) and stored.panes[k].network == pane.network
        else msgspec.structs.replace(pane, metric="")
        for k, pane in enumerate(scene.panes)
    ]
    return msgspec.structs.replace(scene, panes=tuple(panes))
