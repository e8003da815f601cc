"""The rules that are compared: the engine's, and counting fixes by their centre points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.judgement.noise import Array, Reports
from benchmarks.judgement.scenes import Ground, place
from geofence import (
    Episode,
    Fix,
    Opening,
    Parameters,
    PreparedRules,
    RuleKind,
    State,
    judge,
)

# Fixes judged in one go where anything can happen.
_BLOCK: Final = 8
# What plane metres may err against the engine's geodesic ones.
_SLACK: Final = 0.98
_SLACK_M: Final = 1.0


class Alarm(NamedTuple):
    """What a rule made of some fixes. Times are infinite where there is none."""

    onset_s: float
    ended_s: float
    confirmed_s: float
    possible_s: float
    crossing: bool


class Method(Protocol):
    """A way to judge: all alarms of each person."""

    @property
    def name(self) -> str: ...
    def alarms(self, ground: Ground, reports: Reports) -> list[list[Alarm]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Centres:
    """Confirms at so many fixes in a row whose centre point breaks the rule."""

    name: str
    needed: int

    def alarms(self, ground: Ground, reports: Reports) -> list[list[Alarm]]:
        """One alarm for each long enough run; it ends with the first centre point that complies."""
        breaking = ground.beyond_m(reports.east_m, reports.north_m) > 0.0
        return [self._runs(row, reports.at_s) for row in breaking]

    def _runs(self, breaking: NDArray[np.bool_], at_s: NDArray[np.int64]) -> list[Alarm]:
        turns = np.diff(breaking.astype(np.int8), prepend=0, append=0)
        starts, ends = np.flatnonzero(turns == 1), np.flatnonzero(turns == -1)
        return [
            Alarm(
                onset_s=float(at_s[start]),
                ended_s=float(at_s[end]) if end < len(at_s) else np.inf,
                confirmed_s=float(at_s[start + self.needed - 1]),
                possible_s=np.inf,
                crossing=False,
            )
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            if end - start >= self.needed
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine itself under some parameters."""

    name: str
    parameters: Parameters

    def alarms(self, ground: Ground, reports: Reports) -> list[list[Alarm]]:
        """Every episode that was ever reported."""
        telling = telling_fixes(ground, reports, self.parameters)
        rules = ground.rules()
        return [
            [
                _alarm(episode)
                for episode in folded(reports, row, telling[row], rules, self.parameters)
            ]
            for row in range(len(telling))
        ]


def telling_fixes(ground: Ground, reports: Reports, parameters: Parameters) -> NDArray[np.bool_]:
    """The fixes that could change a clear position, generously: suspicious, or ends of crossings."""
    beyond_m = ground.beyond_m(reports.east_m, reports.north_m)
    telling = beyond_m > _SLACK * parameters.suspect_factor * reports.accuracy_m - _SLACK_M
    if ground.kind is RuleKind.EXCLUSION:
        apart_m = np.hypot(np.diff(reports.east_m), np.diff(reports.north_m))
        clear = (beyond_m[:, :-1] < 0.0) & (beyond_m[:, 1:] < 0.0)
        short = -(beyond_m[:, :-1] + beyond_m[:, 1:]) < 1.05 * apart_m + _SLACK_M
        telling[:, 1:] |= clear & short
    return telling


def folded(
    reports: Reports,
    row: int,
    telling: NDArray[np.bool_],
    rules: PreparedRules,
    parameters: Parameters,
) -> list[Episode]:
    """One person's episodes as `judge` finds them.

    Blocks in which nothing can happen to a clear position are passed over: of the fixes before,
    a clear position remembers only the last two, which the next judged block is given.
    """
    found: dict[tuple[int, int], Episode] = {}
    state: State | None = None
    stretch = 0
    for first in range(0, len(reports.at_s), _BLOCK):
        block = slice(first, first + _BLOCK)
        if (state is None or not state.tracks) and not telling[block].any():
            state = None
            continue
        if state is None:
            block = slice(max(0, first - 2), first + _BLOCK)
            stretch = first
            state = State.begin(at_s=int(reports.at_s[block][0]) - 1, parameters=parameters)
        until_s = int(reports.at_s[block][-1])
        fixes = fixes_of(reports, row, block)
        judged = judge(state, fixes, rules, until_s=until_s, parameters=parameters)
        found |= {(stretch, episode.ordinal): episode for episode in judged.changes}
        state = judged.state
    return list(found.values())


def fixes_of(reports: Reports, row: int, block: slice) -> Iterable[Fix]:
    """Some fixes of one person as the engine takes them."""
    columns: list[Array | NDArray[np.int64]] = [
        reports.at_s[block],
        reports.east_m[row, block],
        reports.north_m[row, block],
        reports.accuracy_m[row, block],
    ]
    for at_s, east_m, north_m, accuracy_m in zip(*(c.tolist() for c in columns), strict=True):
        latitude, longitude = place(east_m, north_m)
        yield Fix(
            digest=at_s.to_bytes(8),
            activation="phone",
            seq=at_s,
            at_s=at_s,
            mono_ms=at_s * 1000,
            latitude=latitude,
            longitude=longitude,
            accuracy_m=accuracy_m,
        )


def _alarm(episode: Episode) -> Alarm:
    reported_s = episode.possible_at_s
    return Alarm(
        onset_s=episode.onset_s,
        ended_s=np.inf if episode.ended_s is None else episode.ended_s,
        confirmed_s=np.inf if episode.confirmed_at_s is None else episode.confirmed_at_s,
        possible_s=np.inf if reported_s is None else reported_s,
        crossing=episode.opened_by is Opening.CROSSING,
    )


CENTRE_POINT: Final = Centres(name="centre point, one fix", needed=1)
TWO_FIXES: Final = Centres(name="centre point, two fixes", needed=2)
GIVEN: Final = Engine(name="**the rule**", parameters=Parameters())
BEFORE: Final = Engine(
    name="the rule before",
    parameters=Parameters(suspect_factor=1.25, hard_factor=1.25, independent_after_s=1),
)
METHODS: Final[tuple[Method, ...]] = (
    CENTRE_POINT,
    TWO_FIXES,
    BEFORE,
    GIVEN,
    Engine(name="suspect_factor 1.25", parameters=Parameters(suspect_factor=1.25)),
    Engine(name="hard_factor 1.25", parameters=Parameters(hard_factor=1.25)),
    Engine(name="hard_factor 1.5", parameters=Parameters(hard_factor=1.5)),
    Engine(name="independent_after_s 1", parameters=Parameters(independent_after_s=1)),
)
