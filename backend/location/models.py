"""What is kept of where people were: fixes and refusals as evidence, judgement beside them.

Fixes and refusals never change (triggers see to it). Everything judged from them lives in tables
of its own and can be computed again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import CASE, DEVICE, LOCATION, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.core.immutability import IMMUTABLE_KEY
from backend.location.refusals import RefusalReason

PURGED_S: Final = -(2**40)
"""When a fix was taken of which no place or time is kept any more: before all time."""


class Fix(Base):
    """One signed position, whether it let its request in or not.

    Times are Unix seconds (`_s`) as signed, or milliseconds (`_ms`). `digest` is the SHA-256 of
    what was said of the position: the fix's identity in judgement. `usable` is what judgement may
    rest on: a mock or a fix at 0,0 is kept and marked, never used. `journal_n` is the number of
    the journal token that brought the fix, whose signed text is kept there; None for a live one.

    Where no trail is kept, all that says where and when goes in the end (`trail.purge`): then
    `taken_s` is PURGED_S. The row stays, and with it number, digest and time of receipt.

    No foreign keys: the trigger `fixes_have_owners` asks once a statement, and for more, that the
    person is the activation's (docs/adr/0028-owners-of-fixes.md).
    """

    __tablename__ = "fixes"
    __table_args__ = (
        Index("ix_fixes_supervisee_id_taken_s", "supervisee_id", "taken_s"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    activation_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, info=DEVICE)
    supervisee_id: Mapped[UUID]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), info=LOCATION)
    taken_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    received_ms: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    mono_ms: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    boot: Mapped[int | None] = mapped_column(BigInteger, info=DEVICE)
    latitude: Mapped[float] = mapped_column(info=LOCATION)
    longitude: Mapped[float] = mapped_column(info=LOCATION)
    accuracy_m: Mapped[float] = mapped_column(info=LOCATION)
    usable: Mapped[bool] = mapped_column(info=LOCATION)
    signals: Mapped[str] = mapped_column(info=LOCATION)
    assurance: Mapped[str] = mapped_column(info=DEVICE)
    refused: Mapped[RefusalReason | None] = mapped_column(stored_enum(RefusalReason), info=LOCATION)
    signed: Mapped[str] = mapped_column(info=LOCATION)
    journal_n: Mapped[int | None] = mapped_column(BigInteger, info=DEVICE)


class Refusal(Base):
    """One request that the gate turned away, with the reference number that its answer gave.

    `signed` is the proof as received; empty for a person under no order, whose location is nobody's
    business.
    """

    __tablename__ = "refusals"
    __table_args__ = (
        Index("ix_refusals_supervisee_id_id", "supervisee_id", "id"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True, info=CASE)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    activation_id: Mapped[UUID] = mapped_column(ForeignKey("activations.id"))
    reason: Mapped[RefusalReason] = mapped_column(stored_enum(RefusalReason), info=LOCATION)
    at: Mapped[datetime] = mapped_column(info=LOCATION)
    route: Mapped[str] = mapped_column(info=OPERATIONAL)
    signed: Mapped[str] = mapped_column(info=LOCATION)


class TrailPurge(Base):
    """A permit, on record before the act: the person's fixes from before `before_s` may be erased.

    The triggers of fixes, journal tokens and refusals ask for it.
    """

    __tablename__ = "trail_purges"
    __table_args__ = (
        Index("ix_trail_purges_supervisee_id_before_s", "supervisee_id", "before_s"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    before_s: Mapped[int] = mapped_column(BigInteger, info=OPERATIONAL)
    at: Mapped[datetime] = mapped_column(info=OPERATIONAL)


class PersonState(Base):
    """The one row per person that every fix locks: judgement so far, and what the clock owes it.

    `judgement` is geofence's state (None before the first fact). `next_due_s` is when the clock
    alone could change something, for the engine or because silence grew too long: what the sweep
    looks for. `judged_epoch` is the rules' epoch
    under which everything stored was judged; when the person's differs, the sweep judges again.
    """

    __tablename__ = "person_states"

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"))
    judgement: Mapped[bytes | None] = mapped_column(LargeBinary, info=LOCATION)
    until_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    engine_due_s: Mapped[int | None] = mapped_column(BigInteger, info=LOCATION)
    next_due_s: Mapped[int | None] = mapped_column(BigInteger, index=True, info=LOCATION)
    judged_epoch: Mapped[int] = mapped_column(info=OPERATIONAL)
    received_ms: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    last_activation_id: Mapped[UUID | None] = mapped_column(ForeignKey("activations.id"))
    last_seq: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    last_fix: Mapped[bytes | None] = mapped_column(LargeBinary, info=LOCATION)
    suspect_fix: Mapped[bytes | None] = mapped_column(LargeBinary, info=LOCATION)
    silence_alert_id: Mapped[UUID | None] = mapped_column(info=CASE)
    refusal_alert_id: Mapped[UUID | None] = mapped_column(info=CASE)


class Checkpoint(Base):
    """A judgement's state as of `until_s`: where a late fact lets judging begin again."""

    __tablename__ = "checkpoints"

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)
    until_s: Mapped[int] = mapped_column(BigInteger, primary_key=True, info=LOCATION)
    state: Mapped[bytes] = mapped_column(LargeBinary, info=LOCATION)


