"""Recorded tracks as fixes, and honest noise: what real phones say, for rules that must bear it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path
from typing import Final

import gpxpy
import numpy as np
from msgspec.structs import replace

from benchmarks.judgement import noise
from geofence import Fix
from tests.geofence.scenes import NOON_S, fix_at

TRACKS: Final = Path(__file__).parents[1] / "data" / "tracks"
WALK: Final = TRACKS / "cerknicko-jezero.gpx"
HIKE: Final = TRACKS / "korita-zbevnica.gpx"


def named(fix: Fix, **changes: object) -> Fix:
    """The fix with changes, under the digest that then names it."""
    changed = replace(fix, **changes)
    return replace(changed, digest=hashlib.sha256(repr(changed).encode()).digest())


def moved(fixes: Iterable[Fix], seconds: int, activation: str = "activation-1") -> list[Fix]:
    """The same places at another time, as a player of tracks tells them."""
    return [
        named(
            fix,
            at_s=fix.at_s + seconds,
            mono_ms=fix.mono_ms + 1000 * seconds,
            activation=activation,
        )
        for fix in fixes
    ]


def recorded(path: Path, *, every_s: int = 60) -> list[Fix]:
    """A recorded track, thinned as a phone that sends every so often would.

    GPX holds no accuracy: 5 to 12 m, changing.
    """
    fixes: list[Fix] = []
    for point in gpxpy.parse(path.read_text(encoding="utf-8")).walk(only_points=True):
        if point.time is None:
            continue
        at_s = int(point.time.replace(tzinfo=UTC).timestamp())
        if fixes and at_s - fixes[-1].at_s < every_s:
            continue
        fix = fix_at(at_s, 0.0, accuracy_m=5.0 + at_s % 8, seq=len(fixes))
        fixes.append(named(fix, latitude=point.latitude, longitude=point.longitude))
    return fixes


def noisy(
    east_m: Iterable[float], seed: int, *, every_s: int = 60, start_s: int = NOON_S
) -> list[Fix]:
    """Honest fixes of somebody who truly was at these places: the noise of the benchmarks."""
    true_m = np.array([list(east_m)])
    at_s = start_s + every_s * np.arange(true_m.shape[1], dtype=np.int64)
    told = noise.report(at_s, true_m, np.zeros_like(true_m), np.random.default_rng(seed))
    return [
        named(
            fix_at(
                int(at_s[n]),
                float(told.east_m[0, n]),
                north_m=float(told.north_m[0, n]),
                accuracy_m=float(told.accuracy_m[0, n]),
                seq=n,
            ),
            boot=1,
        )
        for n in range(len(at_s))
    ]
