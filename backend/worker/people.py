"""How the outbox reaches people: where they are to be found now, and what no longer works."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final
from uuid import UUID

from backend.core.actor import SYSTEM
from backend.core.db import Session
from backend.devices import service as devices
from backend.devices.service import PushKind
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.messages import Recipient, RecipientKind
from notifications.channels.base import Address, AddressKind

_PUSH: Final = {PushKind.FID: AddressKind.FCM_FID, PushKind.TOKEN: AddressKind.FCM_TOKEN}


def addresses(
    session: Session, recipients: AbstractSet[Recipient], now: datetime
) -> Mapping[Recipient, tuple[Address, ...]]:
    """Return where each recipient can be reached now, the best address first.

    A supervised person by push, then by those mailboxes that are not known to be gone, and always
    in the inbox. An officer by e-mail, whatever was said of it: an alert is worth another try.
    """
    officers = {one.id for one in recipients if one.kind is RecipientKind.OFFICER}
    supervisees = {one.id for one in recipients if one.kind is RecipientKind.SUPERVISEE}
    return _of_officers(session, officers) | _of_supervisees(session, supervisees, now)


def _of_officers(session: Session, ids: AbstractSet[UUID]) -> dict[Recipient, tuple[Address, ...]]:
    if not ids:
        return {}
    return {
        Recipient(kind=RecipientKind.OFFICER, id=one.id): (_email(one.email),)
        for one in identity.officer_contacts(session, ids).values()
    }


def _of_supervisees(
    session: Session, ids: AbstractSet[UUID], now: datetime
) -> dict[Recipient, tuple[Address, ...]]:
    found: dict[Recipient, tuple[Address, ...]] = {}
    if not ids:
        return found
    people = identity.get_supervisees(session, SYSTEM, ids)
    pushes = devices.push_addresses_of(session, ids)
    mailboxes = {value for person in people.values() for value in person.emails}
    refused = outbox.refused_mailboxes(session, mailboxes)
    resting = {value for value, refusal in refused.items() if outbox.rests(refusal, now)}
    for person in people.values():
        phones = (
            Address(kind=_PUSH[push.kind], value=push.value) for push in pushes.get(person.id, ())
        )
        found[Recipient(kind=RecipientKind.SUPERVISEE, id=person.id)] = (
            *phones,
            *(_email(value) for value in person.emails if value not in resting),
            Address(kind=AddressKind.INBOX, value=str(person.id)),
        )
    return found


def _email(value: str) -> Address:
    return Address(kind=AddressKind.EMAIL, value=value)


def forget(session: Session, address: Address, reason: str, now: datetime) -> None:
    """Push no more to a phone that is gone; leave a mailbox that is not there alone for a while.

    The address itself stays: only those whose it is may strike it out, and officers see why
    nothing arrives there.
    """
    if address.kind in _PUSH.values():
        devices.forget_push_address(session, address.value, reason=reason, now=now)
    elif address.kind is AddressKind.EMAIL:
        outbox.refuse_mailbox(session, address.value, reason=reason, now=now)
