"""Enrolment, tokens and push addresses for phones; codes and keys for officers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from backend.attestation.apple.refusal import AppleRefusal
from backend.core.errors import Code, Problem, not_found
from backend.core.http import (
    Audience,
    Blueprint,
    actor,
    now,
    platform,
    snapshot,
    transaction,
)
from backend.core.keys import derive
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.devices import service
from backend.devices.authentication import Authentication, refused
from backend.devices.enrolment import CODE_OVER
from backend.devices.enrolment_code import KEY_PURPOSE
from backend.devices.evidence_policy import EvidencePolicy
from backend.devices.guard import authenticated
from backend.devices.key_state import KeyReason
from backend.devices.schemas import (
    AccessTokenSchema,
    ActivationPageSchema,
    AppAssertedSchema,
    AppAssertionSchema,
    AskedSchema,
    DeviceEvidenceListSchema,
    DeviceKeySchema,
    EnrolledDeviceSchema,
    EnrolmentChallengeSchema,
    EnrolmentCodeSchema,
    IssuedEnrolmentCodeSchema,
    JwkSetSchema,
    KeyEventListSchema,
    KeyRevocationSchema,
    KeySuspensionSchema,
    MessageDeliverySchema,
    NewDeviceSchema,
    NextKeySchema,
    PushAddressSchema,
    ReEnrolmentAskedSchema,
    ReEnrolmentPageSchema,
    ReEnrolmentSchema,
)
from backend.devices.strangers import let_try
from backend.outbox import service as outbox
from backend.outbox.messages import Recipient, RecipientKind
from backend.proof.refusal import Refused

enrolment_blp = Blueprint(
    "enrolment", __name__, audience=Audience.PUBLIC, description="A phone becomes a person's"
)
device_blp = Blueprint(
    "device",
    __name__,
    url_prefix="/v1",
    audience=Audience.DEVICE,
    description="What a device does for itself",
)
officer_blp = Blueprint(
    "devices",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="Devices of supervised people",
)

officer_blp.METHODS_NEEDING_CHECK_ETAG = ["POST"]

BLUEPRINTS = (enrolment_blp, device_blp, officer_blp)

NO_SUCH_DEVICE = "No such device is enrolled. Ask your officer for a code."
_JKT = "<string(length=43):jkt>"


def code_key() -> bytes:
    """Return the key of the hashes that are kept of enrolment codes."""
    return derive(platform().settings.root_secret, KEY_PURPOSE)


@enrolment_blp.route("/v1/enrolments/challenge", methods=["POST"])
@enrolment_blp.arguments(EnrolmentCodeSchema)
@enrolment_blp.response(
    200, EnrolmentChallengeSchema, headers={"Cache-Control": {"schema": {"type": "string"}}}
)
def open_challenge(data: dict[str, str]) -> Any:
    """Exchange an enrolment code for a challenge; five wrong tries end the code.

    Fifty bad tries within 15 minutes lock a network for 15 minutes (429).
    """
    address, at = request.remote_addr, now()
    with transaction() as session:
        challenge = let_try(
            session,
            address,
            at,
            lambda: service.open_challenge(
                session, data["code"], code_key=code_key(), address=address, now=at
            ),
        )
    if challenge is None:
        raise Problem(Code.ENROLMENT_REFUSED, CODE_OVER, pointer="/code")
    return challenge, {"Cache-Control": "no-store"}


@enrolment_blp.route("/v1/devices", methods=["POST"])
@enrolment_blp.arguments(NewDeviceSchema)
@enrolment_blp.response(201, EnrolledDeviceSchema)
def enrol(phone: service.Phone) -> service.Enrolled:
    """Enrol a device: a DPoP proof by its new key, with the challenge as nonce."""
    authentication = platform().part(Authentication)
    opened = authentication.open_enrolment(now())
    signed = authentication.signed_request()
    with transaction() as session:
        outcome = service.enrol(
            session,
            opened,
            phone,
            request=signed,
            evidence_policy=platform().part(EvidencePolicy),
            address=request.remote_addr,
            now=now(),
        )
    return _enrolled(outcome)


@enrolment_blp.route("/v1/device/keys", methods=["POST"])
@enrolment_blp.arguments(NextKeySchema)
@enrolment_blp.response(201, EnrolledDeviceSchema)
def change_key(next_key: service.NextKey) -> service.Enrolled:
    """Change a device's key: a DPoP proof by its next key, with the challenge as nonce."""
    authentication = platform().part(Authentication)
    opened = authentication.open_enrolment(now())
    signed = authentication.signed_request()
    with transaction() as session:
        outcome = service.change_key(
            session,
            opened,
            next_key,
            request=signed,
            evidence_policy=platform().part(EvidencePolicy),
            address=request.remote_addr,
            now=now(),
        )
    return _enrolled(outcome)


