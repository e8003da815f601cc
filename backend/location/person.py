"""The one row per person that every fact locks, as a value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

import geofence
from backend.core.clock import unix_s
from backend.core.db import Session, table_of
from backend.core.rows import KEYS, RowReader, RowWriter, Writing, write_together
from backend.devices import service as devices
from backend.devices.service import KeyContext
from backend.identity import service as identity
from backend.location.models import PersonState
from backend.location.rulebook import PersonRules


class Person(msgspec.Struct, frozen=True):
    """What is known of one person at this moment; `save` writes it back.

    A struct, since each fix makes several: `msgspec.structs.replace` takes a fiftieth of the time of
    a dataclass of so many fields.

    `rules_epoch` is that of the person's rules as they are now, read with the row in one statement.
    `judgement` is geofence's state as bytes, `until_s` how far it reaches. `last_fix` is the last
    fix that the gate let pass as it was taken, for the check of speed; `suspect_fix` an odd one since.
    """

    supervisee_id: UUID
    agency_id: UUID
    judgement: bytes | None
    until_s: int
    engine_due_s: int | None
    next_due_s: int | None
    judged_epoch: int
    received_ms: int
    last_activation_id: UUID | None
    last_seq: int
    last_fix: bytes | None
    suspect_fix: bytes | None
    silence_alert_id: UUID | None
    refusal_alert_id: UUID | None
    rules_epoch: int

    def with_judgement(self, state: geofence.State, rules: PersonRules) -> Person:
        """Return this person as judged up to `state`: at first, with nothing to judge again."""
        due_s = geofence.next_due_s(state, rules.prepared, parameters=rules.parameters)
        return replace(
            self,
            judgement=state.dumps(),
            until_s=state.until_s,
            engine_due_s=due_s,
            judged_epoch=rules.epoch if self.judgement is None else self.judged_epoch,
        )

    def last_live_fix(self) -> geofence.Fix | None:
        """Return the last fix that let this person in."""
        return _unpacked(self.last_fix)

    def last_suspect_fix(self) -> geofence.Fix | None:
        """Return the odd fix since then, if there was one."""
        return _unpacked(self.suspect_fix)

    def received(self, now: datetime) -> Person:
        """Return this person as heard from now."""
        return replace(self, received_ms=int(now.timestamp() * 1000))

    def located(self, fix: geofence.Fix, *, odd: bool = False) -> Person:
        """Return this person with `fix` as the last one that let them in, or as an odd one."""
        packed = msgspec.msgpack.encode(fix)
        if odd:
            return replace(self, suspect_fix=packed)
        return replace(self, last_fix=packed, suspect_fix=None)


def _unpacked(packed: bytes | None) -> geofence.Fix | None:
    return None if packed is None else msgspec.msgpack.decode(packed, type=geofence.Fix)


_TABLE: Final = table_of(PersonState)
_STORED: Final = tuple(name for name in Person.__struct_fields__ if name != "rules_epoch")
_EPOCH: Final = identity.rules_epoch_of(_TABLE.c.supervisee_id).scalar_subquery()
_MINE: Final = _TABLE.c.supervisee_id == bindparam("supervisee")
_COLUMNS: Final = (*(_TABLE.c[name] for name in _STORED), _EPOCH.label("rules_epoch"))
_FIND: Final = select(*_COLUMNS).where(_MINE).with_for_update(of=_TABLE)
_FIND_ALL: Final = RowReader(
    select(*_COLUMNS)
    .where(_TABLE.c.supervisee_id == KEYS)
    .order_by(_TABLE.c.supervisee_id)
    .with_for_update(of=_TABLE)
)
_FIND_FREE: Final = RowReader(
    select(*_COLUMNS)
    .where(_TABLE.c.supervisee_id == KEYS)
    .order_by(_TABLE.c.supervisee_id)
    .with_for_update(of=_TABLE, skip_locked=True)
)
_FIND_BY_KEYS: Final = RowReader(
    devices.beside_keys(_COLUMNS, _TABLE.c.supervisee_id)
    .order_by(_TABLE.c.supervisee_id)
    .with_for_update(of=_TABLE)
)
_SAVE: Final = RowWriter(_TABLE, replaces=True)


IN_TRANSIT_S: Final = 10
"""The clock judges this far behind the present, so that a fix under way is not late."""


def lock(session: Session, supervisee_id: UUID, agency_id: UUID, now: datetime) -> Person:
    """Return the person, locked until the transaction ends; made on the first occasion."""
    found = find(session, supervisee_id)
    if found is not None:
        return found
    try:
        with session.begin_nested():
            session.execute(insert(_TABLE), _first(supervisee_id, agency_id, now))
    except IntegrityError:
        pass  # Another request made the row between our look and our insert: it is there now.
    made = find(session, supervisee_id)
    if made is None:
        raise LookupError("the person's row vanished")
    return made


def find(session: Session, supervisee_id: UUID) -> Person | None:
    """Return the person, locked; None if nothing was ever heard of them."""
    row = session.connection().execute(_FIND, {"supervisee": supervisee_id}).one_or_none()
    return None if row is None else Person(*row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A person as they are now, by which rules, and when that was found."""

    person: Person
    rules: PersonRules
    now: datetime


