"""The random numbers of samplers: increments of the shared Brownian path, and streams of their own for Langevin steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.randomness import generator

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath


def driven(brownian: BrownianPath | None, label: str) -> BrownianPath:
    """The Brownian path that a stochastic sampler must be given. Raises ValueError."""
    if brownian is None:
        raise ValueError(f"{label} needs a Brownian path.")
    return brownian


class Increments:
    """W(end) - W(t); the end of one is kept at hand as the beginning of the next."""

    def __init__(self, brownian: BrownianPath | None, label: str) -> None:
        """Raises ValueError where a stochastic sampler is given no Brownian path."""
        self._brownian = driven(brownian, label)
        self._time, self._value = -1.0, self._brownian.at(0.0)

    def between(self, t: float, end: float, like: Tensor) -> Tensor:
        """(n, d), of variance end - t, on the device of ``like`` and in its precision."""
        import torch

        before = self._value if t == self._time else self._brownian.at(t)
        self._time, self._value = end, self._brownian.at(end)
        return torch.from_numpy(self._value - before).to(like.device, like.dtype)


def normals(brownian: BrownianPath, name: str, step: int, like: Tensor) -> Tensor:
    """Standard normals (n, d) that (seed of the path, name, step) name; the first rows do not depend on n."""
    import torch

    return torch.from_numpy(generator(brownian.seed, name, step).standard_normal(tuple(like.shape))).to(like.device, like.dtype)


def uniforms(brownian: BrownianPath, name: str, step: int, like: Tensor) -> Tensor:
    """Uniform numbers in [0, 1), (n,), likewise, in double precision."""
    import torch

    return torch.from_numpy(generator(brownian.seed, name, step).random(len(like))).to(like.device)