class Episode(Base):
    """A span in which a rule was, or may have been, broken: computed, so it may change.

    `(rule_id, perimeter, ordinal)` names it within the present judgement; `verdict` is the whole
    episode (geofence.Episode as JSON). `kept_at`: then the rules were changed for the past,
    and a human had decided on it; it stands as it was, and is no part of the present judgement. What
    that makes of it shares the alert of the kept one, whose id is `told_as`.
    """

    __tablename__ = "episodes"
    __table_args__ = (Index("ix_episodes_supervisee_id_onset_s", "supervisee_id", "onset_s"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("conditions.id"))
    rule_version: Mapped[int] = mapped_column(info=CASE)
    perimeter: Mapped[str] = mapped_column(info=CASE)
    ordinal: Mapped[int] = mapped_column(info=CASE)
    certainty: Mapped[str] = mapped_column(info=LOCATION)
    onset_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    ended_s: Mapped[int | None] = mapped_column(BigInteger, info=LOCATION)
    verdict: Mapped[str] = mapped_column(info=LOCATION)
    confidential: Mapped[bool] = mapped_column(info=CASE)
    alert_id: Mapped[UUID | None] = mapped_column(info=CASE)
    withdrawn: Mapped[bool] = mapped_column(info=LOCATION)
    kept_at: Mapped[datetime | None] = mapped_column(info=LOCATION)
    told_as: Mapped[UUID | None] = mapped_column(info=LOCATION)


class Rejudgement(Base):
    """What it made different that the past was judged again by other rules, when that was done.

    From `since_s` to `until_s`. `causes` are the acts, as JSON (`rejudgements.Cause`), none where
    the engine's numbers changed; `findings` each episode as it was and as it is (`comparison.Finding`).
    """

    __tablename__ = "rejudgements"
    __table_args__ = (
        Index("ix_rejudgements_supervisee_id_id", "supervisee_id", "id"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    at: Mapped[datetime] = mapped_column(info=CASE)
    since_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    until_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    causes: Mapped[str] = mapped_column(Text, info=CASE)
    findings: Mapped[str] = mapped_column(Text, info=LOCATION)


class Examination(Base):
    """How far a person's fixes were examined for signals, in event time, and when.

    `course` is what the signals of later fixes depend on (geofence.Course as bytes); whoever has
    none, or one that does not end at `since_s`, is examined with a stretch of what came before.
    """

    __tablename__ = "examinations"

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"))
    since_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    examined_ms: Mapped[int] = mapped_column(BigInteger, index=True, info=OPERATIONAL)
    course: Mapped[bytes | None] = mapped_column(LargeBinary, info=LOCATION)


class Oddity(Base):
    """The signals and the score of one fix about which something is odd; computed, may change.

    `signals` is a list of kind, value and limit.
    """

    __tablename__ = "oddities"
    __table_args__ = (
        ForeignKeyConstraint(["activation_id", "seq"], ["fixes.activation_id", "fixes.seq"]),
        Index("ix_oddities_supervisee_id_taken_s", "supervisee_id", "taken_s"),
    )

    activation_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, info=DEVICE)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    taken_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    signals: Mapped[list[Any]] = mapped_column(info=LOCATION)
    score: Mapped[float] = mapped_column(info=LOCATION)


class Suspicion(Base):
    """A stretch of fixes that score more than the agency takes without a word.

    `companion_id` is the other person of a stretch in which two phones moved as one.
    """

    __tablename__ = "suspicions"
    __table_args__ = (Index("ix_suspicions_supervisee_id_until_s", "supervisee_id", "until_s"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    from_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    until_s: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    signals: Mapped[list[Any]] = mapped_column(info=LOCATION)
    score: Mapped[float] = mapped_column(info=LOCATION)
    companion_id: Mapped[UUID | None] = mapped_column(ForeignKey("supervisees.id"))
    alert_id: Mapped[UUID] = mapped_column(info=CASE)
    withdrawn: Mapped[bool] = mapped_column(info=LOCATION)


class Footprint(Base):
    """A place of the last 14 days by its digits, and roughly where and when it was passed."""

    __tablename__ = "footprints"
    __table_args__ = (
        Index("ix_footprints_supervisee_id_digits", "supervisee_id", "digits"),
        Index("ix_footprints_agency_id_meeting", "agency_id", "meeting"),
        Index("ix_footprints_taken_s", "taken_s"),
    )

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)
    taken_s: Mapped[int] = mapped_column(BigInteger, primary_key=True, info=LOCATION)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"))
    digits: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    meeting: Mapped[int | None] = mapped_column(BigInteger, info=LOCATION)


class JournalChain(Base):
    """How far the journal of an activation is here. Locked with its person's row.

    `start` is the SHA-256 of the enrolment's challenge, which the first token repeats. All tokens
    up to `complete_n` are here, and some up to `head_n`, whose digest is `head`. Every fix up to
    `seq_to` is here, declared missing, or noted as unaccounted for. `forks` counts forked tokens.
    """

    __tablename__ = "journal_chains"

    activation_id: Mapped[UUID] = mapped_column(ForeignKey("activations.id"), primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    start: Mapped[bytes] = mapped_column(LargeBinary(32), info=DEVICE)
    started_s: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    complete_n: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    head_n: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    head: Mapped[bytes] = mapped_column(LargeBinary(32), info=DEVICE)
    seq_to: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    forks: Mapped[int] = mapped_column(info=DEVICE)


class JournalEntry(Base):
    """One journal token as received, a forked one too: evidence, whatever it says.

    `digest` is the SHA-256 of its signing input. `gaps` and `unaccounted` are spans of numbers,
    `refusals` the refused numbers with their reasons, all JSON. `signed` is empty where no fix was
    taken under an order: then the places are nobody's business; and where none of its fixes is
    kept any more (`trail.purge`).
    """

    __tablename__ = "journal_tokens"
    __table_args__ = (
        Index("ix_journal_tokens_supervisee_id_id", "supervisee_id", "id"),
        UniqueConstraint("activation_id", "n", "digest"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    activation_id: Mapped[UUID] = mapped_column(ForeignKey("activations.id"))
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    n: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), info=DEVICE)
    prev: Mapped[bytes] = mapped_column(LargeBinary(32), info=DEVICE)
    forked: Mapped[bool] = mapped_column(info=DEVICE)
    received_ms: Mapped[int] = mapped_column(BigInteger, info=LOCATION)
    accepted: Mapped[int] = mapped_column(info=LOCATION)
    refused: Mapped[int] = mapped_column(info=LOCATION)
    refusals: Mapped[str] = mapped_column(info=LOCATION)
    gaps: Mapped[str] = mapped_column(info=DEVICE)
    unaccounted: Mapped[str] = mapped_column(info=DEVICE)
    last_seq: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    signed: Mapped[str] = mapped_column(info=LOCATION)


class MissingFixes(Base):
    """Numbers that a phone went past when a later one came, and that are still missing: spans.

    They are looked at again at `look_at_ms`, None when that is over. `alert_id` is what the officer
    was told by.
    """

    __tablename__ = "missing_fixes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    activation_id: Mapped[UUID] = mapped_column(ForeignKey("activations.id"), index=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"))
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"))
    numbers: Mapped[list[Any]] = mapped_column(info=DEVICE)
    noted_ms: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    look_at_ms: Mapped[int | None] = mapped_column(BigInteger, index=True, info=OPERATIONAL)
    alert_id: Mapped[UUID | None] = mapped_column(index=True, info=CASE)
