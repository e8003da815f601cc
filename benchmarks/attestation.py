"""What it costs to believe a phone: one verification of each type of evidence."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tests.support.attestation import android_ca, apple_ca, play
from tests.support.attestation.x509_writer import chain

_ROUNDS: Final = 5
_EACH: Final = 100


def verifications_ms() -> dict[str, float]:
    """Return CPU milliseconds by what is verified, the least of some rounds."""
    remote = android_ca.Attempt(ders=chain(android_ca.REMOTE_CHAIN))
    iphone = apple_ca.Attempt(attestation_object=apple_ca.Attempt().object())
    token = play.Token().text()
    return {
        "Android key, 5 certificates": _least_ms(remote.verdict),
        "App Attest attestation": _least_ms(iphone.verdict),
        "Play Integrity token": _least_ms(lambda: play.verdict(token)),
    }


def _least_ms(verify: Callable[[], object]) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(_EACH):
            verify()
        rounds.append((time.process_time() - began) / _EACH * 1e3)
    return min(rounds)
