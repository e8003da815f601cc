"""Every way in which App Attest's evidence can fail, one name each."""

from __future__ import annotations

from enum import Enum


class AppleRefusal(Enum):
    """Why an attestation, an assertion or a receipt was not accepted.

    The name is a stable code, the value says it in words.
    """

    # What the app signed for us
    CLIENT_DATA_MALFORMED = "The client data is not a JSON object of challenge and jkt."
    WRONG_CHALLENGE = "The client data names another challenge than was given out."
    WRONG_ENROLLED_KEY = "The client data names another key than is to be enrolled."

    WRONG_PRESENCE_KEY = "The client data names another presence key than signed."
    USER_VERIFICATION_NOT_REQUIRED = "The presence key can be used without verifying the user."

    # Form
    TOO_LARGE = "The evidence is larger than any that Apple makes."
    NOT_CBOR = "The evidence is not strict CBOR."
    WRONG_SHAPE = "The evidence has not the members that Apple documents."
    WRONG_FORMAT = "The attestation's format is not apple-appattest."
    AUTHENTICATOR_DATA_MALFORMED = "The authenticator data is truncated or too long."
    COSE_KEY_MALFORMED = "The credential's key is not a COSE key on P-256."
    EXTENSIONS_MALFORMED = "What follows the authenticator data is not one CBOR map."

    # Certificates
    WRONG_CERTIFICATE_COUNT = "There are not two to four certificates."
    CERTIFICATE_TOO_LARGE = "A certificate is larger than 8 KiB."
    UNSUPPORTED_CERTIFICATE = "A certificate is malformed or of a kind that is not supported."
    UNTRUSTED_CHAIN = "The certificates do not lead to a trusted root."
    NOT_YET_VALID = "A certificate is not valid yet."
    EXPIRED = "A certificate has expired."

    # Attestation
    NONCE_MISSING = "The certificate carries no nonce."
    NONCE_MALFORMED = "The certificate's nonce is not an octet string in its place."
    WRONG_NONCE = "The attestation was not made for this client data and authenticator data."
    KEY_NOT_P256 = "The attested key is not an EC key on P-256."
    WRONG_KEY_ID = "The key identifier is not the hash of the attested key."
    WRONG_APP = "The evidence is of another application."
    COUNTER_NOT_ZERO = "The key has been used before it was attested."
    UNKNOWN_ENVIRONMENT = "The aaguid is none of App Attest's."
    WRONG_ENVIRONMENT = "The policy does not accept keys of this environment."
    WRONG_CREDENTIAL_ID = "The credential identifier is not the key identifier."
    WRONG_COSE_KEY = "The credential's key is not the certificate's."

    # Assertion
    WRONG_SIGNATURE = "The assertion is not signed by the attested key."
    COUNTER_NOT_RISING = "The assertion's counter is not above the last one: a replay, or a clone."

    # Receipt
    NOT_CMS = "The receipt is not signed data as Apple writes it."
    WRONG_RECEIPT_SIGNATURE = "The receipt is not signed by the certificate that it names."
    RECEIPT_MALFORMED = "The receipt's fields are missing, doubled or of the wrong form."
    WRONG_RECEIPT_KEY = "The receipt is for another key."
    RECEIPT_FROM_FUTURE = "The receipt was created after now."
    RECEIPT_TOO_OLD = "The receipt was created too long ago."
    RECEIPT_EXPIRED = "The receipt has expired."
