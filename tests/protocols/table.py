"""The table: published, here, floor."""

from __future__ import annotations

import statistics
from typing import Any

from engine.metrics import normalised_path_energy
from tests.protocols.cells import LAWS, METHODS, PROBLEMS

Published = tuple[float, float] | None

W2: dict[str, tuple[Published, Published, Published, Published]] = {
    "SF2M-Exact": ((0.275, 0.058), (0.726, 0.137), (0.124, 0.023), (0.128, 0.005)),
    "SF2M-I": ((0.393, 0.054), (1.482, 0.151), (0.185, 0.028), (0.201, 0.062)),
    "OT-CFM": ((0.303, 0.043), (0.601, 0.027), (0.130, 0.016), (0.144, 0.028)),
    "I-CFM": ((0.373, 0.103), (1.557, 0.407), (0.178, 0.014), (0.242, 0.141)),
    "FM": ((0.343, 0.058), None, (0.209, 0.055), (0.198, 0.037)),
    "rectified flow": ((0.421, 0.071), (1.525, 0.330), (0.283, 0.045), (0.345, 0.079)),
}
"""Mean and spread over 5 seeds, Tong 2307.03672, table 2."""

NPE: dict[str, tuple[float, float, float, float]] = {
    "SF2M-Exact": (0.016, 0.045, 0.053, 0.034),
    "OT-CFM": (0.031, 0.015, 0.083, 0.027),
    "I-CFM": (0.202, 2.680, 0.891, 0.856),
    "rectified flow": (0.044, 0.203, 0.130, 0.099),
}


REMARKS = """
What to know about these figures:

- The path energy of I-CFM's exact velocity is the one that I-CFM must approach. Where the published one is lower (moons, moons → 8
  Gaussians) the likely cause is that the published paths were blurred by 0.1, and these are not.
- Seed 1 drew unlucky points: its 10,000 training points are themselves 0.851 from its test points on moons → 8 Gaussians (0.479 at seed
  0) and 0.258 on 8 Gaussians (0.180): one mode has 149 points too many or too few, and W2 pays for carrying them round the circle. No
  network trained on them comes nearer but by chance, so OT-CFM's 1.005 and SF2M-Exact's 1.055 there say little of the method; at seed 0
  they are 0.513 and 0.680, within the published spread or better. The published spread over 5 seeds, ±.027, is below what such draws allow.
- [SF]²M: the authors' code regresses x1 − x0 + σ²(1 − 2t) ε where the paper has x1 − x0 + σ(1 − 2t) / (2 √(t(1 − t))) ε, whose variance
  has no finite mean over t. Trained on the paper's as printed, SF2M-I ends at W2 0.29 and 0.37 on the S-curve (seeds 0 and 1); on that of
  their code at 0.17 and 0.17, but by another law than the bridge's (its ODE 0.26 and 0.23); on the paper's with the weight 4t(1 − t),
  the default here, at 0.15 and 0.18 (ODE 0.19 and 0.14). Only the last is in the table.
- What the second half of the network tells matters to the SDE. On 8 Gaussians SF2M-Exact ended at 0.40 and 0.42 by its SDE (ODE 0.33, 0.30)
  while it told the noise, whose error is one of the score by 1 / (σ√(t(1 − t))) near both ends; it ends at 0.34 and 0.31 (ODE 0.33, 0.31),
  within the published spread, now that it tells the score, as the authors' network does. That is the protocol from now on; the cells
  named below were trained before, on the noise.
- Tried and not the cause: width 96 instead of 64; Adam's beta2 of 0.999 instead of 0.99 (OT-CFM at seed 1: 1.028 instead of 1.005 on
  moons → 8 Gaussians, 0.202 instead of 0.213 on the S-curve, which is the one seed there that is off); the Euler–Maruyama steps (the exact
  field of the same bridge is at its floor by the same 100).
- The path energies of SF2M are those of its probability flow. On moons and the S-curve SF2M-Exact's is above the published one, and must
  be: the law that the paper's formula regresses has itself the path energy in the row *law of SF2M-Exact*, in closed form and without any
  network (seed 0). The formula of the authors' code, in the row below it, has energies as low as the published ones.
"""
"""Found by hand; they stand below the table."""


