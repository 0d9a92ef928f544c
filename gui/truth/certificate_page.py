"""CertificatePage: TV, KL and path KL between the exact SDE and the network's, as nested bars, and how the path KL grows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct
from PySide6.QtWidgets import QWidget

from engine.certify import DELTA, LARGEST, PATHS, SMALLEST, no_sigma, sigma_of
from engine.error_words import plus_minus
from engine.samplers.sigma import Sigma, SqrtSigma
from gui.forms.struct_form import StructForm
from gui.truth.basis import UNTRAINED, Basis
from gui.truth.lines import Curve, LinePlot
from gui.truth.nested import Nest, NestedBars
from gui.truth.page import Page, Slice, wrapped
from gui.truth.tables import Table, number
from gui.widgets import column, heading

if TYPE_CHECKING:
    from engine.certificate import Certificate
    from gui.lab import Lab

EXPLAINED = (
    "p is the exact SDE's density at t = 1 − δ, p′ that of the SDE with the network's drift; both begin alike and have one σ_t. "
    "Pinsker bounds TV by the KL of the densities, data processing bounds that by the KL of the paths, and Girsanov gives it: "
    "E ∫ ‖b − b′‖² / (2σ²) dt."
)


class CertificateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it ends, and how finely it is measured."""

    delta: Annotated[
        float,
        Meta(
            ge=SMALLEST,
            le=LARGEST,
            description="The certificate is for t up to 1 − δ: at the data itself the path KL is infinite unless the error vanishes.",
            extra={"symbol": "δ", "log": True},
        ),
    ] = DELTA
    paths: Annotated[int, Meta(ge=200, le=20_000, description="Paths that the path KL is a mean over.", extra={"log": True})] = PATHS
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Names the start of the paths and their noise.")] = 0


@dataclass(frozen=True)
class Certified:
    """A certificate and what it was made for."""

    certificate: Certificate
    sigma: Any
    delta: float
    paths: int


class CertificatePage(Page):
    """Certificate."""

    NAME = "certificate"
    EMPTY = "A bound on how far the network's SDE can be from the exact one, every number measured with its error.\nPress Measure."

    def __init__(self, lab: Lab):
        self.form = StructForm(CertificateSettings)
        self.sigma = StructForm(Sigma, SqrtSigma(), title="σ_t")
        self._own_sigma: object = None
        self._about_sigma = wrapped("")
        self.bars = NestedBars()
        self.chart = LinePlot("Path KL against 1 − t", log_x=True, backwards=True)
        body = QWidget()
        inside = column(self.bars, heading("How the path KL grows towards the data"), self.chart, spacing=4)
        inside.setStretch(2, 1)
        body.setLayout(inside)
        left = QWidget()
        left.setLayout(
            column(
                heading("End and paths"),
                self.form,
                heading("Noise of the SDE"),
                self.sigma,
                self._about_sigma,
                heading("What is measured"),
                wrapped(EXPLAINED),
                1,
                spacing=8,
            )
        )
        super().__init__(lab, left, body)
        self.form.changed.connect(lambda _value: self.show_state())
        self.sigma.changed.connect(self._sigma_chosen)

    def key(self, basis: Basis) -> object:
        return basis.law, basis.network, basis.guidance

    def basis_words(self, basis: Basis) -> str:
        sigma = self.sigma.value if self.found is None or basis is not self.basis else self.found.sigma
        return f"{basis.field_words} · SDE with {sigma.words}"

    def empty_words(self) -> str:
        if self.present is None or sigma_of(self.present.sampler) is not None:
            return self.EMPTY
        sigma = self.sigma.value.words
        offer = f"Press Measure for the SDE dX = (u + σ²s/2) dt + σ dW with the same fields and the σ_t at the left, {sigma}."
        return f"{no_sigma(self.present.sampler)}\n{offer}"

    def settings(self) -> object:
        return self.form.value, self.sigma.value

    def follow(self, pane: int) -> None:
        """The pane's own sigma, where it has one, is what is offered."""
        super().follow(pane)
        assert self.present is not None
        own = sigma_of(self.present.sampler)
        if own is not None and own != self._own_sigma:
            self._own_sigma = own
            self.sigma.set_value(own)
        elif own is None:
            self._own_sigma = None
        self._about_sigma.setText(self._sigma_words())
        self.show_state()

    def _sigma_chosen(self, _sigma: object) -> None:
        self._about_sigma.setText(self._sigma_words())
        self.show_state()

    def _sigma_words(self) -> str:
        assert self.present is not None
        own, label = sigma_of(self.present.sampler), self.present.sampler.label
        if own is None:
            return f"{label} of this pane follows no SDE with a σ_t: choose one here."
        return f"That of this pane's {label}." if own == self.sigma.value else f"This pane's {label} has {own.words}."

    def refusal(self, basis: Basis) -> str | None:
        reason = basis.refusal() or (UNTRAINED if basis.network is None else None)
        if reason is not None or basis.network is None:
            return reason
        from engine.fields.base import score_refusal

        path: Any = basis.network.field.path
        found: str | None = score_refusal(basis.network.field) or self.sigma.value.refusal(path)
        return found

    def slices(self, basis: Basis) -> Callable[[], Generator[Slice | None, None, None]]:
        asked, sigma = self.form.value, self.sigma.value

        def work() -> Generator[Slice | None, None, None]:
            from engine.certify import certify

            assert basis.network is not None
            yield Slice(0.0, "The exact field in double precision")
            slices = certify(basis.network.field, basis.law, sigma, delta=asked.delta, n=asked.paths, seed=asked.seed)
            try:
                while True:
                    try:
                        share = next(slices)
                    except StopIteration as stop:
                        yield Slice(1.0, "", Certified(stop.value, sigma, asked.delta, asked.paths))
                        return
                    yield Slice(share, "Paths, and their KL" if share < 0.3 else "Densities on the grid")
            finally:
                slices.close()

        return work

    def show_result(self, result: Certified) -> None:
        found = result.certificate
        self.bars.show_bars(bars_of(found), f"at t = 1 − δ = {found.t:.5g}; a pure number from 0 to 1 (bounds may be larger)")
        left = 1.0 - found.times
        low, high = (found.growth + sign * found.growth_error for sign in (-1.0, 1.0))
        shown = left > 0
        curve = Curve(
            "KL of the paths up to t, nats ± its standard error", "beta", left[shown], found.growth[shown], low[shown], high[shown]
        )
        # time runs to the right, and so 1 - t falls
        self.chart.show_curves(
            [curve], ("1 − t, the data at the right", "path KL (nats)"), log=False, across=(1.0 - found.times[0], 1.0 - found.t)
        )

    def words(self, result: Certified) -> str:
        found = result.certificate
        said = [
            f"At most {100 * min(1.0, found.path_bound):.3g} % of total variation, by the paths alone; measured, it is "
            f"{plus_minus(100 * found.tv, 100 * found.tv_error)} %."
        ]
        if not found.holds:
            said.append("The chain does not hold within three errors: the grid is too coarse here.")
        decade = found.per_decade
        if found.note:
            said.append(found.note)
        elif decade is not None:
            said.append(f"The last decade of δ adds only {decade:.3g} nats to the path KL.")
        return " ".join(said)

    def tables(self, result: Certified) -> list[Table]:
        return tables(result)


