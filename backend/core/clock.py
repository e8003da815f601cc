"""The one source of time.

Everything below views, commands and the worker gets `now` as a parameter; only those three ask a
clock. A stepped clock lets a demo or a test tell a story of weeks in seconds; settings refuse it
in production.
"""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Answers the present as an aware UTC datetime."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


class SteppedClock:
    """Real time plus an offset that several processes share through a small file.

    The file holds one signed 64-bit count of microseconds. Time flows on between steps, so leases
    and nonces age as they do in life; `step_to` moves everyone who reads the same file.
    """

    _FORMAT = struct.Struct("<q")

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size != self._FORMAT.size:
            self._write(timedelta())

    def now(self) -> datetime:
        """Return real time shifted by the shared offset."""
        raw = os.pread(self._file, self._FORMAT.size, 0)
        return datetime.now(UTC) + timedelta(microseconds=self._FORMAT.unpack(raw)[0])

    def step_to(self, instant: datetime) -> None:
        """Make `instant` the present, for every process that shares the file."""
        self._write(instant - datetime.now(UTC))

    def step(self, by: timedelta) -> None:
        """Move the present by `by`."""
        self.step_to(self.now() + by)

    def _write(self, offset: timedelta) -> None:
        os.pwrite(self._file, self._FORMAT.pack(offset // timedelta(microseconds=1)), 0)


def rfc3339(instant: datetime) -> str:
    """Return `instant` as RFC 3339 in UTC with `Z`, milliseconds kept when there are any."""
    timespec = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def unix_s(instant: datetime) -> int:
    """Return the whole Unix seconds of `instant`, rounded down."""
    return int(instant.timestamp() // 1)


def from_unix_s(seconds: float) -> datetime:
    """Return the aware UTC datetime of Unix `seconds`."""
    return datetime.fromtimestamp(seconds, UTC)


def local_minute(at_s: int, zone: str) -> str:
    """Return a Unix time as a clock in an IANA zone shows it, to the minute."""
    return from_unix_s(at_s).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
