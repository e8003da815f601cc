"""Evidence that held, kept: for officers, for later checks, and against keys seen too often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.attestation.apple.attestation import AppleAttestation
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.ids import new_id
from backend.devices.evidence import EvidenceType
from backend.devices.key_context import point_of
from backend.devices.keys import visible_key
from backend.devices.models import AppAttestKey, DeviceEvidence, DeviceKey
from backend.devices.verification import EvidenceFault, EvidenceRefused, Judged, Shown
from backend.identity.policy import AgencyPolicy

ALERT_SOURCE = "device-evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a device showed, as officers see it: what it says, and by which lists it was judged."""

    id: UUID
    type: EvidenceType
    at: datetime
    verdict: Mapping[str, Any]
    roots_version: str | None
    status_list_version: str | None


def repeated_app_key(session: Session, judged: Judged) -> EvidenceRefused | None:
    """Return why an App Attest key may not vouch for this key: it vouched for another's."""
    for index, one in enumerate(judged.shown):
        if not isinstance(one.attested, AppleAttestation):
            continue
        digest = AppAttestKey.key_digest == one.attested.key_id
        if session.scalar(select(AppAttestKey.jkt).where(digest)) is not None:
            return EvidenceRefused(
                index=index,
                type=one.type.value,
                member="key_id",
                reason=EvidenceFault.APP_KEY_ENROLLED_BEFORE,
            )
    return None


def record(
    session: Session, key: DeviceKey, judged: Judged, policy: AgencyPolicy, now: datetime
) -> None:
    """Keep the evidence of a key that was enrolled just now; tell officers what is odd about it."""
    for one in judged.shown:
        row = _row(key, one, now)
        session.add(row)
        if isinstance(one.attested, AppleAttestation):
            session.add(_app_attest_key(key, one.attested))
        session.flush()
        _tell_of_shared_key(session, row, policy, now)
        _tell_of_contradictions(session, row, one, now)


def _row(key: DeviceKey, one: Shown, now: datetime) -> DeviceEvidence:
    return DeviceEvidence(
        id=new_id(now),
        jkt=key.jkt,
        activation_id=key.activation_id,
        supervisee_id=key.supervisee_id,
        agency_id=key.agency_id,
        type=one.type,
        at=now,
        received=one.received,
        verdict=dict(one.verdict),
        roots_version=one.roots_version,
        status_list_version=one.status_list_version,
        serials=[f"{serial:x}" for serial in one.serials] or None,
        batch_key=one.batch_key,
    )


def _app_attest_key(key: DeviceKey, attested: AppleAttestation) -> AppAttestKey:
    return AppAttestKey(
        jkt=key.jkt,
        key_digest=attested.key_id,
        public_key=point_of(attested.public_key),
        app_id=attested.app_id,
        counter=0,
    )


def evidence_of(session: Session, actor: Actor, jkt: str) -> list[Evidence]:
    """Return what was shown with a key, oldest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.DEVICE_READ)
    key = visible_key(session, actor, jkt)
    statement = (
        select(DeviceEvidence).where(DeviceEvidence.jkt == key.jkt).order_by(DeviceEvidence.id)
    )
    return [
        Evidence(
            id=row.id,
            type=row.type,
            at=row.at,
            verdict=row.verdict,
            roots_version=row.roots_version,
            status_list_version=row.status_list_version,
        )
        for row in session.scalars(statement)
    ]


def _tell_of_shared_key(
    session: Session, row: DeviceEvidence, policy: AgencyPolicy, now: datetime
) -> None:
    """Factories gave one key to a hundred thousand phones; a leaked one is in few agencies' luck.

    People are counted and not phones: who enrols the same phone again is no second one.
    """
    if row.batch_key is None:
        return
    same = (DeviceEvidence.agency_id == row.agency_id) & (DeviceEvidence.batch_key == row.batch_key)
    people = session.scalar(select(func.count(DeviceEvidence.supervisee_id.distinct())).where(same))
    if people is None or people < policy.batch_key_people:
        return
    _raise(
        session,
        row,
        Explanation(
            data={"jkt": row.jkt, "attestation_key": row.batch_key.hex(), "people": people},
            sentence_en=f"The phones of {people} people of the agency were attested by one and the "
            "same factory key. That is rare by chance, and common when such a key has leaked.",
            sentence_es=f"Los teléfonos de {people} personas de la agencia fueron certificados por "
            "una misma clave de fábrica. Es raro que ocurra por azar, y frecuente cuando una clave "
            "así se ha filtrado.",
        ),
        now,
    )


def _tell_of_contradictions(
    session: Session, row: DeviceEvidence, one: Shown, now: datetime
) -> None:
    if not one.contradictions:
        return
    named = [each.value for each in one.contradictions]
    _raise(
        session,
        row,
        Explanation(
            data={"jkt": row.jkt, "contradictions": named},
            sentence_en="The phone's hardware attests a genuine phone and app, and Google Play "
            "does not confirm it.",
            sentence_es="El hardware del teléfono certifica que el teléfono y la aplicación son "
            "auténticos, y Google Play no lo confirma.",
        ),
        now,
    )


def _raise(session: Session, row: DeviceEvidence, explanation: Explanation, now: datetime) -> None:
    alerts.raise_alert(
        session,
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        kind=AlertKind.DEVICE_DOUBTFUL,
        severity=Severity.WARNING,
        certainty=Certainty.POSSIBLE,
        source=ALERT_SOURCE,
        source_id=row.id,
        occurred_at=now,
        explanation=explanation,
        now=now,
    )
