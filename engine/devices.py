"""Devices: the CPU and each GPU, by name and in words."""

from __future__ import annotations

from engine.choice import Problem


def devices() -> list[tuple[str, str]]:
    """(name, label) of each device: ``("cpu", "CPU")``, ``("cuda:0", "NVIDIA …")``. Imports torch."""
    import torch

    found = [("cpu", "CPU")]
    if torch.cuda.is_available():
        found += [(f"cuda:{k}", torch.cuda.get_device_name(k)) for k in range(torch.cuda.device_count())]
    return found


def resolve(name: str) -> str:
    """``auto`` (the first GPU, else the CPU), ``cpu``, ``cuda`` or ``cuda:1`` to the name of a device that is there.

    Raises Problem for one that is not.
    """
    names = [known for known, _ in devices()]
    if name == "auto":
        return names[1] if len(names) > 1 else "cpu"
    wanted = "cuda:0" if name == "cuda" else name
    if wanted in names:
        return wanted
    if name.startswith("cuda"):
        raise Problem(f"device {name}: torch finds no such GPU here; there is {', '.join(names)}.")
    raise Problem(f"device {name!r}: choose auto, cpu, cuda or cuda:N.")
