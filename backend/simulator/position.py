"""Where a simulated phone is, and what its clocks show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What the phone's receiver found: WGS 84 degrees; `accuracy_m` holds the truth in 95 %."""

    latitude: float
    longitude: float
    accuracy_m: float
    altitude_m: float | None = None
    heading_deg: float | None = None
    speed_mps: float | None = None
    satellites: int | None = None
    cn0_dbhz: float | None = None
    mock: bool = False


class PhoneClock:
    """A phone's wall clock, which may be wrong, and its monotonic clock, which starts at zero.

    The monotonic clock runs `drift_ppm` millionths too fast; too slow, if that is negative.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        wall_ahead: timedelta = timedelta(),
        drift_ppm: float = 0.0,
    ) -> None:
        self._now = now
        self._wall_ahead = wall_ahead
        self._pace = 1 + drift_ppm / 1_000_000
        self._started_at = now()

    def wall(self) -> datetime:
        """The time that the phone shows."""
        return self._now() + self._wall_ahead

    def mono_ms(self) -> int:
        """Milliseconds since the phone was started."""
        return int((self._now() - self._started_at) / _MILLISECOND * self._pace)

    def restart(self) -> None:
        """Start the phone anew: the monotonic clock begins again."""
        self._started_at = self._now()