def _enrolled(outcome: service.Enrolled | service.EnrolmentRefused | Refused) -> service.Enrolled:
    if isinstance(outcome, Refused):
        raise refused(outcome.reason)
    if isinstance(outcome, service.EnrolmentRefused):
        raise refused_enrolment(outcome)
    return outcome


def refused_enrolment(refused: service.EnrolmentRefused) -> Problem:
    """Return the answer to a phone that was not enrolled, with what its person can do."""
    said = {
        "evidence": refused.evidence,
        "reason": refused.reason,
        "what_to_do": refused.what_to_do,
    }
    members: dict[str, object] = {name: text for name, text in said.items() if text is not None}
    return Problem(refused.code, refused.detail, pointer=refused.pointer, members=members)


@enrolment_blp.route("/v1/re-enrolments", methods=["POST"])
@enrolment_blp.arguments(ReEnrolmentAskedSchema)
@enrolment_blp.response(200, AskedSchema)
def ask(data: dict[str, str]) -> service.Asked:
    """Ask, by a new key, to be enrolled again; asked again, it tells what the officer decided."""
    authentication = platform().part(Authentication)
    asking_jkt = authentication.stranger(authentication.open(now()))
    address, at = request.remote_addr, now()
    with transaction() as session:
        asked = let_try(
            session,
            address,
            at,
            lambda: service.ask(session, asking_jkt=asking_jkt, **data, address=address, now=at),
        )
    if asked is None:
        raise Problem(Code.ENROLMENT_REFUSED, NO_SUCH_DEVICE, pointer="/device")
    return asked


@enrolment_blp.route("/.well-known/jwks.json")
@enrolment_blp.response(200, JwkSetSchema)
def server_keys() -> Any:
    """Give the keys by which the server's tokens and receipts are verified."""
    return platform().part(Authentication).server_keys.jwks(), {"Cache-Control": "max-age=3600"}


@device_blp.route("/token", methods=["POST"])
@device_blp.response(200, AccessTokenSchema)
def issue_token() -> service.IssuedToken:
    """Issue an access token for the key that signed this request."""
    tokens = platform().part(Authentication).tokens
    with snapshot() as session:
        return service.issue_token(session, tokens, authenticated().key, now=now())


@device_blp.route("/device/key-challenge", methods=["POST"])
@device_blp.response(200, EnrolmentChallengeSchema)
def open_key_challenge() -> service.Challenge:
    """Give what this device's next key must sign, and its key now sign over."""
    with transaction() as session:
        return service.open_key_challenge(session, authenticated().key, now=now())


@device_blp.route("/device/push-address", methods=["PUT"])
@device_blp.arguments(PushAddressSchema)
@device_blp.response(204)
def set_push_address(address: service.PushAddress) -> None:
    """Say where to push to this device."""
    key = authenticated().key
    holder = service.Holder(
        agency_id=key.agency_id, supervisee_id=key.supervisee_id, activation_id=key.activation_id
    )
    with transaction() as session:
        service.set_push_address(session, actor(), holder, address, now())


@device_blp.route("/device/deliveries", methods=["POST"])
@device_blp.arguments(MessageDeliverySchema)
@device_blp.response(204)
def confirm_delivery(data: dict[str, UUID]) -> None:
    """Say that a message arrived: that it was accepted for delivery proves nothing."""
    me = Recipient(kind=RecipientKind.SUPERVISEE, id=authenticated().key.supervisee_id)
    with transaction() as session:
        if not outbox.confirm_delivery(session, me, data["message_id"], now=now()):
            raise not_found()


@device_blp.route("/device/assertions", methods=["POST"])
@device_blp.arguments(AppAssertionSchema)
@device_blp.response(200, AppAssertedSchema)
def assert_app(data: dict[str, str]) -> service.AppAsserted:
    """Show that the app which vouched for this device's key is still the genuine one."""
    who = authenticated()
    with transaction() as session:
        outcome = service.assert_app(
            session, actor(), who.key, **data, nonce=who.proof.nonce, now=now()
        )
    if isinstance(outcome, AppleRefusal):
        raise Problem(
            Code.EVIDENCE_REFUSED,
            outcome.value,
            pointer="/assertion",
            members={"evidence": "apple-appattest", "reason": outcome.name},
        )
    return outcome


@device_blp.route("/device/openings", methods=["POST"])
@device_blp.arguments(MessageDeliverySchema)
@device_blp.response(204)
def confirm_opening(data: dict[str, UUID]) -> None:
    """Say that the person opened a message, which says that it arrived, too."""
    me = Recipient(kind=RecipientKind.SUPERVISEE, id=authenticated().key.supervisee_id)
    with transaction() as session:
        if not outbox.confirm_opening(session, me, data["message_id"], now=now()):
            raise not_found()


@officer_blp.route("/supervisees/<uuid:supervisee_id>/enrolment-codes", methods=["POST"])
@officer_blp.response(201, IssuedEnrolmentCodeSchema)
def issue_code(supervisee_id: UUID) -> service.IssuedCode:
    """Issue a one-time code for a person; one issued before is good no more."""
    with transaction() as session:
        return service.issue_code(session, actor(), supervisee_id, code_key=code_key(), now=now())


