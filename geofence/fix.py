"""One position that a phone stated, as the engine sees it."""

from __future__ import annotations

import math

import msgspec

from geofence.geodesy import HALF_TURN, POLE


class Fix(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A position at a time, with the radius that holds it in 95 of 100 cases.

    A struct, since there are many: a frozen dataclass takes ten times as long to make.

    `digest` is the SHA-256 of the signed bytes and the fix's identity: two fixes with one
    digest are one fact. `at_s` is Unix time in server seconds, `mono_ms` the phone's
    monotonic clock, which starts anew with each `boot` (its count, if the phone tells it).
    Degrees are WGS 84. `usable` is false for what the record keeps and judgement leaves out:
    mock, zero-zero, inaccurate beyond the agency's policy. Impossible speed is *not* the caller's
    to mark: judgement finds it in event time.

    Raises ValueError for what no phone can mean: coordinates off the globe, numbers that
    are not finite, a usable fix without a positive accuracy, an empty digest.
    """

    digest: bytes
    activation: str
    seq: int
    at_s: int
    mono_ms: int
    latitude: float
    longitude: float
    accuracy_m: float
    usable: bool = True
    boot: int | None = None

    def __post_init__(self) -> None:
        if not self.digest:
            raise ValueError("a fix is named by the digest of its signed bytes")
        if not -POLE <= self.latitude <= POLE:
            raise ValueError("latitude lies between -90 and 90 degrees")
        if not -HALF_TURN <= self.longitude <= HALF_TURN:
            raise ValueError("longitude lies between -180 and 180 degrees")
        if not 0.0 <= self.accuracy_m < math.inf:
            raise ValueError("accuracy is a finite number of metres")
        if self.usable and self.accuracy_m == 0.0:
            raise ValueError("accuracy 0 states nothing: mark such a fix unusable")

    @property
    def order(self) -> tuple[int, str, int, int, bytes]:
        """The fix's place in the one total order in which facts are judged."""
        return (self.at_s, self.activation, self.mono_ms, self.seq, self.digest)
