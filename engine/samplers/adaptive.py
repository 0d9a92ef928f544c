"""Dormand-Prince 5(4) with a step size of its own for every particle.

Each particle is at its own time and takes its own steps. Steps are the interval divided by powers of two, and start at multiples of
themselves (block time steps), so that particles meet at the same times again and those with the same step are evaluated together. What
is asked for between the ends of a step comes from the method's free interpolant of fourth order, so the times that are stored have no
influence on the steps. Coefficients, controller and first step: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I,
II.4 to II.6 (their code DOPRI5); the method: Dormand and Prince 1980.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.fields.base import rows_of, velocity
from engine.samplers.base import Record, SamplerBase

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field

NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""Fifth-order weights less the embedded fourth-order ones."""
DENSE = (
    -12715105075 / 11282082432,
    0.0,
    87487479700 / 32700410799,
    -10690763975 / 1880347072,
    701980252875 / 199316789632,
    -1453857185 / 822651844,
    69997945 / 29380423,
)
TICKS = 1 << 40
SAFETY, SHRINK, GROW, MEMORY = 0.9, 0.2, 10.0, 0.04
EXPONENT = 0.2 - 0.75 * MEMORY


def dormand_prince_step(field: Field, x: Tensor, t: float, h: float, k1: Tensor) -> Tensor:
    """The seven slopes (7, n, d) of a step from x (n, d) at t of length h, given the first, k1 = u(x, t); the last is u(x', t + h)."""
    import torch

    k = torch.empty((7, *x.shape), device=x.device, dtype=x.dtype)
    k[0] = k1
    for stage in range(1, 7):
        k[stage] = velocity(field, x.add(combined(STAGES[stage], k), alpha=h), t + NODES[stage] * h)
    return k


def combined(weights: Sequence[float], k: Tensor) -> Tensor:
    """sum_i weights_i k_i, (n, d)."""
    import torch

    total: Tensor = torch.tensordot(torch.tensor(weights, device=k.device, dtype=k.dtype), k[: len(weights)], dims=1)
    return total


class DormandPrince(SamplerBase, tag="dopri5", frozen=True, kw_only=True):
    """x' = x + h sum b_i k_i of order 5, with |x' - x'_4| / (atol + rtol max(|x|, |x'|)) (root mean square over d) held below 1."""

    label: ClassVar[str] = "Dormand–Prince"
    summary: ClassVar[str] = "Fifth order with step sizes that each particle chooses for itself; the steps are only what is stored."
    formula: ClassVar[str] = (
        r"x_{k+1} = x_k + h\sum_{i=1}^{6} b_i k_i,\quad h \leftarrow 0.9\,h\,\epsilon_k^{-0.17}\,\epsilon_{k-1}^{0.04},\quad "
        r"\epsilon = \frac{\|h\sum_i (b_i - \hat b_i) k_i\|}{\mathrm{atol} + \mathrm{rtol}\,|x|}"
    )
    source: ClassVar[str] = "Dormand & Prince 1980; Hairer, Nørsett & Wanner II.4–6"
    order: ClassVar[float] = 5.0
    evaluations_per_step: ClassVar[int] = 6
    remedy: ClassVar[str] = "ask for smaller tolerances"

    steps: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Times that are stored; the steps in between are chosen.", extra={"symbol": "N", "log": True}),
    ] = 50
    rtol: Annotated[float, Meta(ge=1e-13, le=0.1, description="Error allowed in a step, relative to |x|.", extra={"log": True})] = 1e-5
    atol: Annotated[float, Meta(ge=1e-13, le=0.1, description="Error allowed in a step, absolute.", extra={"log": True, "unit": "std"})] = (
        1e-5
    )
    most_steps: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Steps that a particle may try before it is stopped.", extra={"log": True})
    ] = 1_000

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        with torch.no_grad():
            flow = _Flow(self, field, x0, times)
        for end in times[1:]:
            with torch.no_grad():
                while flow.advance(end):
                    pass
                x = flow.at(end)
            if record is not None and end == times[-1]:
                flow.report(record)
            yield x

    @property
    def evaluations(self) -> int | None:
        return None

    @property
    def words(self) -> str:
        return f"rtol {self.rtol:.0e}, atol {self.atol:.0e}".replace("e-0", "e-")


