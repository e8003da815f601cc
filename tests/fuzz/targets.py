"""The parsers of what phones send, each given bytes: it answers, and raises nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from backend.attestation import certificates
from backend.attestation.android.extension import read_key_description
from backend.attestation.android.key_description import KeyDescription
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.apple.attestation import AppleAttestation
from backend.attestation.apple.authenticator_data import AuthenticatorData, read_attested
from backend.attestation.apple.receipt import Receipt, read_receipt
from backend.attestation.apple.refusal import AppleRefusal
from backend.proof import base64url
from backend.proof.journal import JournalToken, parse_journal
from backend.proof.journal_refusal import JournalRefused
from tests.backend.proof.forge import good_fix, good_location
from tests.support.attestation.android_ca import FACTORY_CHAIN, Statement
from tests.support.attestation.apple_ca import Attempt, Given
from tests.support.attestation.x509_writer import chain

JKT: Final = "A" * 43
_HEADER: Final = base64url.encode(f'{{"typ":"eat+jwt","alg":"ES256","kid":"{JKT}"}}'.encode())
_SIGNATURE: Final = "A" * 86
_CLAIMS: Final = {
    "eat_profile": "x",
    "eat_nonce": "x",
    "jti": "x",
    "iss": JKT,
    "aud": "x",
    "iat": 1,
    "n": 1,
    "prev": "A" * 43,
    "fixes": [{"fix": good_fix(seq=3), "location": good_location()}],
    "gaps": [{"from": 1, "to": 2, "why": "storage"}],
}


def android(data: bytes) -> None:
    """Read the extension of Android Key Attestation, and a certificate."""
    assert isinstance(read_key_description(data), KeyDescription | AndroidRefusal)
    certificates.read(data)


def apple(data: bytes) -> None:
    """Read App Attest's object, what it is made of, and a receipt."""
    verdict = Attempt(attestation_object=data).verdict()
    assert isinstance(verdict, AppleAttestation | AppleRefusal)
    read = read_attested(data)
    assert isinstance(read if isinstance(read, AppleRefusal) else read[0], _APPLE)
    assert isinstance(read_receipt(data), Receipt | AppleRefusal)


def journal(data: bytes) -> None:
    """Read a journal token, and one whose claims these are."""
    for body in (data, f"{_HEADER}.{base64url.encode(data)}.{_SIGNATURE}".encode()):
        token = parse_journal(body, jkt=JKT)
        assert isinstance(token, JournalToken | JournalRefused)
        if isinstance(token, JournalToken):
            assert len(token.fix_digests) == len(token.fixes)


_APPLE: Final = AuthenticatorData | AppleRefusal
TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "android": android,
    "apple": apple,
    "journal": journal,
}
SEEDS: Final[Mapping[str, Sequence[bytes]]] = {
    "android": (Statement().der(), *chain(FACTORY_CHAIN)),
    "apple": (Attempt().object(), Given().bytes()),
    "journal": (json.dumps(_CLAIMS).encode(),),
}
"""Good bytes to begin with: from nothing hardly any would be found that go deep."""
