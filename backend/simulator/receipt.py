"""What the server signed for the phone to keep, verified as anybody can who has its public keys."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

FIX_RECEIPT: Final = "fix-receipt+jwt"
JOURNAL_RECEIPT: Final = "journal-receipt+jwt"
CHECK_IN_RECEIPT: Final = "check-in-receipt+jwt"
_ES256: Final = ec.ECDSA(SHA256())
_HALF: Final = 32


class ReceiptKeys:
    """The server's public keys, as `/.well-known/jwks.json` gives them."""

    def __init__(self, key_set: Mapping[str, Any]) -> None:
        self._keys = {key["kid"]: _public_key(key) for key in key_set["keys"]}

    def read(self, text: str, typ: str) -> dict[str, Any] | None:
        """The claims of a receipt of this `typ`; None unless one of the keys signed it."""
        try:
            signed, _, signature = text.rpartition(".")
            header, claims = (json.loads(_decode(part)) for part in signed.split("."))
            if header["typ"] != typ or header["alg"] != "ES256":
                return None
            raw = _decode(signature)
            r, s = (int.from_bytes(half) for half in (raw[:_HALF], raw[_HALF:]))
            self._keys[header["kid"]].verify(encode_dss_signature(r, s), signed.encode(), _ES256)
        except (ValueError, KeyError, TypeError, InvalidSignature):
            return None
        return claims if isinstance(claims, dict) else None


def _public_key(key: Mapping[str, str]) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(_decode(key[name])) for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
