"""Whether an attested key is released only to a user whom the phone has just verified.

Step 16, asked of presence keys alone: the key that signs fixes must work in a pocket.
"""

from __future__ import annotations

from typing import Final

from backend.attestation.android.key_description import KeyDescription
from backend.attestation.android.refusal import AndroidRefusal

MAX_AUTH_TIMEOUT_S: Final = 60
"""For how long one verification may open the key; no timeout at all is one for each signature."""


def wrong_user_verification(description: KeyDescription) -> AndroidRefusal | None:
    """What is wrong with how the hardware guards a presence key, None if nothing is.

    Only what the hardware enforces counts: `user_auth_type` is a set of bits (password, finger …),
    none of which is set where the user is not verified.
    """
    enforced, said = description.hardware_enforced, description.software_enforced
    if enforced.no_auth_required or said.no_auth_required or not enforced.user_auth_type:
        return AndroidRefusal.USER_AUTH_NOT_REQUIRED
    if (enforced.auth_timeout or 0) > MAX_AUTH_TIMEOUT_S:
        return AndroidRefusal.AUTH_TIMEOUT_TOO_LONG
    if enforced.allow_while_on_body or said.allow_while_on_body:
        return AndroidRefusal.USABLE_ON_BODY
    return None