class _Flow:
    """All particles, each at its own time ``tick`` (n,) with its own next step ``wish`` (n,), and the interpolant of its last step.

    Times and steps are counted in ticks, the interval over 2^40: whole numbers, so that times that are equal are known to be.
    """

    def __init__(self, sampler: DormandPrince, field: Field, x0: Tensor, times: Sequence[float]) -> None:
        import torch

        self.sampler, self.field = sampler, field
        self.low, self.high = times[0], times[-1]
        # no step can be more exact than its rounding
        floor = 8.0 * torch.finfo(x0.dtype).eps
        self.rtol, self.atol = max(sampler.rtol, floor), max(sampler.atol, floor)
        n, device = len(x0), x0.device
        self.x = x0.clone()
        self.tick = torch.zeros(n, device=device, dtype=torch.int64)
        self.tried = torch.zeros_like(self.tick)
        self.stopped = torch.zeros(n, device=device, dtype=torch.bool)
        self.refused = torch.zeros_like(self.stopped)
        self.memory = torch.full((n,), 1e-4, device=device, dtype=torch.float64)
        self.slope = velocity(field, x0, self.low)
        # of the last step: the interpolant, when it began and how long it was
        self.dense = torch.zeros((5, *x0.shape), device=device, dtype=x0.dtype)
        self.dense[0] = x0
        self.begun, self.length = torch.zeros_like(self.memory), torch.ones_like(self.memory)
        self.wish = self._first_step()

    def _time(self, tick: int) -> float:
        return self.high if tick >= TICKS else self.low + (self.high - self.low) * (tick / TICKS)

    def _first_step(self) -> Tensor:
        """Hairer's guess from the size of u and of its change, in ticks, (n,)."""
        import torch

        unit = self._unit(self.x, self.x)
        size, slope = _norm(self.x / unit), _norm(self.slope / unit)
        whole = self.high - self.low
        guess = torch.where((size < 1e-5) | (slope < 1e-5), 1e-6, 0.01 * size / slope).nan_to_num(1e-6)
        ticks = _block(guess / whole * TICKS, torch.zeros_like(self.tick))
        change = torch.zeros_like(guess)
        for step in _distinct(ticks):
            rows = (ticks == step).nonzero()[:, 0]
            h = self._time(step) - self.low
            ahead = velocity(rows_of(self.field, rows), self.x[rows].add(self.slope[rows], alpha=h), self.low + h)
            change[rows] = _norm((ahead - self.slope[rows]) / unit[rows]) / h
        h0 = ticks.double() / TICKS * whole
        largest = torch.maximum(slope, change)
        better = torch.where(largest <= 1e-15, (1e-3 * h0).clamp(min=1e-6), (0.01 / largest) ** 0.2)
        return torch.minimum(100.0 * h0, better).nan_to_num(1e-6) / whole * TICKS

    def _unit(self, x: Tensor, other: Tensor) -> Tensor:
        import torch

        return self.atol + self.rtol * torch.maximum(x.abs(), other.abs())

    def advance(self, end: float) -> bool:
        """One step tried by each particle that is furthest behind ``end``; False where none is behind it."""
        behind = self.low + (self.high - self.low) * (self.tick.double() / TICKS) < end
        behind &= ~self.stopped & (self.tick < TICKS)
        rows = behind.nonzero()[:, 0]
        if not len(rows):
            return False
        now = int(self.tick[rows].min())
        rows = rows[self.tick[rows] == now]
        steps = _block(self.wish[rows], self.tick[rows])
        for step in _distinct(steps):
            self._try(rows[steps == step], now, step)
        return True

    def _try(self, rows: Tensor, now: int, step: int) -> None:
        import torch

        t, stop = self._time(now), self._time(now + step)
        h = stop - t
        x = self.x[rows]
        k = dormand_prince_step(rows_of(self.field, rows), x, t, h, self.slope[rows])
        moved = h * combined(STAGES[6], k)
        after = x + moved
        error = _norm(h * combined(ERROR, k) / self._unit(x, after)).nan_to_num(torch.inf, torch.inf)
        good = error <= 1.0
        # the next length: a controller that also remembers the error before, and no growth right after a refusal
        raw = error.clamp(min=1e-10) ** EXPONENT
        growth = (SAFETY * self.memory[rows] ** MEMORY / raw).clamp(SHRINK, GROW)
        growth = torch.where(self.refused[rows], growth.clamp(max=1.0), growth)
        # a wish that the blocks could not grant yet is kept while nothing speaks against it
        wish = torch.where(growth < GROW, growth * step, torch.maximum(self.wish[rows], growth * step))
        self.wish[rows] = torch.where(good, wish, step * (SAFETY / raw).clamp(SHRINK, 0.5))
        self.tried[rows] += 1
        self.refused[rows] = ~good
        done, keep = rows[good], good.nonzero()[:, 0]
        first, last = h * k[0, keep], h * k[6, keep]
        bend = first - moved[keep]
        self.dense[:, done] = torch.stack([x[keep], moved[keep], bend, moved[keep] - last - bend, h * combined(DENSE, k)[keep]])
        self.begun[done], self.length[done] = t, h
        self.memory[done] = error[keep].clamp(min=1e-4)
        self.x[done], self.slope[done] = after[keep], k[6, keep]
        self.tick[done] = now + step
        # at the limit, or where the step is down to a tick
        stalled = (self.tried[rows] >= self.sampler.most_steps) | (self.wish[rows] < 1.0)
        self.stopped[rows] |= stalled & (self.tick[rows] < TICKS)

    def at(self, end: float) -> Tensor:
        """The states at time ``end``, (n, d): a particle that was stopped before stays where it was."""
        import torch

        share = ((end - self.begun) / self.length).clamp(0.0, 1.0).to(self.x.dtype)[:, None]
        a, b, c, d, e = self.dense
        between = a + share * (b + (1.0 - share) * (c + share * (d + (1.0 - share) * e)))
        return torch.where(share >= 1.0, self.x, between)

    def report(self, record: Record) -> None:
        """Function evaluations of a particle (one for the first slope, one for the first step's length, six a try) and stiffness."""
        each = 2 + 6 * self.tried
        mean, most = float(each.double().mean()), int(each.max())
        record.evaluations = round(mean)
        record.remark = f"{mean:,.0f} evaluations a particle, {most:,} at most"
        if bool(self.stopped.any()):
            share = float(self.stopped.double().mean())
            record.note = (
                f"stiff: {_percent(share)} of the particles were stopped after {int(self.tried[self.stopped].max()):,} steps, the first "
                f"at t = {self._time(int(self.tick[self.stopped].min())):.3f}: allow more steps (most_steps) or more error (rtol, atol)."
            )


def _block(wish: Tensor, tick: Tensor) -> Tensor:
    """The largest power of two of ticks that is at most the wish, divides the time, and does not pass the end; (n,), int64."""
    import torch

    power = wish.clamp(1.0, float(TICKS)).log2().floor().to(torch.int64)
    step = torch.ones_like(tick) << power
    aligned = torch.where(tick == 0, TICKS, tick & -tick)
    return torch.minimum(step, aligned)


def _distinct(x: Tensor) -> list[int]:
    return sorted(set(x.tolist()))


def _norm(x: Tensor) -> Tensor:
    """Root mean square over the coordinates, (n,), float64."""
    return x.double().square().mean(dim=1).sqrt()


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"
