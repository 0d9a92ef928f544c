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
    """W(end) - W(the end before), asked for in order."""

    def __init__(self, brownian: BrownianPath | None, t: float, label: str) -> None:
        """Raises ValueError where a stochastic sampler is given no Brownian path."""
        self._brownian = driven(brownian, label)
        self._before = self._brownian.at(t)

    def to(self, end: float, like: Tensor) -> Tensor:
        """(n, d), of variance end less the end before, on the device of ``like`` and in its precision."""
        import torch

        after = self._brownian.at(end)
        step = torch.from_numpy(after - self._before).to(like.device, like.dtype)
        self._before = after
        return step


def normals(brownian: BrownianPath, name: str, step: int, like: Tensor) -> Tensor:
    """Standard normals (n, d) that (seed of the path, name, step) name; the first rows do not depend on n."""
    import torch

    return torch.from_numpy(generator(brownian.seed, name, step).standard_normal(tuple(like.shape))).to(like.device, like.dtype)


def uniforms(brownian: BrownianPath, name: str, step: int, like: Tensor) -> Tensor:
    """Uniform numbers in [0, 1), (n,), likewise, in double precision."""
    import torch

    return torch.from_numpy(generator(brownian.seed, name, step).random(len(like))).to(like.device)