@officer_blp.route("/supervisees/<uuid:supervisee_id>/devices")
@officer_blp.arguments(CursorSchema, location="query")
@officer_blp.response(200, ActivationPageSchema)
def activations(cursor: Cursor, supervisee_id: UUID) -> Page[service.Activation]:
    """List a person's devices and their keys, newest first."""
    with snapshot() as session:
        return service.activations_of(session, actor(), supervisee_id, cursor)


@officer_blp.route("/supervisees/<uuid:supervisee_id>/re-enrolments")
@officer_blp.arguments(CursorSchema, location="query")
@officer_blp.response(200, ReEnrolmentPageSchema)
def re_enrolments(cursor: Cursor, supervisee_id: UUID) -> Page[service.ReEnrolment]:
    """List the questions of a person's phones that have lost their key, newest first."""
    with snapshot() as session:
        return service.re_enrolments_of(session, actor(), supervisee_id, cursor, now())


@officer_blp.route("/re-enrolments/<uuid:asked_id>")
@officer_blp.etag
@officer_blp.response(200, ReEnrolmentSchema)
def re_enrolment(asked_id: UUID) -> service.ReEnrolment:
    """Give one question."""
    with snapshot() as session:
        return service.re_enrolment(session, actor(), asked_id, now())


@officer_blp.route("/re-enrolments/<uuid:asked_id>/approval", methods=["POST"])
@officer_blp.etag
@officer_blp.response(200, ReEnrolmentSchema)
def approve(asked_id: UUID) -> service.ReEnrolment:
    """Let the phone that asked be enrolled, within a day."""
    with transaction() as session:
        seen = service.re_enrolment(session, actor(), asked_id, now(), lock=True)
        officer_blp.check_etag(seen, ReEnrolmentSchema)
        return service.approve(session, actor(), asked_id, code_key=code_key(), now=now())


@officer_blp.route("/re-enrolments/<uuid:asked_id>/decline", methods=["POST"])
@officer_blp.etag
@officer_blp.response(200, ReEnrolmentSchema)
def decline(asked_id: UUID) -> service.ReEnrolment:
    """Say no to the phone that asked."""
    with transaction() as session:
        seen = service.re_enrolment(session, actor(), asked_id, now(), lock=True)
        officer_blp.check_etag(seen, ReEnrolmentSchema)
        return service.decline(session, actor(), asked_id, now=now())


@officer_blp.route(f"/devices/{_JKT}/evidence")
@officer_blp.response(200, DeviceEvidenceListSchema)
def evidence(jkt: str) -> dict[str, Any]:
    """Show what a device showed of its hardware, and by which lists it was judged."""
    with snapshot() as session:
        return {"items": service.evidence_of(session, actor(), jkt)}


@officer_blp.route(f"/devices/{_JKT}/history")
@officer_blp.response(200, KeyEventListSchema)
def history(jkt: str) -> dict[str, Any]:
    """Show a key's life: each step, why, and which officer took it."""
    with snapshot() as session:
        return {"items": service.life_of(session, actor(), jkt)}


@officer_blp.route(f"/devices/{_JKT}")
@officer_blp.etag
@officer_blp.response(200, DeviceKeySchema)
def key(jkt: str) -> service.Key:
    """Show how a key stands; its ETag is what an officer acts on."""
    with snapshot() as session:
        return service.key(session, actor(), jkt)


@officer_blp.route(f"/devices/{_JKT}/suspension", methods=["POST"])
@officer_blp.etag
@officer_blp.arguments(KeySuspensionSchema)
@officer_blp.response(200, DeviceKeySchema)
def suspend(data: dict[str, KeyReason], jkt: str) -> service.Key:
    """Let the gate refuse a device until it is reinstated."""
    with transaction() as session:
        officer_blp.check_etag(service.hold_key(session, actor(), jkt), DeviceKeySchema)
        return service.suspend(session, actor(), jkt, **data, now=now())


@officer_blp.route(f"/devices/{_JKT}/reinstatement", methods=["POST"])
@officer_blp.etag
@officer_blp.response(200, DeviceKeySchema)
def reinstate(jkt: str) -> service.Key:
    """Let a suspended device pass again."""
    with transaction() as session:
        officer_blp.check_etag(service.hold_key(session, actor(), jkt), DeviceKeySchema)
        return service.reinstate(session, actor(), jkt, now=now())


@officer_blp.route(f"/devices/{_JKT}/revocation", methods=["POST"])
@officer_blp.etag
@officer_blp.arguments(KeyRevocationSchema)
@officer_blp.response(200, DeviceKeySchema)
def revoke(data: dict[str, KeyReason], jkt: str) -> service.Key:
    """End a device for good."""
    with transaction() as session:
        officer_blp.check_etag(service.hold_key(session, actor(), jkt), DeviceKeySchema)
        return service.revoke(session, actor(), jkt, **data, now=now())
