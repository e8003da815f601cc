"""How a phone's second key, or a browser's passkey, becomes what shows a person's presence.

`set_presence`:
  1  the challenge was given to this phone for this, at most 300 s ago, and not used
  2  the means is one of the phone's platform
  3  the key says itself that it is this phone's, or the browser registered it with its user verified
  4  what is shown of a phone's key holds: Android's hardware lets it sign after verifying the user
     and not otherwise; iOS's genuine app says which access control guards it
  5  the key was never enrolled, for whomever
  6  the presence key before signed over to it, where that is claimed
Then it stands in the place of the one before. A phone's key of which nothing is shown is enrolled
too, and shows less. Without the word of the one before the officer is told, for whoever holds an
unlocked phone could put their own finger in the place of its person's; and so of one that shows
less, or that is in another phone.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Severity
from backend.audit import service as audit
from backend.audit.acts import Act, Outcome
from backend.core.actor import Actor
from backend.core.db import Session
from backend.core.errors import not_found
from backend.core.ids import new_id
from backend.devices import keys
from backend.devices.key_context import KeyContext, key_of
from backend.devices.models import ActivationRow, DeviceEvidence, PresenceKey
from backend.devices.presence_fault import PresenceFault
from backend.devices.presence_keys import (
    EnrolledPresence,
    end_presence_key,
    enrolled_presence,
    presence_key_in_force,
)
from backend.devices.presence_level import PresenceEnd
from backend.devices.presence_offer import (
    Bench,
    Found,
    OfferedKey,
    OfferedPasskey,
    PresenceRefused,
    judge_offer,
)
from backend.proof import base64url
from backend.proof.key_change import is_key_change

ALERT_SOURCE: Final = "presence-key"
OTHER_PHONE_SOURCE: Final = "presence-key-elsewhere"


def set_presence(
    session: Session,
    actor: Actor,
    key: KeyContext,
    offered: OfferedKey | OfferedPasskey,
    bench: Bench,
) -> EnrolledPresence | PresenceRefused:
    """Return the means enrolled for the phone of `key`, or why it is not; commit in either case.

    What is in force already is returned as it is. Raises NOT_FOUND where the activation has just
    ended. Audited.
    """
    activation = keys.lock_activation(session, key.jkt)
    if activation is None or activation.ended_at is not None:
        raise not_found()
    before = presence_key_in_force(session, activation.id)
    found = judge_offer(session, key, activation.platform, offered, bench)
    if isinstance(found, Found):
        if before is not None and before.credential_id == found.credential_id:
            return enrolled_presence(before)
        found = _following(session, offered, found, before)
    if isinstance(found, PresenceRefused):
        _record_refusal(session, actor, activation, found, bench.now)
        return found
    row = _enrol(session, actor, activation, offered, found, before, bench.now)
    if _is_of_another_phone(session, key, found):
        _tell(session, row, OTHER_PHONE_SOURCE, _other_phone(row), bench.now)
    return enrolled_presence(row)


def _following(
    session: Session,
    offered: OfferedKey | OfferedPasskey,
    found: Found,
    before: PresenceKey | None,
) -> Found | PresenceRefused:
    """Return the means if it may follow the one before."""
    # 5
    same = PresenceKey.credential_id == found.credential_id
    if session.scalar(select(PresenceKey.id).where(same)) is not None:
        return PresenceRefused(member="", reason=PresenceFault.KEY_ENROLLED_BEFORE)

    # 6
    if _key_change(offered) is not None and not _signed_over(offered, found, before):
        return PresenceRefused(member="key_change", reason=PresenceFault.WRONG_KEY_CHANGE)

    return found


def _key_change(offered: OfferedKey | OfferedPasskey) -> str | None:
    return offered.key_change if isinstance(offered, OfferedKey) else None


def _signed_over(
    offered: OfferedKey | OfferedPasskey, found: Found, before: PresenceKey | None
) -> bool:
    return before is not None and is_key_change(
        _key_change(offered) or "",
        challenge=offered.challenge,
        old_jkt=base64url.encode(before.credential_id),
        new_jkt=base64url.encode(found.credential_id),
        key=key_of(before.public_key),
    )


def _enrol(
    session: Session,
    actor: Actor,
    activation: ActivationRow,
    offered: OfferedKey | OfferedPasskey,
    found: Found,
    before: PresenceKey | None,
    now: datetime,
) -> PresenceKey:
    rotated = _key_change(offered) is not None
    end = PresenceEnd.ROTATED if rotated else PresenceEnd.REPLACED
    end_presence_key(session, activation.id, end, now)
    row = _row(activation, offered, found, now)
    session.add(row)
    session.flush()
    _record(session, actor, row, now)
    if before is not None:
        _tell_of_change(session, row, before, rotated=rotated, now=now)
    return row


def _is_of_another_phone(session: Session, key: KeyContext, found: Found) -> bool:
    """Whether another factory's key attested this than attested the phone's own.

    Of keys in the same kind of hardware a phone's factory key attests all. Keys that are provisioned
    later change, and show nothing of it.
    """
    shown = found.shown
    if shown is None or shown.batch_key is None:
        return False
    own = select(DeviceEvidence.verdict, DeviceEvidence.batch_key).where(
        DeviceEvidence.jkt == key.jkt, DeviceEvidence.batch_key.is_not(None)
    )
    level = shown.verdict["security_level"]
    return any(
        row.verdict["security_level"] == level and row.batch_key != shown.batch_key
        for row in session.execute(own)
    )


def _row(
    activation: ActivationRow,
    offered: OfferedKey | OfferedPasskey,
    found: Found,
    now: datetime,
) -> PresenceKey:
    shown = found.shown
    serials = [] if shown is None else [f"{serial:x}" for serial in shown.serials]
    return PresenceKey(
        id=new_id(now),
        agency_id=activation.agency_id,
        supervisee_id=activation.supervisee_id,
        activation_id=activation.id,
        means=found.means,
        credential_id=found.credential_id,
        public_key=found.public_key,
        counter=found.counter,
        received=json.dumps(asdict(offered)),
        verdict=dict(found.verdict),
        roots_version=None if shown is None else shown.roots_version,
        status_list_version=None if shown is None else shown.status_list_version,
        serials=serials or None,
        enrolled_at=now,
    )


def _record(session: Session, actor: Actor, row: PresenceKey, now: datetime) -> None:
    audit.record(
        session,
        actor,
        Act.PRESENCE_KEY_ENROLLED,
        subject=("activation", row.activation_id),
        supervisee_id=row.supervisee_id,
        now=now,
        details={"presence_key_id": str(row.id), "means": row.means},
    )


def _record_refusal(
    session: Session,
    actor: Actor,
    activation: ActivationRow,
    refused: PresenceRefused,
    now: datetime,
) -> None:
    audit.record(
        session,
        actor,
        Act.PRESENCE_KEY_REFUSED,
        subject=("activation", activation.id),
        supervisee_id=activation.supervisee_id,
        now=now,
        outcome=Outcome.FAILED,
        details={"reason": refused.reason.name},
    )


def _tell_of_change(
    session: Session, row: PresenceKey, before: PresenceKey, *, rotated: bool, now: datetime
) -> None:
    """Tell the officer of a means that is not the one before's next, or that shows less."""
    weaker = not row.means.level.meets(before.means.level)
    if rotated and not weaker:
        return
    _tell(
        session, row, ALERT_SOURCE, _weaker(row, before) if weaker else _replaced(row, before), now
    )


