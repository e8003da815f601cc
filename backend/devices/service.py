"""What other slices and the worker may ask of devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backend.core.db import Session
from backend.core.ids import new_id
from backend.devices.admittance import EnrolmentRefused
from backend.devices.assertions import AppAsserted, assert_app
from backend.devices.codes import Challenge, IssuedCode, issue_code, open_challenge
from backend.devices.enrolment import Enrolled, Phone, enrol
from backend.devices.key_change import NextKey, change_key, open_key_challenge, rotate_at
from backend.devices.key_context import KeyContext, beside_keys, key_context, key_contexts, split
from backend.devices.keys import (
    Activation,
    Beginning,
    Key,
    KeyStep,
    activation_in_force,
    activations_of,
    active_people,
    beginning_of,
    hold_key,
    is_suspended,
    key,
    life_of,
    reinstate,
    revoke,
    suspend,
)
from backend.devices.models import PushKind
from backend.devices.presence_enrolment import set_presence
from backend.devices.presence_keys import EnrolledPresence, presence_keys_of
from backend.devices.presence_level import Presence, PresenceMeans
from backend.devices.presence_offer import Bench, OfferedKey, OfferedPasskey, PresenceRefused
from backend.devices.presence_opening import (
    PresenceOpening,
    open_check_in,
    open_enrolment_of_presence,
)
from backend.devices.presence_use import (
    PresenceShown,
    ShownAssertion,
    ShownSignature,
    show_presence,
)
from backend.devices.push_address import (
    Holder,
    PushAddress,
    PushState,
    forget_push_address,
    push_addresses_of,
    push_states_of,
    set_push_address,
)
from backend.devices.re_enrolment import (
    Asked,
    ReEnrolment,
    approve,
    ask,
    decline,
    re_enrolment,
    re_enrolments_of,
)
from backend.devices.rechecking import (
    RECHECK_BATCH,
    suspend_below_policy,
    suspend_revoked,
    tell_of_overdue_rotations,
)
from backend.devices.recorded_evidence import Evidence, evidence_of
from backend.devices.replay import forget_used_proofs
from backend.devices.status_lists import (
    StatusListFaultError,
    forget_old_status_lists,
    keep_status_list,
)
from backend.proof.access_token import TOKEN_LIFE, AccessTokens

__all__ = [
    "RECHECK_BATCH",
    "Activation",
    "AppAsserted",
    "Asked",
    "Beginning",
    "Bench",
    "Challenge",
    "Enrolled",
    "EnrolledPresence",
    "EnrolmentRefused",
    "Evidence",
    "Holder",
    "IssuedCode",
    "IssuedToken",
    "Key",
    "KeyContext",
    "KeyStep",
    "NextKey",
    "OfferedKey",
    "OfferedPasskey",
    "Phone",
    "Presence",
    "PresenceMeans",
    "PresenceOpening",
    "PresenceRefused",
    "PresenceShown",
    "PushAddress",
    "PushKind",
    "PushState",
    "ReEnrolment",
    "ShownAssertion",
    "ShownSignature",
    "StatusListFaultError",
    "activation_in_force",
    "activations_of",
    "active_people",
    "approve",
    "ask",
    "assert_app",
    "beginning_of",
    "beside_keys",
    "change_key",
    "decline",
    "enrol",
    "evidence_of",
    "forget_old_status_lists",
    "forget_push_address",
    "forget_used_proofs",
    "hold_key",
    "is_suspended",
    "issue_code",
    "issue_token",
    "keep_status_list",
    "key",
    "key_context",
    "key_contexts",
    "life_of",
    "open_challenge",
    "open_check_in",
    "open_enrolment_of_presence",
    "open_key_challenge",
    "presence_keys_of",
    "push_addresses_of",
    "push_states_of",
    "re_enrolment",
    "re_enrolments_of",
    "reinstate",
    "revoke",
    "set_presence",
    "set_push_address",
    "show_presence",
    "split",
    "suspend",
    "suspend_below_policy",
    "suspend_revoked",
    "tell_of_overdue_rotations",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """An access token (RFC 9449, section 5), good for `expires_in` seconds with its key only.

    `rotate_at` is when the phone should change its key.
    """

    access_token: str
    token_type: str
    expires_in: int
    rotate_at: datetime


def issue_token(
    session: Session, tokens: AccessTokens, key: KeyContext, *, now: datetime
) -> IssuedToken:
    """Return a token for the activation of `key`; nothing is stored.

    A suspended key gets one too: that it is suspended is told at the gate alone, with a reason and
    whom to call.
    """
    text = tokens.issue(
        subject=key.supervisee_id,
        activation=key.activation_id,
        assurance=key.assurance.value,
        jkt=key.jkt,
        jti=str(new_id(now)),
        now=now,
    )
    life_s = int(TOKEN_LIFE.total_seconds())
    return IssuedToken(
        access_token=text,
        token_type="DPoP",  # noqa: S106 - the scheme, not a secret
        expires_in=life_s,
        rotate_at=rotate_at(session, key),
    )
