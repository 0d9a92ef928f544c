"""``render``: a film of a session, drawn off screen by the code that draws the window. Imports no Qt and needs no display."""

from __future__ import annotations

import math
import sys
from argparse import Namespace
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from engine import film, session
from engine.choice import Problem
from engine.cli.common import Arguments, Progress, command, say, spread
from engine.files import refuse_unwritable
from engine.introspection import alternatives, parameters, tag_of
from engine.overrides import sampler_from, split_settings
from engine.samplers import Sampler
from engine.session import Session
from engine.session_runs import with_run
from gui.document import MOST_PANES, LabDocument, PaneSettings, decode_document, labelled, start_word
from gui.recorder.networks import check_axis, named, network_words, with_true_metrics
from gui.recorder.panes import Panes
from gui.recorder.timing import frame_times
from shaders.scene import ThemeName

if TYPE_CHECKING:
    from shaders.offscreen import Offscreen

LOGICAL = 1280 * 720
"""Logical pixels of a film: words, lines and points have the size that they have in a window of so many."""
SMALLEST_RATIO = 0.7

DESCRIPTION = """\
Make a film of a session: all panes side by side, frame by frame from a clock of its own, with no display needed.

The same session and options give the same frames, bit for bit on one machine. Without --pane the film shows the session's own panes;
a session that is not trained shows the exact field."""