def _tell(
    session: Session, row: PresenceKey, source: str, explanation: Explanation, now: datetime
) -> None:
    alerts.raise_alert(
        session,
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        kind=AlertKind.DEVICE_DOUBTFUL,
        severity=Severity.WARNING,
        source=source,
        source_id=row.id,
        occurred_at=now,
        explanation=explanation,
        now=now,
    )


def _other_phone(row: PresenceKey) -> Explanation:
    return Explanation(
        data={"presence_key_id": str(row.id)},
        sentence_en="Another factory's key attested the presence key than attested the phone's own: "
        "the two are not in the same phone.",
        sentence_es="La clave de presencia fue certificada por una clave de fábrica distinta de la "
        "que certificó la del teléfono: no están en el mismo teléfono.",
    )


def _replaced(row: PresenceKey, before: PresenceKey) -> Explanation:
    return Explanation(
        data=_change(row, before),
        sentence_en="The phone put another presence key in the place of the one before, without "
        "that one's word. So does a phone on which a finger or face was added; ask whose.",
        sentence_es="El teléfono puso otra clave de presencia en lugar de la anterior, sin la "
        "palabra de esta. Así lo hace un teléfono en el que se añadió un dedo o un rostro; "
        "pregunte de quién.",
    )


def _weaker(row: PresenceKey, before: PresenceKey) -> Explanation:
    return Explanation(
        data=_change(row, before),
        sentence_en="The phone put a presence key in the place of the one before that shows less: "
        "nothing vouches that it asks who is there.",
        sentence_es="El teléfono puso, en lugar de la clave de presencia anterior, otra que "
        "demuestra menos: nada garantiza que pregunte quién está ahí.",
    )


def _change(row: PresenceKey, before: PresenceKey) -> dict[str, Any]:
    return {
        "presence_key_id": str(row.id),
        "replaced_id": str(before.id),
        "before": before.means.value,
        "now": row.means.value,
    }