def _words(values: list[float]) -> str:
    if not values:
        return "–"
    mean = statistics.mean(values)
    return f"{mean:.3f}" if len(values) == 1 else f"{mean:.3f}±{statistics.stdev(values):.3f}"


def table(cells: list[dict[str, Any]]) -> str:
    """Markdown of the finished cells."""

    def of(problem: str, method: str, key: str) -> list[float]:
        return [float(cell[key]) for cell in cells if cell["problem"] == problem and cell["method"] == method and key in cell]

    def energies(problem: str, method: str) -> list[float]:
        distances = of(problem, "truth", "distance")
        if not distances:
            return []
        return [normalised_path_energy(energy, statistics.mean(distances)) for energy in of(problem, method, "energy")]

    methods = [method for method in reversed(METHODS) if method != "truth"]
    seeds = sorted({int(cell["seed"]) for cell in cells})
    lines = [
        "# Table 2 of Tong 2307.03672 again",
        "",
        f"Each entry: published | here. `make protocols` goes on with what is missing; seeds: {', '.join(map(str, seeds)) or 'none'}.",
        "W2 is exact, at n = 10,000; SF2M by 100 Euler–Maruyama steps (in brackets by 100 Euler steps of its ODE), the others by 100 Euler",
        "steps. The floor is W2 between two fresh draws of the data; *exact* is the closed-form velocity of I-CFM's law, no network;",
        "*memory* is the W2 of the seed's own 10,000 training points, which a network that remembered them all would reach; *law of*",
        "*SF2M-Exact* the path energy of what that method would learn perfectly, by the paper's formula and by that of the authors' code.",
        "",
        "| W2 | " + " | ".join(PROBLEMS) + " |",
        "|---|" + "---|" * len(PROBLEMS),
    ]
    for method in (method for method in methods if method not in LAWS):
        row = []
        for place, problem in enumerate(PROBLEMS):
            published = W2[method][place] if method in W2 else None
            ode = of(problem, method, "w2 ode")
            here = _words(of(problem, method, "w2")) + (f" ({_words(ode)})" if ode else "")
            row.append(f"{'–' if published is None else f'{published[0]:.3f}±{published[1]:.3f}'} \\| {here}")
        lines.append(f"| {method} | " + " | ".join(row) + " |")
    lines.append("| floor | " + " | ".join(_words(of(problem, "truth", "w2")) for problem in PROBLEMS) + " |")
    lines += ["", "| NPE | " + " | ".join(PROBLEMS) + " |", "|---|" + "---|" * len(PROBLEMS)]
    for method in (method for method in methods if method != "memory"):
        published_npe = NPE.get(method)
        row = [
            f"{'–' if published_npe is None else f'{published_npe[place]:.3f}'} \\| {_words(energies(problem, method))}"
            for place, problem in enumerate(PROBLEMS)
        ]
        lines.append(f"| {method} | " + " | ".join(row) + " |")
    lines.append("| W2 of source and data | " + " | ".join(_words(of(problem, "truth", "distance")) for problem in PROBLEMS) + " |")
    reused = sorted({f"{cell['problem']} {cell['method']} seed {cell['seed']}" for cell in cells if cell.get("reuse", 1) > 1})
    if reused:
        lines += ["", f"One pairing of optimal transport served several steps in: {', '.join(reused)}."]
    noisy = sorted({f"{cell['problem']} {cell['method']} seed {cell['seed']}" for cell in cells if cell.get("second") == "noise"})
    if noisy:
        lines += ["", f"The second half of the network told the noise, not the score, in: {', '.join(noisy)}."]
    return "\n".join(lines) + "\n" + REMARKS
