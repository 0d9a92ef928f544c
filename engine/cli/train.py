"""``train``: a network on a file or a shape, into a session file."""

from __future__ import annotations

import math
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine import overrides, session
from engine.arrays import Array
from engine.choice import Problem
from engine.cli.common import Arguments, Interrupted, Progress, command, noticing, spread_sets, undisturbed
from engine.experiment import Experiment
from engine.files import refuse_unwritable
from engine.history import History
from engine.session import Session

if TYPE_CHECKING:
    from engine.training import Trainer

DEFAULT_SECONDS = 60.0
PAIRS, MOST_PAIRS = 50_000, 10_000_000
SAVE_EVERY = 60.0
"""Seconds between two savings while training."""

CHANGEABLE = {f"training.{name}" for name in ("batch", "learning_rate", "weight_decay", "decay_steps", "rate", "ema")}
"""What --resume lets --set change: anything else would be another experiment, or other random numbers."""

DESCRIPTION = """\
Train a network, and save it with its optimiser, losses and checkpoints as a session.

Ctrl-C (or SIGTERM) stops after the step that is running and saves what was learned: exit code 130.
With --resume training goes on from a session, bit for bit as if it had never stopped (CPU, one machine)."""


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    return command(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Train as asked; raises Problem."""
    asked = _arguments().parse_args(spread_sets(arguments))
    out = Path(asked.out)
    refuse_unwritable(out)
    begun = _begin(asked)
    refusal = begun.experiment.refusal()
    if refusal is not None:
        raise Problem(refusal)
    begun.experiment.target.frame()  # an empty painting is said now, not after torch
    _train(begun, out, asked)


def _arguments() -> Arguments:
    parser = Arguments("train", DESCRIPTION)
    parser.add_argument("--target", metavar="FILE|SHAPE", help="an image, a table of points (CSV, TSV, NPY), or a shape such as moons")
    parser.add_argument("--columns", metavar="A,B", help="the columns of a table to take, by name or number from 1")
    parser.add_argument("--label", metavar="NAME", help="the column of a table that holds labels (at most 8), by name or number")
    parser.add_argument("--channel", choices=["brightness", "darkness", "alpha"], help="what is density in an image")
    parser.add_argument("--experiment", metavar="FILE.toml", help="settings, the same tree as --set")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="such as path=ot, path.sigma_min=0.05, training.batch=512"
    )
    parser.add_argument("--resume", metavar="S.pushforward", help="go on from this session instead of starting anew")
    parser.add_argument("--reflow", metavar="S.pushforward", help="straighten this session's model: train anew on the pairs it makes")
    parser.add_argument("--pairs", metavar="N", type=int, help=f"how many pairs --reflow makes ({PAIRS:,})")
    parser.add_argument("--steps", metavar="N", type=int, help="train exactly N steps (with --resume: N more)")
    parser.add_argument("--seconds", metavar="S", type=float, help=f"train for S seconds (without --steps: {DEFAULT_SECONDS:g})")
    parser.add_argument("--seed", metavar="N", help="the same as --set training.seed=N")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--out", metavar="S.pushforward", required=True, help="the session file to write")
    return parser


def _begin(asked: Namespace) -> Session:
    """The session before this training: a new one, or the one to go on from."""
    if asked.steps is not None and asked.steps < 1:
        raise Problem(f"--steps {asked.steps}: must be at least 1")
    if asked.seconds is not None and not 0 < asked.seconds < math.inf:
        raise Problem(f"--seconds {asked.seconds:g}: must be above 0")
    sets = list(asked.set)
    seeds = [] if asked.seed is None else [f"training.seed={asked.seed}"]
    if asked.resume is not None:
        return _resumed(asked, sets + seeds)
    if asked.reflow is not None:
        return Session(experiment=_reflowed(asked, sets, seeds))
    if asked.pairs is not None:
        raise Problem("train: --pairs goes with --reflow")
    experiment = Experiment()
    target_given = asked.target is not None or any(text.startswith(("target=", "target.type=")) for text in sets)
    if asked.experiment is not None:
        experiment = overrides.from_toml(Path(asked.experiment))
    elif not target_given:
        raise Problem("train: --target is missing: an image, a table of points, or a shape (main.py list targets)")
    if asked.target is not None:
        columns = None if asked.columns is None else [name.strip() for name in asked.columns.split(",")]
        try:
            target = overrides.target_from(asked.target, columns=columns, channel=asked.channel, label=asked.label)
        except Problem as problem:  # the readers speak of their arguments, a command line of its flags
            raise Problem(str(problem).replace("columns=", "--columns ").replace("channel=", "--channel ")) from problem
        experiment = msgspec.structs.replace(experiment, target=target)
    elif asked.columns is not None or asked.channel is not None or asked.label is not None:
        raise Problem("train: --columns, --label and --channel go with --target FILE")
    experiment = overrides.apply(experiment, sets)
    return Session(experiment=overrides.apply(experiment, seeds, flag="--seed: ") if seeds else experiment)


def _reflowed(asked: Namespace, sets: list[str], seeds: list[str]) -> Experiment:
    """The experiment on the pairs of a session's model; path and objective are those of reflow, the rest can be set."""
    for name in ("target", "columns", "label", "channel", "experiment"):
        if getattr(asked, name) is not None:
            raise Problem(f"--{name}: --reflow keeps the session's source and data")
    count = PAIRS if asked.pairs is None else asked.pairs
    if not 2 <= count <= MOST_PAIRS:
        raise Problem(f"--pairs {count}: must be from 2 to {MOST_PAIRS:,}")
    teacher = session.load(Path(asked.reflow))
    if not teacher.trained:
        raise Problem(f"{asked.reflow}: has no trained model to make pairs with")
    with undisturbed():
        from engine.field_of_session import field_of_session
        from engine.reflow import placeholder, reflow_pairs, reflowed
        from engine.samplers import Heun

    def made_with(pairs: Array) -> Experiment:
        experiment = overrides.apply(reflowed(teacher.experiment, pairs), sets)
        return overrides.apply(experiment, seeds, flag="--seed: ") if seeds else experiment

    wished = made_with(placeholder(teacher.experiment.target.dimension))
    refusal = wished.refusal() if wished.path.paired else f"--set path={wished.path.name}: --reflow keeps its own path."
    if refusal is not None:  # said now, not after the pairs
        raise Problem(refusal)
    field, progress = field_of_session(teacher, "learned", asked.device), Progress()
    making = reflow_pairs(field, Heun(steps=100), count, teacher.experiment.training.seed)
    with noticing() as stop:
        while True:
            try:
                progress.show(f"pairs {100 * next(making):.0f} %")
            except StopIteration as made:
                pairs = made.value
                break
            if stop.is_set():
                raise Interrupted("stopped")
    progress.show(f"{count:,} pairs", last=True)
    return made_with(pairs)


def _resumed(asked: Namespace, sets: list[str]) -> Session:
    for name in ("target", "columns", "label", "channel", "experiment", "reflow", "pairs"):
        if getattr(asked, name) is not None:
            raise Problem(f"--{name}: --resume goes on with the session's own experiment")
    for text in sets:
        if text.partition("=")[0].strip() not in CHANGEABLE:
            raise Problem(f"--set {text}: --resume goes on with the session's own experiment; only how it is trained can change")
    begun = session.load(Path(asked.resume))
    if not begun.trained:
        raise Problem(f"{asked.resume}: has no training to go on from")
    return replace(begun, experiment=overrides.apply(begun.experiment, sets))


def _train(begun: Session, out: Path, asked: Namespace) -> None:
    steps = asked.steps
    seconds = asked.seconds if asked.seconds is not None else (math.inf if steps is not None else DEFAULT_SECONDS)
    with undisturbed():
        from engine.training import Trainer, TrainingStopped

    trainer = Trainer(begun.experiment, asked.device, begun.state)
    history = History(begun.losses, begun.checkpoints)
    end = None if steps is None else trainer.step + steps
    first, started = trainer.step, time.monotonic()
    progress, saved = Progress(), started
    with noticing() as stop:
        try:
            while not stop.is_set() and trainer.step != end and time.monotonic() - started < seconds:
                due = history.due(trainer.step)
                if due == trainer.step:
                    history.keep(due, lambda: trainer.state().ema)
                    continue
                for slice_ in trainer.run(until=due if end is None else min(due, end)):
                    history.add(slice_.step, slice_.losses.tolist())
                    if slice_.step == due:
                        history.keep(due, lambda: trainer.state().ema)
                    now = time.monotonic()
                    progress.show(_line(trainer, history, first, now - started, end, seconds))
                    if now - saved > SAVE_EVERY:
                        session.save(_session(begun, trainer, history, now - started), out)
                        saved = now
                    if stop.is_set() or now - started >= seconds:
                        break
        except TrainingStopped as stopped:
            if trainer.step > first:
                session.save(_session(begun, trainer, history, time.monotonic() - started), out)
                raise Problem(f"{stopped} They are saved in {out}.") from stopped
            raise
        elapsed = time.monotonic() - started
        if trainer.step > first:
            session.save(_session(begun, trainer, history, elapsed), out)
            progress.show(_line(trainer, history, first, elapsed, end, seconds), last=True)
        if stop.is_set():
            kept = f"; {trainer.step} steps are saved in {out} (go on with --resume {out})" if trainer.step > first else ""
            raise Interrupted(f"stopped{kept}")


def _session(begun: Session, trainer: Trainer, history: History, elapsed: float) -> Session:
    return replace(
        begun,
        state=trainer.state(),
        losses=history.losses,
        checkpoints=history.checkpoints,
        device=str(trainer.device),
        seconds=begun.seconds + elapsed,
        model="learned",
    )


def _line(trainer: Trainer, history: History, first: int, elapsed: float, end: int | None, seconds: float) -> str:
    """``step 1240 of 5000 · loss 0.4312 · 820 steps/s · 2 s · cpu``."""
    loss = history.recent()
    of = "" if end is None else f" of {end}"
    within = f"{elapsed:.0f} s" if seconds == math.inf else f"{elapsed:.0f} of {seconds:g} s"
    rate = (trainer.step - first) / max(elapsed, 1e-9)
    return f"step {trainer.step}{of} · loss {'–' if loss is None else f'{loss:.4g}'} · {rate:.0f} steps/s · {within} · {trainer.device}"
