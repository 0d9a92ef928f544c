"""Makes the pictures of README with the lab itself: ``make pictures``. A real window, a real training, a film by the recorder."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FOLDER = Path(__file__).parent.parent / "gui" / "pictures"
QUAKES = Path(__file__).parent / "data" / "quakes.csv"
TRAIN_SECONDS = 60.0


def letters(text: str) -> np.ndarray:
    """A word painted on the easel's 256 × 256 canvas, row 0 at the top."""
    from shaders.fonts import font_for  # the fonts that the captions use

    image = Image.new("L", (1024, 1024), 0)
    ImageDraw.Draw(image).text((512, 512), text, fill=255, font=font_for(text[0], "bold", 620), anchor="mm")
    return np.asarray(image.resize((256, 256), Image.Resampling.BOX), dtype=np.float32) / 255.0


class Photographer:
    """Drives an open lab and takes pictures of its window."""

    def __init__(self, theme: str, size: tuple[int, int]) -> None:
        from gui.app import make_app, show_first

        self.app = make_app()
        import qasync

        from gui.lab_window import LabWindow
        from gui.model import LabModel
        from gui.preferences import Preferences
        from gui.theme import apply_theme

        apply_theme(self.app, theme)  # type: ignore[arg-type]
        self.preferences, self.model = Preferences(), LabModel()
        self.window = LabWindow(self.model, self.preferences)
        self.window.resize(*size)
        show_first(self.window)
        self.loop = qasync.QEventLoop(self.app)
        asyncio.set_event_loop(self.loop)

    def run(self, script: Callable[[Photographer], object]) -> None:
        """Runs an async script, then closes the lab."""
        from gui.app import _collect_here
        from gui.lab import Lab

        with self.loop:
            self.lab = Lab(self.window, self.model, self.preferences)
            keep = _collect_here(self.app)
            self.lab.start()
            self.window.may_close = lambda: True
            self.loop.run_until_complete(script(self))  # type: ignore[arg-type]
            keep.stop()
            self.window.close()
            self.lab.close()
            self.loop.run_until_complete(asyncio.sleep(0))

    async def settle(self, seconds: float) -> None:
        """Lets the lab live."""
        await asyncio.sleep(seconds)

    def take(self, name: str) -> None:
        """The window as it is on the screen."""
        FOLDER.mkdir(exist_ok=True)
        self.app.primaryScreen().grabWindow(self.window.winId()).save(str(FOLDER / name))


async def letter(photographer: Photographer) -> None:
    """A painted letter, trained: dark, then light."""
    from engine.targets.raster import from_raster
    from gui.theme import apply_theme

    lab = photographer.lab
    await photographer.settle(3)
    lab.model.set_target(from_raster(letters("π")))
    lab.training.start()
    await photographer.settle(TRAIN_SECONDS)
    lab.training.pause()
    await photographer.settle(6)
    lab.stage.seek(0.72)
    await photographer.settle(2)
    photographer.take("lab-dark.png")
    apply_theme(photographer.app, "light")  # type: ignore[arg-type]
    lab.set_theme("light")
    await photographer.settle(2)
    photographer.take("lab-light.png")
    apply_theme(photographer.app, "dark")  # type: ignore[arg-type]
    lab.set_theme("dark")


def blobs() -> np.ndarray:
    """Two unequal blobs, row 0 at the top."""
    image = Image.new("L", (1024, 1024), 0)
    draw = ImageDraw.Draw(image)
    draw.ellipse((170, 240, 470, 540), fill=255)
    draw.ellipse((660, 580, 840, 760), fill=255)
    return np.asarray(image.resize((256, 256), Image.Resampling.BOX), dtype=np.float32) / 255.0


async def truth(photographer: Photographer) -> None:
    """The truth beside the network: its density under the exact one's contours, its error, and where the error comes from."""
    from msgspec.structs import replace

    from engine.samplers import Euler
    from engine.targets.raster import from_raster
    from gui.truth.window import TruthWindow
    from shaders.scene import Contours, HeatMap

    lab = photographer.lab
    await photographer.settle(3)
    lab.model.set_target(from_raster(blobs()))
    lab.model.edit_pane(0, replace(lab.model.document.panes[0], sampler=Euler(steps=10)))
    lab.training.start()
    await photographer.settle(0.4 * TRAIN_SECONDS)
    lab.training.pause()
    lab.stage.seek(0.8)
    first, second = lab.model.document.scene.panes
    quiet = {"particles": replace(first.layers.particles, visible=False), "trails": replace(first.layers.trails, visible=False)}
    density, error = HeatMap(visible=True, kind="model"), HeatMap(visible=True, kind="velocity-error")
    exact = Contours(visible=True, kind="exact")
    lab.model.show_layers(0, replace(first.layers, map=density, contours=exact, **quiet))
    lab.model.show_layers(1, replace(second.layers, map=error, contours=exact, **quiet))
    await photographer.settle(25)
    photographer.take("truth.png")
    window = TruthWindow.open_for(lab)
    window.resize(1120, 640)
    page = window.pages[0]
    page.run()
    while page.running:
        await photographer.settle(1)
    await photographer.settle(1)
    FOLDER.mkdir(exist_ok=True)
    window.grab().save(str(FOLDER / "sources.png"))
    window.close()


async def quakes(photographer: Photographer) -> None:
    """Earthquakes in three dimensions."""
    from msgspec.structs import replace

    from engine.targets.loading import load_target

    lab = photographer.lab
    await photographer.settle(3)
    lab.model.edit_experiment("quakes", replace(lab.model.experiment, target=load_target(QUAKES)))
    lab.training.start()
    await photographer.settle(TRAIN_SECONDS / 2)
    lab.training.pause()
    await photographer.settle(6)
    lab.stage.seek(0.9)
    await photographer.settle(2)
    photographer.take("quakes.png")


def film() -> None:
    """A GIF of a letter by train and render."""
    with tempfile.TemporaryDirectory() as folder:
        picture, session = Path(folder, "letter.png"), Path(folder, "letter.pushforward")
        Image.fromarray((255 * letters("π")).astype(np.uint8)).save(picture)
        run = [sys.executable, "main.py"]
        subprocess.run([*run, "train", "--target", str(picture), "--seconds", str(TRAIN_SECONDS), "--out", str(session)], check=True)
        out = FOLDER / "film.gif"
        subprocess.run([*run, "render", str(session), "--out", str(out), "--size", "960x540", "--fps", "20", "--seconds", "4"], check=True)


def main(names: list[str]) -> None:
    """Each picture in a process of its own: one lab, one OpenGL."""
    scripts = {"letter": ("dark", letter), "quakes": ("dark", quakes), "truth": ("dark", truth)}
    if names == ["film"]:
        film()
    elif names:
        theme, script = scripts[names[0]]
        Photographer(theme, (1600, 960)).run(script)
    else:
        for name in ("letter", "quakes", "truth", "film"):
            with tempfile.TemporaryDirectory() as state:
                environment = {**os.environ, "PUSHFORWARD_STATE": state}
                subprocess.run([sys.executable, "-m", "tests.pictures", name], env=environment, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
