"""Every way in which a proof can fail, one name each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ProofRefusal(Enum):
    """Why a proof was not accepted: the name is a stable code, the value the sentence for a developer.

    All of them are answered with 401 and counted, never stored: before a valid signature by an
    enrolled key nothing may be written into a person's record. No sentence says anything about
    the person or about what the server knows of them.
    """

    # How it was sent
    MISSING = "The request carries no DPoP header."
    SEVERAL = "The request carries more than one DPoP header."

    # 1 size
    TOO_LARGE = "The proof is longer than 4 KiB."

    # 2 strict parse
    NOT_COMPACT = "Not three parts of unpadded base64url with a signature of 64 bytes."
    NOT_CANONICAL = "A part is base64url that no encoder writes: length or trailing bits are wrong."
    NOT_UTF8 = "Header or claims are not strict UTF-8."
    NOT_JSON = "Header or claims are not one JSON object."
    DUPLICATE_MEMBER = "A JSON object names a member twice."
    NOT_FINITE = "A JSON number is NaN, infinite or too large to be held."
    TOO_DEEP = "The JSON has more objects and arrays than any proof needs."

    # 3 type, algorithm, key; identity and time of the proof
    HEADER_MEMBERS = "The header has other members than the profile names."
    WRONG_TYP = "The header's typ is not the one expected here."
    WRONG_ALG = "The header's alg is not ES256."
    PRIVATE_KEY = "The header's jwk holds a private key: that key is burnt."
    WRONG_JWK = "The header's jwk is not exactly a P-256 public key: kty, crv, x, y."
    BAD_JTI = (
        "jti is not a text of 1 to 64 visible ASCII characters, or is a number of 13 to 19 digits."
    )
    BAD_IAT = "iat is not an integer number of seconds."

    # 4 nonce
    NONCE_MISSING = "The proof has no nonce."
    NONCE_STALE = "The nonce was not issued within the last 120 seconds."
    NONCE_FOREIGN = "The nonce was not issued by this server for this key."
    WRONG_CHALLENGE = "The nonce is not an open enrolment challenge."
    WRONG_KEY_CHANGE = "The key that the challenge was given to did not sign over to this one."

    # 5 key
    UNKNOWN_KEY = "The key that the proof names is not enrolled."

    # 6 signature
    WRONG_SIGNATURE = "The signature does not verify."

    # 7 binding to the request
    WRONG_METHOD = "htm is not the request's method."
    WRONG_URL = "htu is not the request's URL without query and fragment."
    WRONG_TOKEN_HASH = "ath is not the hash of the access token that was sent."  # noqa: S105 a sentence, no secret
    DIGEST_MISSING = "The request has a body but no Content-Digest or no cd claim."
    WRONG_DIGEST = "Content-Digest or cd is not the SHA-256 of the body."

    # 8 access token
    TOKEN_MISSING = "The request carries no access token."  # noqa: S105 a sentence, no secret
    TOKEN_SCHEME = "The access token was not sent with the DPoP scheme."  # noqa: S105 a sentence, no secret
    TOKEN_MALFORMED = "The access token is not one of this server's form."  # noqa: S105 a sentence, no secret
    TOKEN_SIGNATURE = "The access token is not signed by a key of this server."  # noqa: S105 a sentence, no secret
    TOKEN_ISSUER = "The access token was issued by another server."  # noqa: S105 a sentence, no secret
    TOKEN_AUDIENCE = "The access token is meant for another server."  # noqa: S105 a sentence, no secret
    TOKEN_EXPIRED = "The access token has expired."  # noqa: S105 a sentence, no secret
    TOKEN_OTHER_KEY = "The access token is bound to another key."  # noqa: S105 a sentence, no secret
    TOKEN_OTHER_ACTIVATION = "The access token belongs to another activation."  # noqa: S105 a sentence, no secret

    # What the profile adds to RFC 9449
    WRONG_PROFILE = "eat_profile is not the profile that this server speaks."
    BAD_UPTIME = "uptime is not a whole number of seconds."
    BAD_BOOTCOUNT = "bootcount is not a whole number."
    BAD_JOURNAL = "journal is not the number and hash of a journal token."
    CARD_NUMBER = "A text of the proof looks like a payment card number."

    # Told by the table of used identifiers, which this package does not see
    REPLAYED = "A proof with this jti has been used before."

    @property
    def oauth_error(self) -> str:
        """The error code of `WWW-Authenticate: DPoP error="…"` (RFC 9449, sections 7.1 and 9)."""
        if self in _ASK_FOR_NONCE:
            return "use_dpop_nonce"
        return "invalid_token" if self.name.startswith("TOKEN_") else "invalid_dpop_proof"


_ASK_FOR_NONCE = frozenset(
    {ProofRefusal.NONCE_MISSING, ProofRefusal.NONCE_STALE, ProofRefusal.NONCE_FOREIGN}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A proof that failed.

    `jkt` is the thumbprint of the key in the proof's header, None where the header could not be
    read. It is a claim and proves nothing; a fresh nonce may be bound to it, for only the holder
    of that key can use it.
    """

    reason: ProofRefusal
    jkt: str | None
