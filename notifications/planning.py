"""Which reminders to send, and when: a pure function of what falls due and who is reminded.

Planning is idempotent. A message is known by (person, kind, local date), so planning twice, or
again later, names the same message; only those whose instant has passed drop out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.waking_hours import WakingHours, local_instant

DEFAULT_SEND_AT = time(13)
DEFAULT_OPENS = time(8)
DEFAULT_CLOSES = time(21)
DEFAULT_OVERDUE_LIFETIME_DAYS = 7
# Days after (before: negative) the due day. A trial of texts 7, 3 and 1 days before court cut
# warrants by a fifth.
DEFAULT_OFFSETS_DAYS: Mapping[MessageKind, tuple[int, ...]] = MappingProxyType(
    {
        MessageKind.PAYMENT: (-5, -1, 1),
        MessageKind.CHECK_IN: (-7, -3, -1),
        MessageKind.HEARING: (-7, -3, -1),
        MessageKind.APPOINTMENT: (-7, -3, -1),
    }
)

JUST_TOLD = timedelta(hours=1)
"""Whoever hears of an item otherwise, this near to a reminder of it, is not reminded of it then."""

# Outside these the ends of the calendar are near enough for day arithmetic to overflow.
_YEARS = range(1900, 9000)


class Subject(Enum):
    """What falls due, by a name that has a translation."""

    FINE = "fine"
    COURT_FEE = "court_fee"
    RESTITUTION = "restitution"
    SUPERVISION_FEE = "supervision_fee"
    PROGRAMME_FEE = "programme_fee"
    SUBJECT_ACCESS_FEE = "subject_access_fee"
    CHECK_IN = "check_in"
    COURT_HEARING = "court_hearing"
    APPOINTMENT = "appointment"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueItem:
    """One thing that a person must do or pay by a day or an instant.

    Exactly one of `due_on` (a day in the person's zone, due until it ends) and `due_at` (an
    aware instant) is given. `amount_minor` (> 0, minor units) and `currency` (ISO 4217) are
    given for payments and for nothing else. `detail` is free text such as a courtroom, or empty.
    `zone` is the place's, in whose wall time `due_at` is told; None: the person's. `contact` and
    `phone` are whom to call about it; empty: the agency. `told_at` is when the person is told of it
    otherwise, as when it was moved.
    Raises ValueError if these do not hold.
    """

    person: UUID
    kind: MessageKind
    source_id: UUID
    subject: Subject
    due_on: date | None = None
    due_at: datetime | None = None
    amount_minor: int | None = field(default=None, repr=False)
    currency: str | None = None
    detail: str = field(default="", repr=False)
    zone: ZoneInfo | None = None
    contact: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    told_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind is MessageKind.ALERT:
            raise ValueError("an alert does not fall due")
        due = self.due_on if self.due_on is not None else self.due_at
        if due is None or (self.due_on is not None and self.due_at is not None):
            raise ValueError("give exactly one of due_on and due_at")
        if due.year not in _YEARS:
            raise ValueError("due in an impossible year")
        if self.due_at is not None and self.due_at.tzinfo is None:
            raise ValueError("due_at must be aware")
        owed = self.amount_minor is not None and self.amount_minor > 0 and bool(self.currency)
        free = self.amount_minor is None and self.currency is None
        if not (owed if self.kind is MessageKind.PAYMENT else free):
            raise ValueError("a payment has an amount and a currency, nothing else has")

    def local_day(self, zone: ZoneInfo) -> date:
        """The day in `zone` on which the item is due."""
        if self.due_at is not None:
            return self.due_at.astimezone(zone).date()
        assert self.due_on is not None  # noqa: S101  one of the two is given: __post_init__
        return self.due_on

    def is_just_told(self, send_at: datetime) -> bool:
        """Whether a reminder at `send_at` would say again what the person hears anyhow."""
        return self.told_at is not None and abs(send_at - self.told_at) < JUST_TOLD

    def ends_at(self, zone: ZoneInfo) -> datetime:
        """The UTC instant from which a reminder of the item is of no use."""
        if self.due_at is not None:
            return self.due_at
        return local_instant(self.local_day(zone) + timedelta(days=1), time(), zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """How one person is reminded."""

    zone: ZoneInfo
    language: Language
    opted_out: frozenset[MessageKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderPolicy:
    """When an agency reminds, as data.

    `offsets_days` are days after the due day, negative before it; only a payment is reminded of
    after it. A kind without offsets is not reminded of. `send_at` lies inside `[opens, closes)`,
    all local wall times. `mandatory` kinds are sent in spite of an opt-out.
    Raises ValueError if these do not hold.
    """

    offsets_days: Mapping[MessageKind, tuple[int, ...]] = field(
        default_factory=lambda: DEFAULT_OFFSETS_DAYS
    )
    send_at: time = DEFAULT_SEND_AT
    opens: time = DEFAULT_OPENS
    closes: time = DEFAULT_CLOSES
    overdue_lifetime_days: int = DEFAULT_OVERDUE_LIFETIME_DAYS
    mandatory: frozenset[MessageKind] = frozenset()

    def __post_init__(self) -> None:
        if not self.opens <= self.send_at < self.closes:
            raise ValueError("reminders must be sent in waking hours")
        if self.overdue_lifetime_days < 1:
            raise ValueError("an overdue reminder lives for at least a day")
        for kind, offsets in self.offsets_days.items():
            if kind is not MessageKind.PAYMENT and any(days > 0 for days in offsets):
                raise ValueError("only a payment is reminded of after its day")


DEFAULT_POLICY = ReminderPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanKey:
    """Identity of a planned message: one per person, kind and local date."""

    person: UUID
    kind: MessageKind
    on: date

    def __str__(self) -> str:
        return f"{self.person}:{self.kind.value}:{self.on.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMessage:
    """A reminder to be sent at `send_at` and of no use from `expires_at` on (aware UTC).

    `items` are sorted by due day; `overdue` holds the `source_id` of those past their day.
    """

    key: PlanKey
    send_at: datetime
    expires_at: datetime
    items: tuple[DueItem, ...]
    overdue: frozenset[UUID]
    language: Language
    waking_hours: WakingHours


@dataclass(frozen=True, slots=True, kw_only=True)
class _Occasion:
    """An instant at which an item is reminded of, before those of a day are merged."""

    on: date
    overdue: bool
    send_at: datetime
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class _Calendar:
    """The occasions that `policy` still has from `now` on.

    They depend on when an item is due and where, not on whose it is: among many people there are
    few, and each is worked out once.
    """

    now: datetime
    policy: ReminderPolicy
    _occasions: dict[tuple[MessageKind, date, ZoneInfo], Sequence[_Occasion]] = field(
        default_factory=dict
    )
    _hours: dict[ZoneInfo, WakingHours] = field(default_factory=dict)

    def waking_hours(self, zone: ZoneInfo) -> WakingHours:
        """The hours in which people in `zone` may be disturbed."""
        if zone not in self._hours:
            self._hours[zone] = WakingHours(
                zone=zone, opens=self.policy.opens, closes=self.policy.closes
            )
        return self._hours[zone]

    def occasions(self, item: DueItem, zone: ZoneInfo) -> Sequence[_Occasion]:
        """When a person in `zone` is reminded of `item`."""
        key = (item.kind, item.due_at or item.local_day(zone), zone)
        found = self._occasions.get(key)
        if found is None:
            found = self._occasions[key] = list(self._ahead(item, zone))
        return found

    def _ahead(self, item: DueItem, zone: ZoneInfo) -> Iterator[_Occasion]:
        due, ends_at = item.local_day(zone), item.ends_at(zone)
        for days in self.policy.offsets_days.get(item.kind, ()):
            on = due + timedelta(days=days)
            overdue = days > 0
            lapses = on + timedelta(days=self.policy.overdue_lifetime_days)
            send_at = _sending_instant(on, self.policy.send_at, self.waking_hours(zone))
            expires_at = local_instant(lapses, time(), zone) if overdue else ends_at
            if self.now <= send_at < expires_at:
                yield _Occasion(
                    on=send_at.astimezone(zone).date(),
                    overdue=overdue,
                    send_at=send_at,
                    expires_at=expires_at,
                )


def plan(
    due_items: Iterable[DueItem],
    preferences: Mapping[UUID, Preferences],
    *,
    now: datetime,
    policy: ReminderPolicy,
) -> list[PlannedMessage]:
    """The messages still to be sent for `due_items`, sorted by instant and key.

    What would have been sent before `now` is skipped. Every person of `due_items` must be in
    `preferences`: a KeyError is a fault of the caller.
    """
    calendar = _Calendar(now=now, policy=policy)
    merged: dict[PlanKey, list[tuple[DueItem, _Occasion]]] = {}
    for item in due_items:
        theirs = preferences[item.person]
        if item.kind in theirs.opted_out and item.kind not in policy.mandatory:
            continue
        for occasion in calendar.occasions(item, theirs.zone):
            if item.is_just_told(occasion.send_at):
                continue
            key = PlanKey(person=item.person, kind=item.kind, on=occasion.on)
            merged.setdefault(key, []).append((item, occasion))
    planned = [
        _message(key, reminders, preferences[key.person], calendar)
        for key, reminders in merged.items()
    ]
    return sorted(planned, key=_order)


def _order(message: PlannedMessage) -> tuple[datetime, int, str]:
    return message.send_at, message.key.person.int, message.key.kind.value


@lru_cache(maxsize=4096)
def _sending_instant(on: date, at: time, hours: WakingHours) -> datetime:
    """`at` on the day `on`, in waking hours; on a day that the zone skipped altogether, `at` on the
    next one. Of many people there are few days and zones: each is worked out once.
    """
    existing = local_instant(on, at, hours.zone).astimezone(hours.zone).date()
    return hours.next_open(local_instant(existing, at, hours.zone))


def _message(
    key: PlanKey,
    reminders: Sequence[tuple[DueItem, _Occasion]],
    theirs: Preferences,
    calendar: _Calendar,
) -> PlannedMessage:
    """All of a day in one message, which ends when the first of its items does."""
    send_at, expires_at = reminders[0][1].send_at, reminders[0][1].expires_at
    for _, occasion in reminders[1:]:
        send_at, expires_at = min(send_at, occasion.send_at), min(expires_at, occasion.expires_at)
    return PlannedMessage(
        key=key,
        send_at=send_at,
        expires_at=expires_at,
        items=_in_order({item.source_id: item for item, _ in reminders}, theirs.zone),
        overdue=frozenset([item.source_id for item, occasion in reminders if occasion.overdue]),
        language=theirs.language,
        waking_hours=calendar.waking_hours(theirs.zone),
    )


def _in_order(items: Mapping[UUID, DueItem], zone: ZoneInfo) -> tuple[DueItem, ...]:
    if len(items) == 1:
        return tuple(items.values())
    return tuple(sorted(items.values(), key=lambda item: (item.ends_at(zone), str(item.source_id))))
