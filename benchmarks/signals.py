"""`python -m benchmarks.signals`: how often honest people and recorded tricks have signals.

The same seed and size give the same table.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec.structs import replace

from benchmarks.judgement import noise
from benchmarks.judgement.scenes import DAY_S, START_S, place
from geofence import (
    Fix,
    Footprint,
    Parameters,
    SignalKind,
    SignalLimits,
    find_company,
    find_oddities,
    find_replay,
    footprint_of,
)

LIMITS: Final = SignalLimits()
PARAMETERS: Final = Parameters()
_DAYS: Final = 5
"""So many days of one person in a row, each with the same way to work and back."""
_COMMUTE_S: Final = 1800
_SPEED_MPS: Final = 8.0
_LEAVES_S: Final = (7 * 3600, 17 * 3600)


def day(every_s: int, rng: np.random.Generator) -> noise.Array:
    """Where somebody truly is, metres east of home: there, on the way, at work, on the way back.

    They set out up to five minutes early or late, and drive up to a tenth slower or faster.
    """
    at_s = np.arange(0, DAY_S, every_s, dtype=np.float64)
    out_s, back_s = (moment + rng.uniform(-300.0, 300.0) for moment in _LEAVES_S)
    pace = rng.uniform(0.9, 1.1, size=2) * _SPEED_MPS
    far_m = _SPEED_MPS * _COMMUTE_S
    there_m = np.clip((at_s - out_s) * pace[0], 0.0, far_m)
    again_m = np.clip((at_s - back_s) * pace[1], 0.0, far_m)
    return np.asarray(there_m - again_m)


def told(east_m: noise.Array, every_s: int, start_s: int, rng: np.random.Generator) -> list[Fix]:
    """What an honest phone tells of a true way."""
    at_s = start_s + every_s * np.arange(len(east_m), dtype=np.int64)
    report = noise.report(at_s, east_m[None, :], np.zeros((1, len(east_m))), rng)
    fixes = []
    for n, when_s in enumerate(at_s):
        latitude, longitude = place(float(report.east_m[0, n]), float(report.north_m[0, n]))
        fixes.append(
            Fix(
                digest=hashlib.sha256(f"{when_s} {latitude} {longitude}".encode()).digest(),
                activation="phone",
                seq=n,
                at_s=int(when_s),
                mono_ms=1000 * int(when_s),
                latitude=latitude,
                longitude=longitude,
                accuracy_m=float(report.accuracy_m[0, n]),
                boot=1,
            )
        )
    return fixes


def footprints(fixes: list[Fix]) -> list[Footprint]:
    """What is remembered of fixes."""
    steps = (footprint_of(previous, fix) for previous, fix in pairwise(fixes))
    return [step for step in steps if step is not None]


def kinds(past: list[Fix], today: list[Fix], other: list[Fix]) -> set[SignalKind]:
    """The kinds of signal that a day has, after the days before it and beside another person's."""
    found = {
        signal.kind
        for oddity in find_oddities(today, LIMITS, PARAMETERS)
        for signal in oddity.signals
    }
    if find_replay(footprints(today), footprints(past), LIMITS.replayed_places):
        found.add(SignalKind.REPLAYED)
    if find_company(today, other, LIMITS.together_s):
        found.add(SignalKind.TOGETHER)
    return found


Trick = Callable[[list[Fix], list[Fix], int], list[Fix]]


def _honest(_past: list[Fix], today: list[Fix], _every_s: int) -> list[Fix]:
    return today


def _replayed(past: list[Fix], today: list[Fix], _every_s: int) -> list[Fix]:
    """Yesterday instead of today."""
    yesterday = past[-len(today) :]
    return [
        replace(fix, at_s=fix.at_s + DAY_S, mono_ms=fix.mono_ms + 1000 * DAY_S) for fix in yesterday
    ]


def _frozen(_past: list[Fix], today: list[Fix], _every_s: int) -> list[Fix]:
    """Home, typed in, all day; the stated radius as it is."""
    latitude, longitude = place(0.0, 0.0)
    return [replace(fix, latitude=latitude, longitude=longitude) for fix in today]


def _constant(_past: list[Fix], today: list[Fix], _every_s: int) -> list[Fix]:
    """One radius for the whole day."""
    return [replace(fix, accuracy_m=5.0) for fix in today]


def _ruled(_past: list[Fix], today: list[Fix], every_s: int) -> list[Fix]:
    """A straight way at 3 m/s all day."""
    places = (place(3.0 * every_s * n, every_s * n) for n in range(len(today)))
    return [
        replace(fix, latitude=latitude, longitude=longitude)
        for fix, (latitude, longitude) in zip(today, places, strict=True)
    ]


TRICKS: Final[dict[str, tuple[Trick, SignalKind | None]]] = {
    "honest": (_honest, None),
    "yesterday again": (_replayed, SignalKind.REPLAYED),
    "home, typed in": (_frozen, SignalKind.FROZEN),
    "one radius all day": (_constant, SignalKind.CONSTANT_ACCURACY),
    "drawn with a ruler": (_ruled, SignalKind.TOO_PERFECT),
}


def measure(person_days: int, every_s: int, seed: int) -> dict[str, Counter[SignalKind]]:
    """How many days of each kind of person have each signal.

    Each person's neighbour drives the same road on the same days, at an hour of their own; the
    second phone in a pocket tells the same way with noise of its own.
    """
    counts: dict[str, Counter[SignalKind]] = {name: Counter() for name in TRICKS}
    counts["two in a pocket"] = Counter()
    for person in range(person_days // _DAYS):
        rng = np.random.default_rng([seed, every_s, person])
        past: list[Fix] = []
        for number in range(_DAYS):
            start_s = START_S + number * DAY_S
            way_m = day(every_s, rng)
            today = told(way_m, every_s, start_s, rng)
            neighbour = told(day(every_s, rng), every_s, start_s, rng)
            for name, (trick, _) in TRICKS.items():
                if past or name == "honest":
                    counts[name].update(kinds(past, trick(past, today, every_s), neighbour))
            beside = told(way_m, every_s, start_s, rng)
            counts["two in a pocket"].update(kinds(past, today, beside))
            past += today
    return counts


def table(counts: dict[str, Counter[SignalKind]], days: int) -> Iterator[str]:
    """A row for each kind of person: of 1,000 days, so many have each signal."""
    yield "| of 1,000 days | " + " | ".join(kind.value for kind in SignalKind) + " |"
    yield "|---" * (1 + len(SignalKind)) + "|"
    tricked = days * (_DAYS - 1) // _DAYS
    for name, found in counts.items():
        total = days if name in {"honest", "two in a pocket"} else tricked
        shares = (f"{1000 * found[kind] / total:.1f}" for kind in SignalKind)
        yield f"| {name} | " + " | ".join(shares) + " |"


def main() -> None:
    """Print a table for each cadence."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.signals", description=__doc__)
    parser.add_argument("--person-days", type=int, default=100)
    parser.add_argument("--every-s", type=int, nargs="+", default=[60, 15], help="cadences")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    days = asked.person_days // _DAYS * _DAYS
    for every_s in asked.every_s:
        started = time.perf_counter()
        print(f"\nA fix every {every_s} s\n")
        print(*table(measure(days, every_s, asked.seed), days), sep="\n")
        print(f"\n{days:,} person-days, seed {asked.seed}, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
