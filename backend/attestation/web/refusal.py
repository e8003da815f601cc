"""Every way in which a passkey's registration or assertion can fail, one name each."""

from __future__ import annotations

from enum import Enum


class WebRefusal(Enum):
    """Why a browser's answer was not accepted: the name is a stable code, the value says it in words.

    In the order in which `passkey` looks.
    """

    # Form
    NOT_BASE64URL = "A member is not unpadded base64url."
    TOO_LARGE = "A member is larger than any that a browser sends."

    # What the browser says
    CLIENT_DATA_MALFORMED = "The client data is not the strict JSON that WebAuthn asks for."
    WRONG_TYPE = "The client data is of another ceremony."
    WRONG_CHALLENGE = "The client data names another challenge than was given out."
    WRONG_ORIGIN = "The client data names another origin than this service's."
    CROSS_ORIGIN = "The ceremony took place in a frame of another site's page."

    # What is registered
    NOT_CBOR = "The attestation object is not strict CBOR."
    WRONG_SHAPE = "The attestation object has not the members that WebAuthn documents."
    WRONG_FORMAT = "The attestation's format is not none, as was asked for."

    # What the authenticator says
    AUTHENTICATOR_DATA_MALFORMED = "The authenticator data is truncated, too long or contradictory."
    WRONG_RP_ID = "The authenticator data is of another relying party."
    USER_NOT_PRESENT = "The authenticator does not say that somebody was there."
    USER_NOT_VERIFIED = "The authenticator does not say that it verified its user."
    WRONG_CREDENTIAL_ID = "The credential's identifier is not the one in the authenticator data."
    UNSUPPORTED_KEY = "The credential's key is not a COSE key for ES256 or RS256."

    # What is asserted
    WRONG_CREDENTIAL = "The assertion is by another credential than is registered."
    WRONG_SIGNATURE = "The assertion is not signed by the registered credential."
    COUNTER_NOT_RISING = "The counter is not above the last one: a replay, or a clone."
