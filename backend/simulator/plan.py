"""What each phone of a simulated fleet does, and when: made before anything is sent. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from random import Random
from typing import Final

from backend.simulator.position import Position
from backend.simulator.track import TimedPosition

_CYCLE_S: Final = 600
"""A phone is offline once in each ten minutes, for its share of them."""


class Deed(IntEnum):
    """What happens to a phone. Within one second it happens in this order."""

    JOIN = 1
    CUT = 2
    REBOOT = 3
    TAKE = 4
    LOSE = 5
    WRITE = 6
    SEND = 7
    ROTATE = 8
    CHECK_IN = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A deed, so many seconds after the start of the simulation.

    TAKE has a `position`. WRITE and SEND have the `page` of the journal, counted from 0.
    """

    at_s: int
    deed: Deed
    position: Position | None = None
    page: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a fleet moves and what befalls it; `offline` and `lose` are shares from 0 to below 1.

    Phone 0 begins at once, each other `apart_s` after the one before. On odd laps the track is
    gone back. `late_s` is the longest time that a written page of the journal is held back. With
    `rotate_every_s` at 0 no key is changed, with `check_in_every_s` at 0 nobody looks for check-ins.
    """

    track: Sequence[TimedPosition]
    laps: int = 1
    every_s: int = 0
    apart_s: int = 30
    journal_every_s: int = 900
    offline: float = 0.0
    lose: float = 0.0
    late_s: int = 0
    reboots: int = 0
    rotate_every_s: int = 0
    check_in_every_s: int = 0
    seed: int = 1

    def events_of(self, number: int) -> list[Event]:
        """Return what phone `number` does, in order; the same plan gives the same events."""
        chance = Random(f"{self.seed}/{number}")  # noqa: S311 - a simulation, to be repeated
        begins_s = number * self.apart_s
        events = [
            *self._fixes(begins_s, chance),
            *self._journal(begins_s, chance),
            *self._outages(begins_s, chance),
            *self._reboots(begins_s, chance),
            *self._regularly(Deed.ROTATE, self.rotate_every_s, begins_s),
            *self._regularly(Deed.CHECK_IN, self.check_in_every_s, begins_s),
        ]
        return sorted(events, key=lambda event: (event.at_s, event.deed))

    @property
    def lasts_s(self) -> int:
        """How long one phone is on its way."""
        return max((at_s for at_s, _ in self._way()), default=0)

    def _way(self) -> Iterator[tuple[int, Position]]:
        """Yield positions with rising whole seconds since the phone's start."""
        if not self.track:
            return
        first, last = self.track[0].at, self.track[-1].at
        lap_s = (last - first) // timedelta(seconds=1)
        next_s = 0
        for lap in range(self.laps):
            for point in self.track if lap % 2 == 0 else reversed(self.track):
                gone = point.at - first if lap % 2 == 0 else last - point.at
                at_s = lap * lap_s + gone // timedelta(seconds=1)
                if at_s >= next_s:
                    next_s = at_s + max(1, self.every_s)
                    yield at_s, point.position

    def _fixes(self, begins_s: int, chance: Random) -> Iterator[Event]:
        for at_s, position in self._way():
            deed = Deed.LOSE if chance.random() < self.lose else Deed.TAKE
            yield Event(at_s=begins_s + at_s, deed=deed, position=position)

    def _journal(self, begins_s: int, chance: Random) -> Iterator[Event]:
        for page, at_s in enumerate(
            range(self.journal_every_s, self.lasts_s, self.journal_every_s)
        ):
            held_s = chance.randint(0, self.late_s)
            yield Event(at_s=begins_s + at_s, deed=Deed.WRITE, page=page)
            yield Event(at_s=begins_s + at_s + held_s, deed=Deed.SEND, page=page)

    def _outages(self, begins_s: int, chance: Random) -> Iterator[Event]:
        lasts_s = self.lasts_s
        for from_s in range(0, lasts_s, _CYCLE_S):
            cycle_s = min(_CYCLE_S, lasts_s - from_s)
            out_s = round(cycle_s * self.offline)
            if out_s:
                at_s = begins_s + from_s + chance.randint(0, cycle_s - out_s)
                yield Event(at_s=at_s, deed=Deed.CUT)
                yield Event(at_s=at_s + out_s, deed=Deed.JOIN)

    def _reboots(self, begins_s: int, chance: Random) -> Iterator[Event]:
        for _ in range(self.reboots):
            yield Event(at_s=begins_s + chance.randint(1, max(1, self.lasts_s)), deed=Deed.REBOOT)

    def _regularly(self, deed: Deed, every_s: int, begins_s: int) -> Iterator[Event]:
        for at_s in range(every_s, self.lasts_s, every_s) if every_s else ():
            yield Event(at_s=begins_s + at_s, deed=deed)