def lock_all(session: Session, people: Mapping[UUID, UUID], now: datetime) -> dict[UUID, Person]:
    """Return people by their id, locked in one order; `people` gives each one's agency."""
    found = {row[0]: Person(*row) for row in _FIND_ALL.read(session, people)}
    for supervisee_id in sorted(people.keys() - found.keys()):
        found[supervisee_id] = lock(session, supervisee_id, people[supervisee_id], now)
    return found


def lock_by_keys(
    session: Session, jkts: Collection[str]
) -> tuple[dict[str, KeyContext], dict[UUID, Person]]:
    """Return the enrolled keys among thumbprints, and their people, locked in one order.

    One statement for what every fix asks first; it leaves out of whom nothing was ever heard.
    """
    keys, people = devices.split(_FIND_BY_KEYS.read(session, jkts))
    return keys, {row[0]: Person(*row) for row in people}


def lock_free(session: Session, people: Collection[UUID]) -> list[Person]:
    """Return those of some people whom nobody else holds, locked, in one order."""
    return [Person(*row) for row in _FIND_FREE.read(session, people)]


def save(session: Session, person: Person, rules: PersonRules, now: datetime) -> None:
    """Write the person back, due again when the engine or the limit of silence says so."""
    save_all(session, [Change(person=person, rules=rules, now=now)])


def save_all(session: Session, changes: Collection[Change]) -> None:
    """Write people back in one statement, as `save` does."""
    write_together(session, [saved(changes)])


def saved(changes: Collection[Change]) -> Writing:
    """Return people as `save` writes them, to be written with other rows."""
    return _SAVE, [_values(change) for change in changes]


def _values(change: Change) -> dict[str, object]:
    person, silent_s = change.person, None
    if person.silence_alert_id is None:
        silent_s = change.rules.silence_due_s(person.received_ms // 1000, unix_s(change.now))
    due = [] if silent_s is None else [silent_s]
    if person.engine_due_s is not None:
        # The clock judges that far behind: before then a look would change nothing.
        due.append(person.engine_due_s + IN_TRANSIT_S)
    values: dict[str, object] = {name: getattr(person, name) for name in _STORED}
    values["next_due_s"] = min(due, default=None)
    return values


def _first(supervisee_id: UUID, agency_id: UUID, now: datetime) -> dict[str, object]:
    return {
        "supervisee_id": supervisee_id,
        "agency_id": agency_id,
        "judgement": None,
        "until_s": 0,
        "engine_due_s": None,
        "next_due_s": None,
        "judged_epoch": -1,
        "received_ms": int(now.timestamp() * 1000),
        "last_seq": 0,
    }
