"""Devices to look after: looked for again and again among those that are enrolled.

Two things take away what an enrolment stood on: the makers revoke a key that attested it, and the
agency asks for a stronger device than it is. Either suspends the key and tells the officer. An
officer who reinstates such a device has decided; the same ground does not suspend it again.

A phone that keeps its key for much longer than the agency wants suspends nothing: the officer is
told once for each key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Severity
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.android.status_list import StatusList
from backend.core.db import Session
from backend.core.ids import new_id
from backend.devices import keys
from backend.devices.assurance import Assurance
from backend.devices.key_state import KeyReason, KeyState
from backend.devices.models import DeviceEvidence, DeviceKey, KeyEvent
from backend.devices.status_lists import REVOKED_SOURCE, current_status_list
from backend.identity import service as identity

RECHECK_BATCH: Final = 500
BELOW_SOURCE: Final = "device-below-policy"
OVERDUE_SOURCE: Final = "rotation-overdue"
ROTATION_GRACE: Final = timedelta(days=30)
"""A phone that is off for some weeks changes its key when it is back; that is nobody's fault."""


def suspend_revoked(session: Session, after: UUID | None, now: datetime) -> UUID | None:
    """Suspend those of the next active devices that the newest list of revoked keys names.

    `after` is what the last call returned; None begins, and is returned at the end. The list counts
    however old it is: what it revoked is revoked still.
    """
    status_list = current_status_list(session)
    if status_list is None:
        return None
    rows = session.execute(
        select(DeviceEvidence.id, DeviceEvidence.jkt, DeviceEvidence.serials)
        .join(DeviceKey, DeviceKey.jkt == DeviceEvidence.jkt)
        .where(
            DeviceKey.state == KeyState.ACTIVE,
            DeviceEvidence.serials.is_not(None),
            _not_decided(KeyReason.ATTESTATION_REVOKED),
            *([] if after is None else [DeviceEvidence.id > after]),
        )
        .order_by(DeviceEvidence.id)
        .limit(RECHECK_BATCH)
    ).all()
    for row in rows:
        listed = status_list.listed(int(serial, 16) for serial in row.serials)
        if listed is not None:
            _suspend_revoked(session, row.id, row.jkt, listed, status_list, now)
    return rows[-1].id if len(rows) == RECHECK_BATCH else None


def suspend_below_policy(session: Session, now: datetime) -> int:
    """Suspend the next active devices that are weaker than their agency asks for now.

    Returns how many; RECHECK_BATCH of them means that there may be more.
    """
    suspended = 0
    for agency in identity.every_agency(session):
        least = Assurance(agency.policy.least_assurance)
        weaker = [level for level in Assurance if not level.meets(least)]
        rows = session.scalars(
            select(DeviceKey.jkt)
            .where(
                DeviceKey.agency_id == agency.id,
                DeviceKey.state == KeyState.ACTIVE,
                DeviceKey.assurance.in_(weaker),
                _not_decided(KeyReason.BELOW_POLICY),
            )
            .limit(RECHECK_BATCH - suspended)
        ).all()
        for jkt in rows:
            _suspend_below(session, jkt, least, now)
        suspended += len(rows)
    return suspended


def tell_of_overdue_rotations(session: Session, now: datetime) -> int:
    """Tell officers of the next active keys that should have been changed a month ago.

    Returns how many; RECHECK_BATCH of them means that there may be more.
    """
    told = 0
    for agency in identity.every_agency(session):
        limit = timedelta(days=agency.policy.rotate_after_days) + ROTATION_GRACE
        rows = session.scalars(
            select(DeviceKey)
            .where(
                DeviceKey.agency_id == agency.id,
                DeviceKey.state == KeyState.ACTIVE,
                DeviceKey.enrolled_at <= now - limit,
                _not_decided(KeyReason.ROTATION_OVERDUE),
            )
            .limit(RECHECK_BATCH - told)
        ).all()
        for key in rows:
            _tell_of_overdue_rotation(session, key, now)
        told += len(rows)
    return told


def _tell_of_overdue_rotation(session: Session, key: DeviceKey, now: datetime) -> None:
    told = KeyEvent(
        id=new_id(now), jkt=key.jkt, at=now, state=key.state, reason=KeyReason.ROTATION_OVERDUE
    )
    session.add(told)
    _tell(
        session,
        key,
        (OVERDUE_SOURCE, told.id),
        Severity.INFORMATION,
        Explanation(
            data={"jkt": key.jkt, "age_days": (now - key.enrolled_at).days},
            sentence_en="The phone has kept its key for a month longer than the agency wants. The "
            "app may be old, or the phone cannot make another.",
            sentence_es="El teléfono conserva su clave un mes más de lo que quiere la agencia. La "
            "aplicación puede ser antigua, o el teléfono no puede crear otra.",
        ),
        now,
        kind=AlertKind.ROTATION_OVERDUE,
    )


def _not_decided(reason: KeyReason) -> ColumnElement[bool]:
    """Whether a key was never suspended for this reason: then no officer took that back either."""
    return ~exists().where(KeyEvent.jkt == DeviceKey.jkt, KeyEvent.reason == reason)


def _suspend_revoked(
    session: Session,
    evidence_id: UUID,
    jkt: str,
    listed: AndroidRefusal,
    status_list: StatusList,
    now: datetime,
) -> None:
    key = keys.suspend_for_system(session, jkt, reason=KeyReason.ATTESTATION_REVOKED, now=now)
    if key is None:
        return
    _tell(
        session,
        key,
        (REVOKED_SOURCE, evidence_id),
        Severity.CRITICAL,
        Explanation(
            data={
                "jkt": jkt,
                "status": listed.name.lower(),
                "status_list_version": status_list.version,
            },
            sentence_en="The maker no longer stands by a key that attested this phone. The phone "
            "is suspended until an officer decides.",
            sentence_es="El fabricante ya no responde por una clave que certificó este teléfono. "
            "El teléfono queda suspendido hasta que decida un oficial.",
        ),
        now,
    )


def _suspend_below(session: Session, jkt: str, least: Assurance, now: datetime) -> None:
    key = keys.suspend_for_system(session, jkt, reason=KeyReason.BELOW_POLICY, now=now)
    if key is None:
        return
    _tell(
        session,
        key,
        (BELOW_SOURCE, key.activation_id),
        Severity.WARNING,
        Explanation(
            data={"jkt": jkt, "assurance": key.assurance.value, "least": least.value},
            sentence_en="The agency now asks for a stronger device than this one. The phone is "
            "suspended until an officer decides.",
            sentence_es="La agencia exige ahora un dispositivo más seguro que este. El teléfono "
            "queda suspendido hasta que decida un oficial.",
        ),
        now,
    )


def _tell(
    session: Session,
    key: DeviceKey,
    source: tuple[str, UUID],
    severity: Severity,
    explanation: Explanation,
    now: datetime,
    *,
    kind: AlertKind = AlertKind.DEVICE_REVOKED,
) -> None:
    source_kind, source_id = source
    alerts.raise_alert(
        session,
        agency_id=key.agency_id,
        supervisee_id=key.supervisee_id,
        kind=kind,
        severity=severity,
        source=source_kind,
        source_id=source_id,
        occurred_at=now,
        explanation=explanation,
        now=now,
    )
