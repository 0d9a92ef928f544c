"""Error words: what the numbers of ``engine.error_parts`` mean, in sentences that say no more than the errors allow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.error_parts import Sources
    from engine.means import Mean

NEARLY_ALL = 0.8
NOTHING = 0.02
"""A part below this share of the whole is as good as nothing, even where it can be told from 0."""


def plus_minus(mean: float, error: float) -> str:
    """``"0.031 ± 0.004"``: as many places as the error's first two figures have, five at most."""
    if not (math.isfinite(mean) and math.isfinite(error)):
        return f"{mean:.3g}"
    places = 5 if error <= 0 else min(5, max(0, 1 - math.floor(math.log10(error))))
    return f"{mean:.{places}f} ± {error:.{places}f}".replace("-", "−")


def words_of(part: Mean) -> str:
    """A mean with its standard error."""
    return plus_minus(part.mean, part.error)


def conclusion(found: Sources) -> str:
    """Which part of the error is the network's and which the solver's, in one sentence or two; empty while that is not known."""
    both, solver, network = found.part("pane"), found.part("solver"), found.part("network")
    if not found.learned:
        return _of_solver(found, solver)
    if both is None or network is None:
        return _broken(found)
    if not both.certain:
        if any(part is not None and part.certain and not _nothing(part, found.w2["ideal"]) for part in (network, solver)):
            whole = f"The whole excess, {words_of(both)}, cannot be told from 0"
            return f"{whole}, though of its parts one or both can: {_parts(network, solver, both)}."
        return (
            f"By W₂ at n = {found.n:,} this pane cannot be told from a perfect network with a perfect solver: "
            f"the excess is {words_of(both)}. More points, or more repeats, tell smaller errors."
        )
    whole = words_of(both)
    if solver is None:
        return f"The pane's excess over a perfect one is {whole}; the network alone, with a fine solver, makes {words_of(network)}."
    for part, other, name, others in ((network, solver, "network", "solver"), (solver, network, "solver", "network")):
        if part.certain and part.mean > NEARLY_ALL * both.mean and not _weighs(other, both):
            return f"Nearly all of the excess, {whole}, comes from the {name}; the {others} adds {_small(other, both)}."
    gap = network.minus(solver)
    larger = "the network's part is the larger" if gap.mean > 0 else "the solver's part is the larger"
    verdict = larger if gap.certain else "which of the two is the larger cannot be told"
    return f"Of the excess, {whole}, {_parts(network, solver, both)}: {verdict}."


def solver_advice(found: Sources) -> str:
    """What twice the steps would do to the solver's part; empty where that is not known."""
    if found.ladder_reason:
        return found.ladder_reason
    at = {rung.steps: rung for rung in found.ladder}
    own = at.get(found.sampler.steps)
    if own is None:
        return ""
    twice = at.get(2 * own.steps)
    if twice is None:
        return ""
    if not own.part.certain or _nothing(own.part, found.w2["ideal"]):
        if not (math.isfinite(own.off) and math.isfinite(twice.off)):
            return f"More steps than {own.steps:,} would change nothing that can be told."
        return (
            f"The solver's part is too small for W₂ to tell: its particles end {own.off:.2g} (RMS) from where they should, "
            f"with twice the steps {twice.off:.2g}."
        )
    return f"With twice the steps, {twice.steps:,}, the solver's part would be {words_of(twice.part)} in place of {words_of(own.part)}."


def mass_words(found: Sources) -> str:
    """Which of the two moves mass between the modes, and the mode that gains or loses most; empty where none can be told."""
    modes, said = found.modes, []
    if modes is None:
        return ""
    for name in ("network", "solver"):
        if name not in modes.shares:
            continue
        shifts = [(shift, mode) for shift, mode in zip(modes.shift(name, "ideal"), modes.names, strict=True) if shift.certain]
        if shifts:
            shift, mode = max(shifts, key=lambda one: abs(one[0].mean))
            what = "gives" if shift.mean > 0 else "takes from"
            moved = plus_minus(100.0 * abs(shift.mean), 100.0 * shift.error)
            said.append(f"the {name} {what} {mode} {moved} % of the mass")
    words = ", and ".join(said)
    return f"{words[0].upper()}{words[1:]}." if words else ""


def ends_words(found: Sources) -> str:
    """What is left between the floor and the ideal, if it can be told."""
    ends = found.ends
    if ends is None or not ends.certain or ends.mean <= 0:
        return ""
    return f"The ends of the path add {words_of(ends)} to the floor: neither network nor solver can take that away."


def _weighs(part: Mean, both: Mean) -> bool:
    return part.certain and abs(part.mean) > (1.0 - NEARLY_ALL) * abs(both.mean)


def _nothing(part: Mean, whole: Mean) -> bool:
    return abs(part.mean) < NOTHING * abs(whole.mean)


def _small(part: Mean, both: Mean) -> str:
    if not part.certain:
        return f"{words_of(part)}, which cannot be told from 0"
    return f"as good as nothing, {words_of(part)}" if _nothing(part, both) else words_of(part)


def _parts(network: Mean, solver: Mean | None, both: Mean) -> str:
    adds = f"the network adds {_small(network, both)}"
    return adds if solver is None else f"{adds}, and the solver {_small(solver, both)}"


def _of_solver(found: Sources, solver: Mean | None) -> str:
    if solver is None:
        return found.absent.get("solver", "")
    if not solver.certain:
        return f"This pane shows the exact field, and its solver adds {words_of(solver)}, which cannot be told from 0."
    return f"This pane shows the exact field: all of its excess, {words_of(solver)}, comes from the solver."


def _broken(found: Sources) -> str:
    for name in ("network", "pane"):
        if name in found.absent:
            return found.absent[name]
    return ""
