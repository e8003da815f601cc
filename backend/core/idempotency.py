"""Officers' POST requests that may be repeated: one act, the same answer, for a day.

An answer may hold a secret that is shown once (an enrolment code, a token) or a victim's zone. So
it is kept encrypted under the caller's own key, of which only a hash is stored: whoever reads the
database without it reads nothing.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import LargeBinary, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.actor import Actor
from backend.core.classification import CREDENTIAL, OPERATIONAL
from backend.core.db import Base, Session
from backend.core.errors import Code, Problem
from backend.core.keys import derive, keyed_hash

KEEP: Final = timedelta(hours=24)
MAX_KEY_CHARACTERS: Final = 200
_NONCE_BYTES: Final = 12


class IdempotencyKey(Base):
    """A request that was answered, so that its repetition gets the same answer."""

    __tablename__ = "idempotency_keys"

    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True, info=CREDENTIAL)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32), info=OPERATIONAL)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, info=CREDENTIAL)
    created_at: Mapped[datetime] = mapped_column(index=True, info=OPERATIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered."""

    status: int
    content_type: str
    headers: dict[str, str]
    body: bytes


class Repetition:
    """One request with a key: recalls the answer to an earlier one, or keeps this one's.

    Raises Problem: INVALID_REQUEST for a key that is empty or too long.
    """

    def __init__(self, root_secret: bytes, key: str, method: str, path: str, body: bytes) -> None:
        if not 0 < len(key) <= MAX_KEY_CHARACTERS:
            raise Problem(Code.INVALID_REQUEST, "Idempotency-Key must have 1 to 200 characters.")
        self._key_hash = keyed_hash(derive(root_secret, "idempotency lookup"), key)
        self._cipher = AESGCM(derive(root_secret, f"idempotency answer {key}"))
        request = b"\n".join([method.encode(), path.encode(), body])
        # Keyed, since a body may hold a password that a plain hash would let guess.
        fingerprint_key = derive(root_secret, "idempotency fingerprint")
        self._fingerprint = hmac.digest(fingerprint_key, request, "sha256")

    def recall(self, session: Session, actor: Actor, now: datetime) -> Answer | None:
        """Return the earlier answer to this key, None if there was none within a day.

        Raises Problem: IDEMPOTENCY_MISMATCH when the key was used for another request.
        """
        row = session.scalar(
            select(IdempotencyKey).where(
                IdempotencyKey.actor_id == actor.id,
                IdempotencyKey.key_hash == self._key_hash,
                IdempotencyKey.created_at > now - KEEP,
            )
        )
        if row is None:
            return None
        if row.fingerprint != self._fingerprint:
            raise Problem(Code.IDEMPOTENCY_MISMATCH)
        nonce, text = row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:]
        plain = self._cipher.decrypt(nonce, text, self._fingerprint)
        return msgspec.msgpack.decode(plain, type=Answer)

    def keep(self, session: Session, actor: Actor, answer: Answer, now: datetime) -> None:
        """Store the answer to this key, and forget those of days ago."""
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - KEEP))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = msgspec.msgpack.encode(answer)
        session.add(
            IdempotencyKey(
                actor_id=actor.id,
                key_hash=self._key_hash,
                fingerprint=self._fingerprint,
                sealed=nonce + self._cipher.encrypt(nonce, plain, self._fingerprint),
                created_at=now,
            )
        )
