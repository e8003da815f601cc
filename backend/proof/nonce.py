"""The server's nonce: carries the server's time, bound to one key, kept nowhere.

    base64url( version 1 | issued, ms since 1970, 6 | random 8 | MAC 16 )

The MAC is HMAC-SHA-256 under the key of the (UTC) day of issue over version, time, random and the key's
thumbprint, cut to 16 bytes. A phone can read the time in it, so its own clock need not be right.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from backend.proof import base64url
from backend.proof.refusal import ProofRefusal

_LIFE_MS: Final = 120_000
NONCE_LIFE: Final = timedelta(milliseconds=_LIFE_MS)
"""For how long a nonce is good, and so for how long a used `jti` must be remembered."""

# Several server processes, whose clocks agree to a few seconds.
_AHEAD_MS: Final = 10_000
_DAY_MS: Final = 86_400_000

_VERSION: Final = b"\x01"
_TIME_END, _BODY_END, _NONCE_BYTES = 7, 15, 31
_MIN_SECRET_BYTES: Final = 32
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonces:
    """Issues and recognises nonces. `root_secret` has at least 32 bytes, else ValueError."""

    root_secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.root_secret) < _MIN_SECRET_BYTES:
            raise ValueError(f"The root secret needs at least {_MIN_SECRET_BYTES} bytes.")

    def issue(self, *, jkt: str, now: datetime) -> str:
        """A fresh nonce of 42 characters that only the key `jkt` can use."""
        issued_ms = _milliseconds(now)
        body = _VERSION + issued_ms.to_bytes(6) + secrets.token_bytes(8)
        return base64url.encode(body + self._mac(body, jkt=jkt, issued_ms=issued_ms))

    def issued_at(self, text: str, *, jkt: str, now: datetime) -> datetime | ProofRefusal:
        """When this server issued `text` to `jkt`, or NONCE_STALE or NONCE_FOREIGN.

        A nonce issued before midnight was made with yesterday's key and is checked with it, for as
        long as any nonce is good.
        """
        data = _read(text)
        if data is None:
            return ProofRefusal.NONCE_FOREIGN
        # Age first: it costs nothing, and leaves only today's and yesterday's key to derive.
        if not -_AHEAD_MS <= _milliseconds(now) - _issued_ms(data) < _LIFE_MS:
            return ProofRefusal.NONCE_STALE
        return self._recognised(data, jkt)

    def issued_ever(self, text: str, *, jkt: str) -> datetime | ProofRefusal:
        """When this server issued `text` to `jkt`, however long ago, or NONCE_FOREIGN.

        It lets nobody in: it shows after which moment something was signed.
        """
        data = _read(text)
        return ProofRefusal.NONCE_FOREIGN if data is None else self._recognised(data, jkt)

    def _recognised(self, data: bytes, jkt: str) -> datetime | ProofRefusal:
        issued_ms = _issued_ms(data)
        mac = self._mac(data[:_BODY_END], jkt=jkt, issued_ms=issued_ms)
        if not hmac.compare_digest(mac, data[_BODY_END:]):
            return ProofRefusal.NONCE_FOREIGN
        return _EPOCH + timedelta(milliseconds=issued_ms)

    def _mac(self, body: bytes, *, jkt: str, issued_ms: int) -> bytes:
        label = b"connectrex dpop nonce, day %d" % (issued_ms // _DAY_MS)
        key_of_the_day = hmac.digest(self.root_secret, label, "sha256")
        return hmac.digest(key_of_the_day, body + jkt.encode("ascii"), "sha256")[:16]


def _read(text: str) -> bytes | None:
    """The bytes of what has the form of a nonce."""
    data = base64url.decode(text)
    formed = data is not None and len(data) == _NONCE_BYTES and data[:1] == _VERSION
    return data if formed else None


def _issued_ms(data: bytes) -> int:
    return int.from_bytes(data[1:_TIME_END])


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND
