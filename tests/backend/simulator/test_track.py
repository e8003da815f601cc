"""Tracks: timed points only, in UTC, with the accuracy given."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from backend.simulator.position import Position
from backend.simulator.track import VISNJAN_DRIVE, TimedPosition, read_track

GPX = """<?xml version="1.0"?>
<gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1"><trk>
<trkseg>{}</trkseg></trk></gpx>"""


def track(tmp_path: Path, points: str) -> list[TimedPosition]:
    file = tmp_path / "track.gpx"
    file.write_text(GPX.format(points), encoding="utf-8")
    return read_track(file, accuracy_m=8)


def test_an_empty_track_has_no_points(tmp_path: Path) -> None:
    assert track(tmp_path, "") == []


def test_points_without_a_time_are_left_out(tmp_path: Path) -> None:
    points = track(
        tmp_path,
        '<trkpt lat="1" lon="2"/>'
        '<trkpt lat="3" lon="4"><time>2020-12-18T07:15:50+01:00</time></trkpt>',
    )

    assert points == [
        TimedPosition(
            at=datetime(2020, 12, 18, 6, 15, 50, tzinfo=UTC),
            position=Position(latitude=3, longitude=4, accuracy_m=8),
        )
    ]


def test_a_time_without_zone_is_utc(tmp_path: Path) -> None:
    (point,) = track(tmp_path, '<trkpt lat="3" lon="4"><time>2020-12-18T06:15:50</time></trkpt>')

    assert point.at == datetime(2020, 12, 18, 6, 15, 50, tzinfo=UTC)


def test_the_recorded_drive_is_whole() -> None:
    drive = read_track(VISNJAN_DRIVE, accuracy_m=8)

    assert len(drive) == 104
    assert drive[0] == TimedPosition(
        at=datetime(2020, 12, 18, 6, 15, 50, tzinfo=UTC),
        position=Position(
            latitude=45.2735188510, longitude=13.7142099626, accuracy_m=8, altitude_m=211.15
        ),
    )
    assert drive[-1].at == datetime(2020, 12, 18, 6, 24, 24, tzinfo=UTC)
    assert all(a.at < b.at for a, b in pairwise(drive))
