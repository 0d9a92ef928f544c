"""LabDocument: what the lab shows besides the experiment, as one frozen JSON document inside a session file.

The window writes it and draws from it; ``render`` draws films from it. The engine keeps it without reading it, and nothing here
imports Qt, torch or OpenGL.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from engine.choice import Problem
from engine.experiment import Experiment
from engine.guidance import Guidance, NoGuidance
from engine.samplers import EulerMaruyama, Heun, Sampler
from shaders.scene import Pane, Scene

Model = Literal["learned", "exact"]
LoopMode = Literal["once", "loop", "ping-pong"]

MOST_PANES = 4


class PaneSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one pane simulates. Which layers it shows is in ``scene.panes`` at the same index."""

    sampler: Sampler = Heun()
    model: Annotated[Model, Meta(description="The trained network, or the exact field in closed form.")] = "exact"
    guidance: Annotated[Guidance, Meta(description="How the particles are steered towards a label.")] = NoGuidance()
    run: Annotated[str | None, Meta(description="The key of a finished run whose network is shown in place of the present one.")] = None


class LabDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stage of a session: as many ``panes`` as ``scene.panes``."""

    scene: Scene = Scene()
    panes: Annotated[tuple[PaneSettings, ...], Meta(min_length=1, max_length=MOST_PANES)] = (
        PaneSettings(sampler=Heun(steps=50)),
        PaneSettings(sampler=EulerMaruyama(steps=200)),
    )
    particles: Annotated[int, Meta(ge=1, le=1_000_000, description="Particles in each pane.", extra={"log": True})] = 6_000
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Names the noise that all panes start from.")] = 0
    speed: Annotated[float, Meta(ge=0.05, le=8, description="Speed of play; at 1 a run takes four seconds.", extra={"unit": "×"})] = 1.0
    loop: Annotated[LoopMode, Meta(description="What happens at the end of a run.")] = "loop"


def encode_document(document: LabDocument) -> bytes:
    """JSON, as ``Session.scene`` keeps it."""
    return msgspec.json.encode(document)


def decode_document(text: bytes | None) -> LabDocument:
    """The document of a session file; the default one when the file has none (a session made by ``train``). Raises Problem."""
    if not text:
        return LabDocument()
    try:
        document = msgspec.json.decode(text, type=LabDocument)
    except msgspec.DecodeError as error:
        raise Problem(f"the scene in the session file cannot be read: {error}") from error
    return with_matching_panes(document)


def with_matching_panes(document: LabDocument) -> LabDocument:
    """The document with exactly one ``scene.panes`` entry for each of ``panes``: the last one repeated, or the tail cut off."""
    shown, wanted = document.scene.panes, len(document.panes)
    if len(shown) == wanted:
        return document
    pad = shown[-1] if shown else Pane()
    panes = shown[:wanted] + (pad,) * (wanted - len(shown))
    return msgspec.structs.replace(document, scene=msgspec.structs.replace(document.scene, panes=panes))


def titled(settings: PaneSettings, measured: str, network: str) -> tuple[str, str]:
    """Title and caption of a pane. A finished run has its name for a title, and the sampler goes into the caption."""
    title = pane_title(settings.sampler)
    if settings.run is None or settings.model == "exact" or not network:
        return title, pane_caption(settings, measured, network)
    return network, f"{title} · {pane_caption(settings, measured)}"


def pane_title(sampler: Sampler) -> str:
    """``"ODE · Heun"``."""
    return sampler.label if sampler.group == sampler.label else f"{sampler.group} · {sampler.label}"


def pane_caption(settings: PaneSettings, measured: str = "", network: str = "") -> str:
    """``"50 steps · 100 evaluations · exact field"``: everything that decides the picture, in words, and what the run itself told.

    ``network`` is first where it is not the latest: ``"training step 480 · 50 steps · 100 evaluations"``.
    """
    sampler = settings.sampler
    parts = [network] if network and settings.model == "learned" else []
    parts.append(counted(sampler.steps, "step"))
    if sampler.evaluations is not None:
        parts.append(counted(sampler.evaluations, "evaluation"))
    parts += [part for part in (sampler.words, measured) if part]
    if settings.model == "exact":
        parts.append("exact field")
    if settings.guidance.words:
        parts.append(settings.guidance.words)
    return " · ".join(parts)


def counted(number: int, noun: str) -> str:
    """``"1 step"``, ``"12 480 steps"``."""
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"


def grouped(number: int) -> str:
    """``"12 480"``: a narrow no-break space between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def start_word(experiment: Experiment) -> str:
    """What there is at t = 0: ``"noise"``, or the ``"source"`` where that is another distribution."""
    return "noise" if experiment.gaussian_source else "source"


def labelled(document: LabDocument) -> LabDocument:
    """The document with every pane's title and caption written from its settings (its metric is left as it is)."""
    document = with_matching_panes(document)
    panes = []
    for pane, settings in zip(document.scene.panes, document.panes, strict=True):
        title, caption = titled(settings, pane.measured, pane.network)
        panes.append(msgspec.structs.replace(pane, title=title, caption=caption))
    return msgspec.structs.replace(document, scene=msgspec.structs.replace(document.scene, panes=tuple(panes)))
