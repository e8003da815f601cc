"""Every way in which a journal token can fail, one name each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class JournalRefusal(Enum):
    """Why a journal token was not taken: the name is a stable code, the value the sentence for it.

    A refused token is answered and counted, never stored: the phone may sign its number anew.
    """

    # 1 size
    TOO_LARGE = "The token is longer than 320 KiB."

    # 2 strict parse
    NOT_COMPACT = "Not three parts with a signature of 64 bytes."
    NOT_CANONICAL = "A part is not base64url as an encoder writes it."
    WRONG_HEADER = "The header is not one JSON object of exactly typ, alg and kid."
    NOT_PLAIN = "The claims hold an escape, or a character that is not ASCII."
    NOT_JSON = "The claims are not one JSON text."
    MALFORMED = "A claim is missing, unknown, of another type, or of a value that cannot be."
    DUPLICATE_MEMBER = "A JSON object names a member twice."
    DISORDERED = "Fixes and gaps are not in the order of their numbers, or overlap."
    EMPTY = "The token holds neither a fix nor a gap."

    # 3 type, algorithm, key
    WRONG_TYP = "The header's typ is not eat+jwt."
    WRONG_ALG = "The header's alg is not ES256."
    OTHER_KEY = "kid or iss is not the key that signed the request."

    # 4 signature
    WRONG_SIGNATURE = "The signature does not verify."

    # 5 purpose
    WRONG_PROFILE = "eat_profile is not the profile that this server speaks."
    WRONG_AUDIENCE = "aud is not this server."

    # 6 time
    NONCE_FOREIGN = "eat_nonce was not issued by this server for this key."
    WRONG_IAT = "iat lies before the nonce's issue or after now, by more than a minute."

    # The chain, which this package does not see
    WRONG_START = "prev of token 1 is not the SHA-256 of the enrolment's challenge."


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRefused:
    """A token that failed; `member` is the path of a MALFORMED claim, such as `fixes[3].seq`."""

    reason: JournalRefusal
    member: str | None = None
