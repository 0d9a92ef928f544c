"""The stored colour maps are cmap's."""

from __future__ import annotations

import numpy as np
import pytest
from cmap import Colormap

from shaders import colours


@pytest.mark.parametrize(("name", "dark"), list(colours.SAMPLED))
def test_stored_maps_are_parts_of_the_library_s(name: str, dark: bool) -> None:
    source, low, high = colours.SAMPLED[name, dark]
    wanted = np.asarray(Colormap(source)(np.linspace(low, high, 256)))[:, :3]
    stored = colours.speed_map(dark) if name == "speed" else colours.heat_map(dark)[:, :3]
    np.testing.assert_allclose(stored, wanted, atol=1e-6)
