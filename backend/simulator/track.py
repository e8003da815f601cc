"""Recorded tracks as timed positions, for a phone to replay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import gpxpy

from backend.simulator.position import Position

VISNJAN_DRIVE: Final = Path(__file__).parent / "tracks" / "around-visnjan-with-car.gpx"
"""A drive of nine minutes in Istria, 104 fixes (licence beside it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPosition:
    """Where the recorder was at an instant (UTC)."""

    at: datetime
    position: Position


def read_track(path: Path, *, accuracy_m: float) -> list[TimedPosition]:
    """The points of a GPX file that carry a time, in the order of the file.

    GPX holds no accuracy: each point gets `accuracy_m`, the radius of 95 %.
    """
    document = gpxpy.parse(path.read_text(encoding="utf-8"))
    return [
        TimedPosition(
            # GPX 1.1 times are UTC; some recorders leave the Z away.
            at=(time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC),
            position=Position(
                latitude=point.latitude,
                longitude=point.longitude,
                accuracy_m=accuracy_m,
                altitude_m=point.elevation,
            ),
        )
        for track in document.tracks
        for segment in track.segments
        for point in segment.points
        if (time := point.time) is not None
    ]