@dataclass(frozen=True)
class FilmPlan:
    """Everything that decides the frames."""

    document: LabDocument
    size: tuple[int, int]
    fps: float
    times: tuple[float, ...]
    fit: bool
    """Frame the camera anew for this picture instead of taking the scene's."""
    training: bool = False
    """``times`` are shares of the way along the training instead of t."""
    at: float = 1.0
    """t of a film along the training."""
    step: int | None = None
    """The checkpoint nearest to this step instead of the latest weights."""

    @property
    def pixel_ratio(self) -> float:
        return max(SMALLEST_RATIO, math.sqrt(self.size[0] * self.size[1] / LOGICAL))


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    return command(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Render as asked; raises Problem."""
    names = tuple(tag_of(kind) for kind in alternatives(Sampler))
    asked = _arguments().parse_args(spread(arguments, "--pane", lambda word: word.partition(":")[0] in names))
    out = Path(asked.out)
    if not asked.out:
        raise Problem("--out: must name a film or a folder")
    form = film.format_of(out, asked.out)
    size = _size(asked.size)
    film.check(size, asked.fps, form)
    fps = film.frame_rate(asked.fps, form)
    hold_start = asked.hold_start if asked.hold_start is not None else asked.seconds / 12
    hold_end = asked.hold_end if asked.hold_end is not None else asked.seconds / 6
    times = frame_times(asked.seconds, fps, hold_start, hold_end, asked.loop)
    check_axis(asked)
    refuse_unwritable(out, folder=form == "png")
    if form != "png":
        film.ffmpeg()  # said now, not after the simulation
    loaded = session.load(Path(asked.session))
    if asked.run is not None:
        loaded = with_run(loaded, asked.run)
    document = _document(asked, loaded)
    fit = asked.fit or loaded.scene is None
    training = asked.axis == "training"
    at = 1.0 if asked.at is None else asked.at
    render(
        loaded,
        FilmPlan(document, size, fps, tuple(times), fit, training, at, asked.step),
        out,
        form,
        device=asked.device,
        every=0.2 if asked.progress else None,
    )


def _arguments() -> Arguments:
    parser = Arguments("render", DESCRIPTION)
    parser.add_argument("session", metavar="S.pushforward")
    parser.add_argument("--out", metavar="F.mp4|F.gif|F.webm|FOLDER/", required=True)
    parser.add_argument("--size", metavar="WxH", default="1920x1080", help="pixels, even numbers for MP4 and WebM (default: %(default)s)")
    parser.add_argument("--fps", type=float, default=60.0, help="frames a second; a GIF has at most 50 (default: %(default)g)")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of the whole film (default: %(default)g)")
    parser.add_argument("--hold-start", metavar="S", type=float, help="rest at t = 0, within --seconds (default: a twelfth of it)")
    parser.add_argument("--hold-end", metavar="S", type=float, help="rest at t = 1, within --seconds (default: a sixth of it)")
    parser.add_argument("--loop", action="store_true", help="run back to the noise as well, so that the film repeats without a jump")
    parser.add_argument(
        "--pane",
        metavar="SAMPLER",
        action="append",
        help="a pane with this sampler, up to four times; with settings: euler-maruyama:steps=200,sigma=sqrt",
    )
    parser.add_argument("--title", metavar="TEXT")
    parser.add_argument("--no-captions", action="store_true", help="no samplers' names and no t in the picture")
    parser.add_argument(
        "--axis", choices=["t", "training"], default="t", help="what the film goes along: model time, or training steps, evenly in log step"
    )
    parser.add_argument("--at", metavar="T", type=float, help="with --axis training: the model time that is shown (default: 1)")
    parser.add_argument("--step", metavar="N", type=int, help="show the network as it was at the checkpoint nearest to training step N")
    parser.add_argument("--run", metavar="NAME", help="show a finished run of the session's list instead of its present network")
    parser.add_argument("--theme", choices=get_args(ThemeName))
    parser.add_argument("--model", choices=["learned", "exact"], help="show the network or the exact field in every pane")
    parser.add_argument("--particles", metavar="N", type=int)
    parser.add_argument("--seed", metavar="N", type=int, help="of the noise that all panes start from")
    parser.add_argument("--fit", action="store_true", help="frame all of source and data instead of what the session's camera sees")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--progress", action="store_true", help="a line on stderr several times a second, for programs")
    return parser


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise Problem(f"--size {text}: write WIDTHxHEIGHT in pixels, such as 1920x1080")
    return int(width), int(height)


def _document(asked: Namespace, loaded: Session) -> LabDocument:
    """The session's document with what the options change."""
    document = decode_document(loaded.scene)
    model = asked.model or ("learned" if loaded.trained else "exact")
    if model == "learned" and not loaded.trained:
        raise Problem(f"{asked.session}: has no trained network; take --model exact, or train it")
    panes = document.panes
    if asked.pane is not None:
        if len(asked.pane) > MOST_PANES:
            raise Problem(f"--pane: {len(asked.pane)} panes, and there can be {MOST_PANES}")
        panes = tuple(PaneSettings(sampler=_sampler(text)) for text in asked.pane)
    if asked.pane is not None or asked.model or loaded.scene is None or not loaded.trained:
        panes = tuple(msgspec.structs.replace(pane, model=model) for pane in panes)
    if asked.pane is None and loaded.scene is None:  # nobody chose these: those that the model cannot drive stay away
        panes = tuple(pane for pane in panes if _drives(loaded, model, pane.sampler)) or panes
    changed: dict[str, Any] = {"panes": panes}
    for name in ("particles", "seed"):
        if getattr(asked, name) is not None:
            changed[name] = getattr(asked, name)
    document = msgspec.structs.replace(document, **changed)
    document = labelled(named(document, loaded, network_words(asked, loaded, document)))
    _check(document)
    scene = with_true_metrics(document.scene, decode_document(loaded.scene).scene, along_training=asked.axis == "training")
    if panes != decode_document(loaded.scene).panes:  # the distances in the session are those of its own panes
        scene = msgspec.structs.replace(scene, panes=tuple(msgspec.structs.replace(pane, metric="") for pane in scene.panes))
    scene = msgspec.structs.replace(
        scene,
        captions=not asked.no_captions,
        title=asked.title if asked.title is not None else scene.title,
        theme=asked.theme or scene.theme,
        start=start_word(loaded.experiment),
    )
    return msgspec.structs.replace(document, scene=scene)


def _drives(loaded: Session, model: str, sampler: Sampler) -> bool:
    """Whether the session's network, or its exact field, can drive the sampler."""
    from gui.runs import exact_sampler_refusal

    experiment = loaded.experiment
    return (sampler.refusal(experiment) if model == "learned" else exact_sampler_refusal(experiment, sampler)) is None


def _check(document: LabDocument) -> None:
    """Bounds of what came from the command line (a file's are checked when it is read)."""
    try:
        msgspec.convert(msgspec.to_builtins(document), LabDocument)
    except msgspec.ValidationError as error:
        bounds = parameters(LabDocument)
        for name in ("particles", "seed"):
            if f"`$.{name}`" in str(error):
                raise Problem(f"--{name} {getattr(document, name)}: must be {bounds[name].bounds}") from error
        raise Problem(f"render: {error}") from error


def _sampler(text: str) -> Sampler:
    name, _, settings = text.partition(":")
    return sampler_from(name, split_settings(settings), flag=f"--pane {name}: ")


def render(loaded: Session, plan: FilmPlan, out: Path, form: film.Format, *, device: str = "auto", every: float | None = None) -> None:
    """Simulate every pane, draw every frame, encode the film. Raises Problem."""
    from shaders.offscreen import NoOpenGL, Offscreen

    progress = Progress(every)
    panes = _panes(loaded, plan, device, progress)
    try:
        with Offscreen(plan.size) as off:
            drawn = closing(frames(off, plan, panes))
            with drawn as pictures, closing(film.encode(pictures, size=plan.size, fps=plan.fps, out=out, format=form)) as encoded:
                total = len(plan.times)
                for count in encoded:
                    progress.show(f"frame {count} of {total}")
    except NoOpenGL as error:
        raise Problem(f"render: {error}") from error
    say(f"{len(plan.times)} frames, {plan.size[0]}x{plan.size[1]} at {plan.fps:g} frames a second, in {out}")


def _panes(loaded: Session, plan: FilmPlan, device: str, progress: Progress) -> Panes:
    if not plan.training:
        return Panes(loaded, plan.document, device, progress, plan.step)
    from gui.recorder.along import PanesAlong

    return PanesAlong(loaded, plan.document, device, progress, plan.at)


def frames(off: Offscreen, plan: FilmPlan, panes: Panes) -> Generator[film.Frame, None, None]:
    """Each picture, (h, w, 3) uint8; a picture that is the same as the last is not drawn again."""
    from shaders.painter import frame_camera

    scene = plan.document.scene
    if plan.fit:
        plot = off.painter.views(scene, panes.data, plan.size, plan.pixel_ratio)[0].plot
        scene = msgspec.structs.replace(scene, camera=frame_camera(panes.everything, plot.width / plot.height, scene.camera))
    shown: tuple[float, film.Frame] | None = None
    for k, t in enumerate(plan.times):
        if shown is None or shown[0] != t:
            now = panes.words(msgspec.structs.replace(scene, **({"t": plan.at, "share": t} if plan.training else {"t": t})))
            data = panes.at(off, plan, now, f"frame {k} of {len(plan.times)}")
            shown = t, off.render(now, data, plan.pixel_ratio)[:, :, :3].copy()
        yield shown[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
