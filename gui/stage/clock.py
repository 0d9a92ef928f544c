"""Clock: where in model time t the stage is, and how play moves it. No Qt and no wall clock: the caller says how much time has passed."""

from __future__ import annotations

from dataclasses import dataclass, field

from gui.document import LoopMode

RUN_SECONDS = 4.0
"""How long a run from t = 0 to t = 1 takes at speed 1."""
HOLD_SECONDS = 0.9
"""How long play rests on an end before it loops or turns round: the result is what one wants to see."""


@dataclass
class Clock:
    """t in [0, 1], playing or not, forward (+1) or backward (-1)."""

    t: float = 0.0
    playing: bool = False
    direction: int = 1
    speed: float = 1.0
    loop: LoopMode = "loop"
    _held: float = field(default=0.0, repr=False)

    def seek(self, t: float) -> bool:
        """Goes to t, clamped to [0, 1]; whether that changed anything."""
        t = min(1.0, max(0.0, t))
        self._held = 0.0
        moved = t != self.t
        self.t = t
        return moved

    def play(self) -> None:
        """Starts; from the beginning when it stands at the end it runs towards."""
        if self.t == self._end and self.loop != "ping-pong":
            self.t = self._start
        self._held = 0.0
        self.playing = True

    def pause(self) -> None:
        """Stops where it is."""
        self.playing = False

    def turn(self) -> None:
        """Runs the other way from here."""
        self.direction = -self.direction
        self._held = 0.0

    def advance(self, seconds: float) -> bool:
        """Lets ``seconds`` pass; whether t changed."""
        if not self.playing:
            return False
        before = self.t
        if self.t == self._end:
            self._rest(seconds)
        else:
            self.t = min(1.0, max(0.0, self.t + self.direction * self.speed * seconds / RUN_SECONDS))
        return self.t != before

    @property
    def _end(self) -> float:
        return 1.0 if self.direction > 0 else 0.0

    @property
    def _start(self) -> float:
        return 1.0 - self._end

    def _rest(self, seconds: float) -> None:
        if self.loop == "once":
            self.playing = False
            return
        self._held += seconds
        if self._held < HOLD_SECONDS:
            return
        self._held = 0.0
        if self.loop == "loop":
            self.t = self._start
        else:
            self.direction = -self.direction