def bars_of(found: Certificate) -> tuple[Nest, ...]:
    """The chain, from TV outwards."""
    kl = plus_minus(found.kl, found.kl_error)
    path = plus_minus(found.path_kl, found.path_kl_error)
    event = "the largest difference in the probability of any event; on the grid"
    told = f"Pinsker; KL(p ‖ p′) = {kl} nats: what a sample of p tells against p′, on average"
    seen = f"Girsanov; KL of the paths = {path} nats: the same for whoever sees the whole path"
    return (
        Nest("TV(p, p′)", plus_minus(found.tv, found.tv_error), event, "alpha", found.tv, found.tv_error),
        Nest("√(KL/2)", plus_minus(found.pinsker, found.pinsker_error), told, "sigma", found.pinsker, found.pinsker_error),
        Nest("√(KL_path/2)", plus_minus(found.path_bound, found.path_bound_error), seen, "beta", found.path_bound, found.path_bound_error),
    )


def tables(result: Certified) -> list[Table]:
    """The chain, and the growth of the path KL."""
    found = result.certificate
    rows = [
        ("TV(p, p')", found.tv, found.tv_error, "1"),
        ("KL(p || p')", found.kl, found.kl_error, "nats"),
        ("sqrt(KL/2)", found.pinsker, found.pinsker_error, "1"),
        ("path KL", found.path_kl, found.path_kl_error, "nats"),
        ("sqrt(path KL/2)", found.path_bound, found.path_bound_error, "1"),
        ("growth of path KL in the last decade", found.per_decade, None, "nats"),
        ("t = 1 - delta", found.t, None, "1"),
        ("delta asked for", result.delta, None, "1"),
        ("paths", float(result.paths), None, "1"),
    ]
    chain = tuple((name, number(value), number(error), unit) for name, value, error, unit in rows)
    steps = zip(found.times, found.growth, found.growth_error, strict=True)
    growth = tuple((number(float(t)), number(float(kl)), number(float(error))) for t, kl, error in steps)
    return [
        Table(("quantity", "value", "error", "unit"), (*chain, ("sigma", result.sigma.words))),
        Table(("t", "path KL (nats)", "standard error (nats)"), growth),
    ]
