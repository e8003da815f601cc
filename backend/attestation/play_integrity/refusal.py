"""Every way in which a Play Integrity token can fail, one name each."""

from __future__ import annotations

from enum import Enum


class PlayIntegrityRefusal(Enum):
    """Why a token was not believed: the name is a stable code, the value says it in words.

    In the order in which `verify` looks.
    """

    # 1 form
    TOO_LARGE = "The token is larger than 16 KiB."
    NOT_A_JWE = "The token is not five parts of unpadded base64url."

    # 2 encryption
    WRONG_JWE_HEADER = "The token's header is not one JSON object, or asks for what we do not know."
    WRONG_ENCRYPTION = "The token is not encrypted with A256KW and A256GCM."

    # 3 decryption
    NOT_FOR_US = "The token's key was not wrapped with one of our decryption keys."
    NOT_AUTHENTIC = "The token was changed after it was encrypted."

    # 4 signature
    NOT_A_JWS = "What is encrypted is not three parts of unpadded base64url."
    WRONG_JWS_HEADER = "The inner header is not one JSON object, or asks for what we do not know."
    WRONG_ALGORITHM = "The inner token is not signed with ES256."
    WRONG_SIGNATURE = "The inner token is not signed by Google's key for this app."

    # 5 claims
    WRONG_SHAPE = "The claims are not of the shape that Google documents."

    # 6 package
    WRONG_PACKAGE = "The token was made for another app than its keys."

    # 7 what was asked
    NONCE_MISSING = "The token answers no nonce and no request hash, or both."
    WRONG_NONCE = "The nonce is not that of this enrolment."
    WRONG_REQUEST_HASH = "The request hash is not that of this enrolment."

    # 8 age
    FROM_FUTURE = "The token was made after now."
    TOO_OLD = "The token was made too long ago."

    # 9 the app
    WRONG_APP = "The token describes another app."
    WRONG_SIGNER = "The app was signed by somebody else."
