"""Requests that are taken in together: everybody concerned is read once, and written once.

A statement costs about as much for one fix as for ten, and a commit costs most of all. So what
waits at the same moment shares them; each request is still decided and judged by itself, in order
of arrival.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select

from backend.core.db import Session, table_of
from backend.core.rows import Row, RowWriter, Writing, write_together
from backend.devices.service import KeyContext, key_contexts
from backend.location import judging, person
from backend.location.models import Fix
from backend.location.person import Person
from backend.location.refusals import RefusalReason
from backend.location.rulebook import PersonRules, RuleBook

_FIXES: Final = table_of(Fix)
_KEEP: Final = RowWriter(_FIXES)
_STORED: Final = select(_FIXES.c.digest, _FIXES.c.received_ms, _FIXES.c.refused).where(
    _FIXES.c.activation_id == bindparam("activation"), _FIXES.c.seq == bindparam("seq")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is kept under a fix's number already."""

    digest: bytes
    received_at: datetime
    refused: RefusalReason | None


class Batch:
    """The people of some requests, locked, and what is to be written of them.

    `write`, or to write what is `waiting`, must be the last act before the commit.
    """

    def __init__(self, session: Session, book: RuleBook) -> None:
        self.session: Final = session
        self._book = book
        self._people: dict[UUID, Person] = {}
        self._changed: dict[UUID, person.Change] = {}
        self._fixes: dict[tuple[UUID, int], dict[str, Any]] = {}
        self._checkpoints: list[Row] = []

    def find(self, jkts: AbstractSet[str]) -> dict[str, KeyContext]:
        """Return the enrolled keys among thumbprints, and lock their people.

        That is before any proof is verified: who names another's key may make them wait for the
        length of a turn. Always in the same order, so that no two batches cross.
        """
        keys, self._people = person.lock_by_keys(self.session, jkts)
        others = jkts - keys.keys()
        return keys | key_contexts(self.session, others) if others else keys

    def gather(self, keys: Collection[KeyContext], now: datetime) -> None:
        """Lock the people of `keys`: those of whom nothing was ever heard are not yet."""
        wanted = {key.supervisee_id: key.agency_id for key in keys}
        unheard = {one: wanted[one] for one in wanted.keys() - self._people.keys()}
        if unheard:
            self._people |= person.lock_all(self.session, unheard, now)

    def person(self, supervisee_id: UUID) -> Person:
        """Return a gathered person, as the requests before this one left them."""
        return self._people[supervisee_id]

    def rules(self, one: Person, now: datetime) -> PersonRules:
        """Return what a person is judged by as of now."""
        return self._book.of(self.session, one.supervisee_id, one.rules_epoch, now)

    def keep(self, one: Person, rules: PersonRules, now: datetime) -> None:
        """Remember a person as they are now, to be written."""
        self._people[one.supervisee_id] = one
        self._changed[one.supervisee_id] = person.Change(person=one, rules=rules, now=now)

    def add_fix(self, row: dict[str, Any]) -> None:
        """Remember a fix to be written."""
        self._fixes[row["activation_id"], row["seq"]] = row

    def add_checkpoint(self, checkpoint: Row) -> None:
        """Remember a state from which judging may begin again."""
        self._checkpoints.append(checkpoint)

    def stored(self, one: Person, activation_id: UUID, seq: int) -> Stored | None:
        """Return what is kept under a fix's number; one above all others needs no look."""
        if one.last_activation_id == activation_id and seq > one.last_seq:
            return None
        waiting = self._fixes.get((activation_id, seq))
        if waiting is not None:
            return _stored(waiting["digest"], waiting["received_ms"], waiting["refused"])
        numbered = {"activation": activation_id, "seq": seq}
        row = self.session.connection().execute(_STORED, numbered).one_or_none()
        return None if row is None else _stored(row.digest, row.received_ms, row.refused)

    def write_facts(self) -> None:
        """Write the fixes and checkpoints that wait: judging again reads them from the tables."""
        write_together(self.session, self._facts())
        self._fixes.clear()
        self._checkpoints.clear()

    def write(self) -> None:
        """Write everything that waits."""
        write_together(self.session, self.waiting())

    def waiting(self) -> list[Writing]:
        """Return everything that waits, to be written with what else there is."""
        return [*self._facts(), person.saved(self._changed.values())]

    def _facts(self) -> list[Writing]:
        return [(_KEEP, list(self._fixes.values())), judging.kept(self._checkpoints)]


def _stored(digest: bytes, received_ms: int, refused: RefusalReason | None) -> Stored:
    return Stored(digest=digest, received_at=instant_of(received_ms), refused=refused)


def milliseconds_of(instant: datetime) -> int:
    """Return an instant as the table keeps it; a receipt must say no more, or it changes later."""
    return int(instant.timestamp() * 1000)


def instant_of(milliseconds: int) -> datetime:
    """Return the instant that the table keeps as `milliseconds`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
