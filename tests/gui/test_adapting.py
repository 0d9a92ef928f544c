"""What gives way to a choice, and what is said of it; every pair of path and objective, source and coupling is either possible or said."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.couplings import Coupling, OptimalTransport, Schrodinger
from engine.experiment import Experiment, ProbabilityPath
from engine.interpolants import Bridge
from engine.introspection import alternatives
from engine.objectives import DDPM, FlowMatching, Objective, VPrediction
from engine.schedules import VPCosine
from engine.sources import StandardGaussian
from engine.targets import EightGaussians, Helix, Moons
from gui.adapting import adapted, words


def test_what_is_possible_stays_as_it_is() -> None:
    experiment = Experiment(path=VPCosine(), objective=VPrediction())
    assert adapted(experiment, "path") is experiment
    assert words(experiment, experiment, "") == ""


def test_nothing_gives_way_to_an_objective() -> None:
    assert adapted(Experiment(objective=DDPM()), "objective") is None


def test_a_target_in_space_takes_the_flat_source_away() -> None:
    changed = Experiment(target=Helix(), source=Moons())
    found = adapted(changed, "target")
    assert found == Experiment(target=Helix(), source=StandardGaussian())
    assert words(changed, found, changed.refusal() or "").startswith("Source is now Gaussian. The source has 2 axes and the data 3")


def test_the_bridge_follows_the_sigma_of_its_coupling() -> None:
    changed = Experiment(coupling=Schrodinger(sigma=1.2), path=Bridge(sigma=0.5))
    found = adapted(changed, "coupling")
    assert found is not None
    assert found.path == Bridge(sigma=1.2)
    back = adapted(replace(found, path=Bridge(sigma=0.3)), "path")
    assert back is not None
    assert back.coupling == Schrodinger(sigma=0.3)


@pytest.mark.parametrize("path", alternatives(ProbabilityPath), ids=lambda kind: kind.label)
@pytest.mark.parametrize("objective", alternatives(Objective), ids=lambda kind: kind.label)
def test_a_path_chosen_is_possible_or_the_reason_is_a_sentence(path: Any, objective: Any) -> None:
    for source, coupling in ((StandardGaussian(), Coupling.__args__[0]()), (Moons(), OptimalTransport())):  # type: ignore[attr-defined]
        changed = Experiment(target=EightGaussians(), source=source, coupling=coupling, path=path(), objective=objective())
        found = adapted(changed, "path")
        if found is None:
            reason = changed.refusal()
            assert reason is not None
            assert reason.endswith(".")
        else:
            assert found.refusal() is None
            assert (found.target, found.source, found.path) == (changed.target, changed.source, changed.path)
            said = words(changed, found, changed.refusal() or "")
            assert bool(said) == (found != changed)


def test_the_least_gives_way() -> None:
    found = adapted(Experiment(objective=VPrediction()), "path")
    assert found == Experiment(objective=FlowMatching())
