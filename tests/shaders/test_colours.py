"""The stored colour maps are cmap's."""

from __future__ import annotations

import numpy as np
import pytest
from cmap import Colormap

from shaders import colours
from shaders.themes import THEMES


@pytest.mark.parametrize(("name", "dark"), list(colours.SAMPLED))
def test_stored_maps_are_parts_of_the_library_s(name: str, dark: bool) -> None:
    source, low, high = colours.SAMPLED[name, dark]
    wanted = np.asarray(Colormap(source)(np.linspace(low, high, 256)))[:, :3]
    stored = colours.speed_map(dark) if name == "speed" else colours.heat_map(dark)[:, :3]
    np.testing.assert_allclose(stored, wanted, atol=1e-6)


SIGHTS = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""Linear sRGB as it is seen [Machado 2009, severity 1]."""


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("sight", list(SIGHTS))
def test_label_colours_stay_apart_for_every_eye(sight: str, dark: bool) -> None:
    """Any two differ by at least 0.08 in OKLab (a just noticeable difference is about 0.02), and all by 2.5 to 1 from the stage."""
    theme = THEMES["dark" if dark else "light"]
    table = colours.labels(theme).astype(np.float64)
    linear = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(SIGHTS[sight]).T, 0.0, 1.0)
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    opponent = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    lab = np.cbrt(seen @ cones.T) @ opponent.T
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 9.0 * np.eye(8)
    assert apart.min() > 0.08
    stage = np.array([int(theme.stage[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    light = [0.2126, 0.7152, 0.0722] @ np.where(stage <= 0.04045, stage / 12.92, ((stage + 0.055) / 1.055) ** 2.4)
    own = linear @ [0.2126, 0.7152, 0.0722]
    assert np.all((np.maximum(own, light) + 0.05) / (np.minimum(own, light) + 0.05) > 2.5)
