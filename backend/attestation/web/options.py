"""What a page hands to `navigator.credentials`, as JSON (WebAuthn Level 3, section 5.1.8)."""

from __future__ import annotations

from typing import Any, Final

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
)
from webauthn.helpers import base64url_to_bytes, options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from backend.attestation.web.passkey import ALGORITHMS, RelyingParty

_NAME: Final = "Check-ins"
"""What the browser shows of whom the passkey is for: no name, for others look at screens too."""
_REQUIRED: Final = UserVerificationRequirement.REQUIRED


def creation_options(
    challenge: str, party: RelyingParty, *, user_id: bytes, known: bytes | None, timeout_s: int
) -> dict[str, Any]:
    """The options of `create()`: a passkey for `user_id`, another one than `known`."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.id,
        user_name=_NAME,
        user_id=user_id,
        challenge=base64url_to_bytes(challenge),
        timeout=timeout_s * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=_REQUIRED
        ),
        exclude_credentials=[] if known is None else [PublicKeyCredentialDescriptor(id=known)],
        supported_pub_key_algs=list(ALGORITHMS),
    )
    return options_to_json_dict(options)


def request_options(
    challenge: str, party: RelyingParty, *, credential_id: bytes, timeout_s: int
) -> dict[str, Any]:
    """The options of `get()`: an assertion by this one passkey."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=base64url_to_bytes(challenge),
        timeout=timeout_s * 1000,
        allow_credentials=[PublicKeyCredentialDescriptor(id=credential_id)],
        user_verification=_REQUIRED,
    )
    return options_to_json_dict(options)
