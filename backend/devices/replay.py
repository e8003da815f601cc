"""A proof is good for one act: its `jti` is remembered while its nonce is good."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete

from backend.core.db import Session, affected_rows, insert_once
from backend.devices.models import UsedProof
from backend.proof.dpop import Proof
from backend.proof.nonce import NONCE_LIFE

_CLOCKS_APART: Final = timedelta(minutes=1)
"""A server whose clock is behind may take a nonce for good a little longer."""


def is_first_use(session: Session, proof: Proof) -> bool:
    """Return whether this proof's `jti` is new for its key, and remember it.

    Of two requests at once one wins: the other waits for its commit, then finds the row.
    """
    forget_at = proof.nonce_issued_at + NONCE_LIFE + _CLOCKS_APART
    remember = (
        insert_once(session, UsedProof)
        .values(jkt=proof.jkt, jti=proof.jti, forget_at=forget_at)
        .on_conflict_do_nothing()
        .returning(UsedProof.jti)
    )
    return session.scalar(remember) is not None


def forget_used_proofs(session: Session, now: datetime) -> int:
    """Forget the proofs whose nonces are no longer good, and return how many there were."""
    return affected_rows(session, delete(UsedProof).where(UsedProof.forget_at <= now))
